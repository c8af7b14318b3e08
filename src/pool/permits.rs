//! Permits up to a limit: free ones cost an atomic; those that somebody waits for are passed on in order.

#[cfg(feature = "async")]
use core::task::{Context, Poll};

#[cfg(feature = "async")]
use super::line::{Line, Place};
use super::tally::{Tally, WasLast};

/// The pool's permits and those who wait for them. Shared by all threads.
#[derive(Debug)]
pub(super) struct Permits {
    tally: Tally,
    #[cfg(feature = "async")]
    line: Line,
}

impl Permits {
    /// No permit is out, nobody waits, and one handle exists. `low < high <= limit`.
    pub(super) fn new(limit: u32, low: u32, high: u32) -> Self {
        Permits {
            tally: Tally::new(limit, low, high),
            #[cfg(feature = "async")]
            line: Line::new(),
        }
    }

    /// For what concerns nobody who waits.
    #[inline]
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        #[cfg(feature = "async")]
        return self.line.len();
        #[cfg(not(feature = "async"))]
        return 0;
    }

    /// Gives `count` permits back, or to those who wait for them. The caller has them, and may have nothing else of
    /// the pool: it must not touch this afterwards.
    #[inline]
    pub(super) fn give(&self, count: u32) -> WasLast {
        match self.tally.give_permits(count) {
            Ok(last) => last,
            Err(_) => self.serve(count),
        }
    }

    #[cfg(feature = "async")]
    #[cold]
    #[inline(never)]
    fn serve(&self, count: u32) -> WasLast {
        // Whoever is served may be done with the permit, and be the last owner, before we have left the line.
        self.tally.add_handle();
        self.line.serve(&self.tally, count);
        self.tally.drop_handle()
    }

    #[cfg(not(feature = "async"))]
    fn serve(&self, count: u32) -> WasLast {
        unreachable!("{count} permits for those who wait, and nobody can");
    }

    /// Takes the last place in the line, or returns `None` if a permit was free and has been taken instead.
    /// The caller has a handle, until it has left.
    #[cfg(feature = "async")]
    pub(super) fn join(&self, context: &Context<'_>) -> Option<Place> {
        self.line.join(&self.tally, context)
    }

    /// Ready when the permit is the caller's; the place is no more then.
    #[cfg(feature = "async")]
    pub(super) fn poll(&self, place: &Place, context: &Context<'_>) -> Poll<()> {
        self.line.poll(place, context)
    }

    /// Leaves the line without a permit.
    #[cfg(feature = "async")]
    pub(super) fn leave(&self, place: &Place) {
        self.line.leave(&self.tally, place);
    }
}

/// Models: the cell stands for the one buffer there is. Touching it is an access that loom checks against all others.
#[cfg(all(test, loom, feature = "async"))]
mod models {
    use core::future::poll_fn;
    use core::task::Waker;

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
            pool.permits.tally().add_handle();
            Arc::clone(pool)
        }

        fn take(&self) -> bool {
            self.permits.tally().take_permits(1) == 1
        }

        /// What a future does when it is polled.
        fn poll(&self, place: &mut Option<Place>, context: &Context<'_>) -> Poll<()> {
            if place.is_none() {
                if self.take() {
                    return Poll::Ready(());
                }
                *place = self.permits.join(context);
            }
            let Some(waiting) = place else { return Poll::Ready(()) };
            self.permits.poll(waiting, context)
        }

        /// Waits for the permit to the end.
        fn acquire(&self) {
            let mut place = None;
            block_on(poll_fn(|context| self.poll(&mut place, context)));
        }

        fn use_and_give(&self) -> WasLast {
            self.buffer.with_mut(|_| ());
            self.shared.with(|_| ());
            self.permits.give(1)
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
                waiting.end(given) + waiting.end(waiting.permits.tally().drop_handle())
            });
            // Gone with all it has while the other may be waiting, being served, or at its end.
            let mut last = pool.end(pool.permits.tally().drop_handle());
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
                    pool.end(given) + pool.end(pool.permits.tally().drop_handle())
                })
            });
            let given = pool.use_and_give();
            let mut last = pool.end(given) + pool.end(pool.permits.tally().drop_handle());
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
                if outcome.is_pending() {
                    leaving.permits.leave(&place.expect("who waits has a place"));
                }
                if outcome.is_ready() {
                    assert_eq!(leaving.use_and_give(), WasLast(false));
                }
                assert_eq!(leaving.permits.tally().drop_handle(), WasLast(false));
            });
            let staying = Pool::handle(&pool);
            let staying = thread::spawn(move || {
                staying.acquire();
                assert_eq!(staying.use_and_give(), WasLast(false));
                assert_eq!(staying.permits.tally().drop_handle(), WasLast(false));
            });
            assert_eq!(pool.use_and_give(), WasLast(false));
            leaving.join().unwrap();
            staying.join().unwrap();
            // Nothing was lost, and nothing is left behind.
            assert_eq!((pool.permits.tally().permits(), pool.permits.waiting()), (0, 0));
            assert!(pool.take());
            assert_eq!(pool.permits.tally().give_permits(1), Ok(WasLast(false)));
        });
    }

    #[test]
    fn loom_a_newcomer_that_does_not_wait_never_overtakes() {
        model(|| {
            let pool = Pool::of_one();
            assert!(pool.take());
            // In line before anybody gives or tries.
            let mut place = None;
            assert!(pool.poll(&mut place, &Context::from_waker(Waker::noop())).is_pending());
            let newcomer = Pool::handle(&pool);
            let newcomer = thread::spawn(move || {
                let taken = newcomer.take();
                assert_eq!(newcomer.permits.tally().drop_handle(), WasLast(false));
                taken
            });
            assert_eq!(pool.use_and_give(), WasLast(false));
            assert!(!newcomer.join().unwrap(), "snatched from who had waited");
            block_on(poll_fn(|context| pool.poll(&mut place, context)));
            assert_eq!(pool.use_and_give(), WasLast(false));
        });
    }
}
