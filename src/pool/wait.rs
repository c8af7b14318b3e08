//! Waiting for a permit: as a task, as a thread, or by looking now and then.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::future::Future;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

use super::queue::Place;
use super::{Handle, Permit};

/// A future that waits for a permit. Safe to drop at any moment.
pub(super) struct Wait<'p, S> {
    handle: &'p Handle<S>,
    /// While it waits.
    place: Option<Place>,
}

impl<'p, S> Wait<'p, S> {
    pub(super) fn new(handle: &'p Handle<S>) -> Self {
        Wait { handle, place: None }
    }

    pub(super) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// Waits until it is ready, and `None` if that takes longer than `timeout`.
    pub(super) fn block(mut self, timeout: Option<Duration>) -> Option<Permit<S>> {
        // A deadline beyond what the clock can express is no deadline.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let waker = this_threads_waker();
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(permit) = Pin::new(&mut self).poll(&mut context) {
                return Some(permit);
            }
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        self.handle.permits().semaphore().refused();
                        return None;
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

impl<S> Future for Wait<'_, S> {
    type Output = Permit<S>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit<S>> {
        let Wait { handle, place } = self.get_mut();
        handle.poll(place, context.waker())
    }
}

impl<S> Drop for Wait<'_, S> {
    fn drop(&mut self) {
        self.handle.leave(&mut self.place);
    }
}

impl<S> Handle<S> {
    /// Ready with a permit that is free, or when it is the turn of this place, which is taken in the queue if need be. It must be left in the end.
    pub(super) fn poll(&self, place: &mut Option<Place>, waker: &Waker) -> Poll<Permit<S>> {
        if let Some(waiting) = place {
            if self.permits().poll(waiting, waker).is_pending() {
                return Poll::Pending;
            }
            *place = None;
            return Poll::Ready(self.handed_over());
        }
        if let Some(permit) = self.take_one() {
            return Poll::Ready(permit);
        }
        match self.permits().join(waker.clone()) {
            Ok(joined) => {
                *place = Some(joined);
                Poll::Pending
            }
            Err(waker) => {
                // The permit has an owner before the waker is dropped. If that panics, the permit goes back all the same.
                let permit = self.handed_over();
                drop(waker);
                Poll::Ready(permit)
            }
        }
    }

    pub(super) fn leave(&self, place: &mut Option<Place>) {
        if place.take().is_some_and(|place| self.permits().leave(&place)) {
            // Dropping the permit passes it on to the next in the queue.
            drop(self.handed_over());
        }
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Made once for each thread; once more if the thread is past its thread-local destructors.
fn this_threads_waker() -> Waker {
    fn make() -> Waker {
        Arc::new(Unpark(thread::current())).into()
    }
    thread_local!(static WAKER: Waker = make());
    WAKER.try_with(Waker::clone).unwrap_or_else(|_| make())
}
