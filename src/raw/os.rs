//! Address space from the system: reserve, commit, purge, release.
//!
//! Three forms with one interface: `unix` and `windows` map memory themselves and can leave it out of reach and give it back; `portable`
//! asks `std::alloc::System` for zeroed memory and gives it back only as a whole. `--cfg smarena_portable` builds the
//! last one everywhere, so that it runs under the same tests; Miri, which knows no mappings, has it too.

pub(crate) mod alive;
pub(crate) mod clock;
#[cfg(all(unix, not(any(smarena_portable, miri))))]
mod kept;
#[cfg(any(not(any(unix, windows)), smarena_portable, miri))]
mod portable;
#[cfg(all(unix, not(any(smarena_portable, miri))))]
mod unix;
#[cfg(all(windows, not(any(smarena_portable, miri))))]
mod windows;

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

pub(crate) use alive::is_last;

use crate::derived::dereference;
pub(crate) use crate::error::NO_MEMORY;
use crate::raw::testing::refusal;

#[cfg(any(not(any(unix, windows)), smarena_portable, miri))]
use portable as form;
#[cfg(all(unix, not(any(smarena_portable, miri))))]
use unix as form;
#[cfg(all(unix, not(any(smarena_portable, miri, shuttle))))]
pub(crate) use unix::lock;
#[cfg(all(windows, not(any(smarena_portable, miri))))]
use windows as form;

pub(crate) use form::{most_addresses, most_data};

/// The smallest page of any system, in bytes: what addresses are aligned to at least.
pub(crate) const PAGE: usize = 4096;
/// The size of a huge page in bytes.
pub(crate) const HUGE_PAGE: usize = 2 << 20;
/// Whether this form can give memory back and keep its addresses.
pub(crate) const GIVES_BACK: bool = cfg!(all(any(target_os = "linux", windows), not(any(smarena_portable, miri))));
/// Whether the system counts all that is committed, used or not, and refuses more than it could keep. Then things are committed when they are
/// needed and not before, and what was purged must be committed again before it is used (I15).
pub(crate) const COUNTED: bool = cfg!(all(windows, not(any(smarena_portable, miri))));

/// A range of addresses that nobody else uses, from `reserve` until it is dropped: one `Part`, the whole of it.
#[derive(Debug)]
pub(crate) struct Reservation(Part);

dereference! { [] Reservation => Part: |reservation| &reservation.0 }

/// What the system is told of pages. It may ignore it.
#[derive(Clone, Copy)]
enum Advice {
    HugePages,
    SmallPages,
    LeaveOutOfDumps,
}

/// The unit in which this system commits and purges, in bytes: a multiple of `PAGE`.
pub(crate) fn page() -> usize {
    form::page().max(PAGE)
}

impl Reservation {
    /// Reserves at least `len` bytes at a multiple of `PAGE` (of `HUGE_PAGE` where the system allows).
    ///
    /// The error is the system's own code.
    pub(crate) fn reserve(len: usize) -> Result<Self, i32> {
        let len = len.max(1).checked_next_multiple_of(page()).unwrap_or(usize::MAX);
        let start = if refusal::due() { Err(NO_MEMORY) } else { form::reserve(len) }?;
        refusal::count_reservation(1);
        Ok(Self(Part { start, len }))
    }

    /// Gives up ownership: the address and length from which `from_parts` makes it again.
    pub(crate) fn into_parts(self) -> (NonNull<u8>, usize) {
        let Part { start, len } = ManuallyDrop::new(self).0;
        (start, len)
    }

    /// Takes ownership back.
    ///
    /// # Safety
    /// The parts come from `into_parts`, and nobody else makes a reservation of them.
    pub(crate) unsafe fn from_parts(start: NonNull<u8>, len: usize) -> Self {
        Self(Part { start, len })
    }
}

/// Whole pages of a reservation, which is there as long as they are used (I1). Bytes are counted from its first one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a range of addresses; it belongs to no thread in particular (I1).
unsafe impl Send for Part {}
// SAFETY: who shares it only learns addresses and asks the system about them (I1).
unsafe impl Sync for Part {}

