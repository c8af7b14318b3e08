//! The pool's one shared word: how many permits are taken, how many owners the pool has, and three marks.
//!
//! The counts live in one atomic because a lease changes both at once: it takes a permit, and
//! keeps the pool alive until it gives the permit back. So taking and giving back cost one
//! atomic operation each, and no reference count beside it. The marks are there because they
//! change with the number of permits and are then seen, or changed, for nothing.
//!
//! ```text
//!     63        62          61      60      32 31            0
//! | waiting | congested | keeping | handles |    permits    |      no handle and no permit: nobody is left
//! ```
//!
//! * **waiting**: somebody stands in the [`Waiters`](super::waiters). Then no permit is free, and whoever gives
//!   one back must pass it on there. Set and cleared under the queue's lock alone.
//! * **congested**: the permits have reached the high mark, and have not fallen to the low mark since.
//! * **keeping**: permits may lie in [permit caches](super::permit_cache), taken as far as the semaphore knows and yet nobody's. So no
//!   decision may rest on how many are taken: nobody waits, nothing is refused, the high mark is not reached, and a
//!   handle is left. Who would decide otherwise collects first, which clears the mark. Once it is clear, it is set again when
//!   few enough permits are taken.

use crate::sync::fixed::{AtomicU32, AtomicU64 as Counter};
use crate::sync::{AtomicU64, Ordering};

const ONE_PERMIT: u64 = 1;
const ONE_HANDLE: u64 = 1 << 32;
const KEEPING: u64 = 1 << 61;
const CONGESTED: u64 = 1 << 62;
const WAITING: u64 = 1 << 63;
/// More handles than this are refused: far more than a program can use, far fewer than overflow.
const MOST_HANDLES: u64 = 1 << 28;

/// Permits up to a limit, and the owners of the memory this lies in. Shared by all threads.
#[derive(Debug)]
pub(super) struct Semaphore {
    word: AtomicU64,
    rules: Rules,
    /// The most permits that were taken at once. No part of the protocol.
    peak: AtomicU32,
    /// How often somebody went away without a permit. No part of the protocol.
    refusals: Counter,
}

/// What the marks go by. Constants, copied by whoever must do without the semaphore (P5).
#[derive(Debug, Clone, Copy)]
struct Rules {
    limit: u32,
    low: u32,
    high: u32,
    /// The keeping mark is set when no more permits than this are taken; never if there are no permit caches.
    keep_from: Option<u32>,
}

/// Permits that are about to be given back, perhaps as the last that anybody has of the pool: P5.
#[must_use = "they are still taken"]
pub(super) struct Giving<'t> {
    word: &'t AtomicU64,
    rules: Rules,
    count: u32,
}

/// A handle that is about to go, perhaps as the last that anybody has of the pool: P5.
#[must_use = "it is still counted"]
pub(super) struct Leaving<'t> {
    word: &'t AtomicU64,
    keeps: bool,
}

/// The caller was the last owner: what the semaphore belongs to is the caller's alone.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the last owner frees the pool"]
pub(super) struct WasLast(pub(super) bool);

/// Nothing has changed: permits that are kept in permit caches must be collected before this can be decided.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SomeAreKept;

/// So many permits were not given back: somebody waits for them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SomebodyWaits(pub(super) u32);

impl Semaphore {
    /// No permit is taken, and one handle exists. `low < high <= limit`.
    pub(super) fn new(limit: u32, low: u32, high: u32, has_caches: bool) -> Self {
        debug_assert!(low < high && high <= limit);
        // Far enough below the high mark that collecting, which is slow, comes once for many permits.
        let keep_from = has_caches.then_some(low.min(high / 2));
        let word = if has_caches { ONE_HANDLE | KEEPING } else { ONE_HANDLE };
        Semaphore {
            word: AtomicU64::new(word),
            rules: Rules { limit, low, high, keep_from },
            peak: AtomicU32::new(0),
            refusals: Counter::new(0),
        }
    }

