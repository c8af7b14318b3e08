//! Permit caches: permits that a thread has given back and keeps ready for itself, so that its next one costs no atomic operation on a shared word.
//!
//! Each thread that has a [number](super::number) has a permit cache of that number in every pool, and changes it by plain loads and stores.
//! Nobody else takes from an open cache. Whoever must know how many permits are free closes all caches and collects what lies there:
//!
//! ```text
//! its thread:   busy = true;  light barrier;  closed? -- no --> kept += 1 or -= 1;  busy = false
//!                                                `-- yes -----> busy = false;  then the semaphore
//! collecting:   closed = true;  heavy barrier;  wait while busy;  kept, which is 0 from now on
//! ```
//!
//! Whether it is closed and whether it has a permit, or room for one, is a single comparison: with a bound that nothing passes while it is closed.
//!
//! By the [barriers](super::barrier), if the thread did not see that its cache is closed then the collecting one sees that it is busy, and
//! waits: for a few instructions, or for as long as the system lets the thread stand just there.
//!
//! # Invariants
//!
//! * **K1** What an open cache of a number keeps, and `busy`, are written only by the thread that has the number. The bounds, and what a closed cache
//!   keeps whose thread is not busy, are written only under the caches' lock.
//! * **K2** A cache is opened only under the lock, by its own thread, and while the semaphore's keeping mark is set; the mark is cleared only
//!   under the lock, when all caches are closed and empty. So a permit lies in a permit cache only while the mark is set.
//! * **K3** Each permit in a permit cache counts as taken in the semaphore.

use super::{Barrier, Semaphore};
use crate::sync::{AtomicBool, AtomicU32, CachePadded, Mutex, Ordering, lock, spin_until};

/// How many threads can have permit caches at a time.
pub(super) const THREADS: usize = if cfg!(any(loom, shuttle)) { 2 } else { 32 };

/// The most permits a cache can hold: a burst's worth, and half of it is enough for one access to the semaphore not to count.
const MOST_KEPT: u32 = 128;

/// The permits that threads keep ready. Shared by all threads.
#[derive(Debug)]
pub(super) struct PermitCaches {
    /// By the numbers of their threads.
    caches: [CachePadded<PermitCache>; THREADS],
    /// Held by the thread that opens or closes caches.
    turn: Mutex<()>,
    /// What all caches together have room for.
    room: u32,
    barrier: Barrier,
}

/// The permits that the thread with one number keeps. One thread's while it is open (K1), and alone on its cache lines, for speed.
#[derive(Debug)]
struct PermitCache {
    kept: AtomicU32,
    /// The thread is about to change what is kept, unless the cache is closed.
    busy: AtomicBool,
    /// The most permits that may lie here; 0 if it is closed.
    room: AtomicU32,
    /// Its thread takes without more ado only if more than so many lie here: 0 or, as long as the cache is closed or its light barrier is a fence, the
    /// most there is.
    floor: AtomicU32,
    /// The same for what its thread puts: up to so many, its room or 0.
    ceiling: AtomicU32,
}

/// A thread is busy with its cache. Its end may be the last access to the pool: P5.
#[must_use = "whoever collects waits for its end"]
pub(super) struct Busy<'s>(&'s AtomicBool);

impl Busy<'_> {
    #[inline(always)]
    pub(super) fn end(self) {
        // Release: pairs with the Acquire of `leave_empty`, for what is kept, and for all that the thread did to the pool before.
        self.0.store(false, Ordering::Release);
    }
}

impl PermitCaches {
    /// The room of all caches in a pool with this limit: none in small ones.
    pub(super) fn room(limit: u32) -> u32 {
        if limit as usize >= THREADS { limit } else { 0 }
    }

    /// All caches begin closed.
    pub(super) fn new(room: u32, barrier: Barrier) -> Self {
        let cache = |_| {
            CachePadded(PermitCache {
                kept: AtomicU32::new(0),
                busy: AtomicBool::new(false),
                room: AtomicU32::new(0),
                floor: AtomicU32::new(u32::MAX),
                ceiling: AtomicU32::new(0),
            })
        };
        PermitCaches { caches: core::array::from_fn(cache), turn: Mutex::new(()), room, barrier }
    }

    /// Whether anything can lie in a permit cache.
    #[inline]
    pub(super) fn have_room(&self) -> bool {
        self.room > 0
    }

