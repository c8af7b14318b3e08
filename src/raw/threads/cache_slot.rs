//! What one thread has in one heap: its cache, and the memory that its chunks lie in.

use core::mem::{ManuallyDrop, offset_of, size_of};
use core::ptr::{NonNull, null_mut};

use crate::raw::buckets::bucket::Bucket;
use crate::raw::cache::Cache;
use crate::raw::lock::Lock;
use crate::raw::os::{Reservation, page};
use crate::raw::threads::registry::Entry;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::{AtomicPtr, AtomicUsize};

/// Distance between two threads' cache slots, and so between their caches. Whole pages: a neighbour's lines, pulled in by a prefetcher, would
/// cost more than the allocator does.
pub(crate) const STRIDE: usize = size_of::<CacheSlot>();
/// Where in its cache slot a cache lies.
pub(crate) const CACHE_OFFSET: usize = offset_of!(CacheSlot, cache);

/// What one thread has in one heap. Its own thread's; others may peek at the atomics. Zero bytes are an empty cache slot.
#[repr(C, align(4096))]
pub(crate) struct CacheSlot {
    pub(crate) chunks: Chunks,
    /// `ThreadCache` guards of this heap that the thread holds.
    pub(crate) guards: AtomicUsize,
    /// Whether the thread said that it wants no cache: then it gets none by itself.
    pub(crate) forgoes: AtomicUsize,
    /// In the list of heaps that the thread used, from its first cache here to its end.
    pub(crate) entry: Entry,
    /// Last: the lanes that a heap does not have are pages that nobody touches.
    cache: Cache,
}

/// The mapping that a cache's chunks lie in. It outlasts the cache's closing, for the cache slot's next owner, if nobody gives it back before. Changed under
/// the table's lock (I5), which orders what is done to it: so Relaxed is enough.
pub(crate) struct Chunks {
    first: AtomicPtr<u8>,
    bytes: AtomicUsize,
}

impl CacheSlot {
    #[cfg(all(test, not(loom)))]
    pub(crate) fn empty() -> Self {
        Self {
            chunks: Chunks { first: AtomicPtr::new(null_mut()), bytes: AtomicUsize::new(0) },
            guards: AtomicUsize::new(0),
            forgoes: AtomicUsize::new(0),
            entry: Entry::default(),
            cache: Cache::empty(),
        }
    }

    /// The cache that lies in the table, open or not.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// In a fork's child, whose thread this was does not exist: whatever it was about to do in its cache, that is zero now. What it
    /// held, and what the thread held in its hands, stays used. Nobody else is there.
    pub(crate) fn abandon(&self) {
        self.cache.close();
        self.guards.store(0, Relaxed);
        self.forgoes.store(0, Relaxed);
        self.entry.forget();
    }
}

impl Chunks {
    /// Lets `open` open the cache over memory of at least `bytes`: what the cache slot's last owner left, if it is there still and large enough. That is
    /// done under the table's `lock`; the system is asked outside of it. `None` when it refuses.
    pub(crate) fn open_over(&self, bytes: usize, lock: &Lock, open: impl Fn(NonNull<u8>)) -> Option<()> {
        let left = || NonNull::new(self.first.load(Relaxed)).filter(|_| self.bytes.load(Relaxed) >= bytes);
        if lock.with(|| left().map(&open)).is_some() {
            return Some(());
        }
        drop(lock.with(|| self.take()));
        // A page at least, and all of it: the next owner may want more than this one.
        let bytes = bytes.next_multiple_of(page()).max(page());
        let memory = Reservation::reserve(bytes).ok()?;
        memory.commit(0, bytes).ok()?;
        let (first, len) = memory.into_parts();
        lock.with(|| {
            self.first.store(first.as_ptr(), Relaxed);
            self.bytes.store(len, Relaxed);
            open(first);
        });
        Some(())
    }

    /// The mapping, which is not the cache slot's any more; its cache is closed. The caller holds the table's lock.
    pub(crate) fn take(&self) -> Option<Reservation> {
        let (first, len) = (self.first.swap(null_mut(), Relaxed), self.bytes.swap(0, Relaxed));
        // SAFETY: I5: `open_over` stored the parts, and no open cache points there.
        NonNull::new(first).map(|first| unsafe { Reservation::from_parts(first, len) })
    }

    /// How many bytes of the mapping are backed by memory, if the system says so. The caller holds the table's lock.
    pub(crate) fn resident(&self) -> Option<usize> {
        let len = self.bytes.load(Relaxed);
        let first = NonNull::new(self.first.load(Relaxed));
        // SAFETY: I5: `open_over` stored the parts; this one is not dropped.
        let memory = first.map(|first| ManuallyDrop::new(unsafe { Reservation::from_parts(first, len) }));
        memory.map_or(Some(0), |memory| memory.resident(0, len))
    }
}

/// Empties `cache` into the buckets, if it is open.
pub(crate) fn drain(cache: &Cache, buckets: &[Bucket]) {
    if cache.is_open() {
        for (class, bucket) in buckets.iter().enumerate() {
            cache.lane(class).drain(bucket);
        }
    }
}
