//! Heaps as global allocators: `Global` for the whole program, any heap for code that is generic over `GlobalAlloc`.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use crate::class::SizeClasses;
use crate::heap::{Global, Heap, by_type};

/// Writes the same impl for one allocator type, from its heap, and the cache that this thread has for it, if it says so by itself.
///
/// Few instructions, for whoever's program is compiled in whichever way: no closures, and one call at most, of what does not unwind and answers in
/// a register. A block goes back by its address: a layout that is known only here has its class to be looked up, which takes more.
macro_rules! global_alloc {
    ($(#[$doc:meta])* $type:ty $(, $generic:ident)?: |$this:ident| $called:expr) => {
        $(#[$doc])*
        // SAFETY: I10: blocks are at least as large and as aligned as the layout (`HeapRef`), stay valid until they are freed, and
        // no call unwinds: a refusal is an `Err`, and misuse aborts.
        unsafe impl$(<$generic: SizeClasses>)? GlobalAlloc for $type {
            #[inline(always)]
            unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
                let $this = self;
                match $called.allocate_or_none(layout) {
                    Some(block) => block.as_ptr(),
                    None => null_mut(),
                }
            }

            #[inline]
            unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
                let $this = self;
                $called.allocate_zeroed(layout).map_or(null_mut(), NonNull::as_ptr)
            }

            #[inline(always)]
            unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
                let $this = self;
                // SAFETY: I10: the caller's block, which is never null.
                let block = unsafe { NonNull::new_unchecked(block) };
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.deallocate_by_address(block, layout) }
            }

            #[inline]
            unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
                let (Some(block), Ok(new)) = (NonNull::new(block), Layout::from_size_align(size, layout.align())) else {
                    return null_mut();
                };
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                match unsafe { $called.reallocate(block, layout, new) } {
                    Ok(block) => block.as_ptr(),
                    Err(_) => null_mut(),
                }
            }
        }
    };
}

global_alloc! {
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
    Global: |this| by_type(this)
}

global_alloc! {
    /// For code that is generic over `GlobalAlloc`. The program's own global allocator is [`Global`].
    ///
    /// ```
    /// use smarena::{Heap, Linear};
    /// use std::alloc::{GlobalAlloc, Layout};
    ///
    /// let heap = Heap::<Linear<8>>::builder().hardened(true).build()?;
    /// let layout = Layout::new::<[u64; 4]>();
    /// // SAFETY: a layout with bytes; the block is given back once, with the same layout.
    /// unsafe {
    ///     let block = heap.alloc(layout);
    ///     assert!(!block.is_null());
    ///     heap.dealloc(block, layout);
    /// }
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    Heap<C>, C: |this| this.called()
}
