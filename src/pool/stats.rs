//! What a pool is doing, and has done.

use super::BufPool;
use crate::heap::HeapRef;
use crate::sync::Ordering;

/// A pool's statistics, by [`BufPool::stats`].
///
/// Each number is right for some moment. There is none of how many buffers were ever acquired: that would cost every
/// acquiring an atomic operation more, and who acquires them can count on its own.
///
/// ```
/// use smarena::BufPool;
///
/// let pool = BufPool::builder().limit(2).build()?;
/// drop((pool.try_acquire()?, pool.try_acquire()?));
/// let lease = pool.try_acquire()?;
/// let stats = pool.stats();
/// assert_eq!((stats.in_flight, stats.peak, stats.refusals), (1, 2, 0));
/// # drop(lease);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PoolStats {
    /// The bytes each buffer has room for when it is acquired.
    pub buf_size: usize,
    /// The most buffers that can be on loan at a time. What is split off a lease has its buffer's permit, and is no other.
    pub limit: usize,
    /// Buffers on loan, frozen ones and those that only a part is left of included.
    pub in_flight: usize,
    /// The most buffers that were ever on loan at a time. Of a pool that several threads use, together with what others among them kept ready
    /// just then: so perhaps more than that, up to 64 for each other thread, and never above the limit.
    pub peak: usize,
    /// The bytes that leases may have beyond what they were acquired with ([`BufPoolBuilder::growth`](crate::BufPoolBuilder::growth)).
    pub growth: usize,
    /// The bytes that they have.
    pub grown: usize,
    /// How often somebody went away without a buffer because none was free, or none came back in time. Futures that were dropped while
    /// they waited do not count.
    pub refusals: u64,
    /// Tasks and threads that wait for a buffer.
    pub waiting: usize,
    /// Whether the pool is short of buffers, as [`BufPool::is_congested`] says.
    pub congested: bool,
}

impl<H: HeapRef> BufPool<H> {
    /// What the pool is doing right now. Takes the lock of those who wait for a moment, and touches nothing that acquiring writes.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let stats = BufPool::builder().limit(7).build()?.stats();
    /// assert_eq!((stats.limit, stats.in_flight, stats.waiting), (7, 0, 0));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        let permits = self.handle.permits();
        let semaphore = permits.semaphore();
        PoolStats {
            buf_size: self.buf_size(),
            limit: self.limit(),
            in_flight: self.in_flight(),
            peak: semaphore.peak() as usize,
            growth: self.handle.growth,
            // Relaxed: a statistic.
            grown: self.handle.grown.load(Ordering::Relaxed),
            refusals: semaphore.refusals(),
            waiting: permits.waiting(),
            congested: semaphore.is_congested(),
        }
    }
}
