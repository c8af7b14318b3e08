//! `smarena-global`: `Global` as the global allocator of a program, whose every call goes through a function that the compiler makes of it.
//!
//! This program has a global allocator of its own ([`route`](crate::route)), so these functions stand for the compiler's: neither does any
//! know a size, nor is it inlined. A workload that asks for deep caches gets what `Global` has.

use core::alloc::{GlobalAlloc, Layout};
use core::convert::Infallible;

use smarena::{Global, StaticHeap};

use crate::candidate::{Calls, Candidate, Job};
use crate::owners::Standard;

/// `smarena-global`, and its calls.
#[derive(Clone, Copy)]
pub struct AsGlobal;

#[inline(never)]
fn alloc(size: usize, align: usize) -> *mut u8 {
    // SAFETY: every caller's alignment is 16, and no workload asks for 0 bytes, nor for more than `isize::MAX - 15`.
    let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
    // SAFETY: as above.
    unsafe { GlobalAlloc::alloc(&Global, layout) }
}

/// # Safety
/// As [`Calls::free`].
#[inline(never)]
unsafe fn dealloc(block: *mut u8, size: usize, align: usize) {
    // SAFETY: as for `alloc`.
    let layout = unsafe { Layout::from_size_align_unchecked(size, align) };
    // SAFETY: the caller's promise.
    unsafe { GlobalAlloc::dealloc(&Global, block, layout) };
}

/// # Safety
/// As [`Calls::realloc`].
#[inline(never)]
unsafe fn realloc(block: *mut u8, old: usize, align: usize, new: usize) -> *mut u8 {
    // SAFETY: as for `alloc`.
    let layout = unsafe { Layout::from_size_align_unchecked(old, align) };
    // SAFETY: the caller's promise.
    unsafe { GlobalAlloc::realloc(&Global, block, layout, new) }
}

// SAFETY: a `GlobalAlloc` gives null or a block of the layout.
unsafe impl Calls for AsGlobal {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        alloc(size, 16)
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: the caller's promise; `Global` goes by the address, and looks at no size but 0.
        unsafe { dealloc(block, 16, 16) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { realloc(block, old, 16, new) }
    }

    fn trim(self) {
        Global::HEAP.trim();
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for AsGlobal {
    type Heap = Infallible;

    fn enter<J: Job>(&self, job: J) {
        job.run(*self);
    }
}
