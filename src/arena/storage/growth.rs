//! How chunks come and go.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{Claimed, Storage};
use crate::arena::{
    Directory, Generation, GrowError, Handle, Place, SlotPtr, Table, max_chunks, most_slots, slots_before,
};
use crate::heap::HeapRef;

impl<T, H: HeapRef> Storage<T, H> {
    /// What `next` says of a slot that is far or has no memory yet, or whose word is not begun: by now it is.
    #[cold]
    #[inline(never)]
    pub(super) fn next_elsewhere(&mut self) -> Result<Handle<T>, GrowError> {
        let place = if self.vacant == Place::NONE { self.find_unopened()? } else { self.vacant };
        Ok(Handle::new(place, self.generation_at(place).unwrap_or(self.floor).next()))
    }

    /// Claims a slot that is far or has no memory yet, or whose word is not begun.
    #[cold]
    #[inline(never)]
    pub(super) fn claim_elsewhere(&mut self) -> Result<Claimed<T>, GrowError> {
        let handle = self.next_elsewhere()?;
        if let Some(claimed) = self.claim_near() {
            return Ok(claimed);
        }
        let slot = self.table.slot(handle.place());
        if self.vacant == Place::NONE {
            // SAFETY: A2: it is the next slot to be opened; its generation comes next.
            unsafe { self.table.open(handle.place()) };
        } else {
            // SAFETY: A4: the head of the vacant list is opened and not occupied.
            self.vacant = unsafe { slot.link() };
            // SAFETY: A2: as above.
            unsafe { self.table.mark_occupied(handle.place()) };
        }
        // SAFETY: A1: the slot is opened, and `&mut self` is alone with it.
        unsafe { slot.set_generation(handle.generation_of_slot()) };
        Ok(Claimed { slot, handle })
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(super) fn claim_elsewhere_or_fail(&mut self) -> Claimed<T> {
        GrowError::or_fail(self.claim_elsewhere())
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

    /// The next slot to be opened, in the next chunk if need be. For a value or a handle of this arena's own: before the first one it is
    /// decided where generations begin.
    pub(super) fn find_unopened(&mut self) -> Result<Place, GrowError> {
        let place = self.find_room()?;
        self.begin_counting();
        Ok(place)
    }

    /// Decides where generations begin, if no slot was ever opened.
    pub(super) fn begin_counting(&mut self) {
        if self.is_unused() {
            self.floor = Generation::first_of_arena();
        }
    }

    /// Whether no slot was ever opened and no handle told, however much room there is.
    pub(super) fn is_unused(&self) -> bool {
        self.floor == Generation::FRESH && self.table.opened_count() == 0
    }

    /// The next slot to be opened, in the next chunk if need be.
    pub(super) fn find_room(&mut self) -> Result<Place, GrowError> {
        loop {
            if let Some(place) = self.table.unopened() {
                return Ok(place);
            }
            if self.table.begin_word() {
                continue;
            }
            if let Some(place) = self.table.unopened_far() {
                return Ok(place);
            }
            self.grow()?;
        }
    }

    /// Adds a chunk; or, once the heap has no block for one, a piece.
    pub(crate) fn grow(&mut self) -> Result<(), GrowError> {
        match self.table.slots_of_last_piece() {
            None => self.grow_near().or_else(|error| self.grow_far(error)),
            Some(_) => self.grow_far(Self::full()),
        }
    }

    /// The error of an arena that has all its slots.
    fn full() -> GrowError {
        GrowError::Full { wanted: Self::limit() + 1, value_size: size_of::<T>(), limit: Self::limit() }
    }

    /// Adds a chunk, and before the first one the directory.
    fn grow_near(&mut self) -> Result<(), GrowError> {
        let chunk = self.table.present();
        let Some((layout, words_at)) =
            (chunk < max_chunks(Self::FIRST_BITS)).then(|| Table::<T>::layout(chunk)).flatten()
        else {
            return Err(Self::full());
        };
        let wanted = self.table.backed() as usize + 1;
        let refused = |layout| move |error| GrowError::Alloc { wanted, value_size: size_of::<T>(), layout, error };
        let block = self.heap.allocate(layout).map_err(refused(layout))?;
        if chunk == 0 {
            let of_directory = Layout::new::<Directory<T>>();
            let directory = self.heap.allocate(of_directory).map_err(|error| {
                // SAFETY: A1: the block is of this heap and layout, and was never a chunk.
                unsafe { self.heap.deallocate(block, layout) };
                refused(of_directory)(error)
            })?;
            let directory = directory.cast::<Directory<T>>();
            // SAFETY: A1: the block has a directory's layout, and nobody else knows it.
            unsafe { directory.write(Directory::EMPTY) };
            self.table.set_directory(directory.as_ptr());
        }
        // SAFETY: A1: there is a directory by now, and no piece, or the arena would not look near.
        unsafe { self.table.add(block, words_at) };
        Ok(())
    }

    /// Adds a piece. `error` is why it is no chunk.
    fn grow_far(&mut self, error: GrowError) -> Result<(), GrowError> {
        let backed = self.table.backed();
        // Slots are opened later: there is nothing to be written.
        let slots = self.table.pieces_mut().add(&self.heap, backed, Self::limit(), error, |_| ())?;
        self.table.add_far(slots);
        Ok(())
    }

    /// The most slots an arena of `T` has.
    fn limit() -> usize {
        most_slots(Self::FIRST_BITS, |chunk| Table::<T>::layout(chunk).is_some())
    }

    /// Grows until `additional` more values fit.
    pub(crate) fn reserve(&mut self, additional: usize) -> Result<(), GrowError> {
        let wanted = additional.saturating_add(self.len() as usize);
        if wanted > Self::limit() {
            return Err(GrowError::Full { wanted, value_size: size_of::<T>(), limit: Self::limit() });
        }
        while (self.capacity() as usize) < wanted {
            self.grow().map_err(|error| error.wanting(wanted))?;
        }
        Ok(())
    }

    /// Grows until so many slots have memory.
    pub(crate) fn grow_to(&mut self, slots: u32) -> Result<(), GrowError> {
        while self.table.backed() < slots {
            self.grow().map_err(|error| error.wanting(slots as usize))?;
        }
        Ok(())
    }

    /// Gives back the chunks and pieces at the end in which nothing is, nothing is detached and no slot is retired.
    pub(crate) fn shrink(&mut self) {
        let place_of = |number| Place::of_number(number, Self::FIRST_BITS);
        let needed = (0..self.table.opened_count()).rev().filter_map(place_of).find(|&place| !self.is_idle(place));
        let kept = needed.map_or(0, |place| self.table.end_of_neighbours(place));
        // A6: a slot that is opened later must not begin with a lower generation than one that is given back now has reached.
        let lost = (kept..self.table.opened_count()).filter_map(|number| self.generation_at(place_of(number)?));
        self.floor = lost.fold(self.floor, Generation::max);
        if let Some(first) = place_of(kept).filter(|_| kept < self.table.opened_count()) {
            self.forget_vacant_from(first);
        }
        while self.table.backed() > kept {
            self.free_last();
        }
    }

    /// Whether the opened slot at `place` is vacant: neither occupied, detached nor retired.
    pub(super) fn is_idle(&self, place: Place) -> bool {
        let idle = |generation: Generation| !generation.is_occupied() && generation != Generation::RETIRED;
        self.generation_at(place).is_some_and(idle) && !self.is_detached(place)
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

    /// Gives back the last chunk, or the last piece if there are such.
    fn free_last(&mut self) {
        if let Some(slots) = self.table.slots_of_last_piece() {
            self.table.remove_far(slots);
            self.table.pieces_mut().remove_last(&self.heap);
        } else {
            self.free_chunk();
        }
        self.free_directory();
    }

    /// Gives the last chunk back, when there are no pieces. `false` if there is none.
    fn free_chunk(&mut self) -> bool {
        let Some((block, layout)) = self.table.remove() else { return false };
        // SAFETY: A1: the block came from this heap with this layout, and the table has just forgotten it.
        unsafe { self.heap.deallocate(block, layout) };
        true
    }

    /// Gives the directory back once no chunk is present.
    fn free_directory(&mut self) {
        if let (0, Some(directory)) = (self.table.present(), NonNull::new(self.table.directory())) {
            self.table.set_directory(core::ptr::null_mut());
            // SAFETY: A1: it is a block of this heap with this layout, and has just been forgotten.
            unsafe { self.heap.deallocate(directory.cast(), Layout::new::<Directory<T>>()) };
        }
    }
}

impl<T, H: HeapRef> Drop for Storage<T, H> {
    fn drop(&mut self) {
        if self.table.slots_of_last_piece().is_some() {
            self.table.pieces_mut().clear(&self.heap);
            self.table.remove_far(self.table.backed() - slots_before(self.table.present(), Self::FIRST_BITS));
        }
        while self.free_chunk() {}
        self.free_directory();
    }
}
