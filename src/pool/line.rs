//! The line of those who wait for a permit, first come first served. A permit given back while it is not empty is passed on.
//!
//! ```text
//! give: mark not set ------------------------------------------> the permit is free, one atomic
//!       mark set ----> lock: the first in line has the permit --> nobody else saw it
//! ```
//!
//! A waiting one is handed the permit itself, not a chance to try for it: it stays counted as taken, so no
//! newcomer can snatch it. Being served is being in the queue no more.
//!
//! A queue of our own and not an `event_listener::Event`, for two reasons. That one allocates a node for each wait, which
//! in a program at its limit is one for each packet; this one's memory stays with it. And that one calls wakers with its lock held:
//! a waker that drops the task it wakes, with an `Acquire` in it, then waits for itself. Here foreign code never runs under the lock,
//! but for the cloning of a waker.
//!
//! # Invariants
//!
//! Whenever the lock is free:
//!
//! * **L1** The tally's mark is set if, and only if, the queue is not empty.
//! * **L2** While the mark is set no permit is free, nor kept on a shelf.
//! * **L3** A [`Place`] whose ticket is not in the queue stands for one permit that is out.
//!
//! A place that is forgotten (`mem::forget`) stays in the queue, and keeps the permit it will be given, as a forgotten lease does.

use core::mem;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

use super::tally::Tally;
use crate::sync::{Mutex, lock};

/// Who waits. Shared by all threads.
#[derive(Debug)]
pub(super) struct Line(Mutex<Queue>);

/// Under the line's lock.
#[derive(Debug)]
struct Queue {
    /// In the order of their tickets, which is that of their coming.
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
}

/// One of those who wait. Under the line's lock.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    waker: Waker,
}

/// A place in the line. It must not be dropped but [left](Line::leave): it may stand for a permit (L3).
#[derive(Debug)]
pub(super) struct Place {
    ticket: u64,
}

impl Queue {
    fn find(&self, place: &Place) -> Option<usize> {
        self.waiting.binary_search_by_key(&place.ticket, |waiting| waiting.ticket).ok()
    }
}

impl Line {
    pub(super) fn new() -> Self {
        Line(Mutex::new(Queue { waiting: VecDeque::new(), next_ticket: 0 }))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.0).waiting.len()
    }

    /// Takes the last place, or returns `None` if a permit was free and has been taken instead, as [`take_permit_or_wait`] says that
    /// it was.
    ///
    /// [`take_permit_or_wait`]: Tally::take_permit_or_wait
    #[cold]
    pub(super) fn join(&self, context: &Context<'_>, take_permit_or_wait: impl FnOnce() -> bool) -> Option<Place> {
        let waker = context.waker().clone();
        let mut queue = lock(&self.0);
        // First: it may allocate, and so panic.
        queue.waiting.reserve(1);
        if take_permit_or_wait() {
            drop(queue);
            return None;
        }
        // L2: none was free when the mark was set. L1: whoever gives one back now waits for the lock.
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push_back(Waiting { ticket, waker });
        Some(Place { ticket })
    }

    /// Ready when the permit is the caller's; the place is no more then.
    pub(super) fn poll(&self, place: &Place, context: &Context<'_>) -> Poll<()> {
        let mut queue = lock(&self.0);
        let Some(at) = queue.find(place) else { return Poll::Ready(()) };
        let waker = &mut queue.waiting[at].waker;
        if !waker.will_wake(context.waker()) {
            let old = mem::replace(waker, context.waker().clone());
            drop(queue);
            drop(old);
        }
        Poll::Pending
    }

    /// Leaves without a permit: if it has been handed over already, it goes to the next in line. Linear in the number of
    /// those who wait.
    #[cold]
    pub(super) fn leave(&self, tally: &Tally, place: &Place) {
        let mut queue = lock(&self.0);
        let left = queue.find(place).and_then(|at| queue.waiting.remove(at));
        if left.is_some() {
            tally.give_from_line(0, !queue.waiting.is_empty());
        }
        drop(queue);
        if left.is_none() {
            self.serve(tally, 1);
        }
    }

    /// Hands `count` permits to those who wait, and gives back what is left of them. The caller has a handle:
    /// those who are served may be gone, with all they had of the pool, before this returns.
    #[cold]
    pub(super) fn serve(&self, tally: &Tally, count: u32) {
        let mut left = count;
        while left > 0 {
            let mut queue = lock(&self.0);
            let Some(first) = queue.waiting.pop_front() else {
                return tally.give_from_line(left, false);
            };
            // L3: one of ours is the first one's now.
            left -= 1;
            tally.give_from_line(0, !queue.waiting.is_empty());
            drop(queue);
            first.waker.wake();
        }
    }
}
