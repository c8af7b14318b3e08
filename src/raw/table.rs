//! A heap's table of seats, one for each thread slot: opening, closing, and looking at all caches.

use core::ptr::NonNull;

use super::bucket::Bucket;
use super::cache::{Cache, LanePlan, LaneSetup};
use super::lock::Lock;
use super::os::Reservation;
use super::registry::{Entry, SLOTS};
use super::seat::{self, STRIDE, Seat};
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
    /// Slot 0.
    first: NonNull<Seat>,
    /// Slots whose seat was ever used: nobody need look at the others, whose memory was never touched.
    used: [AtomicU64; SLOTS.div_ceil(64)],
    /// Held while a thread opens or closes a cache, and while others look at one: what they rely on is there as long as they look.
    pub(crate) lock: Lock,
}

impl Table {
    /// A table over `TABLE_BYTES` committed zero bytes.
    pub(crate) fn new(first: NonNull<Seat>) -> Self {
        Self { first, used: [const { AtomicU64::new(0) }; SLOTS.div_ceil(64)], lock: Lock::new() }
    }

    pub(crate) fn first(&self) -> NonNull<Seat> {
        self.first
    }

    /// The seat of the thread that has `slot`.
    pub(crate) fn seat(&self, slot: usize) -> &Seat {
        assert!(slot < SLOTS);
        // SAFETY: I1: the table has `SLOTS` seats.
        let seat = unsafe { self.first.add(slot) };
        // SAFETY: I1, I6: committed, and zero bytes are a seat; what others than its thread look at are atomics.
        unsafe { seat.as_ref() }
    }

    /// Gives the closed cache in `seat`, which is the caller's, room for blocks of each bucket.
    ///
    /// `None` when the system refuses memory.
    pub(crate) fn open(&self, seat: &Seat, how: &Opening<'_>) -> Option<()> {
        // Once for each bucket: one that is growing meanwhile would be planned larger than the memory is.
        let mut plans = [LanePlan::NONE; MAX_CLASSES];
        for (plan, bucket) in plans.iter_mut().zip(how.buckets) {
            *plan = LanePlan::new((how.room)(bucket.block_size()), bucket.block_size(), bucket.capacity());
        }
        let memory = seat.chunks.at_least(plans.iter().map(|plan| plan.bytes()).sum(), &self.lock)?;
        let lanes = how.buckets.iter().zip(&plans).map(|(bucket, &plan)| LaneSetup {
            base: bucket.span().base(),
            bytes: bucket.most_bytes(),
            block_size: u32::try_from(bucket.block_size()).expect("no table has blocks above 2 MiB"),
            plan,
        });
        self.lock.with(|| seat.cache().open(how.region, memory, lanes));
        Some(())
    }

    /// Empties the cache in `slot` into the buckets and makes it zero again. The memory of its chunks stays for the slot's next
    /// owner. The caller is the thread with `slot`.
    pub(crate) fn close(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(cache) = self.open_cache(slot) {
            seat::drain(cache, buckets);
            // Only this under the lock: others may look at a cache that is being emptied.
            self.lock.with(|| cache.close());
        }
    }

    /// Empties the cache in `slot` into the buckets; it stays open. The caller is the thread with `slot`.
    pub(crate) fn empty(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(cache) = self.open_cache(slot) {
            seat::drain(cache, buckets);
        }
    }

    /// The cache in `slot`, if it is open. The caller is the thread with `slot`, or holds the lock.
    fn open_cache(&self, slot: usize) -> Option<&Cache> {
        self.used_seat(slot).map(Seat::cache).filter(|cache| cache.is_open())
    }

    /// Notes that the thread with `slot`, which is the caller, ends: what it wanted and held is nothing to the next one.
    pub(crate) fn forget(&self, slot: usize) {
        if let Some(seat) = self.used_seat(slot) {
            seat.forgoes.store(0, Relaxed);
            seat.guards.store(0, Relaxed);
        }
    }

