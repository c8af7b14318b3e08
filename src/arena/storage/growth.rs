//! How chunks come and go.

use super::super::error::GrowError;
use super::super::generation::Generation;
use super::super::place::{MAX_CHUNKS, Place, slots_of};
use super::super::slot::{Slot, SlotPtr};
use super::super::table::Table;
use super::Storage;
use crate::heap::HeapRef;

impl<T, H: HeapRef> Storage<T, H> {
    /// So many slots are opened at once: about a page, so that large values are not touched long before they are there.
    const OPENED_AT_ONCE: u32 = {
        let slots = 4096 / size_of::<Slot<T>>();
        match slots.checked_ilog2() {
            None => 1,
            Some(bits) if bits < 6 => 1 << bits,
            Some(_) => 64,
        }
    };

    /// Opens some slots and makes them the vacant list, which is empty, lowest first.
    #[cold]
    #[inline(never)]
    pub(super) fn open_more(&mut self) -> Result<(), GrowError> {
        let first = self.find_unopened()?;
        // So they lie in one vacancy word.
        let count = Self::OPENED_AT_ONCE - first.bits() % Self::OPENED_AT_ONCE;
        self.open_vacant(first, count.min(self.table.unopened_in_chunk()));
        Ok(())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn open_more_or_fail(&mut self) {
        self.open_more().unwrap_or_else(|error| error.fail());
    }

    /// Opens `count` slots from `first` on, which is the next to be opened, and puts them in order before the vacant list.
    /// They are of one chunk and one vacancy word.
    pub(super) fn open_vacant(&mut self, first: Place, count: u32) {
        // SAFETY: A2: they are the next slots to be opened, as the caller says.
        unsafe { self.table.open(first, count) };
        let end = first.bits() + count;
        for place in first.bits()..end {
            let slot = self.table.slot(Place::from_bits(place));
            let link = if place + 1 == end { self.vacant } else { Place::from_bits(place + 1) };
            // SAFETY: A1: the slot's chunk is present, and `&mut self` is alone with it.
            unsafe { slot.set_generation(self.floor) };
            // SAFETY: A1: as above; a slot that has just been opened holds no value.
            unsafe { slot.set_link(link) };
        }
        self.vacant = first;
    }

    /// The next slot to be opened, in the next chunk if need be.
    pub(super) fn find_unopened(&mut self) -> Result<Place, GrowError> {
        loop {
            if let Some(place) = self.table.unopened() {
                return Ok(place);
            }
            if !self.table.fill_next_chunk() {
                self.grow()?;
            }
        }
    }

    /// Adds a chunk.
    pub(crate) fn grow(&mut self) -> Result<(), GrowError> {
        let full = GrowError::Full { value_size: size_of::<T>(), limit: Self::limit() };
        let chunk = self.table.present();
        if chunk == MAX_CHUNKS {
            return Err(full);
        }
        let Some((layout, words_at)) = Table::<T>::layout(chunk) else {
            return Err(full);
        };
        let block = self.heap.allocate(layout).map_err(|error| GrowError::Alloc { layout, error })?;
        if chunk == 0 && self.floor == Generation::FRESH {
            self.floor = Generation::first_of_arena();
        }
        self.table.add(block, words_at);
        Ok(())
    }

    /// The most slots an arena of `T` has.
    fn limit() -> usize {
        (0..MAX_CHUNKS)
            .take_while(|&chunk| Table::<T>::layout(chunk).is_some())
            .map(|chunk| slots_of(chunk, Self::FIRST_BITS) as usize)
            .sum()
    }

    /// Grows until `additional` more values fit.
    pub(crate) fn reserve(&mut self, additional: usize) -> Result<(), GrowError> {
        let wanted = additional.saturating_add(self.len as usize);
        if wanted > Self::limit() {
            return Err(GrowError::Full { value_size: size_of::<T>(), limit: Self::limit() });
        }
        while (self.capacity() as usize) < wanted {
            self.grow()?;
        }
        Ok(())
    }

    /// Gives back the chunks at the end in which nothing is, nothing is detached and no slot is retired.
    pub(crate) fn shrink(&mut self) {
        let present = self.table.present();
        let mut kept = present;
        while let Some(newest) = kept.checked_sub(1).and_then(|last| self.newest_if_idle(last)) {
            // A6: slots that are opened later must not begin below what a slot given back had got to.
            self.floor = self.floor.max(newest);
            kept -= 1;
        }
        if kept < present {
            self.forget_vacant_from(Place::new(kept, 0));
        }
        for _ in kept..present {
            self.free_last();
        }
    }

    /// The newest generation in a chunk, if all its opened slots are vacant: neither occupied, detached nor retired.
    fn newest_if_idle(&self, chunk: usize) -> Option<Generation> {
        let mut newest = Generation::FRESH;
        for offset in 0..self.table.opened_slots(chunk) {
            let place = Place::new(chunk, offset);
            let generation = self.generation_at(place)?;
            if generation.is_occupied() || generation == Generation::RETIRED || self.is_detached(place) {
                return None;
            }
            newest = newest.max(generation);
        }
        Some(newest)
    }

    /// Drops the vacant slots from `end` on from the vacant list.
    fn forget_vacant_from(&mut self, end: Place) {
        let (mut kept, mut at) = (None::<SlotPtr<T>>, core::mem::replace(&mut self.vacant, Place::NONE));
        while at != Place::NONE {
            let slot = self.table.slot(at);
            if at < end {
                match kept {
                    None => self.vacant = at,
                    // SAFETY: A4: slots in the vacant list are opened and not occupied; `&mut self` is alone with it.
                    Some(last) => unsafe { last.set_link(at) },
                }
                kept = Some(slot);
            }
            // SAFETY: A4: slots in the vacant list are opened and not occupied.
            at = unsafe { slot.link() };
        }
        if let Some(last) = kept {
            // SAFETY: A4: as above.
            unsafe { last.set_link(Place::NONE) };
        }
    }

    fn free_last(&mut self) {
        if let Some((block, layout)) = self.table.remove() {
            // SAFETY: A1: the block came from this heap with this layout, and the table has just forgotten it.
            unsafe { self.heap.deallocate(block, layout) };
        }
    }
}

impl<T, H: HeapRef> Drop for Storage<T, H> {
    fn drop(&mut self) {
        for _ in 0..self.table.present() {
            self.free_last();
        }
    }
}
