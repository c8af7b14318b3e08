//! Permits up to a limit: those that a thread keeps ready cost nothing that is shared, free ones cost an atomic, and those that somebody
//! waits for are passed on in order.

#[cfg(feature = "async")]
use core::task::{Poll, Waker};

#[cfg(feature = "async")]
use super::queue::Place;
#[cfg(feature = "async")]
use super::waiters::Waiters;
use super::{Barrier, Busy, PermitCaches, Semaphore, SomeAreKept, number};
use crate::sync::CachePadded;

/// The pool's permits and those who wait for them. Shared by all threads.
#[derive(Debug)]
pub(super) struct Permits {
    /// Alone on its cache lines: whoever writes it would slow down those who read what lies beside it.
    semaphore: CachePadded<Semaphore>,
    caches: PermitCaches,
    #[cfg(feature = "async")]
    waiters: Waiters,
}

impl Permits {
    /// No permit is out, nobody waits, and one handle exists. `low < high <= limit`.
    pub(super) fn new(limit: u32, low: u32, high: u32) -> Self {
        Self::with_room(limit, low, high, PermitCaches::room(limit), Barrier::new())
    }

    /// As `new`, with room for so many permits in each permit cache.
    fn with_room(limit: u32, low: u32, high: u32, room: u32, barrier: Barrier) -> Self {
        Permits {
            semaphore: CachePadded(Semaphore::new(limit, low, high, room > 0)),
            caches: PermitCaches::new(room, barrier),
            #[cfg(feature = "async")]
            waiters: Waiters::new(),
        }
    }

    /// For calls that neither take nor give a permit.
    #[inline]
    pub(super) fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }

    /// The permits that are out: right for some moment, if only one thread takes and gives back.
    pub(super) fn out(&self) -> u32 {
        self.semaphore.permits().saturating_sub(self.caches.kept())
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        #[cfg(feature = "async")]
        return self.waiters.len();
        #[cfg(not(feature = "async"))]
        return 0;
    }

    /// Takes `wanted` permits, or as many as there are: none while somebody waits. The caller has a handle.
    #[inline]
    pub(super) fn take(&self, wanted: u32) -> Taken {
        self.take_as(number::current(), number::claim, wanted)
    }

    /// As `take`, by the thread with this number, or the one it claims.
    #[inline(always)]
    fn take_as(&self, number: usize, claim: impl FnOnce() -> usize, wanted: u32) -> Taken {
        let count = self.caches.take(number, wanted);
        if count == wanted {
            return Taken { count, surplus: 0 };
        }
        let more = self.take_from_semaphore(number, claim, wanted - count);
        Taken { count: count + more.count, surplus: more.surplus }
    }

    /// A thread that only takes, while another gives back, would come here each time: it takes some to keep as well.
    #[inline(never)]
    fn take_from_semaphore(&self, number: usize, claim: impl FnOnce() -> usize, wanted: u32) -> Taken {
        let number = if self.caches.have_room() { claim() } else { number };
        let more = self.caches.share(number, number::taken()) / 2;
        loop {
            match self.semaphore.take_permits(wanted, more) {
                Ok(taken) => return Taken { count: taken.min(wanted), surplus: taken.saturating_sub(wanted) },
                Err(SomeAreKept) => self.caches.collect(number, &self.semaphore),
            }
        }
    }

    /// Puts `count` permits, the caller's, in this thread's permit cache; they are given back, and the pool may be gone, at the end of what this
    /// returns. `None` if the cache is not ready for them.
    #[inline]
    pub(super) fn put(&self, count: u32) -> Option<Busy<'_>> {
        self.caches.put(number::current(), count)
    }

    /// As `put`, to a cache that may have to be opened first. An error says how many permits the caller has to give to the semaphore instead.
    pub(super) fn put_anew(&self, count: u32) -> Result<Busy<'_>, u32> {
        self.put_anew_as(number::claim, count)
    }

    /// As `put_anew`, by the thread that claims this number.
    fn put_anew_as(&self, claim: impl FnOnce() -> usize, count: u32) -> Result<Busy<'_>, u32> {
        if !self.caches.have_room() {
            return Err(count);
        }
        self.caches.put_anew(claim(), count, number::taken(), &self.semaphore).map_err(|more| count + more)
    }

    /// Hands `count` permits to those who wait, and gives back what is left of them. The caller has the permits, and a handle: those who are
    /// served may be gone, with all they had of the pool, before this returns.
    ///
    /// # Panics
    /// When all is done, with what the last of the wakers panicked with.
    #[cfg(feature = "async")]
    pub(super) fn serve(&self, count: u32) {
        self.waiters.serve(&self.semaphore, count);
    }

    #[cfg(not(feature = "async"))]
    pub(super) fn serve(&self, count: u32) {
        unreachable!("{count} permits for those who wait, and nobody can");
    }

    /// Gives what is kept in permit caches to the semaphore. The caller has a handle.
    pub(super) fn collect(&self) {
        self.caches.collect(number::current(), &self.semaphore);
    }

    /// Takes the last place in the queue, or fails if a permit was free and has been taken instead. The caller has a handle, until it has left.
    #[cfg(feature = "async")]
    pub(super) fn join(&self, waker: Waker) -> Result<Place, Waker> {
        self.waiters.join(waker, || {
            loop {
                match self.semaphore.take_permit_or_wait() {
                    Ok(taken) => return taken,
                    Err(SomeAreKept) => self.collect(),
                }
            }
        })
    }

    /// Ready when the permit is the caller's; the place is gone by then.
    #[cfg(feature = "async")]
    pub(super) fn poll(&self, place: &Place, waker: &Waker) -> Poll<()> {
        self.waiters.poll(place, waker)
    }

    /// Leaves the queue. Returns true if the permit was the caller's already, who still has it.
    #[cfg(feature = "async")]
    pub(super) fn leave(&self, place: &Place) -> bool {
        self.waiters.leave(&self.semaphore, place)
    }
}