    /// The most permits that can be out at once.
    pub(super) fn limit(&self) -> u32 {
        self.rules.limit
    }

    /// The permits that are taken, those in permit caches included. Never more than the limit.
    pub(super) fn permits(&self) -> u32 {
        // Relaxed: a number to look at; nothing is read on the strength of it.
        permits_of(self.word.load(Ordering::Relaxed))
    }

    /// Whether the high mark was reached, and the low one not since.
    pub(super) fn is_congested(&self) -> bool {
        // Relaxed: as in `permits`.
        self.word.load(Ordering::Relaxed) & CONGESTED != 0
    }

    /// Whether permits may be kept in permit caches.
    pub(super) fn is_keeping(&self) -> bool {
        // Relaxed: the mark is cleared under the caches' lock alone, which orders it for those who rely on it.
        self.rules.keep_from.is_some() && self.word.load(Ordering::Relaxed) & KEEPING != 0
    }

    /// The most permits that were ever taken at once.
    pub(super) fn peak(&self) -> u32 {
        // Relaxed: as in `permits`.
        self.peak.load(Ordering::Relaxed)
    }

    /// How often [`refused`](Self::refused) was called.
    pub(super) fn refusals(&self) -> u64 {
        // Relaxed: as in `permits`.
        self.refusals.load(Ordering::Relaxed)
    }

    /// Counts somebody who went away without a permit.
    pub(super) fn refused(&self) {
        // Relaxed: a number to look at.
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes `wanted` permits, or as many as there are: none while somebody waits. And up to `more` to keep, while permits may be kept and
    /// as far as so many were taken before: the peak does not count what is only kept.
    #[inline]
    pub(super) fn take_permits(&self, wanted: u32, more: u32) -> Result<u32, SomeAreKept> {
        // Relaxed: a guess that the exchange below verifies.
        let mut word = self.word.load(Ordering::Relaxed);
        // Not `fetch_add` with a check afterwards: that shows others a count above the limit, and
        // refuses one that comes just then although a permit has come back.
        loop {
            self.decides(word, wanted)?;
            let taken = if word & WAITING == 0 { wanted.min(self.rules.limit - permits_of(word)) } else { 0 };
            if taken == 0 {
                return Ok(0);
            }
            let taken = taken + more.min(self.to_keep(word, taken));
            match self.try_take(word, taken) {
                Ok(()) => return Ok(taken),
                Err(now) => word = now,
            }
        }
    }

    /// How many permits could be taken to be kept, beside `taken` others. The mark stays: the peak is below the high mark then.
    #[inline]
    fn to_keep(&self, word: u64, taken: u32) -> u32 {
        if word & KEEPING == 0 {
            return 0;
        }
        self.peak().min(self.rules.high - 1).saturating_sub(permits_of(word) + taken)
    }

    /// Whether what becomes of a wish for `wanted` permits can be decided by `word` alone.
    #[inline]
    fn decides(&self, word: u64, wanted: u32) -> Result<(), SomeAreKept> {
        let enough = permits_of(word).saturating_add(wanted) < self.rules.high;
        if enough || word & KEEPING == 0 { Ok(()) } else { Err(SomeAreKept) }
    }

    /// Takes `count` permits if the word is still `word`, in which they are free; says what it is otherwise.
    #[inline]
    fn try_take(&self, word: u64, count: u32) -> Result<(), u64> {
        let taken = self.rules.marked(word + u64::from(count) * ONE_PERMIT);
        // Acquire: pairs with the Release of whoever gave the permits back, so that the blocks of the
        // buffers they stood for are back in the heap. Relaxed on failure: only a guess again.
        self.word.compare_exchange_weak(word, taken, Ordering::Acquire, Ordering::Relaxed)?;
        let permits = permits_of(taken);
        // Relaxed, twice: the peak lies beside the word, and is rarely written.
        if permits > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(permits, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What gives `count` permits back. The caller has them.
    #[inline]
    pub(super) fn giving(&self, count: u32) -> Giving<'_> {
        Giving { word: &self.word, rules: self.rules, count }
    }

    /// Counts one handle more. Whoever calls this has one, or a permit.
    pub(super) fn add_handle(&self) {
        // Relaxed: what the caller has keeps the pool alive meanwhile.
        let before = self.word.fetch_add(ONE_HANDLE, Ordering::Relaxed);
        if handles_of(before) >= MOST_HANDLES {
            // Only handles forgotten by the hundred million lead here. More of them would run into the
            // marks and free the pool; unwinding could be caught and repeated, so it ends here.
            std::process::abort();
        }
    }

    /// What counts one handle less: the caller's.
    pub(super) fn leaving(&self) -> Leaving<'_> {
        Leaving { word: &self.word, keeps: self.rules.keep_from.is_some() }
    }

    /// Clears the keeping mark, and gives back the `count` permits that lay in permit caches. For the one who has closed them
    /// all, under their lock. The caller has a handle.
    pub(super) fn stop_keeping(&self, count: u32) {
        debug_assert!(self.is_keeping());
        // Nobody else clears the mark, so the subtraction borrows nothing. Release: as in `give_permits`.
        self.word.fetch_sub(KEEPING + u64::from(count) * ONE_PERMIT, Ordering::Release);
    }
}

impl Giving<'_> {
    /// Gives the permits back, unless somebody waits: then nothing has changed.
    #[inline]
    pub(super) fn end(self) -> Result<WasLast, SomebodyWaits> {
        let Giving { word: shared, rules, count } = self;
        // Relaxed: a guess that the exchange below verifies.
        let mut word = shared.load(Ordering::Relaxed);
        // Not `fetch_sub` with a look at the mark afterwards: without its permits the caller has no
        // hold on this memory any more, and could not serve those who wait.
        while word & WAITING == 0 {
            let given = rules.keeping(rules.marked(word - u64::from(count) * ONE_PERMIT));
            // Release: what this owner did to the pool and its heap comes before the next taker of the
            // permits (Acquire in `try_take`) and before the last owner's freeing. Acquire: as the last
            // owner, this one sees what all others did before their own Release here or in `Leaving::end`.
            match shared.compare_exchange_weak(word, given, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(nobody_left(given)),
                Err(now) => word = now,
            }
        }
        Err(SomebodyWaits(count))
    }
}

