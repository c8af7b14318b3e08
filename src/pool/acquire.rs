//! Waiting for a buffer: as a task, or as a thread.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::wait::Wait;
use super::{BufPool, Buffers, Lease, PoolError};
use crate::derived::debug_by;
use crate::heap::{Global, HeapRef};

impl<H: HeapRef> BufPool<H> {
    /// A buffer on loan, as soon as there is one. With feature `async`; works in any executor.
    ///
    /// Those who wait, tasks and threads alike, are served in the order in which they began to, and a buffer that
    /// comes back while somebody waits goes to the first of them: nobody who comes later can be faster. A future has
    /// its place in the queue from its first poll on. Dropping it at any moment loses nothing: if a buffer was already
    /// on its way to it, that goes to the next one.
    ///
    /// If a buffer is free this costs what [`try_acquire`](BufPool::try_acquire) does; waiting takes a lock, and allocates nothing once the
    /// queue has been as long before. Dropping a future that waits is O(1), however many do.
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
        Acquire(Wait::new(&self.handle))
    }

    /// A buffer on loan, as soon as there is one; the thread sleeps meanwhile. With feature `async`.
    ///
    /// Waits `timeout` at most, or without end if that is `None`. In the same queue as [`acquire`](BufPool::acquire), and as fair.
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
        match Wait::new(&self.handle).block(timeout) {
            Some(permit) => Lease::new(permit),
            None => Err(PoolError::TimedOut {
                timeout: timeout.unwrap_or(Duration::MAX),
                limit: self.limit(),
                buf_size: self.buf_size(),
            }),
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
pub struct Acquire<'p, H: HeapRef = Global>(Wait<'p, Buffers<H>>);

impl<H: HeapRef> Future for Acquire<'_, H> {
    type Output = Result<Lease<H>, PoolError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.get_mut().0).poll(context).map(Lease::new)
    }
}

debug_by! { [H: HeapRef] Acquire<'_, H> |acquire| { waiting: acquire.0.has_place() } }
