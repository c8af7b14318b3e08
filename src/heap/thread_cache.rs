//! `ThreadCache`: this thread's cache of one heap, held in the hand.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::Heap;
use crate::class::SizeClasses;
use crate::config::CacheWarmup;
use crate::derived::debug_by;
use crate::error::AllocError;
use crate::raw::heap::Cache;

/// This thread's cache of a heap, sized and warmed by [`Heap::thread_cache`].
///
/// `alloc` and `free` do what [`Heap::malloc`] and [`Heap::free`] do, without looking up which cache is this thread's. Calls
/// through the heap itself use the same cache meanwhile.
///
/// It belongs to the thread that made it:
///
/// ```compile_fail,E0277
/// # use smarena::{CacheWarmup, Heap, Linear};
/// let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
/// let cache = heap.thread_cache(4096, CacheWarmup::Cold);
/// std::thread::scope(|scope| scope.spawn(move || drop(cache)));
/// ```
pub struct ThreadCache<'h, C: SizeClasses> {
    heap: &'h Heap<C>,
    /// Our slot of the heap's table; an empty one if this thread cannot have one.
    cache: &'h Cache,
    not_send: PhantomData<*mut ()>,
}

impl<'h, C: SizeClasses> ThreadCache<'h, C> {
    pub(super) fn new(heap: &'h Heap<C>, bytes: usize, warmup: CacheWarmup) -> Self {
        let cache = heap.raw().hold_cache(bytes, warmup);
        Self { heap, cache, not_send: PhantomData }
    }

    /// As [`Heap::malloc`].
    ///
    /// # Errors
    /// As [`Heap::malloc`].
    ///
    /// ```
    /// # use smarena::{CacheWarmup, Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let cache = heap.thread_cache(4096, CacheWarmup::Cold);
    /// let block = cache.alloc(64, 0)?;
    /// # // SAFETY: live, from this heap, not used any more.
    /// # unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn alloc(&self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        if let Some(class) = Heap::<C>::class(size, align) {
            if let Some(block) = self.cache.lane(class).pop() {
                return Ok(block);
            }
        }
        self.heap.called().malloc_slow(size, align)
    }

    /// As [`Heap::free`].
    ///
    /// # Safety
    /// As [`Heap::free`]: the block is this heap's, live, and not used any more. Which thread allocated it does not matter.
    ///
    /// ```
    /// # use smarena::{CacheWarmup, Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let cache = heap.thread_cache(4096, CacheWarmup::Cold);
    /// let block = heap.malloc(64, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { cache.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub unsafe fn free(&self, block: NonNull<u8>) {
        if !self.cache.push(block) {
            // SAFETY: I10: the caller's contract is the same.
            unsafe { self.heap.raw().by(None).deallocate_slow(block) }
        }
    }
}

impl<C: SizeClasses> Drop for ThreadCache<'_, C> {
    fn drop(&mut self) {
        self.heap.raw().let_cache_go(self.cache);
    }
}

debug_by! { [C: SizeClasses] ThreadCache<'_, C> |cache| { heap: cache.heap.name() } }
