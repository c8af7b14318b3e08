//! For an arena that becomes a copy of another one: what the table has as vacant, told anew a run of slots at a time.

use super::Table;
use crate::arena::{Place, Slot};

impl<T> Table<T> {
    /// Marks the slot that was emptied last as vacant, so that the bits alone say which slots are.
    pub(crate) fn settle_late(&mut self) {
        let late = core::mem::replace(&mut self.late, Place::NONE);
        if late != Place::NONE {
            // SAFETY: A3: what is late is opened and near.
            unsafe { self.mark_run(late, 1, 1) };
        }
    }

    /// Takes the slots from this number on, all vacant, for never opened.
    pub(crate) fn close_from(&mut self, end: u32) {
        self.settle_late();
        let far_gone = self.opened_count().saturating_sub(end).min(self.far_opened);
        self.far_opened -= far_gone;
        self.far_vacant -= far_gone;
        let gone = self.near_opened().saturating_sub(end);
        let Some(place) = Place::of_number(end, Slot::<T>::FIRST_BITS).filter(|_| gone > 0) else { return };
        self.marked -= gone;
        #[expect(clippy::cast_possible_truncation, reason = "a chunk number has 5 bits")]
        self.fill_from(place.chunk(Slot::<T>::FIRST_BITS) as u32, place.offset());
        if place.bits() % 64 != 0 {
            // SAFETY: A1: the slot was opened and near a moment ago.
            let word = unsafe { self.word(place) };
            // SAFETY: A2: the word stands for opened slots still, so it is initialised, and `&mut self` is alone with it.
            unsafe { *word &= place.bit() - 1 };
        }
    }

    /// Has those of `count` slots from `place` on as vacant whose bit is set here.
    ///
    /// # Safety
    /// They are opened and near, and have one word. None is late.
    #[inline]
    pub(crate) unsafe fn mark_run(&mut self, place: Place, count: u32, vacant: u64) {
        let (shift, run) = (place.bits() % 64, u64::MAX >> (64 - count));
        // SAFETY: A1: the slots are near.
        let word = unsafe { self.word(place) };
        // SAFETY: A2: the word stands for opened slots, so it is initialised.
        let before = unsafe { word.read() };
        let after = before & !(run << shift) | vacant << shift;
        // SAFETY: A2: as above, and `&mut self` is alone with it.
        unsafe { word.write(after) };
        self.marked = self.marked + after.count_ones() - before.count_ones();
    }

    /// Takes the far slots for vacant that are not among so many occupied ones. The near ones are as they should be.
    pub(crate) const fn recount_far(&mut self, occupied: u32) {
        self.far_vacant = self.far_opened - (occupied - self.near_occupied());
    }

    /// Reads from the slots' generations which are vacant.
    pub(crate) fn recount(&mut self) {
        self.settle_late();
        let mut occupied = 0;
        for place in self.opened_places() {
            // SAFETY: A2: the slot is opened.
            let is_occupied = unsafe { self.slot(place).generation() }.is_occupied();
            occupied += u32::from(is_occupied);
            if self.is_near(place) {
                // SAFETY: A2: the slot is opened and near.
                unsafe { self.mark_run(place, 1, u64::from(!is_occupied)) };
            }
        }
        self.recount_far(occupied);
    }
}
