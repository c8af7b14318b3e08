//! The line of those who wait for a permit, first come first served. A permit given back while it is not empty is passed on.
//!
//! ```text
//! give: mark not set ------------------------------------------> the permit is free, one atomic
//!       mark set ----> lock: the first in line has the permit --> nobody else saw it
//! ```
//!
//! A waiting one is handed the permit itself, not a chance to try for it: it stays counted as taken, so no
//! newcomer can snatch it, and whoever is told of it has it. That makes one notification one permit.
//!
//! # Invariants
//!
//! Whenever the lock is free:
//!
//! * **L1** `waiting` is the number of listeners that were not notified; the tally's mark is set if it is not 0.
//! * **L2** While the mark is set no permit is free.
//! * **L3** Each listener that was notified and has not been polled since stands for one permit that is out.
//!
//! A listener that is forgotten (`mem::forget`) keeps its place, and the permit it will be given, as a
//! forgotten lease does. Wakers are called with locks held (`event-listener` has its own): one that uses the pool from
//! inside of its `wake` would wait for itself. Executors' wakers only put the task on a queue.

use core::pin::Pin;
use core::task::{Context, Poll};

use event_listener::{Event, EventListener, IntoNotification, Listener};

use super::tally::Tally;
use crate::sync::{Mutex, MutexGuard, lock};

/// Who waits. Shared by all threads.
#[derive(Debug)]
pub(super) struct Line {
    waiting: Mutex<usize>,
    /// Its listeners queue in the order they came. Used under the lock, except for polling.
    event: Event,
}

/// A place in the line. It must not be dropped but [left](Line::leave): it may stand for a permit (L3).
#[derive(Debug)]
pub(super) struct Place(EventListener);

impl Line {
    pub(super) fn new() -> Self {
        Line { waiting: Mutex::new(0), event: Event::new() }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        *lock(&self.waiting)
    }

    /// Takes the last place, or returns `None` if a permit was free and has been taken instead.
    #[cold]
    pub(super) fn join(&self, tally: &Tally) -> Option<Place> {
        let mut waiting = lock(&self.waiting);
        if tally.take_permit_or_wait() {
            return None;
        }
        // L2: none was free when the mark was set. L1: whoever gives one back now waits for the lock.
        *waiting += 1;
        Some(Place(self.event.listen()))
    }

    /// Leaves without a permit: if it has been handed over already, it goes to the next in line.
    #[cold]
    pub(super) fn leave(&self, tally: &Tally, place: Place) {
        let mut waiting = lock(&self.waiting);
        if place.0.discard() {
            self.pass_on(tally, 1, waiting);
        } else {
            *waiting -= 1;
            tally.give_from_line(0, *waiting > 0);
        }
    }

    /// Hands `count` permits to those who wait, and gives back what is left of them. The caller has a handle:
    /// those who are served may be gone, with all they had of the pool, before this returns.
    #[cold]
    pub(super) fn serve(&self, tally: &Tally, count: u32) {
        self.pass_on(tally, count as usize, lock(&self.waiting));
    }

    fn pass_on(&self, tally: &Tally, count: usize, mut waiting: MutexGuard<'_, usize>) {
        let served = count.min(*waiting);
        // The books first: a waker may panic.
        *waiting -= served;
        // L2: if somebody is still waiting, nothing is left.
        tally.give_from_line(count - served, *waiting > 0);
        // L1, L3: there are as many. `additional`: those that were notified before have a permit each already.
        let notified = self.event.notify(served.additional());
        debug_assert_eq!(notified, served, "somebody waits and does not listen");
    }
}

impl Place {
    /// Ready when the permit is the caller's; the place is no more then.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}
