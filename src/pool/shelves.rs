//! Shelves: permits that a thread has given back and keeps ready for itself, so that its next one costs no atomic operation on a shared word.
//!
//! Each thread that has a [number](super::number) has a shelf of that number in every pool, and changes it by plain loads and stores.
//! Nobody else takes from an open shelf. Whoever must know how many permits are free closes all shelves and collects what lies there:
//!
//! ```text
//! its thread:   busy = true;  light barrier;  closed? -- no --> kept += 1 or -= 1;  busy = false
//!                                                `-- yes -----> busy = false;  then the tally
//! collecting:   closed = true;  heavy barrier;  wait while busy;  kept, which is 0 from now on
//! ```
//!
//! By the [barriers](super::barrier), if the thread did not see that its shelf is closed then the collecting one sees that it is busy, and
//! waits: for a few instructions, or for as long as the system lets the thread stand just there.
//!
//! # Invariants
//!
//! * **K1** The open shelf of a number, and `busy` and `room` of a closed one, are written only by the thread that has the number. What else a closed
//!   shelf has whose thread is not busy is written only under the shelves' lock.
//! * **K2** A shelf is opened only under the lock, by its own thread, and while the tally's keeping mark is set; the mark is cleared only
//!   under the lock, when all shelves are closed and empty. So a permit lies on a shelf only while the mark is set.
//! * **K3** Each permit on a shelf counts as taken in the tally.

use super::barrier::Barrier;
use super::tally::Tally;
use crate::sync::fixed::AtomicU32 as Own;
use crate::sync::{AtomicBool, AtomicU32, CachePadded, Mutex, Ordering, lock, spin_until};

/// How many threads can have shelves at a time.
pub(super) const SHELVES: usize = if cfg!(any(loom, shuttle)) { 2 } else { 32 };

/// The most permits a shelf can hold: a burst's worth, and half of it is enough for one access to the tally not to count.
const MOST_KEPT: u32 = 128;

/// The permits that threads keep ready. Shared by all threads.
#[derive(Debug)]
pub(super) struct Shelves {
    /// By the numbers of their threads.
    shelves: [CachePadded<Shelf>; SHELVES],
    /// Who opens and closes shelves.
    turn: Mutex<()>,
    /// What all shelves together have room for.
    room: u32,
    barrier: Barrier,
}

/// A number's permits. One thread's while it is open (K1); that no other is on its cache line is what it is there for.
#[derive(Debug)]
struct Shelf {
    kept: AtomicU32,
    /// The thread is about to change what is kept, unless the shelf is closed.
    busy: AtomicBool,
    closed: AtomicBool,
    /// The most permits that may lie here. The thread's alone.
    room: Own,
    /// Here to be at hand.
    barrier: Barrier,
}

/// A thread is busy with its shelf. Its end may be the last access to the pool: P5.
#[must_use = "whoever collects waits for its end"]
pub(super) struct Busy<'s>(&'s AtomicBool);

impl Busy<'_> {
    #[inline(always)]
    pub(super) fn end(self) {
        // Release: pairs with the Acquire of `leave_empty`, for what is kept, and for all that the thread did to the pool before.
        self.0.store(false, Ordering::Release);
    }
}

impl Shelves {
    /// The room of all shelves in a pool with this limit: none in small ones.
    pub(super) fn room(limit: u32) -> u32 {
        if limit as usize >= SHELVES { limit } else { 0 }
    }

    /// All closed.
    pub(super) fn new(room: u32, barrier: Barrier) -> Self {
        let shelf = |_| {
            CachePadded(Shelf {
                kept: AtomicU32::new(0),
                busy: AtomicBool::new(false),
                closed: AtomicBool::new(true),
                room: Own::new(0),
                barrier,
            })
        };
        Shelves { shelves: core::array::from_fn(shelf), turn: Mutex::new(()), room, barrier }
    }

