//! A heap's table of thread caches, one for each thread slot: opening, closing, and looking at all of them.

use core::ptr::NonNull;

use super::bucket::Bucket;
use super::cache::{Cache, LanePlan, LaneSetup};
use super::os::{Reservation, page};
use super::registry::SLOTS;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicU64;

/// Bytes of a table's memory.
pub(crate) const TABLE_BYTES: usize = SLOTS * Cache::STRIDE;

/// Shared; each cache in it is one thread's.
pub(crate) struct Table {
    /// Slot 0; `None` on a hardened heap, whose threads have no caches.
    first: Option<NonNull<Cache>>,
    /// Slots whose cache was ever open: nobody need look at the others, whose memory was never touched.
    used: [AtomicU64; SLOTS.div_ceil(64)],
}

impl Table {
    /// A table over `TABLE_BYTES` committed zero bytes, or none at all.
    pub(crate) fn new(first: Option<NonNull<Cache>>) -> Self {
        Self { first, used: [const { AtomicU64::new(0) }; SLOTS.div_ceil(64)] }
    }

    pub(crate) fn first(&self) -> Option<NonNull<Cache>> {
        self.first
    }

    /// The cache in `slot`, open or not.
    pub(crate) fn cache(&self, slot: usize) -> Option<&Cache> {
        assert!(slot < SLOTS);
        // SAFETY: I1: the table has `SLOTS` caches.
        let cache = unsafe { self.first?.add(slot) };
        // SAFETY: I1, I6: committed, and zero bytes are a cache; all its fields are atomics.
        Some(unsafe { cache.as_ref() })
    }

    /// Gives the closed cache in `slot`, which the caller's thread holds, room for blocks of each bucket: `room` says for how many
    /// bytes of blocks of a given size.
    ///
    /// `region` is the first span's address and the shift that leads to the others; without it no free takes the fast path.
    /// `None` when the system refuses memory.
    pub(crate) fn open(
        &self,
        slot: usize,
        room: &dyn Fn(usize) -> usize,
        buckets: &[Bucket],
        region: Option<(usize, u32)>,
    ) -> Option<&Cache> {
        let cache = self.cache(slot)?;
        let plan = |bucket: &Bucket| LanePlan::new(room(bucket.block_size()), bucket.block_size(), bucket.limit());
        let memory = Self::memory(cache, buckets.iter().map(|bucket| plan(bucket).bytes()).sum())?;
        let lanes = buckets.iter().map(|bucket| LaneSetup {
            start: bucket.span().start(),
            bytes: bucket.most_bytes(),
            block_size: u32::try_from(bucket.block_size()).expect("no table has blocks above 2 MiB"),
            plan: plan(bucket),
        });
        cache.open(region, memory, lanes);
        // Relaxed: a heap is released when every thread is done with it, and statistics are a snapshot.
        self.used[slot / 64].fetch_or(1 << (slot % 64), Relaxed);
        Some(cache)
    }

    /// Memory for a cache's chunks: what the slot's last owner left, if it is large enough.
    fn memory(cache: &Cache, bytes: usize) -> Option<NonNull<u8>> {
        if let Some(memory) = NonNull::new(cache.memory.load(Relaxed)) {
            if cache.memory_bytes.load(Relaxed) >= bytes {
                return Some(memory);
            }
            Self::release_memory(cache);
        }
        // A page at least, and all of it: the next owner may want more than this one.
        let bytes = bytes.next_multiple_of(page()).max(page());
        let memory = Reservation::reserve(bytes).ok()?;
        memory.commit(0, bytes).ok()?;
        let (address, len) = memory.into_parts();
        cache.memory.store(address.as_ptr(), Relaxed);
        cache.memory_bytes.store(len, Relaxed);
        Some(address)
    }

    fn release_memory(cache: &Cache) {
        let len = cache.memory_bytes.swap(0, Relaxed);
        if let Some(address) = NonNull::new(cache.memory.swap(core::ptr::null_mut(), Relaxed)) {
            // SAFETY: I5: `memory` stored the parts, and the closed cache no longer points there.
            drop(unsafe { Reservation::from_parts(address, len) });
        }
    }

    /// Empties the cache in `slot` into the buckets and makes it zero again. Its memory stays for the slot's next owner:
    /// this runs under the registry's lock.
    pub(crate) fn close(&self, slot: usize, buckets: &[Bucket]) {
        if !self.is_used(slot) {
            return;
        }
        if let Some(cache) = self.cache(slot).filter(|cache| cache.is_open()) {
            for (class, bucket) in buckets.iter().enumerate() {
                cache.lane(class).drain(bucket);
            }
            cache.close();
        }
    }

    /// Closes every cache and releases their memory. The heap is ending: no thread uses it any more.
    pub(crate) fn release(&self, buckets: &[Bucket]) {
        for slot in (0..SLOTS).filter(|&slot| self.is_used(slot)) {
            self.close(slot, buckets);
            if let Some(cache) = self.cache(slot) {
                Self::release_memory(cache);
            }
        }
    }

    /// All open caches.
    pub(crate) fn open_caches(&self) -> impl Iterator<Item = &Cache> {
        let used = (0..SLOTS).filter(|&slot| self.is_used(slot));
        used.filter_map(|slot| self.cache(slot)).filter(|cache| cache.is_open())
    }

    fn is_used(&self, slot: usize) -> bool {
        self.used[slot / 64].load(Relaxed) & (1 << (slot % 64)) != 0
    }
}