    /// The share of the room that the cache of `number`, which is this thread's or no cache's, has among `threads`; if it is open it has so much from now
    /// on. If it was larger, more may lie there for a while.
    pub(super) fn share(&self, number: usize, threads: u32) -> u32 {
        let Some(cache) = self.caches.get(number) else { return 0 };
        let room = (self.room / threads).min(MOST_KEPT);
        let is_other = || ![0, room].contains(&cache.room());
        if is_other() {
            debug_assert!(room > 0, "a pool with room for any has some for each of the threads that have numbers");
            let _turn = lock(&self.turn);
            // Somebody may have closed it since.
            if is_other() {
                cache.set_room(room, self.barrier);
            }
        }
        room
    }

    /// How many permits lie in permit caches. Each cache is read at another moment.
    pub(super) fn kept(&self) -> u32 {
        // Relaxed: numbers to look at.
        self.caches.iter().map(|cache| cache.kept.load(Ordering::Relaxed)).sum()
    }

    /// Takes up to `wanted` permits from the cache of `number`, which is this thread's or no cache's.
    #[inline(always)]
    pub(super) fn take(&self, number: usize, wanted: u32) -> u32 {
        let Some(cache) = self.caches.get(number) else { return 0 };
        let (busy, kept) = cache.begin(self.barrier);
        // Relaxed: opened by this thread alone.
        let open = kept > cache.floor.load(Ordering::Relaxed) || self.room_behind_fence(cache) > 0;
        let taken = if open { wanted.min(kept) } else { 0 };
        if taken > 0 {
            // Relaxed: K1: nobody else writes it meanwhile.
            cache.kept.store(kept - taken, Ordering::Relaxed);
        }
        busy.end();
        taken
    }

    /// Puts `count` permits in the permit cache of `number`, if it is open and has room for all of them: at the end of what this returns they are not
    /// the caller's any more, and the pool may be gone. The number is this thread's or no cache's.
    #[inline(always)]
    pub(super) fn put(&self, number: usize, count: u32) -> Option<Busy<'_>> {
        let cache = self.caches.get(number)?;
        let (busy, kept) = cache.begin(self.barrier);
        let fits = |room: u32| count <= room.saturating_sub(kept);
        // Relaxed: as in `take`.
        if fits(cache.ceiling.load(Ordering::Relaxed)) || fits(self.room_behind_fence(cache)) {
            // Relaxed: as in `take`.
            cache.kept.store(kept + count, Ordering::Relaxed);
            return Some(busy);
        }
        busy.end();
        None
    }

    /// The room of this thread's cache, which it is busy with, where its light barrier is a fence, passed here; 0 where it is none. Compiled into its
    /// callers, which would save registers for a call each time.
    #[inline(always)]
    fn room_behind_fence(&self, cache: &PermitCache) -> u32 {
        if !self.barrier.is_fence() {
            return 0;
        }
        self.barrier.fence();
        cache.room()
    }

    /// As `put`, in a permit cache that had no room or was closed, and has its share of the room among `threads` now. The caller has a permit; of an error
    /// it has as many as it says more, so that the cache is half full.
    #[cold]
    pub(super) fn put_anew(
        &self,
        number: usize,
        count: u32,
        threads: u32,
        semaphore: &Semaphore,
    ) -> Result<Busy<'_>, u32> {
        let Some(cache) = self.caches.get(number) else { return Err(0) };
        let room = self.share(number, threads);
        if count > room {
            return Err(0);
        }
        // The mark is a guess, for speed alone, which the lock verifies: without it all threads of a pool that keeps nothing would meet at the lock. It is
        // looked at second because the semaphore is other threads' as well.
        if cache.room() == 0 && semaphore.is_keeping() {
            let _turn = lock(&self.turn);
            // K2: the mark stays as long as we have the lock. Since the look before somebody may have collected.
            if semaphore.is_keeping() {
                cache.set_room(room, self.barrier);
            }
        }
        if let Some(busy) = self.put(number, count) {
            return Ok(busy);
        }
        // Relaxed: K1: if it is open, ours; if not, nothing is taken.
        let kept = cache.kept.load(Ordering::Relaxed);
        Err(self.take(number, kept.saturating_sub(room.div_ceil(2))))
    }

    /// Closes all caches and gives what lies there to the semaphore, whose keeping mark is clear then. The caller, who has a handle, has this
    /// `number` or none.
    #[cold]
    pub(super) fn collect(&self, number: usize, semaphore: &Semaphore) {
        let _turn = lock(&self.turn);
        if !semaphore.is_keeping() {
            return;
        }
        let mut open = [false; THREADS];
        let mut others = false;
        for (at, cache) in self.caches.iter().enumerate() {
            open[at] = cache.room() > 0;
            if open[at] {
                cache.set_room(0, self.barrier);
                others |= at != number;
            }
        }
        // Our own cache needs none: we are not busy with it.
        if others {
            self.barrier.heavy();
        }
        let left = self.caches.iter().zip(open).filter(|(_, open)| *open).map(|(cache, _)| cache.leave_empty());
        // K2: all are closed and empty.
        semaphore.stop_keeping(left.sum());
    }
}

