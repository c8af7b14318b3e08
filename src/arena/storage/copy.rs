//! Becoming a copy of another arena, in the memory that is there.

use core::mem::ManuallyDrop;

use super::{Content, Storage};
use crate::arena::{GrowError, Place, SlotPtr};
use crate::heap::HeapRef;

/// A storage that is becoming a copy. Should a value's clone or drop panic, each slot is what it was or what it was to be;
/// then bits, counts and vacant list are made of that.
struct Unfinished<'a, T, H: HeapRef>(&'a mut Storage<T, H>);

impl<T, H: HeapRef> Drop for Unfinished<'_, T, H> {
    fn drop(&mut self) {
        self.0.table.recount();
        self.0.sort_vacant();
    }
}

impl<T: Clone, H: HeapRef> Storage<T, H> {
    /// Makes this one in which every handle of `source` is valid, and which gives out the same handles next.
    ///
    /// # Errors
    /// If `source` has more slots, and the heap no memory for them; then nothing has happened but that some were added.
    pub(crate) fn copy_from(&mut self, source: &Self) -> Result<(), GrowError> {
        self.grow_to(source.table.opened_count())?;
        let copy = Unfinished(self);
        copy.0.close_from(source.table.opened_count());
        copy.0.copy_opened(source);
        copy.0.open_copies(source)?;
        // From here on nothing panics.
        let mut copy = ManuallyDrop::new(copy);
        let copy = &mut *copy.0;
        copy.table.recount_far(source.len());
        (copy.vacant, copy.withheld, copy.floor) = (source.vacant, source.withheld, source.floor);
        if copy.table.unopened().is_some() {
            copy.begin_counting();
        }
        Ok(())
    }

    /// Drops the values in the slots from this number on, and takes these for never opened. The vacant list may have them still.
    fn close_from(&mut self, end: u32) {
        for place in (end..self.table.opened_count()).filter_map(|number| Place::of_number(number, Self::FIRST_BITS)) {
            if let Some(handle) = self.handle_at(place) {
                self.discard(handle);
            }
        }
        self.table.close_from(end);
    }

    /// Copies `source`'s slots into those that are opened, of which `source` has no fewer: neighbours that share a word by turns.
    fn copy_opened(&mut self, source: &Self) {
        let (mut number, end) = (0, self.table.opened_count());
        while let Some(place) = Place::of_number(number, Self::FIRST_BITS).filter(|_| number < end) {
            let neighbours = |of: &Self| of.table.end_of_neighbours(place) - number;
            let in_a_row = neighbours(self).min(neighbours(source)).min(end - number);
            let count = in_a_row.min(64 - place.bits() % 64);
            let (mine, theirs) = (self.table.slot(place), source.table.slot(place));
            if self.all_occupied(place, count) && source.all_occupied(place, count) {
                for next in 0..count {
                    // SAFETY: A3: both slots are occupied, and lie in a row with those before them; `&mut self` is alone with mine.
                    unsafe { copy_value(mine.add(next), theirs.add(next)) };
                }
                number += count;
                continue;
            }
            let mut vacant = 0;
            for next in 0..count {
                // SAFETY: A2: both slots are opened, and lie in a row with those before them; `&mut self` is alone with mine.
                let is_vacant = unsafe { copy_slot(mine.add(next), theirs.add(next)) };
                vacant |= u64::from(is_vacant) << next;
            }
            if self.table.is_near(place) {
                // SAFETY: A2: the slots are opened, near and of one word; nothing is late since `close_from`.
                unsafe { self.table.mark_run(place, count, vacant) };
            }
            number += count;
        }
    }

