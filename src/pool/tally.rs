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

/// Models: the cells stand for what the tally guards. Touching one is an access that loom checks against all others.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    struct Guarded {
        tally: Tally,
        /// Touched by whoever has the only permit.
        buffer: UnsafeCell<()>,
        /// Read by every owner, written by the one that frees it.
        shared: UnsafeCell<()>,
    }

    impl Guarded {
        fn with_limit(limit: u32) -> Arc<Self> {
            Arc::new(Guarded { tally: Tally::new(limit), buffer: UnsafeCell::new(()), shared: UnsafeCell::new(()) })
        }

        fn look(&self) {
            self.shared.with(|_| ());
        }

        /// Whether this was the last owner.
        fn leave(&self, last: WasLast) -> bool {
            if last.0 {
                self.shared.with_mut(|_| ());
            }
            last.0
        }
    }

    #[test]
    fn loom_one_permit_is_held_by_one_thread() {
        model(|| {
            let pool = Guarded::with_limit(1);
            let turn = |pool: Arc<Guarded>| {
                let taken = pool.tally.take_permit();
                if taken {
                    pool.buffer.with_mut(|_| ());
                    assert_eq!(pool.tally.give_permit(), WasLast(false));
                }
                taken
            };
            let other = Arc::clone(&pool);
            let other = thread::spawn(move || turn(other));
            let mine = turn(Arc::clone(&pool));
            assert!(other.join().unwrap() || mine, "a free permit was refused to both");
            assert_eq!(pool.tally.permits(), 0);
        });
    }

    #[test]
    fn loom_the_last_owner_is_told_and_comes_after_all_others() {
        model(|| {
            let pool = Guarded::with_limit(2);
            let leases = [(), ()].map(|()| {
                assert!(pool.tally.take_permit());
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    pool.look();
                    pool.leave(pool.tally.give_permit())
                })
            });
            pool.look();
            let mut last = usize::from(pool.leave(pool.tally.drop_handle()));
            for lease in leases {
                last += usize::from(lease.join().unwrap());
            }
            assert_eq!(last, 1);
        });
    }
}
