//! Waiting for a buffer: as a task, or as a thread.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

use super::line::Place;
use super::{BufPool, Lease, Permit, PoolError};
use crate::heap::{Global, HeapRef};

impl<H: HeapRef> BufPool<H> {
    /// A buffer on loan, as soon as there is one. With feature `async`; works in any executor.
    ///
    /// Those who wait, tasks and threads alike, are served in the order in which they began to, and a buffer that
    /// comes back while somebody waits goes to the first of them: nobody who comes later can be faster. A future has
    /// its place in the line from its first poll on. Dropping it at any moment loses nothing: if a buffer was already
    /// on its way to it, that goes to the next one.
    ///
    /// If a buffer is free this costs what [`try_acquire`](BufPool::try_acquire) does; waiting takes a lock, and allocates nothing once the
    /// line has been as long before. Dropping a future that waits is linear in the number of those who do.
    ///
    /// # Errors
    /// [`PoolError::Alloc`] with what the heap says. Never [`PoolError::LimitReached`].
    ///
    /// ```
    /// use smarena::BufPool;
    ///
    /// let pool = BufPool::builder().limit(1).build()?;
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     let lease = pool.acquire().await?;
    ///     let other = pool.clone();
    ///     let waiting = tokio::spawn(async move { other.acquire().await.map(|lease| lease.capacity()) });
    ///     drop(lease);
    ///     assert!(waiting.await.unwrap()? >= pool.buf_size());
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(&self) -> Acquire<'_, H> {
        Acquire { pool: self, place: None }
    }

    /// A buffer on loan, as soon as there is one; the thread sleeps meanwhile. With feature `async`.
    ///
    /// Waits `timeout` at most, or without end if that is `None`. In the same line as [`acquire`](BufPool::acquire), and as fair.
    /// A thread that runs an executor should not call this.
    ///
    /// # Errors
    /// [`PoolError::TimedOut`] after the time; [`PoolError::Alloc`] with what the heap says.
    ///
    /// ```
    /// use smarena::{BufPool, PoolError};
    /// use std::{thread, time::Duration};
    ///
    /// let pool = BufPool::builder().limit(1).build()?;
    /// let lease = pool.acquire_blocking(None)?;
    /// let refused = pool.acquire_blocking(Some(Duration::from_millis(1)));
    /// assert!(matches!(refused, Err(PoolError::TimedOut { limit: 1, .. })));
    ///
    /// let other = pool.clone();
    /// let waiting = thread::spawn(move || other.acquire_blocking(None).map(|lease| lease.capacity()));
    /// drop(lease);
    /// assert!(waiting.join().unwrap()? >= pool.buf_size());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_blocking(&self, timeout: Option<Duration>) -> Result<Lease<H>, PoolError> {
        // A moment that no clock reaches is as good as none.
        let deadline = timeout.and_then(|timeout| Some((timeout, Instant::now().checked_add(timeout)?)));
        let mut acquire = self.acquire();
        let waker = this_threads_waker();
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut acquire).poll(&mut context) {
                return outcome;
            }
            match deadline {
                None => thread::park(),
                Some((timeout, deadline)) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        self.shared().permits.tally().refused();
                        return Err(PoolError::TimedOut { timeout, limit: self.limit(), buf_size: self.buf_size() });
                    }
                    thread::park_timeout(left);
                }
            }
        }
    }
}

/// A future that waits for a buffer: made by [`BufPool::acquire`]. Safe to drop at any moment.
///
/// ```
/// # use smarena::{Acquire, BufPool};
/// let pool = BufPool::builder().build()?;
/// let future: Acquire<'_> = pool.acquire();
/// drop(future);
/// assert_eq!(pool.stats().waiting, 0);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[must_use = "a future does nothing until it is polled"]
pub struct Acquire<'p, H: HeapRef = Global> {
    pool: &'p BufPool<H>,
    /// While it waits.
    place: Option<Place>,
}

impl<H: HeapRef> Future for Acquire<'_, H> {
    type Output = Result<Lease<H>, PoolError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Acquire { pool, place } = self.get_mut();
        let permits = &pool.shared().permits;
        if place.is_none() && permits.take(1) == 0 {
            *place = permits.join(context);
        }
        if let Some(waiting) = place {
            if permits.poll(waiting, context).is_pending() {
                return Poll::Pending;
            }
            *place = None;
        }
        // P1: there was one, or it was there when we came to the line, or it was handed to us: counted as taken in each case.
        Poll::Ready(Lease::new(Permit { shared: pool.shared }))
    }
}

impl<H: HeapRef> Drop for Acquire<'_, H> {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.pool.shared().permits.leave(&place);
        }
    }
}

impl<H: HeapRef> fmt::Debug for Acquire<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("waiting", &self.place.is_some()).finish_non_exhaustive()
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
