//! The smalloc of crate `smmalloc`: a Rust allocator, so its calls are inlined, as ours are.

use core::alloc::{GlobalAlloc, Layout};
use core::convert::Infallible;

use smmalloc::Smalloc as Allocator;

use crate::candidate::{Calls, Candidate, Job};
use crate::owners::Standard;

static ALLOCATOR: Allocator = Allocator::new();

/// smalloc 7.
#[derive(Debug, Clone, Copy)]
pub struct Smalloc;

#[inline(always)]
fn layout(size: usize) -> Layout {
    // SAFETY: 16 is a power of two, and no workload asks for more than `isize::MAX - 15` bytes.
    unsafe { Layout::from_size_align_unchecked(size, 16) }
}

// SAFETY: a `GlobalAlloc` gives null or a block of the layout.
unsafe impl Calls for Smalloc {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        // SAFETY: no workload asks for 0 bytes.
        unsafe { ALLOCATOR.alloc(layout(size)) }
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: the caller's block is live; the allocator finds its size from the address and ignores the layout's.
        unsafe { ALLOCATOR.dealloc(block, layout(16)) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's block is live and of `old` bytes.
        unsafe { ALLOCATOR.realloc(block, layout(old), new) }
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for Smalloc {
    type Heap = Infallible;

    fn enter<J: Job>(&self, job: J) {
        job.run(*self);
    }
}
