//! How chunks come and go.

use super::super::error::GrowError;
use super::super::generation::Generation;
use super::super::place::{MAX_CHUNKS, Place, slots_of};
use super::super::slot::SlotPtr;
use super::super::table::Table;
use super::Storage;
use crate::heap::HeapRef;

impl<T, H: HeapRef> Storage<T, H> {
    /// Sets `filling` to a chunk that has a never-used slot left, and says which slot that is.
    #[cold]
    #[inline(never)]
    pub(super) fn find_unopened(&mut self) -> Result<Place, GrowError> {
        loop {
            if let Some(place) = self.table.unopened(self.filling) {
                return Ok(place);
            }
            if self.filling + 1 < self.present {
                self.filling += 1;
            } else {
                self.grow()?;
            }
        }
    }

    /// Adds a chunk.
    pub(crate) fn grow(&mut self) -> Result<(), GrowError> {
        let full = GrowError::Full { value_size: size_of::<T>(), limit: Self::limit() };
        if self.present == MAX_CHUNKS {
            return Err(full);
        }
        let Some((layout, words_at)) = Table::<T>::layout(self.present) else {
            return Err(full);
        };
        let block = self.heap.allocate(layout).map_err(|error| GrowError::Alloc { layout, error })?;
        if self.present == 0 && self.floor == Generation::FRESH {
            self.floor = Generation::first_of_arena();
        }
        self.table.add(self.present, block, words_at);
        self.present += 1;
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
        let before = self.present;
        while self.present > 0 && self.newest_if_idle(self.present - 1).is_some_and(|newest| self.raise_floor(newest)) {
            self.present -= 1;
        }
        if self.present == before {
            return;
        }
        self.forget_vacant_from(Place::new(self.present, 0));
        self.filling = self.filling.min(self.present.saturating_sub(1));
        for chunk in self.present..before {
            self.free(chunk);
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

    /// A6: slots that are opened later must not begin below what a slot given back had got to.
    fn raise_floor(&mut self, newest: Generation) -> bool {
        self.floor = self.floor.max(newest);
        true
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

    fn free(&mut self, chunk: usize) {
        if let Some((block, layout)) = self.table.remove(chunk) {
            // SAFETY: A1: the block came from this heap with this layout, and the table has just forgotten it.
            unsafe { self.heap.deallocate(block, layout) };
        }
    }
}

impl<T, H: HeapRef> Drop for Storage<T, H> {
    fn drop(&mut self) {
        for chunk in 0..self.present {
            self.free(chunk);
        }
    }
}
