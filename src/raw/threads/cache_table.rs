//! A heap's table of cache slots, one for each thread slot: opening, closing, and looking at all caches.

use core::ptr::NonNull;

use crate::class::MAX_CLASSES;
use crate::raw::buckets::bucket::Bucket;
use crate::raw::cache::{Cache, LanePlan, LaneSetup};
use crate::raw::lock::Lock;
use crate::raw::os::{self, Reservation};
use crate::raw::threads::cache_slot::{self, CACHE_OFFSET, CacheSlot, STRIDE};
use crate::raw::threads::registry::{Entry, SLOTS};
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicU64;

/// Bytes of a table's memory.
pub(crate) const TABLE_BYTES: usize = SLOTS * STRIDE;

/// What a cache is opened with.
pub(crate) struct Opening<'h> {
    /// For how many bytes of blocks of a given size there shall be room.
    pub(crate) room: &'h dyn Fn(usize) -> usize,
    pub(crate) buckets: &'h [Bucket],
    /// The first span's address and the shift that leads to the others; without it no free takes the fast path.
    pub(crate) region: Option<(usize, u32)>,
}

/// Shared; each cache slot in it is one thread's.
pub(crate) struct CacheTable {
    /// Slot 0.
    first: NonNull<CacheSlot>,
    /// Slots whose cache slot was ever used: nobody need look at the others, whose memory was never touched.
    used: [AtomicU64; SLOTS.div_ceil(64)],
    /// Held while a thread opens or closes a cache, and while others look at one: what they rely on is there as long as they look.
    pub(crate) lock: Lock,
}

impl CacheTable {
    /// A table over `TABLE_BYTES` zero bytes, committed as far as there are threads for them (I15).
    pub(crate) fn new(first: NonNull<CacheSlot>) -> Self {
        Self { first, used: [const { AtomicU64::new(0) }; SLOTS.div_ceil(64)], lock: Lock::new() }
    }

    pub(crate) fn first(&self) -> NonNull<CacheSlot> {
        self.first
    }

    /// The cache of slot 0; those of the others follow at distances of `STRIDE`.
    pub(crate) fn first_cache(&self) -> NonNull<Cache> {
        // SAFETY: I1: inside the table's first cache slot.
        unsafe { self.first.byte_add(CACHE_OFFSET) }.cast()
    }

    /// The cache slot of the thread that has `slot`.
    pub(crate) fn cache_slot(&self, slot: usize) -> &CacheSlot {
        assert!(slot < SLOTS);
        // SAFETY: I1: the table has `SLOTS` cache slots.
        let cache_slot = unsafe { self.first.add(slot) };
        // SAFETY: I1, I6: committed, and zero bytes are a cache slot; what others than its thread look at are atomics.
        unsafe { cache_slot.as_ref() }
    }

    /// Gives the closed cache in `cache_slot`, which is the caller's, room for blocks of each bucket.
    ///
    /// `None` when the system refuses memory.
    pub(crate) fn open(&self, cache_slot: &CacheSlot, how: &Opening<'_>) -> Option<()> {
        // Once for each bucket: one that is growing meanwhile would be planned larger than the memory is.
        let mut plans = [LanePlan::NONE; MAX_CLASSES];
        for (plan, bucket) in plans.iter_mut().zip(how.buckets) {
            *plan = LanePlan::new((how.room)(bucket.block_size()), bucket.block_size(), bucket.capacity());
        }
        let bytes = plans.iter().map(|plan| plan.bytes()).sum();
        cache_slot.chunks.open_over(bytes, &self.lock, |memory| {
            let lanes = how.buckets.iter().zip(&plans).map(|(bucket, &plan)| LaneSetup {
                base: bucket.span().base(),
                bytes: bucket.most_bytes(),
                block_size: u32::try_from(bucket.block_size()).expect("no table has blocks above 2 MiB"),
                plan,
            });
            cache_slot.cache().open(how.region, memory, lanes);
        })
    }

    /// Empties the cache in `slot` into the buckets and makes it zero again. The memory of its chunks stays for the slot's next
    /// owner. The caller is the thread with `slot`.
    pub(crate) fn close(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(cache) = self.open_cache(slot) {
            cache_slot::drain(cache, buckets);
            // Only this under the lock: others may look at a cache that is being emptied.
            self.lock.with(|| cache.close());
        }
    }

    /// Empties the cache in `slot` into the buckets; it stays open. The caller is the thread with `slot`.
    pub(crate) fn empty(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(cache) = self.open_cache(slot) {
            cache_slot::drain(cache, buckets);
        }
    }

    /// The cache in `slot`, if it is open. The caller is the thread with `slot`, or holds the lock.
    fn open_cache(&self, slot: usize) -> Option<&Cache> {
        self.used_cache_slot(slot).map(CacheSlot::cache).filter(|cache| cache.is_open())
    }

    /// Notes that the thread with `slot`, which is the caller, ends: what it wanted and held is nothing to the next one.
    pub(crate) fn forget(&self, slot: usize) {
        if let Some(cache_slot) = self.used_cache_slot(slot) {
            cache_slot.forgoes.store(0, Relaxed);
            cache_slot.guards.store(0, Relaxed);
        }
    }

    /// Notes whether the thread with `slot`, which is the caller, wants no cache.
    pub(crate) fn set_forgoes(&self, slot: usize, forgoes: bool) {
        self.cache_slot(slot).forgoes.store(forgoes.into(), Relaxed);
    }

    /// In a fork's child: abandons the caches of all threads but the one with `slot`, which did not come along.
    pub(crate) fn abandon_but(&self, slot: Option<usize>) {
        self.used_cache_slots()
            .filter(|&(other, _)| Some(other) != slot)
            .for_each(|(_, cache_slot)| cache_slot.abandon());
    }

