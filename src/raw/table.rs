//! A heap's table of seats, one for each thread slot: opening, closing, and looking at all caches.

use core::mem::size_of;
use core::ptr::{self, NonNull, null_mut};

use super::bucket::Bucket;
use super::cache::{Cache, LanePlan, LaneSetup};
use super::os::{Reservation, page};
use super::registry::SLOTS;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::{AtomicPtr, AtomicU64, AtomicUsize};

/// Distance between two threads' seats, and so between their caches. Whole pages: a neighbour's lines, pulled in by a prefetcher, would
/// cost more than the allocator does.
pub(crate) const STRIDE: usize = size_of::<Seat>();

/// Bytes of a table's memory.
pub(crate) const TABLE_BYTES: usize = SLOTS * STRIDE;

/// What one thread has in one heap. Its own thread's; others may peek at the atomics. Zero bytes are an empty seat.
#[repr(C, align(4096))]
pub(crate) struct Seat {
    /// First, so that the address of the seat is that of the cache.
    cache: Cache,
    chunks: Chunks,
    /// The cache that the thread has in its own memory, if it ever used this heap through a type that names it. It belongs to
    /// the registry's lock (I12).
    local: AtomicPtr<Cache>,
    local_chunks: Chunks,
    /// `ThreadCache` guards of this heap that the thread holds.
    pub(crate) guards: AtomicUsize,
}

/// The mapping that a cache's chunks lie in. It outlasts the cache's closing, for the seat's next owner.
struct Chunks {
    first: AtomicPtr<u8>,
    bytes: AtomicUsize,
}

impl Seat {
    pub(crate) const fn empty() -> Self {
        Self {
            cache: Cache::empty(),
            chunks: Chunks::none(),
            local: AtomicPtr::new(null_mut()),
            local_chunks: Chunks::none(),
            guards: AtomicUsize::new(0),
        }
    }

    /// The cache that lies in the table, open or not.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Empties the thread's caches into the buckets; for the thread itself.
    pub(crate) fn drain(&self, buckets: &[Bucket]) {
        // SAFETY: I12: the thread that calls is the one whose memory it lies in.
        let local = NonNull::new(self.local.load(Relaxed)).map(|local| unsafe { local.as_ref() });
        for cache in [Some(&self.cache), local].into_iter().flatten() {
            drain(cache, buckets);
        }
    }

    /// Whether the thread's cache in its own memory is `local`.
    pub(crate) fn has_local(&self, local: &Cache) -> bool {
        ptr::eq(self.local.load(Relaxed), local)
    }

    /// Notes that the thread has `local` in its own memory, if it has no other; the caller holds the registry's lock.
    pub(crate) fn set_local(&self, local: &Cache) {
        if self.local.load(Relaxed).is_null() {
            self.local.store(ptr::from_ref(local).cast_mut(), Relaxed);
        }
    }

    /// Forgets the thread's cache in its own memory; the caller holds the registry's lock.
    fn take_local(&self) -> Option<NonNull<Cache>> {
        NonNull::new(self.local.swap(null_mut(), Relaxed))
    }
}

impl Chunks {
    const fn none() -> Self {
        Self { first: AtomicPtr::new(null_mut()), bytes: AtomicUsize::new(0) }
    }

    /// Memory of at least `bytes`: what the seat's last owner left, if it is large enough.
    fn at_least(&self, bytes: usize) -> Option<NonNull<u8>> {
        if let Some(first) = NonNull::new(self.first.load(Relaxed)) {
            if self.bytes.load(Relaxed) >= bytes {
                return Some(first);
            }
            self.release();
        }
        // A page at least, and all of it: the next owner may want more than this one.
        let bytes = bytes.next_multiple_of(page()).max(page());
        let memory = Reservation::reserve(bytes).ok()?;
        memory.commit(0, bytes).ok()?;
        let (first, len) = memory.into_parts();
        self.first.store(first.as_ptr(), Relaxed);
        self.bytes.store(len, Relaxed);
        Some(first)
    }