/// Permits that were taken: the caller gives the surplus back, which finds no room in its cache.
#[must_use = "both are the caller's"]
pub(super) struct Taken {
    pub(super) count: u32,
    pub(super) surplus: u32,
}

/// Models: the cell stands for the one buffer there is. Touching it is an access that loom checks against all others.
#[cfg(all(test, loom, feature = "async"))]
mod models {
    use core::future::poll_fn;
    use core::task::Context;

    use super::super::permit_cache::THREADS;
    use super::super::semaphore::{SomebodyWaits, WasLast};
    use super::*;
    use crate::sync::{Arc, UnsafeCell, block_on, model, thread};

    struct Pool {
        permits: Permits,
        buffer: UnsafeCell<()>,
        /// Read by every owner, written by the one that frees it.
        shared: UnsafeCell<()>,
    }

    impl Pool {
        fn of_one() -> Arc<Self> {
            let permits = Permits::new(1, 0, 1);
            Arc::new(Pool { permits, buffer: UnsafeCell::new(()), shared: UnsafeCell::new(()) })
        }

        /// With a handle of its own, as a task has that owns its pool.
        fn handle(pool: &Arc<Self>) -> Arc<Self> {
            pool.permits.semaphore().add_handle();
            Arc::clone(pool)
        }

        fn take(&self) -> bool {
            self.permits.take(1).count == 1
        }

        /// What a call returns that is given a reference to more than one atomic: all is read until it ends, which may take its time.
        fn covered<T>(&self, number: usize, call: impl FnOnce() -> T) -> T {
            self.shared.with(|_| {
                let returned = call();
                // Somebody else's turn. Not in the models without permit caches: they are large enough.
                if number < THREADS {
                    self.permits.semaphore.permits();
                }
                returned
            })
        }