impl Leaving<'_> {
    /// Counts one handle less. The last one does not go while permits may be kept: nobody would collect them.
    pub(super) fn end(self) -> Result<WasLast, SomeAreKept> {
        let Leaving { word: shared, keeps } = self;
        if !keeps {
            // AcqRel: as in `Giving::end`.
            return Ok(nobody_left(shared.fetch_sub(ONE_HANDLE, Ordering::AcqRel) - ONE_HANDLE));
        }
        // Relaxed: a guess that the exchange below verifies.
        let mut word = shared.load(Ordering::Relaxed);
        loop {
            if handles_of(word) == 1 && word & KEEPING != 0 {
                return Err(SomeAreKept);
            }
            let left = word - ONE_HANDLE;
            // AcqRel: as in `Giving::end`.
            match shared.compare_exchange_weak(word, left, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(nobody_left(left)),
                Err(now) => word = now,
            }
        }
    }
}

impl Rules {
    /// `word`, in which nobody waits, with the keeping mark if permits may be kept from now on. It is congested no more then,
    /// since these are at most the low mark's.
    #[inline]
    fn keeping(self, word: u64) -> u64 {
        match self.keep_from {
            Some(few) if permits_of(word) <= few && handles_of(word) > 0 => word | KEEPING,
            _ => word,
        }
    }

    /// `word` with the right mark for its number of permits.
    #[inline]
    fn marked(self, word: u64) -> u64 {
        let permits = permits_of(word);
        if permits >= self.high {
            word | CONGESTED
        } else if permits <= self.low {
            word & !CONGESTED
        } else {
            word
        }
    }
}

