//! `Global` as the program's global allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use crate::heap::{Global, HeapRef};

/// The whole program allocates from the [`Global`] heap.
///
/// Nothing in the heap allocates through Rust's global allocator, so it can stand behind it: its own state lies in its own
/// reservation, and what no bucket serves goes to the system allocator.
///
/// ```
/// use smarena::{Global, StaticHeap};
///
/// #[global_allocator]
/// static ALLOCATOR: Global = Global;
///
/// let words: Vec<String> = (0..100).map(|number| number.to_string()).collect();
/// assert!(Global::HEAP.stats().live() >= words.len());
/// ```
// SAFETY: I10: blocks are at least as large and as aligned as the layout (`HeapRef`), stay valid until they are freed, and no call
// unwinds: a refusal is an `Err`, and misuse aborts.
unsafe impl GlobalAlloc for Global {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.allocate(layout).map_or(null_mut(), NonNull::as_ptr)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: I10: the caller's contract is the same.
            unsafe { self.deallocate(block, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (Some(block), Ok(new)) = (NonNull::new(block), Layout::from_size_align(size, layout.align())) else {
            return null_mut();
        };
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.reallocate(block, layout, new) }.map_or(null_mut(), NonNull::as_ptr)
    }
}