        /// What an owner does who gives permits back. Only what comes last is not covered by the cell (P5).
        fn give_as(&self, number: usize, count: u32) -> WasLast {
            if let Some(busy) = self.covered(number, || self.permits.caches.put(number, count)) {
                busy.end();
                return WasLast(false);
            }
            let count = match self.covered(number, || self.permits.put_anew_as(|| number, count)) {
                Ok(busy) => {
                    busy.end();
                    return WasLast(false);
                }
                Err(count) => count,
            };
            let giving = self.shared.with(|_| self.permits.semaphore.giving(count));
            giving.end().unwrap_or_else(|SomebodyWaits(count)| {
                self.shared.with(|_| {
                    self.permits.semaphore.add_handle();
                    self.permits.serve(count);
                });
                self.drop_handle_as(number)
            })
        }

        fn give(&self) -> WasLast {
            self.give_as(usize::MAX, 1)
        }

        /// As above, for a handle.
        fn drop_handle_as(&self, number: usize) -> WasLast {
            loop {
                let leaving = self.shared.with(|_| self.permits.semaphore.leaving());
                match leaving.end() {
                    Ok(last) => return last,
                    Err(SomeAreKept) => {
                        self.shared.with(|_| self.permits.caches.collect(number, &self.permits.semaphore))
                    }
                }
            }
        }

        fn drop_handle(&self) -> WasLast {
            self.drop_handle_as(usize::MAX)
        }

        /// What a future does when it is polled.
        fn poll(&self, place: &mut Option<Place>, context: &Context<'_>) -> Poll<()> {
            if place.is_none() {
                if self.take() {
                    return Poll::Ready(());
                }
            }
            self.poll_in_line(place, context)
        }

        fn poll_in_line(&self, place: &mut Option<Place>, context: &Context<'_>) -> Poll<()> {
            if place.is_none() {
                match self.permits.join(context.waker().clone()) {
                    Ok(joined) => *place = Some(joined),
                    Err(_) => return Poll::Ready(()),
                }
            }
            let Some(waiting) = place else { return Poll::Ready(()) };
            self.permits.poll(waiting, context.waker())
        }

        /// Waits for the permit to the end.
        fn acquire(&self) {
            let mut place = None;
            block_on(poll_fn(|context| self.poll(&mut place, context)));
        }

        fn use_and_give(&self) -> WasLast {
            self.buffer.with_mut(|_| ());
            self.give()
        }

        fn end(&self, last: WasLast) -> usize {
            if last.0 {
                self.shared.with_mut(|_| ());
            }
            usize::from(last.0)
        }
    }

    #[test]
    fn loom_who_waits_is_served_by_whoever_gives() {
        model(|| {
            let pool = Pool::of_one();
            assert!(pool.take());
            let waiting = Pool::handle(&pool);
            let waiting = thread::spawn(move || {
                waiting.acquire();
                let given = waiting.use_and_give();
                waiting.end(given) + waiting.end(waiting.drop_handle())
            });
            // Gone with all it has while the other may be waiting, being served, or at its end.
            let mut last = pool.end(pool.drop_handle());
            let given = pool.use_and_give();
            last += pool.end(given);
            assert_eq!(last + waiting.join().unwrap(), 1);
        });
    }

    #[test]
    fn loom_two_wait_and_both_are_served() {
        model(|| {
            let pool = Pool::of_one();
            assert!(pool.take());
            let waiting = [(), ()].map(|()| {
                let pool = Pool::handle(&pool);
                thread::spawn(move || {
                    pool.acquire();
                    let given = pool.use_and_give();
                    pool.end(given) + pool.end(pool.drop_handle())
                })
            });
            let given = pool.use_and_give();
            let mut last = pool.end(given) + pool.end(pool.drop_handle());
            for waiting in waiting {
                last += waiting.join().unwrap();
            }
            assert_eq!((last, pool.permits.waiting()), (1, 0));
        });
    }

