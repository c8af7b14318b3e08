//! How chunks come and go.

use super::super::error::GrowError;
use super::super::generation::Generation;
use super::super::place::{MAX_CHUNKS, Place, slots_of};
use super::super::slot::SlotPtr;
use super::super::table::Table;
use super::Storage;
use crate::heap::HeapRef;

impl<T, H: HeapRef> Storage<T, H> {
    /// The next slot to be opened, when chunk `filling` has none.
    #[cold]
    #[inline(never)]
    pub(super) fn unopened_elsewhere(&mut self) -> Result<Place, GrowError> {
        self.find_unopened()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn unopened_elsewhere_or_fail(&mut self) -> Place {
        self.find_unopened().unwrap_or_else(|error| error.fail())
    }

    /// Opens the slot at `place`, which is the next to be opened, and puts it at the head of the vacant list.
    pub(super) fn open_vacant(&mut self, place: Place) {
        // SAFETY: A2: it is the next slot to be opened, as the caller says.
        unsafe { self.table.open(place) };
        // SAFETY: A2: it is opened now; its generation is the next thing it gets.
        unsafe { self.table.mark_vacant(place) };
        let slot = self.table.slot(place);
        // SAFETY: A4: the slot has just been opened: it holds no value and is in no list.
        unsafe { self.hand_on(slot, place, self.floor) };
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
        let wanted = additional.saturating_add(self.len() as usize);
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
