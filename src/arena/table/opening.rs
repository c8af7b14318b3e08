//! Which slot is opened next, in which chunk and in which vacancy word.

use super::Table;
use crate::arena::{Place, Slot, SlotPtr};

impl<T> Table<T> {
    /// The place of the next slot to be opened, if chunk `filling` has it and its vacancy word is begun.
    #[inline(always)]
    pub(crate) const fn unopened(&self) -> Option<Place> {
        if self.opened_end < self.room_end { Some(Place::from_bits(self.opened_end)) } else { None }
    }

    /// Where the slot is whose place `unopened` has just said.
    #[inline(always)]
    pub(crate) const fn unopened_slot(&self, place: Place) -> SlotPtr<T> {
        self.filling_origin.add(place.bits())
    }

    /// The place of the next slot to be opened, if all that are near are opened, and there is memory for one more.
    pub(crate) const fn unopened_far(&self) -> Option<Place> {
        let number = self.opened_count();
        if number < self.backed { Place::of_number(number, Slot::<T>::FIRST_BITS) } else { None }
    }

    /// Behind the last slot of chunk `filling`.
    const fn filling_end(&self) -> u32 {
        if self.present == 0 {
            Self::FIRST
        } else {
            2 * Place::first_of(self.filling as usize, Slot::<T>::FIRST_BITS).bits()
        }
    }

    /// Begins the next vacancy word when all slots of the one before are opened; in the next chunk if this one has no more. `false` if that one is
    /// absent.
    pub(crate) const fn begin_word(&mut self) -> bool {
        debug_assert!(self.opened_end == self.room_end);
        if self.opened_end == self.filling_end() {
            if self.filling + 1 >= self.present {
                return false;
            }
            self.fill_from(self.filling + 1, 0);
        }
        let place = Place::from_bits(self.opened_end);
        // SAFETY: A1: the slot is near.
        let word = unsafe { self.word(place) };
        // A small chunk begins in the middle of its only word. The bits below its first slot stand for no slot, and are set like those of vacant
        // ones.
        // SAFETY: A1: the chunk's block has room for the words of all its slots, and `&mut self` is alone with them.
        unsafe { word.write(place.bit() - 1) };
        self.room_end = self.end_of_word();
        true
    }

    /// Behind the slots of chunk `filling` that have one word with the next to be opened.
    const fn end_of_word(&self) -> u32 {
        let (word_end, chunk_end) = ((self.opened_end | 63) + 1, self.filling_end());
        if word_end < chunk_end { word_end } else { chunk_end }
    }

    /// The next slot to be opened is the one with `offset` in `chunk`, which is present. Unless it is the first of its word, that is begun.
    pub(super) const fn fill_from(&mut self, chunk: u32, offset: u32) {
        self.filling = chunk;
        let first = Place::first_of(chunk as usize, Slot::<T>::FIRST_BITS);
        // SAFETY: A1: the chunk is present, so its slots are near.
        self.filling_origin = unsafe { self.near(first) }.sub(first.bits());
        self.opened_end = first.bits() + offset;
        let is_begun = offset % 64 != 0 && self.opened_end % 64 != 0;
        self.room_end = if is_begun { self.end_of_word() } else { self.opened_end };
    }

    /// Opens one slot, as one that is marked as occupied. Its generation is the caller's task.
    ///
    /// # Safety
    /// `place` is what [`unopened`](Self::unopened) says, or if that is nothing `unopened_far`.
    #[inline(always)]
    pub(crate) unsafe fn open(&mut self, place: Place) {
        if place.bits() < self.room_end {
            // By A2 the slot's bit is 0 already.
            self.opened_end = place.bits() + 1;
        } else {
            self.far_opened += 1;
        }
    }
}