    #[test]
    fn loom_who_leaves_in_any_moment_takes_nothing_along() {
        model(|| {
            let pool = Pool::of_one();
            assert!(pool.take());
            let leaving = Pool::handle(&pool);
            let leaving = thread::spawn(move || {
                let mut place = None;
                let outcome = leaving.poll(&mut place, &Context::from_waker(Waker::noop()));
                if outcome.is_ready() || leaving.permits.leave(&place.expect("who waits has a place")) {
                    assert_eq!(leaving.use_and_give(), WasLast(false));
                }
                assert_eq!(leaving.drop_handle(), WasLast(false));
            });
            let staying = Pool::handle(&pool);
            let staying = thread::spawn(move || {
                staying.acquire();
                assert_eq!(staying.use_and_give(), WasLast(false));
                assert_eq!(staying.drop_handle(), WasLast(false));
            });
            assert_eq!(pool.use_and_give(), WasLast(false));
            leaving.join().unwrap();
            staying.join().unwrap();
            // Nothing was lost, and nothing is left behind.
            assert_eq!((pool.permits.out(), pool.permits.waiting()), (0, 0));
            assert!(pool.take());
            assert_eq!(pool.give(), WasLast(false));
        });
    }

    /// Pools with permit caches: what threads with the numbers 0 and 1 do.
    struct Kept;

    /// A model for systems with `membarrier`, and one for those without.
    fn models(model_of: impl Fn(Barrier) + Copy + Send + Sync + 'static) {
        [Barrier::new(), Barrier::FENCE].map(|barrier| model(move || model_of(barrier)));
    }

    impl Kept {
        fn pool(permits: Permits) -> Arc<Pool> {
            Arc::new(Pool { permits, buffer: UnsafeCell::new(()), shared: UnsafeCell::new(()) })
        }

        /// Three permits, and room for one in each permit cache. One permit lies in cache 0, where the main thread put it.
        fn of_three(barrier: Barrier) -> Arc<Pool> {
            let pool = Self::pool(Permits::with_room(3, 1, 3, 1, barrier));
            assert_eq!((Self::take(&pool, 0, 1), Self::give(&pool, 0, 1)), (1, 0));
            assert_eq!((pool.permits.caches.kept(), pool.permits.out()), (1, 0));
            pool
        }

        /// How often the pool has ended by this.
        fn give(pool: &Pool, number: usize, count: u32) -> usize {
            pool.end(pool.give_as(number, count))
        }

        /// What it took; the surplus it gives back.
        fn take(pool: &Pool, number: usize, wanted: u32) -> u32 {
            let taken = pool.permits.take_as(number, || number, wanted);
            if taken.surplus > 0 {
                assert_eq!(pool.give_as(number, taken.surplus), WasLast(false));
            }
            taken.count
        }

        fn drop_handle(pool: &Pool, number: usize) -> usize {
            pool.end(pool.drop_handle_as(number))
        }
    }

    #[test]
    fn loom_what_is_kept_is_taken_once_and_nobody_is_refused_it() {
        models(|barrier| {
            let pool = Kept::of_three(barrier);
            let other = Pool::handle(&pool);
            let other = thread::spawn(move || Kept::take(&other, 1, 2));
            let taken = Kept::take(&pool, 0, 2) + other.join().unwrap();
            assert_eq!((taken, pool.permits.out()), (3, 3));
        });
    }

    #[test]
    fn loom_what_is_taken_to_keep_is_not_lost() {
        models(|barrier| {
            let pool = Kept::pool(Permits::with_room(4, 2, 4, 2, barrier));
            // So many were out once: since then one may be taken to keep beside one.
            assert_eq!((Kept::take(&pool, 0, 3), Kept::give(&pool, 0, 3)), (3, 0));
            let other = Pool::handle(&pool);
            let other = thread::spawn(move || Kept::take(&other, 1, 1));
            let taken = Kept::take(&pool, 0, 4) + other.join().unwrap();
            assert!(taken >= 3);
            // The other may just have had one in its hands that it keeps no more.
            assert_eq!((taken + Kept::take(&pool, 0, 4), pool.permits.out()), (4, 4));
        });
    }