/// What the waiter queue needs, all under its lock: hence nobody else touches the mark, nor the permits while it is set.
#[cfg(feature = "async")]
impl Semaphore {
    /// Takes a permit and returns true. If none is free it sets the mark instead, in the same step, so that
    /// whoever gives one back from then on will pass it on.
    pub(super) fn take_permit_or_wait(&self) -> Result<bool, SomeAreKept> {
        // Relaxed: a guess that the exchanges below verify.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            self.decides(word, 1)?;
            let outcome = if word & WAITING == 0 && permits_of(word) < self.rules.limit {
                self.try_take(word, 1).map(|()| true)
            } else {
                // Relaxed: the mark brings others to the queue, where its lock orders everything.
                let waiting = word | WAITING;
                let set = self.word.compare_exchange_weak(word, waiting, Ordering::Relaxed, Ordering::Relaxed);
                set.map(|_| false)
            };
            match outcome {
                Ok(taken) => return Ok(taken),
                Err(now) => word = now,
            }
        }
    }

    /// Gives `count` permits back although the mark may be set, and leaves it set if somebody is `waiting` still.
    /// The caller has a handle.
    pub(super) fn give_past_waiters(&self, count: u32, waiting: bool) {
        debug_assert!(!waiting || count == 0, "a permit is free and somebody waits");
        // Relaxed: a guess that the exchange below verifies.
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let given = self.rules.marked(word - u64::from(count) * ONE_PERMIT);
            let given = if waiting { given } else { given & !WAITING };
            // Release: as in `Giving::end`.
            match self.word.compare_exchange_weak(word, given, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the lower half is the number of permits")]
const fn permits_of(word: u64) -> u32 {
    word as u32
}

const fn handles_of(word: u64) -> u64 {
    (word & !(WAITING | CONGESTED | KEEPING)) >> 32
}

/// A waiting mark without an owner is that of a future that was forgotten.
#[inline]
const fn nobody_left(word: u64) -> WasLast {
    WasLast(word & !WAITING == 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn permits_end_at_the_limit_and_come_back() {
        let semaphore = Semaphore::new(2, 1, 2, false);
        assert!(semaphore.take_permits(1, 0) == Ok(1) && semaphore.take_permits(1, 0) == Ok(1));
        assert!(semaphore.take_permits(1, 0) == Ok(0));
        assert_eq!(semaphore.permits(), 2);
        assert_eq!(semaphore.giving(1).end(), Ok(WasLast(false)));
        assert!(semaphore.take_permits(1, 0) == Ok(1));
    }

    #[test]
    fn the_largest_limit_does_not_reach_the_handles() {
        let semaphore = Semaphore::new(u32::MAX, 0, u32::MAX, false);
        semaphore.word.store(ONE_HANDLE + u64::from(u32::MAX), Ordering::Relaxed);
        assert!(semaphore.take_permits(1, 0) == Ok(0));
        assert_eq!(semaphore.leaving().end(), Ok(WasLast(false)));
        assert_eq!(semaphore.permits(), u32::MAX);
    }

    #[test]
    fn the_last_of_handles_and_permits_is_told_so() {
        let semaphore = Semaphore::new(1, 0, 1, false);
        semaphore.add_handle();
        assert!(semaphore.take_permits(1, 0) == Ok(1));
        assert_eq!(semaphore.leaving().end(), Ok(WasLast(false)));
        assert_eq!(semaphore.leaving().end(), Ok(WasLast(false)));
        assert_eq!(semaphore.giving(1).end(), Ok(WasLast(true)));
    }

    #[test]
    fn many_permits_are_as_many_as_there_are() {
        let semaphore = Semaphore::new(5, 0, 5, false);
        assert_eq!([3, 3, 3].map(|wanted| semaphore.take_permits(wanted, 0)), [Ok(3), Ok(2), Ok(0)]);
        assert_eq!((semaphore.giving(4).end(), semaphore.permits()), (Ok(WasLast(false)), 1));
        assert_eq!((semaphore.take_permits(2, 0), semaphore.peak()), (Ok(2), 5));
    }

    #[test]
    fn congestion_begins_at_the_high_mark_and_ends_at_the_low_one() {
        let semaphore = Semaphore::new(5, 1, 3, false);
        let mut seen = Vec::new();
        for up in [true, true, true, true, false, false, true, false, false, true] {
            if up {
                assert_eq!(semaphore.take_permits(1, 0), Ok(1));
            } else {
                assert_eq!(semaphore.giving(1).end(), Ok(WasLast(false)));
            }
            seen.push((semaphore.permits(), semaphore.is_congested()));
        }
        let (no, yes) = (false, true);
        assert_eq!(
            seen,
            [(1, no), (2, no), (3, yes), (4, yes), (3, yes), (2, yes), (3, yes), (2, yes), (1, no), (2, no)]
        );
    }

    #[test]
    fn what_is_taken_to_keep_stays_below_the_peak_and_the_high_mark() {
        let semaphore = Semaphore::new(10, 3, 6, true);
        assert_eq!((semaphore.take_permits(2, 5), semaphore.take_permits(2, 5), semaphore.peak()), (Ok(2), Ok(2), 4));
        assert_eq!(semaphore.giving(3).end(), Ok(WasLast(false)));
        assert_eq!((semaphore.take_permits(1, 1), semaphore.take_permits(1, 5), semaphore.peak()), (Ok(2), Ok(1), 4));
        semaphore.stop_keeping(1);
        assert_eq!((semaphore.take_permits(6, 5), semaphore.peak(), semaphore.is_congested()), (Ok(6), 9, true));
        assert_eq!((semaphore.giving(9).end(), semaphore.is_keeping()), (Ok(WasLast(false)), true));
        // Nine were taken once, but six would be the high mark.
        assert_eq!((semaphore.take_permits(1, 9), semaphore.is_congested()), (Ok(5), false));
    }

    #[test]
    fn nothing_is_decided_while_permits_may_be_kept() {
        // Kept again from two on.
        let semaphore = Semaphore::new(8, 2, 5, true);
        assert_eq!(
            (semaphore.take_permits(4, 0), semaphore.take_permits(1, 0), semaphore.take_permits(8, 0)),
            (Ok(4), Err(SomeAreKept), Err(SomeAreKept))
        );
        assert_eq!(
            (semaphore.leaving().end(), semaphore.permits(), semaphore.is_congested()),
            (Err(SomeAreKept), 4, false)
        );
        semaphore.stop_keeping(1);
        assert_eq!(
            (semaphore.is_keeping(), semaphore.take_permits(2, 0), semaphore.is_congested()),
            (false, Ok(2), true)
        );
        assert_eq!((semaphore.giving(2).end(), semaphore.is_keeping()), (Ok(WasLast(false)), false));
        assert_eq!(
            (semaphore.giving(1).end(), semaphore.is_keeping(), semaphore.is_congested()),
            (Ok(WasLast(false)), true, false)
        );
    }

    #[test]
    #[cfg(feature = "async")]
    fn nobody_waits_while_permits_may_be_kept() {
        let semaphore = Semaphore::new(8, 2, 5, true);
        assert_eq!((semaphore.take_permits(3, 0), semaphore.take_permit_or_wait()), (Ok(3), Ok(true)));
        assert_eq!(
            (semaphore.take_permit_or_wait(), semaphore.giving(1).end()),
            (Err(SomeAreKept), Ok(WasLast(false)))
        );
    }

    #[test]
    fn nothing_is_kept_when_no_handle_is_left() {
        let semaphore = Semaphore::new(8, 4, 8, true);
        assert_eq!(semaphore.take_permits(2, 0), Ok(2));
        semaphore.stop_keeping(0);
        assert_eq!(semaphore.leaving().end(), Ok(WasLast(false)));
        assert_eq!((semaphore.giving(1).end(), semaphore.is_keeping()), (Ok(WasLast(false)), false));
        assert_eq!(semaphore.giving(1).end(), Ok(WasLast(true)));
    }

    #[test]
    #[cfg(feature = "async")]
    fn while_somebody_waits_permits_are_neither_taken_nor_given() {
        let semaphore = Semaphore::new(2, 0, 1, false);
        assert!(semaphore.take_permit_or_wait() == Ok(true) && semaphore.take_permit_or_wait() == Ok(true));
        assert_eq!(semaphore.take_permit_or_wait(), Ok(false));
        assert_eq!((semaphore.giving(1).end(), semaphore.permits()), (Err(SomebodyWaits(1)), 2));
        semaphore.give_past_waiters(0, true);
        assert_eq!((semaphore.giving(1).end(), semaphore.take_permits(1, 0)), (Err(SomebodyWaits(1)), Ok(0)));
        semaphore.give_past_waiters(1, false);
        assert_eq!((semaphore.permits(), semaphore.is_congested()), (1, true));
        assert_eq!((semaphore.take_permits(1, 0), semaphore.giving(2).end()), (Ok(1), Ok(WasLast(false))));
        assert!(!semaphore.is_congested());
    }

    #[test]
    #[cfg(feature = "async")]
    fn a_forgotten_mark_is_no_owner() {
        let semaphore = Semaphore::new(1, 0, 1, false);
        assert!(semaphore.take_permit_or_wait() == Ok(true) && semaphore.take_permit_or_wait() == Ok(false));
        semaphore.give_past_waiters(1, false);
        semaphore.word.fetch_or(WAITING, Ordering::Relaxed);
        assert_eq!(semaphore.leaving().end(), Ok(WasLast(true)));
    }
}

/// Models: the cells stand for what the semaphore guards. Touching one is an access that loom checks against all others.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    struct Guarded {
        semaphore: Semaphore,
        /// Touched by whoever has the only permit.
        buffer: UnsafeCell<()>,
        /// Read by every owner, written by the one that frees it.
        shared: UnsafeCell<()>,
    }

    impl Guarded {
        fn with_limit(limit: u32) -> Arc<Self> {
            Arc::new(Guarded {
                semaphore: Semaphore::new(limit, 0, limit, false),
                buffer: UnsafeCell::new(()),
                shared: UnsafeCell::new(()),
            })
        }

        /// What a call returns that is given a reference to more than one atomic (P5): all is read until it ends, which may take its time.
        fn covered<T>(&self, call: impl FnOnce() -> T) -> T {
            self.shared.with(|_| {
                let returned = call();
                self.semaphore.permits();
                returned
            })
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
                let taken = pool.semaphore.take_permits(1, 0) == Ok(1);
                if taken {
                    pool.buffer.with_mut(|_| ());
                    assert_eq!(pool.semaphore.giving(1).end(), Ok(WasLast(false)));
                }
                taken
            };
            let other = Arc::clone(&pool);
            let other = thread::spawn(move || turn(other));
            let mine = turn(Arc::clone(&pool));
            assert!(other.join().unwrap() || mine, "a free permit was refused to both");
            assert_eq!(pool.semaphore.permits(), 0);
        });
    }

    #[test]
    fn loom_the_last_owner_is_told_and_comes_after_all_others() {
        model(|| {
            let pool = Guarded::with_limit(2);
            let leases = [(), ()].map(|()| {
                assert!(pool.semaphore.take_permits(1, 0) == Ok(1));
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    let giving = pool.covered(|| pool.semaphore.giving(1));
                    pool.leave(giving.end().unwrap())
                })
            });
            let leaving = pool.covered(|| pool.semaphore.leaving());
            let mut last = usize::from(pool.leave(leaving.end().unwrap()));
            for lease in leases {
                last += usize::from(lease.join().unwrap());
            }
            assert_eq!(last, 1);
        });
    }
}
