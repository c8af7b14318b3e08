//! Addresses that the system would not take back: they are used again, or tried again.
//!
//! The system joins neighbouring mappings that are alike. To cut a piece out of the middle makes two of one, and is refused
//! where a process may have no more of them (`vm.max_map_count`). Whoever reserves addresses books a place in the list for them, so that
//! there is one when they come back.

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::{NonNull, null_mut};
use std::alloc::{GlobalAlloc, System};

use crate::raw::lock::Lock;
use crate::sync::const_but_for_models;

/// Whole pages of our own mappings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) start: NonNull<u8>,
    pub(super) len: usize,
}

impl Range {
    /// What lies before, at, and behind the first `len` bytes at a multiple of `align`, if there are as many.
    pub(super) fn around(self, len: usize, align: usize) -> Option<(Self, NonNull<u8>, Self)> {
        let before = self.start.addr().get().checked_next_multiple_of(align)? - self.start.addr().get();
        let after = self.len.checked_sub(before)?.checked_sub(len)?;
        // SAFETY: I1: `before <= self.len`, so inside the range or at its end.
        let found = unsafe { self.start.add(before) };
        // SAFETY: I1: `before + len <= self.len`, as above.
        let behind = unsafe { found.add(len) };
        Some((Self { len: before, ..self }, found, Self { start: behind, len: after }))
    }
}

/// Of a reservation that is being made: for itself, and for what is cut off at both its ends.
const PLACES: usize = 3;

/// Shared; the cells belong to the lock.
pub(super) struct Kept {
    pub(super) lock: Lock,
    /// A list in the system allocator's memory: nothing under a global allocator may use that.
    ranges: Cell<*mut Range>,
    len: Cell<usize>,
    room: Cell<usize>,
    /// Places that are booked: one for each reservation that is not released, and two more while it is made.
    booked: Cell<usize>,
}

// SAFETY: I1: the cells are used under the lock alone.
unsafe impl Sync for Kept {}
// SAFETY: as for `Sync`.
unsafe impl Send for Kept {}

impl Kept {
    const_but_for_models! {
        pub(super) fn new() -> Self {
            let (len, room, booked) = (Cell::new(0), Cell::new(0), Cell::new(0));
            Self { lock: Lock::new(), ranges: Cell::new(null_mut()), len, room, booked }
        }
    }

    /// Books places for one reservation more, and for what is cut off at both its ends. False if the system has no memory.
    pub(super) fn book(&self) -> bool {
        let needed = self.len.get() + self.booked.get() + PLACES;
        if needed > self.room.get() {
            let room = needed.next_power_of_two().max(64);
            let (Ok(old), Ok(new)) = (Layout::array::<Range>(self.room.get()), Layout::array::<Range>(room)) else {
                return false;
            };
            let ranges = match NonNull::new(self.ranges.get()) {
                // SAFETY: I1: allocated here, with this layout; the new size is not zero.
                Some(ranges) => unsafe { System.realloc(ranges.as_ptr().cast(), old, new.size()) },
                // SAFETY: I1: the size is not zero.
                None => unsafe { System.alloc(new) },
            };
            if ranges.is_null() {
                return false;
            }
            self.ranges.set(ranges.cast());
            self.room.set(room);
        }
        self.booked.set(self.booked.get() + PLACES);
        true
    }

    /// Undoes `book`.
    pub(super) fn unbook(&self) {
        self.booked.set(self.booked.get() - PLACES);
    }

    /// Keeps a range for which a place is booked.
    pub(super) fn push(&self, range: Range) {
        let len = self.len.get();
        assert!(len < self.room.get(), "a place was booked for whatever may come");
        // SAFETY: I1: `len` is less than what the list has room for.
        let place = unsafe { self.ranges.get().add(len) };
        // SAFETY: I1: as above.
        unsafe { place.write(range) };
        self.len.set(len + 1);
        self.booked.set(self.booked.get() - 1);
    }

    /// Keeps what was cut off at both ends of a reservation, if there is anything, in the two places that were booked for it.
    pub(super) fn keep(&self, ends: [Range; 2]) {
        self.booked.set(self.booked.get() - 2);
        for end in ends.into_iter().filter(|end| end.len > 0) {
            self.booked.set(self.booked.get() + 1);
            self.push(end);
        }
    }

    /// The range that was kept last, by whoever has unmapped another one: the place that was booked for that is now for this one.
    pub(super) fn exchange(&self) -> Option<Range> {
        let last = self.len.get().checked_sub(1);
        if last.is_none() {
            self.booked.set(self.booked.get() - 1);
        }
        Some(self.remove(last?))
    }

    /// The start of `len` bytes at a multiple of `align` that `make_new` makes as new, out of whichever range has them; what is left of
    /// it stays.
    pub(super) fn take(&self, len: usize, align: usize, make_new: impl Fn(Range) -> bool) -> Option<NonNull<u8>> {
        for index in 0..self.len.get() {
            let Some((before, start, after)) = self.get(index).around(len, align) else { continue };
            if make_new(Range { start, len }) {
                self.remove(index);
                self.keep([before, after]);
                return Some(start);
            }
        }
        None
    }

    fn get(&self, index: usize) -> Range {
        assert!(index < self.len.get());
        // SAFETY: I1: one of the `len` that were written.
        let place = unsafe { self.ranges.get().add(index) };
        // SAFETY: I1: as above.
        unsafe { place.read() }
    }

    /// Takes a range off the list, whose last one takes its place.
    fn remove(&self, index: usize) -> Range {
        let removed = self.get(index);
        let last = self.get(self.len.get() - 1);
        self.len.set(self.len.get() - 1);
        if index < self.len.get() {
            // SAFETY: I1: one of the `len` places.
            let place = unsafe { self.ranges.get().add(index) };
            // SAFETY: I1: as above.
            unsafe { place.write(last) };
        }
        removed
    }

    /// How many places are booked.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn booked(&self) -> usize {
        self.booked.get()
    }

    /// All bytes that are kept.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) fn bytes(&self) -> usize {
        (0..self.len.get()).map(|index| self.get(index).len).sum()
    }
}