    #[test]
    fn loom_a_share_that_changes_opens_no_cache() {
        models(|barrier| {
            let pool = Kept::pool(Permits::with_room(2, 1, 2, 2, barrier));
            assert_eq!((Kept::take(&pool, 0, 1), Kept::give(&pool, 0, 1)), (1, 0));
            let other = Pool::handle(&pool);
            let other = thread::spawn(move || Kept::take(&other, 1, 2));
            pool.permits.caches.share(0, 2);
            assert_eq!(other.join().unwrap(), 2);
            // What lay in an open cache now, nobody would look for.
            assert_eq!((Kept::give(&pool, 0, 1), Kept::take(&pool, 1, 1)), (0, 1));
        });
    }

    #[test]
    fn loom_what_is_cached_is_found() {
        models(|barrier| {
            let pool = Kept::of_three(barrier);
            assert_eq!(Kept::take(&pool, 0, 1), 1);
            let other = Pool::handle(&pool);
            let other = thread::spawn(move || {
                let taken = Kept::take(&other, 1, 3);
                if taken == 3 {
                    other.buffer.with_mut(|_| ());
                }
                taken
            });
            pool.buffer.with_mut(|_| ());
            assert_eq!(Kept::give(&pool, 0, 1), 0);
            let taken = other.join().unwrap();
            assert!(taken >= 2);
            // By another thread with the number of the one that has ended: not from our own cache.
            assert_eq!((Kept::take(&pool, 1, 3), pool.permits.out()), (3 - taken, 3));
        });
    }

    #[test]
    fn loom_who_waits_is_served_although_others_keep() {
        models(|barrier| {
            let pool = Kept::of_three(barrier);
            // For good.
            assert_eq!(Kept::take(&pool, 1, 1), 1);
            let waiting = Pool::handle(&pool);
            let waiting = thread::spawn(move || {
                let mut place = None;
                block_on(poll_fn(|context| {
                    if place.is_none() && Kept::take(&waiting, 1, 1) == 1 {
                        return Poll::Ready(());
                    }
                    waiting.poll_in_line(&mut place, context)
                }));
                Kept::drop_handle(&waiting, 1)
            });
            let taken = Kept::take(&pool, 0, 2);
            let last = if taken > 0 { Kept::give(&pool, 0, taken) } else { 0 };
            assert_eq!((waiting.join().unwrap(), last), (0, 0));
            assert_eq!((pool.permits.out(), pool.permits.waiting()), (2, 0));
        });
    }

    #[test]
    fn loom_the_last_owner_leaves_nothing_cached() {
        models(|barrier| {
            let pool = Kept::of_three(barrier);
            assert_eq!((Kept::take(&pool, 0, 1), Kept::take(&pool, 0, 1)), (1, 1));
            let lease = Arc::clone(&pool);
            let lease = thread::spawn(move || Kept::give(&lease, 1, 1));
            let last = Kept::give(&pool, 0, 1) + Kept::drop_handle(&pool, 0);
            assert_eq!(last + lease.join().unwrap(), 1);
        });
    }

    #[test]
    fn loom_a_newcomer_that_does_not_wait_never_overtakes() {
        model(|| {
            let pool = Pool::of_one();
            assert!(pool.take());
            // In the queue before anybody gives or tries.
            let mut place = None;
            assert!(pool.poll(&mut place, &Context::from_waker(Waker::noop())).is_pending());
            let newcomer = Pool::handle(&pool);
            let newcomer = thread::spawn(move || {
                let taken = newcomer.take();
                assert_eq!(newcomer.drop_handle(), WasLast(false));
                taken
            });
            assert_eq!(pool.use_and_give(), WasLast(false));
            assert!(!newcomer.join().unwrap(), "snatched from who had waited");
            block_on(poll_fn(|context| pool.poll(&mut place, context)));
            assert_eq!(pool.use_and_give(), WasLast(false));
        });
    }
}