    /// Whether anything can lie on a shelf.
    #[inline]
    pub(super) fn have_room(&self) -> bool {
        self.room > 0
    }

    /// Gives the shelf of `number`, which is this thread's or no shelf's, its share of the room among `threads`, and returns it. If it was larger, more
    /// may lie there for a while.
    pub(super) fn share(&self, number: usize, threads: u32) -> u32 {
        let Some(shelf) = self.shelves.get(number) else { return 0 };
        let room = (self.room / threads).min(MOST_KEPT);
        // Relaxed: no other thread looks at it.
        shelf.room.store(room, Ordering::Relaxed);
        room
    }

    /// How many permits lie on shelves: right for some moment each.
    pub(super) fn kept(&self) -> u32 {
        // Relaxed: numbers to look at.
        self.shelves.iter().map(|shelf| shelf.kept.load(Ordering::Relaxed)).sum()
    }

    /// Takes up to `wanted` permits from the shelf of `number`, which is this thread's or no shelf's.
    #[inline(always)]
    pub(super) fn take(&self, number: usize, wanted: u32) -> u32 {
        let Some(shelf) = self.shelves.get(number) else { return 0 };
        let mut taken = 0;
        let busy = shelf.change(|kept| {
            taken = wanted.min(kept);
            kept - taken
        });
        busy.end();
        taken
    }

    /// Puts `count` permits on the shelf of `number`, if it is open and has room for all of them: at the end of what this returns they are not
    /// the caller's any more, and the pool may be gone. The number is this thread's or no shelf's.
    #[inline(always)]
    pub(super) fn put(&self, number: usize, count: u32) -> Option<Busy<'_>> {
        let shelf = self.shelves.get(number)?;
        let mut put = false;
        let busy = shelf.change(|kept| {
            // As in `share`.
            put = count <= shelf.room.load(Ordering::Relaxed).saturating_sub(kept);
            if put { kept + count } else { kept }
        });
        if put {
            return Some(busy);
        }
        busy.end();
        None
    }

    /// As `put`, on a shelf that had no room or was closed, and has been given its share. The caller has a permit; of an error it has as
    /// many as it says more, so that the shelf is half full.
    #[cold]
    pub(super) fn put_anew(&self, number: usize, count: u32, tally: &Tally) -> Result<Busy<'_>, u32> {
        let Some(shelf) = self.shelves.get(number) else { return Err(0) };
        // As in `share`.
        let room = shelf.room.load(Ordering::Relaxed);
        if count > room {
            return Err(0);
        }
        // Relaxed: nobody else opens it, and nobody relies on what this sees. The mark is a guess, for speed alone, which the lock verifies:
        // without it all threads of a pool that keeps nothing would meet at the lock. It is looked at second because the tally is other
        // threads' as well.
        if shelf.closed.load(Ordering::Relaxed) && tally.is_keeping() {
            let _turn = lock(&self.turn);
            // K2: the mark stays as long as we have the lock. Since the look before somebody may have collected.
            if tally.is_keeping() {
                // Relaxed: whoever closes it again has the lock after us.
                shelf.closed.store(false, Ordering::Relaxed);
            }
        }
        if let Some(busy) = self.put(number, count) {
            return Ok(busy);
        }
        // Relaxed: K1: if it is open, ours; if not, nothing is taken.
        let kept = shelf.kept.load(Ordering::Relaxed);
        Err(self.take(number, kept.saturating_sub(room.div_ceil(2))))
    }

    /// Closes all shelves and gives what lies there to the tally, whose keeping mark is clear then. The caller, who has a handle, has this
    /// `number` or none.
    #[cold]
    pub(super) fn collect(&self, number: usize, tally: &Tally) {
        let _turn = lock(&self.turn);
        if !tally.is_keeping() {
            return;
        }
        let mut open = [false; SHELVES];
        let mut others = false;
        for (at, shelf) in self.shelves.iter().enumerate() {
            // Relaxed, twice: only ever written under the lock.
            open[at] = !shelf.closed.load(Ordering::Relaxed);
            if open[at] {
                shelf.closed.store(true, Ordering::Relaxed);
                others |= at != number;
            }
        }
        // Our own shelf needs none: we are not busy with it.
        if others {
            self.barrier.heavy();
        }
        let left = self.shelves.iter().zip(open).filter(|(_, open)| *open).map(|(shelf, _)| shelf.leave_empty());
        // K2: all are closed and empty.
        tally.stop_keeping(left.sum());
    }
}

