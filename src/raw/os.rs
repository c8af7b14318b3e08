//! Address space from the system: reserve, commit, purge, release.
//!
//! Two forms with one interface: `unix` maps memory itself and can leave it out of reach and give it back; `portable`
//! asks `std::alloc::System` for zeroed memory and gives it back only as a whole. `--cfg smarena_portable` builds the
//! second one everywhere, so that it runs under the same tests; Miri, which knows no mappings, has it too.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::refusal;

#[cfg(any(not(unix), smarena_portable, miri))]
use portable as form;
#[cfg(all(unix, not(any(smarena_portable, miri))))]
use unix as form;

/// The smallest page of any system, in bytes: what addresses are aligned to at least.
pub(crate) const PAGE: usize = 4096;
/// The size of a huge page in bytes.
pub(crate) const HUGE_PAGE: usize = 2 << 20;
/// The system's code for "out of memory", on all systems this is meant for.
const NO_MEMORY: i32 = 12;

/// A range of addresses that nobody else uses, from `reserve` until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a reservation is a range of addresses; it belongs to no thread in particular (I1).
unsafe impl Send for Reservation {}
// SAFETY: a shared reservation only hands out addresses and asks the system about them (I1).
unsafe impl Sync for Reservation {}

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
        let base = if refusal::due() { Err(NO_MEMORY) } else { form::reserve(len) }?;
        refusal::count_reservation(1);
        Ok(Self { base, len })
    }

    /// Gives up ownership: the address and length from which `from_parts` makes it again.
    pub(crate) fn into_parts(self) -> (NonNull<u8>, usize) {
        let this = ManuallyDrop::new(self);
        (this.base, this.len)
    }

    /// Takes ownership back.
    ///
    /// # Safety
    /// The parts come from `into_parts`, and nobody else makes a reservation of them.
    pub(crate) unsafe fn from_parts(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len }
    }

    /// The first address.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The pointer `offset` bytes in.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.len);
        // SAFETY: I1: the result stays inside (or at the end of) the one mapping that `base` points to.
        unsafe { self.base.add(offset) }
    }

    /// Makes `[offset, offset + len)` readable and writable. What was never written reads as zero.
    pub(crate) fn commit(&self, offset: usize, len: usize) -> Result<(), i32> {
        let (start, len) = self.pages_around(offset, len);
        if refusal::due() {
            return Err(NO_MEMORY);
        }
        // SAFETY: I1: the range is inside our reservation; making it accessible invalidates nothing.
        unsafe { form::commit(start, len) }
    }

    /// Gives the memory of all pages that lie wholly inside `[offset, offset + len)` back to the system, keeping the addresses,
    /// and returns how many bytes of them were resident.
    ///
    /// # Safety
    /// The caller owns every byte of the range, and expects nothing of its content afterwards.
    pub(crate) unsafe fn purge(&self, offset: usize, len: usize) -> usize {
        let start = offset.next_multiple_of(page());
        let end = (offset + len) & !(page() - 1);
        if start >= end {
            return 0;
        }
        let resident = form::resident(self.at(start), end - start);
        if resident == 0 || refusal::due() {
            return 0;
        }
        // SAFETY: I4: the caller owns the range; I1: it is ours to purge.
        if unsafe { form::purge(self.at(start), end - start) } { resident } else { 0 }
    }

    /// Asks for huge pages in the part of `[offset, offset + len)` that whole ones fit into.
    pub(crate) fn advise_huge(&self, offset: usize, len: usize) {
        let start = (self.base.addr().get() + offset).next_multiple_of(HUGE_PAGE) - self.base.addr().get();
        let end = offset + len;
        if start + HUGE_PAGE <= end {
            form::advise_huge(self.at(start), end - start);
        }
    }

    /// How many bytes of `[offset, offset + len)` are backed by memory right now, in whole pages.
    pub(crate) fn resident(&self, offset: usize, len: usize) -> usize {
        let (start, len) = self.pages_around(offset, len);
        form::resident(start, len)
    }

    fn pages_around(&self, offset: usize, len: usize) -> (NonNull<u8>, usize) {
        let start = offset & !(page() - 1);
        let end = (offset + len).next_multiple_of(page());
        assert!(end <= self.len);
        (self.at(start), end - start)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        refusal::count_reservation(-1);
        // SAFETY: I1: `reserve` returned exactly this range, and whoever owned the reservation is done with it.
        unsafe { form::release(self.base, self.len) }
    }
}

#[cfg(all(unix, not(any(smarena_portable, miri))))]
mod unix {
    use super::{HUGE_PAGE, NonNull};
    use core::ptr;
    use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

    pub(super) fn page() -> usize {
        rustix::param::page_size()
    }

    pub(super) fn reserve(len: usize) -> Result<NonNull<u8>, i32> {
        // Huge pages want aligned addresses; small reservations (a cache's stacks) could not use one.
        let align = if len < HUGE_PAGE { page() } else { HUGE_PAGE };
        let Some(padded) = len.checked_add(align - page()) else {
            return Err(libc::ENOMEM);
        };
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: I1: a new anonymous mapping at an address of the system's choice touches nothing that exists.
        let mapped = unsafe { mmap_anonymous(ptr::null_mut(), padded, ProtFlags::empty(), flags) };
        let start = mapped.map_err(rustix::io::Errno::raw_os_error)?.cast::<u8>();
        let before = start.addr().next_multiple_of(align) - start.addr();
        let after = padded - before - len;
        if before > 0 {
            // SAFETY: I1: the first `before` bytes of the mapping just made; nobody has seen them.
            unmap(unsafe { slice(start, 0) }, before);
        }
        if after > 0 {
            // SAFETY: I1: the last `after` bytes of the mapping just made; nobody has seen them.
            unmap(unsafe { slice(start, before + len) }, after);
        }
        // SAFETY: I1: `before < align <= padded`: inside the mapping.
        NonNull::new(unsafe { slice(start, before) }).ok_or(libc::ENOMEM)
    }