    /// Notes whether the thread with `slot`, which is the caller, wants no cache.
    pub(crate) fn set_forgoes(&self, slot: usize, forgoes: bool) {
        self.seat(slot).forgoes.store(forgoes.into(), Relaxed);
    }

    /// In a fork's child: abandons the caches of all threads but the one with `slot`, which did not come along.
    pub(crate) fn abandon_but(&self, slot: Option<usize>) {
        self.used_seats().filter(|&(other, _)| Some(other) != slot).for_each(|(_, seat)| seat.abandon());
    }

    /// Releases the memory of all caches. The heap is ending: no thread uses it any more, and what lies in them goes with it.
    pub(crate) fn release(&self) {
        for (_, seat) in self.used_seats() {
            drop(self.lock.with(|| seat.chunks.take()));
        }
    }

    /// Gives the memory of the chunks of the thread with `slot` back to the system, as it ends.
    pub(crate) fn release_chunks(&self, slot: usize) {
        if let Some(seat) = self.used_seat(slot) {
            drop(self.lock.with(|| seat.chunks.take()));
        }
    }

    /// Gives all memory of the seat `slot` back, whose thread has ended; the caller has the slot meanwhile. `table` is the table's offset in
    /// `reservation`. Says how many bytes were resident.
    pub(crate) fn release_seat(&self, slot: usize, reservation: &Reservation, table: usize) -> usize {
        let Some(seat) = self.used_seat(slot) else { return 0 };
        let chunks = self.lock.with(|| seat.chunks.take());
        let resident = |memory: &Reservation| memory.resident(0, memory.len()).unwrap_or(memory.len());
        let chunks = chunks.as_ref().map_or(0, resident);
        // Relaxed: as in `set_used`.
        self.used[slot / 64].fetch_and(!(1 << (slot % 64)), Relaxed);
        // SAFETY: I4, I5: the caller's own; its cache is closed, and zero bytes are an empty seat.
        chunks + unsafe { reservation.purge(table + slot * STRIDE, STRIDE) }
    }

    /// The slots whose seats were ever used.
    pub(crate) fn used_slots(&self) -> impl Iterator<Item = usize> {
        self.used_seats().map(|(slot, _)| slot)
    }

    /// Bytes of memory behind all seats and their chunks, in whole pages, if the system says so. `table` is the table's offset in `reservation`.
    pub(crate) fn resident(&self, reservation: &Reservation, table: usize) -> Option<usize> {
        let of_seat = |(slot, seat): (usize, &Seat)| {
            let chunks = self.lock.with(|| seat.chunks.resident())?;
            Some(chunks + reservation.resident(table + slot * STRIDE, STRIDE)?)
        };
        self.used_seats().map(of_seat).sum()
    }

    /// Shows the entries of all seats that were ever used, and whose they are, to `visit`.
    pub(crate) fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
        self.used_seats().for_each(|(slot, seat)| visit(slot, &seat.entry));
    }

    /// Shows all open caches to `visit`, one seat's at a time under the lock.
    pub(crate) fn each_open(&self, mut visit: impl FnMut(&Cache)) {
        for slot in self.used_slots() {
            self.lock.with(|| self.open_cache(slot).into_iter().for_each(&mut visit));
        }
    }

    /// Notes that the seat of the thread with `slot` is not untouched any more.
    pub(crate) fn set_used(&self, slot: usize) {
        // Relaxed: a heap is released when every thread is done with it, and statistics are a snapshot.
        self.used[slot / 64].fetch_or(1 << (slot % 64), Relaxed);
    }

    fn used_seats(&self) -> impl Iterator<Item = (usize, &Seat)> {
        (0..SLOTS).filter_map(|slot| Some((slot, self.used_seat(slot)?)))
    }

    fn used_seat(&self, slot: usize) -> Option<&Seat> {
        let used = self.used[slot / 64].load(Relaxed) & (1 << (slot % 64)) != 0;
        used.then(|| self.seat(slot))
    }
}