impl Shelf {
    /// Lets the shelf's thread change what is kept, unless the shelf is closed. The thread is busy until it says that it is not.
    #[inline(always)]
    fn change(&self, change: impl FnOnce(u32) -> u32) -> Busy<'_> {
        // Relaxed: the barrier keeps it before the look at `closed`, and its partner is that of `collect`.
        self.busy.store(true, Ordering::Relaxed);
        self.barrier.light();
        // Relaxed: opened by this thread alone.
        if !self.closed.load(Ordering::Relaxed) {
            // Relaxed, twice: K1: nobody else writes it meanwhile.
            let kept = self.kept.load(Ordering::Relaxed);
            self.kept.store(change(kept), Ordering::Relaxed);
        }
        Busy(&self.busy)
    }

    /// Waits until the shelf's thread is not busy with it, and takes everything. It is closed, and a heavy barrier ago.
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

    fn put(shelves: &Shelves, number: usize, count: u32) -> bool {
        shelves.put(number, count).map(Busy::end).is_some()
    }

    fn put_anew(shelves: &Shelves, number: usize, count: u32, tally: &Tally) -> Result<(), u32> {
        shelves.put_anew(number, count, tally).map(Busy::end)
    }

    #[test]
    fn a_shelf_keeps_so_many_and_no_more_and_none_once_they_were_collected() {
        let (tally, shelves) = (Tally::new(100, 10, 50, true), Shelves::new(8, Barrier::new()));
        assert_eq!(tally.take_permits(9, 0), Ok(9));
        assert_eq!((shelves.share(0, 2), shelves.share(SHELVES, 2)), (4, 0));
        assert!(!put(&shelves, 0, 1), "nobody has opened it");
        assert_eq!(put_anew(&shelves, 0, 3, &tally), Ok(()));
        assert!(!put(&shelves, 0, 2) && put(&shelves, 0, 1));
        // One of four is too many: then half of them go as well.
        assert_eq!((shelves.kept(), put_anew(&shelves, 0, 1, &tally), shelves.kept()), (4, Err(2), 2));
        assert!(put(&shelves, 0, 1));
        assert_eq!((put_anew(&shelves, 0, 5, &tally), shelves.kept()), (Err(0), 3));
        assert_eq!(put_anew(&shelves, SHELVES, 1, &tally), Err(0));
        shelves.collect(0, &tally);
        assert_eq!((shelves.kept(), tally.permits()), (0, 6));
        assert!(!tally.is_keeping());
        shelves.collect(0, &tally);
        assert_eq!((put_anew(&shelves, 0, 1, &tally), shelves.kept(), tally.permits()), (Err(0), 0, 6));
    }

    #[test]
    fn a_shelf_that_has_less_room_than_before_gives_up_what_is_too_much() {
        let (tally, shelves) = (Tally::new(1000, 100, 500, true), Shelves::new(1000, Barrier::new()));
        assert_eq!((tally.take_permits(90, 0), shelves.share(0, 1)), (Ok(90), MOST_KEPT));
        assert_eq!(put_anew(&shelves, 0, 80, &tally), Ok(()));
        assert_eq!(shelves.share(0, 100), 10);
        assert!(!put(&shelves, 0, 1));
        assert_eq!((put_anew(&shelves, 0, 1, &tally), shelves.kept()), (Err(75), 5));
        assert!(put(&shelves, 0, 5) && !put(&shelves, 0, 1));
    }
}