impl Part {
    /// The first address.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.start
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The pointer `offset` bytes in.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len);
        // SAFETY: I1: the result stays inside (or at the end of) the one mapping that `start` points to.
        unsafe { self.start.add(offset) }
    }

    /// The whole pages around the bytes from `from` up to `to`, to be committed by and by.
    pub(crate) fn part(&self, from: usize, to: usize) -> Self {
        let (start, len) = self.pages(from, to);
        Self { start, len }
    }

    /// Makes the bytes from `from` up to `to` readable and writable. What was never written reads as zero.
    pub(crate) fn commit(&self, from: usize, to: usize) -> Result<(), i32> {
        let (start, len) = self.pages(from, to);
        if refusal::due() {
            return Err(NO_MEMORY);
        }
        // SAFETY: I1: the pages are inside our reservation; making them accessible invalidates nothing.
        unsafe { form::commit(start, len) }
    }

    /// As `commit`, of what lies around `slice`, which is in this part.
    pub(crate) fn commit_slice<T>(&self, slice: &[T]) -> Result<(), i32> {
        let from = slice.as_ptr().addr() - self.start.addr().get();
        self.commit(from, from + size_of_val(slice))
    }

    /// Gives the memory of all pages that lie wholly between byte `from` and byte `to` back to the system, keeping the addresses,
    /// and returns how many bytes of them were resident: all, where the system does not say. If committed memory is `COUNTED`, they must be
    /// committed again before they are used.
    ///
    /// # Safety
    /// The caller owns every byte of the range, and expects nothing of its content afterwards.
    pub(crate) unsafe fn purge(&self, from: usize, to: usize) -> usize {
        let (from, to) = (from.next_multiple_of(page()), to & !(page() - 1));
        if from >= to {
            return 0;
        }
        // Given back even where nothing is resident: a page that was swapped out is not, and yet takes room.
        let resident = self.resident(from, to).unwrap_or(to - from);
        if refusal::due() {
            return 0;
        }
        let (start, len) = self.pages(from, to);
        // SAFETY: I4: the caller owns the range; I1: it is ours to purge.
        if unsafe { form::purge(start, len) } { resident } else { 0 }
    }

    /// How many bytes from byte `from` up to `to` are backed by memory right now, in whole pages, if the system says so.
    pub(crate) fn resident(&self, from: usize, to: usize) -> Option<usize> {
        let (start, len) = self.pages(from, to);
        if refusal::due() { None } else { form::resident(start, len) }
    }

    /// Where the huge page begins that byte `at` lies in, or this part.
    pub(crate) fn huge_start(&self, at: usize) -> usize {
        at.saturating_sub((self.start.addr().get() + at) % HUGE_PAGE)
    }

    /// Asks for huge pages from byte `from`, or the next one that begins a huge page, up to `to`, if a whole one fits in.
    pub(crate) fn advise_huge(&self, from: usize, to: usize) {
        let (start, len) = self.pages(from, to);
        let before = start.addr().get().next_multiple_of(HUGE_PAGE) - start.addr().get();
        if before + HUGE_PAGE <= len {
            // SAFETY: I1: `before < len`, inside the part.
            form::advise(unsafe { start.add(before) }, len - before, Advice::HugePages);
        }
    }

    /// Asks for no huge pages from byte `from` up to `to`.
    pub(crate) fn advise_small(&self, from: usize, to: usize) {
        let (start, len) = self.pages(from, to);
        form::advise(start, len, Advice::SmallPages);
    }

    /// Tells the system not to write the bytes from `from` up to `to` into core files.
    pub(crate) fn leave_out_of_dumps(&self, from: usize, to: usize) {
        let (start, len) = self.pages(from, to);
        form::advise(start, len, Advice::LeaveOutOfDumps);
    }

    /// The whole pages around the bytes from `from` up to `to`.
    fn pages(&self, from: usize, to: usize) -> (NonNull<u8>, usize) {
        let (from, to) = (from & !(page() - 1), to.next_multiple_of(page()));
        assert!(from <= to && to <= self.len);
        (self.at(from), to - from)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        refusal::count_reservation(-1);
        // SAFETY: I1: `reserve` returned exactly this range, and whoever owned the reservation is done with it.
        unsafe { form::release(self.0.start, self.0.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_memory_is_zero_and_writable_and_purged_memory_is_zero_again() {
        let reservation = Reservation::reserve(8 << 20).unwrap();
        reservation.commit(1 << 20, 2 << 20).unwrap();
        let byte = reservation.at((1 << 20) + 5000).as_ptr();
        // SAFETY: I1: committed just now.
        assert_eq!(unsafe { byte.read() }, 0);
        // SAFETY: I1: as above.
        unsafe { byte.write(7) };
        // SAFETY: I4: this test owns the whole reservation.
        let given_back = unsafe { reservation.purge(1 << 20, 2 << 20) };
        if cfg!(all(any(unix, windows), not(any(smarena_portable, miri)))) {
            assert_eq!((given_back, reservation.resident(1 << 20, 2 << 20)), (page(), Some(0)));
            reservation.commit(1 << 20, 2 << 20).unwrap();
            // SAFETY: I1: committed again.
            assert_eq!(unsafe { byte.read() }, 0);
        } else {
            assert_eq!(given_back, 0);
        }
    }

    #[test]
    fn purge_leaves_pages_that_are_only_partly_inside_alone() {
        let reservation = Reservation::reserve(1 << 20).unwrap();
        reservation.commit(0, 1 << 20).unwrap();
        for page in 0..3 {
            // SAFETY: I1: committed just now.
            unsafe { reservation.at(page * PAGE).as_ptr().write(1) };
        }
        // SAFETY: I4: this test owns the whole reservation.
        let given_back = unsafe { reservation.purge(1, 3 * PAGE - 1) };
        assert!(given_back == PAGE || given_back == 0);
        // SAFETY: I1: committed above.
        assert_eq!(unsafe { reservation.base().as_ptr().read() }, 1);
        // SAFETY: I1: committed above.
        assert_eq!(unsafe { reservation.at(2 * PAGE).as_ptr().read() }, 1);
    }

    #[test]
    fn an_absurd_length_is_refused() {
        assert!(Reservation::reserve(usize::MAX - (4 << 20)).is_err());
    }
}