impl PermitCache {
    /// Makes the cache's thread busy with it, and says how many permits lie there if it is open.
    #[inline(always)]
    fn begin(&self, barrier: Barrier) -> (Busy<'_>, u32) {
        // Relaxed: the barrier keeps it before the look at a bound, and its partner is that of `collect`.
        self.busy.store(true, Ordering::Relaxed);
        barrier.light();
        // Relaxed: K1: if it is open, ours.
        (Busy(&self.busy), self.kept.load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn room(&self) -> u32 {
        // Relaxed: written under the lock alone, and who looks without it is busy, or verifies under the lock what this says.
        self.room.load(Ordering::Relaxed)
    }

    /// Opens the cache, or closes it if there is no room. The caller has the caches' lock.
    fn set_room(&self, room: u32, barrier: Barrier) {
        let passes = room > 0 && !barrier.is_fence();
        // Relaxed, all three: whoever changes them next has the lock after us.
        self.room.store(room, Ordering::Relaxed);
        self.floor.store(if passes { 0 } else { u32::MAX }, Ordering::Relaxed);
        self.ceiling.store(if passes { room } else { 0 }, Ordering::Relaxed);
    }

    /// Waits until the cache's thread is not busy with it, and takes everything. The cache was closed before the last heavy barrier.
    fn leave_empty(&self) -> u32 {
        // Acquire: pairs with the Release of `Busy::end`.
        spin_until(|| (!self.busy.load(Ordering::Acquire)).then_some(()));
        // Relaxed, twice: K1: it is closed and its thread not busy, so only we write it.
        let kept = self.kept.load(Ordering::Relaxed);
        self.kept.store(0, Ordering::Relaxed);
        kept
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn put(caches: &PermitCaches, number: usize, count: u32) -> bool {
        caches.put(number, count).map(Busy::end).is_some()
    }

    fn put_anew(
        caches: &PermitCaches,
        number: usize,
        count: u32,
        threads: u32,
        semaphore: &Semaphore,
    ) -> Result<(), u32> {
        caches.put_anew(number, count, threads, semaphore).map(Busy::end)
    }

    #[test]
    fn a_cache_keeps_so_many_and_no_more_and_none_once_they_were_collected() {
        let (semaphore, caches) = (Semaphore::new(100, 10, 50, true), PermitCaches::new(8, Barrier::new()));
        assert_eq!(semaphore.take_permits(9, 0), Ok(9));
        assert_eq!((caches.share(0, 2), caches.share(THREADS, 2)), (4, 0));
        assert!(!put(&caches, 0, 1), "nobody has opened it");
        assert_eq!(put_anew(&caches, 0, 3, 2, &semaphore), Ok(()));
        assert!(!put(&caches, 0, 2) && put(&caches, 0, 1));
        // One of four is too many: then half of them go as well.
        assert_eq!((caches.kept(), put_anew(&caches, 0, 1, 2, &semaphore), caches.kept()), (4, Err(2), 2));
        assert!(put(&caches, 0, 1));
        assert_eq!((put_anew(&caches, 0, 5, 2, &semaphore), caches.kept()), (Err(0), 3));
        assert_eq!(put_anew(&caches, THREADS, 1, 2, &semaphore), Err(0));
        caches.collect(0, &semaphore);
        assert_eq!((caches.kept(), semaphore.permits()), (0, 6));
        assert!(!semaphore.is_keeping());
        caches.collect(0, &semaphore);
        assert_eq!((put_anew(&caches, 0, 1, 2, &semaphore), caches.kept(), semaphore.permits()), (Err(0), 0, 6));
    }

    #[test]
    fn a_cache_that_has_less_room_than_before_gives_up_what_is_too_much() {
        let (semaphore, caches) = (Semaphore::new(1000, 100, 500, true), PermitCaches::new(1000, Barrier::new()));
        assert_eq!((semaphore.take_permits(90, 0), caches.share(0, 1)), (Ok(90), MOST_KEPT));
        assert_eq!(put_anew(&caches, 0, 80, 1, &semaphore), Ok(()));
        assert_eq!(caches.share(0, 100), 10);
        assert!(!put(&caches, 0, 1));
        assert_eq!((put_anew(&caches, 0, 1, 100, &semaphore), caches.kept()), (Err(75), 5));
        assert!(put(&caches, 0, 5) && !put(&caches, 0, 1));
    }
}