    /// # Safety
    /// `offset` stays inside the mapping at `start`.
    unsafe fn slice(start: *mut u8, offset: usize) -> *mut u8 {
        // SAFETY: the caller's contract (I10).
        unsafe { start.add(offset) }
    }

    fn unmap(start: *mut u8, len: usize) {
        // SAFETY: only called with whole pages of our own mappings that nobody uses any more (I1).
        let done = unsafe { munmap(start.cast(), len) };
        debug_assert!(done.is_ok(), "munmap of our own pages cannot fail");
    }

    pub(super) unsafe fn commit(start: NonNull<u8>, len: usize) -> Result<(), i32> {
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: I1: whole pages of our own mapping, made more accessible.
        unsafe { mprotect(start.as_ptr().cast(), len, flags) }.map_err(rustix::io::Errno::raw_os_error)
    }

    pub(super) unsafe fn purge(start: NonNull<u8>, len: usize) -> bool {
        #[cfg(target_os = "linux")]
        // SAFETY: I4: the caller owns these pages and expects nothing of their content.
        return unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxDontNeed) }.is_ok();
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (start, len);
            false
        }
    }

    pub(super) fn advise_huge(start: NonNull<u8>, len: usize) {
        #[cfg(target_os = "linux")]
        {
            // SAFETY: I1: advice about our own pages; it changes no content. A refusal costs speed alone.
            let _ = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (start, len);
    }

    pub(super) fn resident(start: NonNull<u8>, len: usize) -> usize {
        let mut pages = [0_u8; 1024];
        let page = page();
        let mut resident = 0;
        let mut offset = 0;
        while offset < len {
            let step = (len - offset).min(pages.len() * page);
            // SAFETY: I1: `offset < len`, inside our mapping.
            let at = unsafe { start.add(offset) };
            // SAFETY: `pages` has a byte for each page of the step; the range is mapped (I1).
            let answer = unsafe { libc::mincore(at.as_ptr().cast(), step, pages.as_mut_ptr().cast()) };
            if answer == 0 {
                resident += pages[..step.div_ceil(page)].iter().filter(|byte| **byte & 1 == 1).count() * page;
            }
            offset += step;
        }
        resident
    }

    pub(super) unsafe fn release(start: NonNull<u8>, len: usize) {
        unmap(start.as_ptr(), len);
    }
}

#[cfg(any(not(unix), smarena_portable, miri))]
mod portable {
    use super::{NO_MEMORY, NonNull, PAGE};
    use std::alloc::{GlobalAlloc, Layout, System};

    pub(super) fn page() -> usize {
        PAGE
    }

    /// What the system is asked for: room to begin at a page, and in front of that for the address it began at.
    ///
    /// Not aligned to a page by the layout: the standard library then writes all the zeros itself, and every page is resident.
    fn padded(len: usize) -> Option<Layout> {
        Layout::from_size_align(len.checked_add(2 * PAGE)?, align_of::<*mut u8>()).ok()
    }

    pub(super) fn reserve(len: usize) -> Result<NonNull<u8>, i32> {
        let layout = padded(len).ok_or(NO_MEMORY)?;
        // SAFETY: I1: the layout is at least two pages.
        let start = NonNull::new(unsafe { System.alloc_zeroed(layout) }).ok_or(NO_MEMORY)?;
        let before = (start.addr().get() + PAGE).next_multiple_of(PAGE) - start.addr().get();
        // SAFETY: I1: `before` is at most two pages, which the layout has beyond `len`.
        let base = unsafe { start.add(before) };
        // SAFETY: I1: at least a page lies between `start` and `base`; `base` is aligned to one.
        unsafe { base.cast::<NonNull<u8>>().sub(1).write(start) };
        Ok(base)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the same signature as the other form")]
    pub(super) unsafe fn commit(_: NonNull<u8>, _: usize) -> Result<(), i32> {
        Ok(())
    }

    pub(super) unsafe fn purge(_: NonNull<u8>, _: usize) -> bool {
        false
    }

    pub(super) fn advise_huge(_: NonNull<u8>, _: usize) {}

    pub(super) fn resident(_: NonNull<u8>, len: usize) -> usize {
        len
    }

    pub(super) unsafe fn release(base: NonNull<u8>, len: usize) {
        // SAFETY: I1: `reserve` wrote it there.
        let start = unsafe { base.cast::<NonNull<u8>>().sub(1).read() };
        if let Some(layout) = padded(len) {
            // SAFETY: I1: `reserve` allocated it with this very layout.
            unsafe { System.dealloc(start.as_ptr(), layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_memory_is_zero_and_writable_and_purged_memory_is_zero_again() {
        let reservation = Reservation::reserve(8 << 20).unwrap();
        reservation.commit(1 << 20, 1 << 20).unwrap();
        let byte = reservation.at((1 << 20) + 5000).as_ptr();
        // SAFETY: I1: committed just now.
        assert_eq!(unsafe { byte.read() }, 0);
        // SAFETY: I1: as above.
        unsafe { byte.write(7) };
        // SAFETY: I4: this test owns the whole reservation.
        let given_back = unsafe { reservation.purge(1 << 20, 1 << 20) };
        if cfg!(all(unix, not(any(smarena_portable, miri)))) {
            assert_eq!(given_back, PAGE);
            // SAFETY: I1: still committed.
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
        let given_back = unsafe { reservation.purge(1, 3 * PAGE - 2) };
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
