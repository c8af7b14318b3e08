//! `smarena-handle`: this thread's explicit cache of a heap, so that no thread-local is looked up.

use smarena::{CacheWarmup, Heap, ThreadCache};

use super::{Classes, Ours, ReferredCalls, SmallHeap, non_null, or_null, small_heap};
use crate::candidate::{Calls, Candidate, Job, Setup, Skip};
use crate::owners::Standard;

/// Bytes of blocks the cache holds per bucket where a workload does not say: what a heap gives a thread by itself.
const CACHE_BYTES: usize = 64 << 10;

/// `smarena-handle`.
pub struct Handle(Ours);

impl Handle {
    /// A heap for `setup`.
    pub fn new(setup: &Setup) -> Result<Self, Skip> {
        Ours::new(setup).map(Self)
    }
}

/// Calls of [`Handle`]: blocks through this thread's cache; what a cache cannot do, through its heap.
#[derive(Clone, Copy)]
pub struct HandleCalls<'t> {
    cache: &'t ThreadCache<'t, Classes>,
    heap: &'t Heap<Classes>,
}

// SAFETY: as `InlinedCalls`.
unsafe impl Calls for HandleCalls<'_> {
    type Owners = Standard<Self>;

    #[inline(always)]
    fn malloc(self, size: usize) -> *mut u8 {
        or_null(self.cache.alloc(size, 16))
    }

    #[inline(always)]
    unsafe fn free(self, block: *mut u8) {
        // SAFETY: a live block is not null.
        let block = unsafe { non_null(block) };
        // SAFETY: the caller's block is live and of this heap.
        unsafe { self.cache.free(block) };
    }

    #[inline(always)]
    unsafe fn realloc(self, block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { ReferredCalls(self.heap).realloc(block, old, new) }
    }

    fn trim(self) {
        self.heap.trim();
    }

    fn owners(self) -> Self::Owners {
        Standard(self)
    }
}

impl Candidate for Handle {
    type Heap = SmallHeap;
    const HEAPS: bool = true;

    fn enter<J: Job>(&self, job: J) {
        let heap = &self.0.heap;
        let cache = heap.thread_cache(self.0.cache_bytes.unwrap_or(CACHE_BYTES), CacheWarmup::Cold);
        job.run(HandleCalls { cache: &cache, heap });
    }

    fn new_heap(&self) -> Option<SmallHeap> {
        small_heap()
    }
}