    /// Whether the vacancy word says so of `count` slots from `place` on, which share one, and are opened. Then none needs to be asked; nor do the
    /// bits change where a copy is all occupied, too.
    fn all_occupied(&self, place: Place, count: u32) -> bool {
        let opened_end = self.table.opened_end_of(place.chunk(Self::FIRST_BITS));
        self.table.is_near(place) && {
            // SAFETY: A2: the slots are opened and near, so it is their word.
            let occupied = unsafe { self.table.occupied(place.bits() / 64 * 64, opened_end) };
            (occupied >> (place.bits() % 64)).trailing_ones() >= count
        }
    }

    /// Opens as many slots more as `source` has, as copies.
    fn open_copies(&mut self, source: &Self) -> Result<(), GrowError> {
        for number in self.table.opened_count()..source.table.opened_count() {
            let Some(place) = Place::of_number(number, Self::FIRST_BITS) else { unreachable!("the slot is opened") };
            let theirs = source.table.slot(place);
            // SAFETY: A2: the slot is opened.
            let generation = unsafe { theirs.generation() };
            if generation.is_occupied() {
                // SAFETY: A3: the slot is occupied, and `&source` keeps the value there.
                let value = unsafe { theirs.value_ref() };
                self.restore(generation, Content::Value(value.clone()))?;
            } else {
                self.restore(generation, Content::Vacant)?;
                // SAFETY: A3: the slot is opened and not occupied.
                let link = unsafe { theirs.link() };
                // SAFETY: A3: the same, and `&mut self` is alone with it.
                unsafe { self.table.slot(place).set_link(link) };
            }
        }
        Ok(())
    }
}

/// Makes one slot's value a copy of another one's. A panic leaves half a copy of the value under the old handle, if that is what the value's
/// `clone_from` leaves.
///
/// # Safety
/// Both are occupied, and nobody else uses `mine`.
#[inline(always)]
unsafe fn copy_value<T: Clone>(mine: SlotPtr<T>, theirs: SlotPtr<T>) {
    // SAFETY: A3: a value is there; the source is only read.
    let value = unsafe { theirs.value_ref() };
    // SAFETY: A3: as above, and the caller is alone with it.
    unsafe { mine.value_mut() }.clone_from(value);
    // SAFETY: A2: the slot is opened.
    let generation = unsafe { theirs.generation() };
    // SAFETY: A1: the slot lies in a present chunk or piece, and the caller is alone with it.
    unsafe { mine.set_generation(generation) };
}

/// Makes one slot a copy of another one, and says whether it is vacant then. A panic leaves it as it was, or with half a copy of the value
/// under the old handle, as `copy_value` says; or as a copy.
///
/// # Safety
/// Both are opened, and nobody else uses `mine`.
#[inline(always)]
unsafe fn copy_slot<T: Clone>(mine: SlotPtr<T>, theirs: SlotPtr<T>) -> bool {
    // SAFETY: A2: the slot is opened.
    let before = unsafe { mine.generation() };
    // SAFETY: A2: the slot is opened.
    let generation = unsafe { theirs.generation() };
    if generation.is_occupied() {
        if before.is_occupied() {
            // SAFETY: A3: the generations say that both have a value.
            unsafe { copy_value(mine, theirs) };
        } else {
            // SAFETY: A3: the generation says that a value is there; the source is only read.
            let value = unsafe { theirs.value_ref() }.clone();
            // SAFETY: A1: as above.
            unsafe { mine.set_generation(generation) };
            // SAFETY: A3: no value is there to be overwritten.
            unsafe { mine.value().write(value) };
        }
        return false;
    }
    // SAFETY: A3: the source's slot is not occupied.
    let link = unsafe { theirs.link() };
    // Dropped only when the slot is complete, as its drop may panic.
    let value = before.is_occupied().then(|| {
        // SAFETY: A3: a value is there, and its slot forgets it.
        unsafe { mine.value().read() }
    });
    // SAFETY: A1: as above.
    unsafe { mine.set_generation(generation) };
    // SAFETY: A1: as above; the value has been moved out.
    unsafe { mine.set_link(link) };
    drop(value);
    true
}
