//! Slots chosen by the caller: detached ones, and ones at a given place.

use super::Storage;
use crate::arena::{Generation, GrowError, Handle, Place, SlotPtr};
use crate::heap::HeapRef;

impl<T, H: HeapRef> Storage<T, H> {
    /// Moves the value out and keeps its slot for it (A4: the slot is in no list).
    pub(crate) fn detach(&mut self, handle: Handle<T>) -> Option<T> {
        let slot = self.find(handle)?;
        // SAFETY: A3: `find` has seen that the slot is occupied.
        let value = unsafe { slot.value().read() };
        // SAFETY: A2: an occupied slot is opened.
        unsafe { self.table.mark_vacant(handle.place()) };
        // SAFETY: A2: the slot is opened, and `&mut self` is alone with it.
        unsafe { slot.set_generation(handle.generation_of_slot().previous()) };
        // SAFETY: A2: the same; its value has been moved out.
        unsafe { slot.set_link(Place::DETACHED) };
        self.withheld += 1;
        Some(value)
    }

    /// The slot that was detached from the value `handle` names.
    pub(crate) fn find_detached(&self, handle: Handle<T>) -> Option<SlotPtr<T>> {
        let generation = self.generation_at(handle.place())?;
        (generation.next() == handle.generation_of_slot() && self.is_detached(handle.place()))
            .then(|| self.table.slot(handle.place()))
    }

    /// Moves a value into the slot at `place`, which is in no list.
    ///
    /// # Safety
    /// `slot` is the one at `handle`'s place; it is opened, not occupied, withheld and its generation is not newer.
    pub(super) unsafe fn fill_withheld(&mut self, slot: SlotPtr<T>, handle: Handle<T>, value: T) {
        // SAFETY: A2: the slot is opened.
        unsafe { self.table.mark_occupied(handle.place()) };
        // SAFETY: A2: the slot is opened, and `&mut self` is alone with it.
        unsafe { slot.set_generation(handle.generation_of_slot()) };
        // SAFETY: A1: the slot's body is writable and aligned for `T`; no value is there to be overwritten.
        unsafe { slot.value().write(value) };
        self.withheld -= 1;
    }

    /// Undoes [`detach`](Self::detach); gives the value back if the handle's slot is not detached.
    pub(crate) fn reattach(&mut self, handle: Handle<T>, value: T) -> Result<(), T> {
        let Some(slot) = self.find_detached(handle) else {
            return Err(value);
        };
        // SAFETY: A4: a detached slot is opened, not occupied and withheld; its generation is the one before the handle's.
        unsafe { self.fill_withheld(slot, handle, value) };
        Ok(())
    }

    /// Gives up a detached slot.
    pub(crate) fn release(&mut self, handle: Handle<T>) -> bool {
        let Some(slot) = self.find_detached(handle) else {
            return false;
        };
        self.withheld -= 1;
        // SAFETY: A4: a detached slot is opened, holds no value and is in no list.
        unsafe { self.hand_on(slot, handle.place(), handle.generation_of_slot().next()) };
        true
    }

    /// Whether a slot at `place` could still take `generation`: it has not got so far yet, and is not detached.
    pub(crate) fn is_ahead(&self, place: Place, generation: Generation) -> bool {
        let now = self.generation_at(place).unwrap_or(self.floor);
        generation > now && generation < Generation::RETIRED && !self.is_detached(place)
    }

    /// Opens all slots up to the handle's and takes that one out of the vacant list; then a value moves in.
    ///
    /// # Errors
    /// Gives the value back if the arena cannot grow so far.
    ///
    /// # Safety
    /// `is_ahead` holds for the handle, and the slot is not occupied.
    pub(crate) unsafe fn fill_at(&mut self, handle: Handle<T>, value: T) -> Result<(), (T, GrowError)> {
        let place = handle.place();
        let number = place.number(Self::FIRST_BITS);
        if let Err(error) = self.grow_to(number + 1) {
            return Err((value, error));
        }
        if self.is_unused() {
            self.floor = Generation::first_of_family(handle.generation_of_slot());
        }
        while self.opened(place).is_none() {
            match self.find_room() {
                Ok(next) => self.open_vacant(next),
                Err(error) => return Err((value, error)),
            }
        }
        self.unlink(place);
        self.withheld += 1;
        // SAFETY: A4: the slot is opened by now; it is not occupied, has just become withheld, and is behind the handle.
        unsafe { self.fill_withheld(self.table.slot(place), handle, value) };
        Ok(())
    }

    /// Takes the slot at `place` out of the vacant list, which has it.
    fn unlink(&mut self, place: Place) {
        // SAFETY: A4: slots in the vacant list are opened and not occupied.
        let after = unsafe { self.table.slot(place).link() };
        if self.vacant == place {
            self.vacant = after;
            return;
        }
        let mut at = self.vacant;
        loop {
            let slot = self.table.slot(at);
            // SAFETY: A4: slots in the vacant list are opened and not occupied.
            let link = unsafe { slot.link() };
            if link == place {
                // SAFETY: A4: the same, and `&mut self` is alone with it.
                unsafe { slot.set_link(after) };
                return;
            }
            at = link;
        }
    }
}
