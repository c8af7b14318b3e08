//! The pool's one shared word: how many permits are out, and how many owners the pool has.
//!
//! Both counts live in one atomic because a lease changes both at once: it takes a permit, and
//! keeps the pool alive until it gives the permit back. So acquiring and releasing cost one
//! atomic operation each, and no reference count beside it.
//!
//! ```text
//!  63           32 31            0
//! |    handles    |    permits    |      0 | 0: nobody is left
//! ```

use crate::sync::{AtomicU64, Ordering};

const ONE_PERMIT: u64 = 1;
const ONE_HANDLE: u64 = 1 << 32;
/// More handles than this are refused: far more than a program can use, far fewer than overflow.
const MOST_HANDLES: u32 = u32::MAX / 2;

/// Permits up to a limit, and the owners of the memory this lies in. Shared by all threads.
#[derive(Debug)]
pub(super) struct Tally {
    word: AtomicU64,
    limit: u32,
}

/// The caller was the last owner: what the tally belongs to is the caller's alone.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the last owner frees the pool"]
pub(super) struct WasLast(pub(super) bool);

impl Tally {
    /// No permit is out, and one handle exists.
    pub(super) fn new(limit: u32) -> Self {
        Tally { word: AtomicU64::new(ONE_HANDLE), limit }
    }

    /// The most permits that can be out at once.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// The permits that are out. Never more than the limit.
    pub(super) fn permits(&self) -> u32 {
        // Relaxed: a number to look at; nothing is read on the strength of it.
        permits_of(self.word.load(Ordering::Relaxed))
    }

    /// Takes a permit unless all are out.
    #[inline]
    pub(super) fn take_permit(&self) -> bool {
        // Relaxed: a guess that the exchange below verifies.
        let mut word = self.word.load(Ordering::Relaxed);
        // Not `fetch_add` with a check afterwards: that shows others a count above the limit, and
        // refuses one that comes just then although a permit has come back.
        while permits_of(word) < self.limit {
            // Acquire: pairs with the Release in `give_back`, so that the block of the buffer that
            // this permit stood for before is back in the heap. Relaxed on failure: again a guess.
            match self.word.compare_exchange_weak(word, word + ONE_PERMIT, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Gives a permit back.
    #[inline]
    pub(super) fn give_permit(&self) -> WasLast {
        self.give_back(ONE_PERMIT)
    }

    /// Counts one handle more. Whoever calls this has one.
    pub(super) fn add_handle(&self) {
        // Relaxed: the caller's own handle keeps the pool alive meanwhile.
        let before = self.word.fetch_add(ONE_HANDLE, Ordering::Relaxed);
        if (before >> 32) >= u64::from(MOST_HANDLES) {
            // Only handles forgotten by the billion lead here. One more would be followed by a
            // wrap to 0 and a freed pool; unwinding could be caught and repeated, so it ends here.
            std::process::abort();
        }
    }

    /// Counts one handle less.
    pub(super) fn drop_handle(&self) -> WasLast {
        self.give_back(ONE_HANDLE)
    }

    #[inline]
    fn give_back(&self, one: u64) -> WasLast {
        // Release: what this owner did to the pool and its heap comes before the next taker of the
        // permit (Acquire in `take_permit`) and before the last owner's freeing. Acquire: as the
        // last owner, this one sees what all others did before their own Release here.
        let before = self.word.fetch_sub(one, Ordering::AcqRel);
        WasLast(before == one)
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is the number of permits")]
const fn permits_of(word: u64) -> u32 {
    word as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn permits_end_at_the_limit_and_come_back() {
        let tally = Tally::new(2);
        assert!(tally.take_permit() && tally.take_permit());
        assert!(!tally.take_permit());
        assert_eq!(tally.permits(), 2);
        assert_eq!(tally.give_permit(), WasLast(false));
        assert!(tally.take_permit());
    }

    #[test]
    fn the_largest_limit_does_not_reach_the_handles() {
        let tally = Tally::new(u32::MAX);
        tally.word.store(ONE_HANDLE + u64::from(u32::MAX), Ordering::Relaxed);
        assert!(!tally.take_permit());
        assert_eq!(tally.drop_handle(), WasLast(false));
        assert_eq!(tally.permits(), u32::MAX);
    }

    #[test]
    fn the_last_of_handles_and_permits_is_told_so() {
        let tally = Tally::new(1);
        tally.add_handle();
        assert!(tally.take_permit());
        assert_eq!(tally.drop_handle(), WasLast(false));
        assert_eq!(tally.drop_handle(), WasLast(false));
        assert_eq!(tally.give_permit(), WasLast(true));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    /// What a pool guards: `used` is touched by the holder of the only permit, `freed` by the
    /// last owner. The checker reports any two accesses that no ordering separates.
    struct Guarded {
        tally: Tally,
        used: UnsafeCell<u32>,
        freed: UnsafeCell<bool>,
    }

    impl Guarded {
        fn with_limit(limit: u32) -> Arc<Self> {
            let (used, freed) = (UnsafeCell::new(0), UnsafeCell::new(false));
            Arc::new(Guarded { tally: Tally::new(limit), used, freed })
        }

        fn read_as_owner(&self) {
            self.freed.with(|freed| assert!(!unsafe { *freed }, "an owner was left behind"));
        }

        fn free_if(&self, last: WasLast) {
            if last.0 {
                self.freed.with_mut(|freed| {
                    let again = core::mem::replace(unsafe { &mut *freed }, true);
                    assert!(!again, "freed twice");
                });
            }
        }
    }

    #[test]
    fn loom_one_permit_is_held_by_one_thread() {
        loom::model(|| {
            let pool = Guarded::with_limit(1);
            let turns: Vec<_> = (0..2)
                .map(|_| {
                    let pool = Arc::clone(&pool);
                    thread::spawn(move || {
                        if pool.tally.take_permit() {
                            pool.used.with_mut(|used| unsafe { *used += 1 });
                            assert_eq!(pool.tally.give_permit(), WasLast(false));
                        }
                    })
                })
                .collect();
            turns.into_iter().for_each(|turn| turn.join().unwrap());
            assert_eq!(pool.tally.permits(), 0);
            let used = pool.used.with(|used| unsafe { *used });
            assert!(used == 1 || used == 2, "somebody always gets the permit");
        });
    }

    #[test]
    fn loom_the_pool_is_freed_once_after_every_owner() {
        loom::model(|| {
            let pool = Guarded::with_limit(2);
            let leases: Vec<_> = (0..2)
                .map(|_| {
                    assert!(pool.tally.take_permit());
                    let pool = Arc::clone(&pool);
                    thread::spawn(move || {
                        pool.read_as_owner();
                        pool.free_if(pool.tally.give_permit());
                    })
                })
                .collect();
            pool.read_as_owner();
            pool.free_if(pool.tally.drop_handle());
            leases.into_iter().for_each(|lease| lease.join().unwrap());
            assert!(pool.freed.with(|freed| unsafe { *freed }), "nobody freed the pool");
        });
    }
}