    /// Releases the memory of all caches. The heap is ending: no thread uses it any more, and what lies in them goes with it.
    pub(crate) fn release(&self) {
        for (_, cache_slot) in self.used_cache_slots() {
            drop(self.lock.with(|| cache_slot.chunks.take()));
        }
    }

    /// Gives the memory of the chunks of the thread with `slot` back to the system, as it ends.
    pub(crate) fn release_chunks(&self, slot: usize) {
        if let Some(cache_slot) = self.used_cache_slot(slot) {
            drop(self.lock.with(|| cache_slot.chunks.take()));
        }
    }

    /// Gives the memory of the chunks of all caches that are closed back to the system; returns how many bytes were resident.
    pub(crate) fn release_idle_chunks(&self) -> usize {
        let release = |(_, cache_slot): (usize, &CacheSlot)| {
            // Under the lock nobody opens it.
            let take = || if cache_slot.cache().is_open() { None } else { cache_slot.chunks.take() };
            self.lock.with(take).map_or(0, |chunks| resident(&chunks))
        };
        self.used_cache_slots().map(release).sum()
    }

    /// Gives all memory of the cache slot `slot` back, whose thread has ended; the caller has the slot meanwhile. `table` is the table's offset in
    /// `reservation`. Says how many bytes were resident.
    pub(crate) fn release_cache_slot(&self, slot: usize, reservation: &Reservation, table: usize) -> usize {
        let Some(cache_slot) = self.used_cache_slot(slot) else { return 0 };
        let chunks = self.lock.with(|| cache_slot.chunks.take());
        let chunks = chunks.as_ref().map_or(0, resident);
        if os::COUNTED {
            // Purged, it would have to be committed again before any thread has the slot, and that may be refused.
            return chunks;
        }
        // Relaxed: as in `set_used`.
        self.used[slot / 64].fetch_and(!(1 << (slot % 64)), Relaxed);
        // SAFETY: I4, I5: the caller's own; its cache is closed, and zero bytes are an empty cache slot.
        chunks + unsafe { reservation.purge(table + slot * STRIDE, table + (slot + 1) * STRIDE) }
    }

    /// The slots whose cache slots were ever used.
    pub(crate) fn used_slots(&self) -> impl Iterator<Item = usize> {
        self.used_cache_slots().map(|(slot, _)| slot)
    }

    /// Bytes of memory behind all cache slots and their chunks, in whole pages, if the system says so. `table` is the table's offset in `reservation`.
    pub(crate) fn resident(&self, reservation: &Reservation, table: usize) -> Option<usize> {
        let of_slot = |(slot, cache_slot): (usize, &CacheSlot)| {
            let chunks = self.lock.with(|| cache_slot.chunks.resident())?;
            Some(chunks + reservation.resident(table + slot * STRIDE, table + (slot + 1) * STRIDE)?)
        };
        self.used_cache_slots().map(of_slot).sum()
    }

    /// Shows the entries of all cache slots that were ever used, and whose they are, to `visit`.
    pub(crate) fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
        self.used_cache_slots().for_each(|(slot, cache_slot)| visit(slot, &cache_slot.entry));
    }

    /// Shows all open caches to `visit`, one cache slot's at a time under the lock.
    pub(crate) fn each_open(&self, mut visit: impl FnMut(&Cache)) {
        for slot in self.used_slots() {
            self.lock.with(|| self.open_cache(slot).into_iter().for_each(&mut visit));
        }
    }

    /// Notes that the cache slot of the thread with `slot` is not untouched any more.
    pub(crate) fn set_used(&self, slot: usize) {
        // Relaxed: a heap is released when every thread is done with it, and statistics are a snapshot.
        self.used[slot / 64].fetch_or(1 << (slot % 64), Relaxed);
    }

    fn used_cache_slots(&self) -> impl Iterator<Item = (usize, &CacheSlot)> {
        (0..SLOTS).filter_map(|slot| Some((slot, self.used_cache_slot(slot)?)))
    }

    fn used_cache_slot(&self, slot: usize) -> Option<&CacheSlot> {
        let used = self.used[slot / 64].load(Relaxed) & (1 << (slot % 64)) != 0;
        used.then(|| self.cache_slot(slot))
    }
}

/// How many bytes of a mapping are backed by memory; all, where the system does not say.
fn resident(memory: &Reservation) -> usize {
    memory.resident(0, memory.len()).unwrap_or(memory.len())
}

/// Models: a table with a single cache slot that a thread can have.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, model, thread};
    use core::alloc::Layout;

    #[test]
    fn loom_a_cache_that_is_opened_keeps_its_chunks() {
        model(|| {
            let layout = Layout::from_size_align(TABLE_BYTES, STRIDE).unwrap();
            // SAFETY: I6: zero bytes are cache slots; leaked.
            let first = unsafe { std::alloc::alloc_zeroed(layout) };
            let table = Arc::new(CacheTable::new(NonNull::new(first).unwrap().cast()));
            let other = Arc::clone(&table);
            let how = || Opening { room: &|_| 0, buckets: &[], region: None };
            table.set_used(1);
            table.open(table.cache_slot(1), &how()).unwrap();
            table.close(1, &[]);
            let thread = thread::spawn(move || other.release_idle_chunks());
            table.open(table.cache_slot(1), &how()).unwrap();
            thread.join().unwrap();
            let chunks = table.lock.with(|| table.cache_slot(1).chunks.take());
            assert!(chunks.is_some(), "the cache is open");
        });
    }
}
