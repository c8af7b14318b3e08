//! A heap's table of seats, one for each thread slot: opening, closing, and looking at all caches.

use core::ptr::NonNull;

use super::bucket::Bucket;
use super::cache::{Cache, LanePlan, LaneSetup};
use super::registry::SLOTS;
use super::seat::{STRIDE, Seat};
use crate::class::MAX_CLASSES;
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

/// Shared; each seat in it is one thread's.
pub(crate) struct Table {
    /// Slot 0; `None` on a hardened heap, whose threads have no caches.
    first: Option<NonNull<Seat>>,
    /// Slots whose seat was ever used: nobody need look at the others, whose memory was never touched.
    used: [AtomicU64; SLOTS.div_ceil(64)],
}

impl Table {
    /// A table over `TABLE_BYTES` committed zero bytes, or none at all.
    pub(crate) fn new(first: Option<NonNull<Seat>>) -> Self {
        Self { first, used: [const { AtomicU64::new(0) }; SLOTS.div_ceil(64)] }
    }

    pub(crate) fn first(&self) -> Option<NonNull<Seat>> {
        self.first
    }

    /// The seat of the thread that has `slot`.
    pub(crate) fn seat(&self, slot: usize) -> Option<&Seat> {
        assert!(slot < SLOTS);
        // SAFETY: I1: the table has `SLOTS` seats.
        let seat = unsafe { self.first?.add(slot) };
        // SAFETY: I1, I6: committed, and zero bytes are a seat; what others than its thread look at are atomics.
        Some(unsafe { seat.as_ref() })
    }

    /// Gives the closed `cache`, one of the two that the thread with `slot` may have, room for blocks of each bucket.
    ///
    /// `None` when the system refuses memory.
    pub(crate) fn open(&self, slot: usize, cache: &Cache, how: &Opening<'_>) -> Option<()> {
        let chunks = self.seat(slot)?.chunks_of(cache);
        // Once for each bucket: one that is growing meanwhile would be planned larger than the memory is.
        let mut plans = [LanePlan::NONE; MAX_CLASSES];
        for (plan, bucket) in plans.iter_mut().zip(how.buckets) {
            *plan = LanePlan::new((how.room)(bucket.block_size()), bucket.block_size(), bucket.limit());
        }
        let memory = chunks.at_least(plans.iter().map(|plan| plan.bytes()).sum())?;
        let lanes = how.buckets.iter().zip(plans).map(|(bucket, plan)| LaneSetup {
            base: bucket.span().base(),
            bytes: bucket.most_bytes(),
            block_size: u32::try_from(bucket.block_size()).expect("no table has blocks above 2 MiB"),
            plan,
        });
        cache.open(how.region, memory, lanes);
        self.set_used(slot);
        Some(())
    }

    /// Notes that the thread with `slot` has `cache` in its own memory; the caller is that thread, and holds the registry's lock.
    pub(crate) fn set_local(&self, slot: usize, cache: &Cache) {
        if let Some(seat) = self.seat(slot) {
            self.set_used(slot);
            seat.set_local(cache);
        }
    }

    /// Empties the cache in `slot` into the buckets and makes it zero again. The memory of its chunks stays for the slot's next
    /// owner: this runs under the registry's lock.
    pub(crate) fn close(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(seat) = self.used_seat(slot) {
            seat.close(buckets);
        }
    }

    /// As `close`, for the cache that the ending thread with `slot` has in its own memory; it will not be looked at again.
    pub(crate) fn close_local(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(seat) = self.used_seat(slot) {
            seat.close_local(buckets);
        }
    }

    /// Forgets the caches in the memory of all threads but the one with `slot`: they did not come along into a forked process.
    pub(crate) fn forget_locals_but(&self, slot: Option<usize>) {
        for other in (0..SLOTS).filter(|&other| Some(other) != slot) {
            self.used_seat(other).inspect(|seat| seat.forget_local());
        }
    }

    /// Closes every cache and releases their memory. The heap is ending: no thread uses it any more.
    pub(crate) fn release(&self, buckets: &[Bucket]) {
        for slot in 0..SLOTS {
            self.close(slot, buckets);
            if let Some(seat) = self.used_seat(slot) {
                // No cache is left in a thread's memory: a heap that a type names never ends.
                seat.release();
            }
        }
    }

    /// Shows all open caches to `visit`.
    ///
    /// # Safety
    /// The caller holds the registry's lock.
    pub(crate) unsafe fn each_open(&self, mut visit: impl FnMut(&Cache)) {
        for seat in (0..SLOTS).filter_map(|slot| self.used_seat(slot)) {
            // SAFETY: I10: the caller holds the lock.
            unsafe { seat.caches() }.filter(|cache| cache.is_open()).for_each(&mut visit);
        }
    }

    fn set_used(&self, slot: usize) {
        // Relaxed: a heap is released when every thread is done with it, and statistics are a snapshot.
        self.used[slot / 64].fetch_or(1 << (slot % 64), Relaxed);
    }

    fn used_seat(&self, slot: usize) -> Option<&Seat> {
        let used = self.used[slot / 64].load(Relaxed) & (1 << (slot % 64)) != 0;
        if used { self.seat(slot) } else { None }
    }
}