    fn release(&self) {
        let len = self.bytes.swap(0, Relaxed);
        if let Some(first) = NonNull::new(self.first.swap(null_mut(), Relaxed)) {
            // SAFETY: I5: `at_least` stored the parts, and the closed cache no longer points there.
            drop(unsafe { Reservation::from_parts(first, len) });
        }
    }
}

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
    /// Slots whose cache was ever open: nobody need look at the others, whose memory was never touched.
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
        let seat = self.seat(slot)?;
        let chunks = if ptr::eq(cache, &raw const seat.cache) { &seat.chunks } else { &seat.local_chunks };
        let plan = |bucket: &Bucket| LanePlan::new((how.room)(bucket.block_size()), bucket.block_size(), bucket.limit());
        let memory = chunks.at_least(how.buckets.iter().map(|bucket| plan(bucket).bytes()).sum())?;
        let lanes = how.buckets.iter().map(|bucket| LaneSetup {
            start: bucket.span().start(),
            bytes: bucket.most_bytes(),
            block_size: u32::try_from(bucket.block_size()).expect("no table has blocks above 2 MiB"),
            plan: plan(bucket),
        });
        cache.open(how.region, memory, lanes);
        // Relaxed: a heap is released when every thread is done with it, and statistics are a snapshot.
        self.used[slot / 64].fetch_or(1 << (slot % 64), Relaxed);
        Some(())
    }

    /// Empties the cache in `slot` into the buckets and makes it zero again. The memory of its chunks stays for the slot's next
    /// owner: this runs under the registry's lock.
    pub(crate) fn close(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(seat) = self.used_seat(slot) {
            close(&seat.cache, buckets);
        }
    }

    /// As `close`, for the cache that the ending thread with `slot` has in its own memory; it will not be looked at again.
    pub(crate) fn close_local(&self, slot: usize, buckets: &[Bucket]) {
        if let Some(local) = self.used_seat(slot).and_then(Seat::take_local) {
            // SAFETY: I12: the thread is still there, and this is it.
            close(unsafe { local.as_ref() }, buckets);
        }
    }

    /// Forgets the caches in the memory of all threads but the one with `slot`: they did not come along into a forked process.
    pub(crate) fn forget_locals_but(&self, slot: Option<usize>) {
        for other in (0..SLOTS).filter(|&other| Some(other) != slot) {
            self.used_seat(other).map(Seat::take_local);
        }
    }

    /// Closes every cache and releases their memory. The heap is ending: no thread uses it any more.
    pub(crate) fn release(&self, buckets: &[Bucket]) {
        for slot in 0..SLOTS {
            self.close(slot, buckets);
            if let Some(seat) = self.used_seat(slot) {
                // No cache is left in a thread's memory: a heap that a type names never ends.
                seat.chunks.release();
            }
        }
    }

    /// Shows all open caches to `visit`; the caller holds the registry's lock.
    pub(crate) fn each_open(&self, mut visit: impl FnMut(&Cache)) {
        for seat in (0..SLOTS).filter_map(|slot| self.used_seat(slot)) {
            // SAFETY: I12: under the lock it is in place; what is looked at are its atomics.
            let local = NonNull::new(seat.local.load(Relaxed)).map(|local| unsafe { local.as_ref() });
            [Some(&seat.cache), local].into_iter().flatten().filter(|cache| cache.is_open()).for_each(&mut visit);
        }
    }

    fn used_seat(&self, slot: usize) -> Option<&Seat> {
        let used = self.used[slot / 64].load(Relaxed) & (1 << (slot % 64)) != 0;
        if used { self.seat(slot) } else { None }
    }
}

/// Empties `cache` into the buckets, if it is open.
fn drain(cache: &Cache, buckets: &[Bucket]) {
    if cache.is_open() {
        for (class, bucket) in buckets.iter().enumerate() {
            cache.lane(class).drain(bucket);
        }
    }
}

/// Empties `cache` into the buckets and makes it zero again, if it is open.
fn close(cache: &Cache, buckets: &[Bucket]) {
    drain(cache, buckets);
    if cache.is_open() {
        cache.close();
    }
}
