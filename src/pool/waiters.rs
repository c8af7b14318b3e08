//! The queue of those who wait for a permit, first come first served. A permit given back while it is not empty is passed on.
//!
//! ```text
//! give: mark not set ------------------------------------------> the permit is free, one atomic
//!       mark set ----> lock: the first in the queue has the permit --> nobody else saw it
//! ```
//!
//! A waiting one is handed the permit itself, not a chance to try for it: it stays counted as taken, so no
//! newcomer can snatch it. Being served is being in the queue no more.
//!
//! A queue of our own and not an `event_listener::Event`, for two reasons. That one allocates a node for each wait, which
//! in a program at its limit is one for each packet; this one's memory stays with it. And that one calls wakers with its lock held:
//! a waker that drops the task it wakes, with an `Acquire` in it, then waits for itself. Here foreign code never runs under the lock.
//!
//! # Invariants
//!
//! Whenever the lock is free:
//!
//! * **L1** The semaphore's mark is set if, and only if, the queue is not empty.
//! * **L2** While the mark is set no permit is free, nor kept in a permit cache.
//! * **L3** A [`Place`] whose ticket is not in the queue stands for one permit that is out.
//!
//! A place that is forgotten (`mem::forget`) stays in the queue, and keeps the permit it will be given, as a forgotten lease does.

use core::mem::{self, ManuallyDrop};
use core::task::{Poll, Waker};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use super::Semaphore;
use super::queue::{Place, Queue};
use crate::sync::{Mutex, lock};

/// Who waits. Shared by all threads.
#[derive(Debug)]
pub(super) struct Waiters(Mutex<Queue<Waker>>);

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters(Mutex::new(Queue::new()))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Takes the last place, or gives the waker back if a permit was free and has been taken instead, as [`take_permit_or_wait`] says that
    /// it was.
    ///
    /// [`take_permit_or_wait`]: Semaphore::take_permit_or_wait
    #[cold]
    pub(super) fn join(&self, waker: Waker, take_permit_or_wait: impl FnOnce() -> bool) -> Result<Place, Waker> {
        let mut queue = lock(&self.0);
        // Before anything has changed: it may allocate, and so panic.
        queue.reserve();
        if take_permit_or_wait() {
            return Err(waker);
        }
        // L2: none was free when the mark was set. L1: whoever gives one back now waits for the lock.
        Ok(queue.push(waker))
    }

    /// Ready when the permit is the caller's; the place is no more then.
    pub(super) fn poll(&self, place: &Place, waker: &Waker) -> Poll<()> {
        match lock(&self.0).get(place) {
            None => return Poll::Ready(()),
            Some(old) if old.will_wake(waker) => return Poll::Pending,
            Some(_) => {}
        }
        let new = waker.clone();
        let mut queue = lock(&self.0);
        let Some(waker) = queue.get(place) else { return Poll::Ready(()) };
        let old = mem::replace(waker, new);
        drop(queue);
        drop(old);
        Poll::Pending
    }

    /// Leaves. Returns true if a permit has been handed over already: it is the caller's.
    #[cold]
    pub(super) fn leave(&self, semaphore: &Semaphore, place: &Place) -> bool {
        let mut queue = lock(&self.0);
        let left = queue.remove(place);
        if left.is_some() {
            semaphore.give_past_waiters(0, queue.len() > 0);
        }
        drop(queue);
        left.is_none()
    }

    /// Hands `count` permits to those who wait, and gives back what is left of them. The caller has a handle:
    /// those who are served may be gone, with all they had of the pool, before this returns.
    #[cold]
    pub(super) fn serve(&self, semaphore: &Semaphore, count: u32) {
        let mut panicked = None;
        for served in 0..count {
            let mut queue = lock(&self.0);
            let Some(first) = queue.pop() else {
                semaphore.give_past_waiters(count - served, false);
                break;
            };
            // L3: one of the permits now belongs to the first in the queue.
            semaphore.give_past_waiters(0, queue.len() > 0);
            drop(queue);
            // Whatever a waker does, the permits are not lost and the others are told.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| first.wake())) {
                // Earlier panics are forgotten, not dropped: dropping one may panic again.
                panicked = Some(ManuallyDrop::new(panic));
            }
        }
        match panicked {
            // If this thread unwinds already, a second panic would abort the process.
            Some(panic) if !thread::panicking() => resume_unwind(ManuallyDrop::into_inner(panic)),
            _ => {}
        }
    }
}
