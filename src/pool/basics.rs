//! Making pools, acquiring without waiting, and what is first asked of a pool.

use super::{Batch, BufPool, BufPoolBuilder, Lease, PoolError};
use crate::heap::HeapRef;

impl BufPool {
    /// Describes a pool: 1024 buffers of 2048 bytes, unless told otherwise.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().build()?;
    /// assert_eq!((pool.limit(), pool.buf_size()), (1024, 2048));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[doc(alias = "new")]
    pub const fn builder() -> BufPoolBuilder {
        BufPoolBuilder::new()
    }
}

impl<H: HeapRef> BufPool<H> {
    /// A buffer on loan, if one is free and the heap has a block for it. Never waits.
    ///
    /// A buffer that comes back while somebody waits for it is promised to them: then this refuses, so that nobody
    /// starves because others keep trying.
    ///
    /// # Errors
    /// [`PoolError::LimitReached`] while `limit` buffers are on loan; [`PoolError::Alloc`] with what the
    /// heap says.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().buf_size(512).build()?;
    /// let lease = pool.try_acquire()?;
    /// assert!(lease.is_empty() && lease.capacity() >= 512);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn try_acquire(&self) -> Result<Lease<H>, PoolError> {
        match self.handle.take_one() {
            Some(permit) => Lease::new(permit),
            None => Err(self.limit_reached()),
        }
    }

    /// Takes up to `count` buffers at once, for one atomic operation in place of `count`: as many as are free. Never waits.
    ///
    /// The buffers count as on loan from now on; each takes its block from the heap when it is taken out of the [`Batch`],
    /// and what is left in the batch when it is dropped goes back. Nothing is allocated outside of the heap.
    ///
    /// # Errors
    /// [`PoolError::LimitReached`] if not a single one is free, as [`try_acquire`](BufPool::try_acquire) says; never for a `count` of 0.
    ///
    /// ```
    /// # use smarena::{BufPool, Lease, PoolError};
    /// let pool = BufPool::builder().limit(5).build()?;
    /// let _one = pool.try_acquire()?;
    /// let batch = pool.acquire_batch(32)?;
    /// assert_eq!((batch.len(), pool.in_flight()), (4, 5));
    ///
    /// let leases: Vec<Lease> = batch.collect::<Result<_, PoolError>>()?;
    /// assert!(leases.iter().all(|lease| lease.capacity() >= pool.buf_size()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_batch(&self, count: usize) -> Result<Batch<'_, H>, PoolError> {
        let batch = self.batch(count);
        if batch.len() == 0 && count > 0 {
            return Err(self.limit_reached());
        }
        Ok(batch)
    }

    /// As [`acquire_batch`](BufPool::acquire_batch), for a caller that can go on without any buffer: an empty batch is not counted as a refusal.
    pub(crate) fn batch(&self, count: usize) -> Batch<'_, H> {
        Batch::new(self.handle.take(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    /// The number of buffers on loan now, frozen ones and those that only a part is left of included: never more than the limit; when other threads use the pool it is out of date at
    /// once, and may never have been quite right.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().build()?;
    /// let lease = pool.try_acquire()?;
    /// assert_eq!(pool.in_flight(), 1);
    /// drop(lease);
    /// assert_eq!(pool.in_flight(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.handle.permits().out() as usize
    }

    /// The most buffers that can be on loan at a time. What is split off a lease has its buffer's permit, and is no other.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// assert_eq!(BufPool::builder().limit(7).build()?.limit(), 7);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn limit(&self) -> usize {
        self.handle.permits().semaphore().limit() as usize
    }

    /// The bytes each buffer has room for when it is acquired; its capacity may be larger.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// assert_eq!(BufPool::builder().buf_size(99).build()?.buf_size(), 99);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn buf_size(&self) -> usize {
        self.handle.buf_size
    }

    /// Whether the pool is short of buffers: from the moment when as many are on loan as the high watermark says, until
    /// no more are than the low one says ([`BufPoolBuilder::watermarks`]).
    ///
    /// To be asked where work enters the program, before it takes a buffer at all: a server that stops accepting
    /// connections, or reads no more from its slowest peers, while this is true, never gets to the limit, where it is
    /// those in the middle of their work who must wait. The distance between the two marks keeps it from stopping and starting with
    /// every buffer. The pool itself refuses or delays nobody because of it.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().limit(4).watermarks(1, 3).build()?;
    /// let mut leases = vec![pool.try_acquire()?, pool.try_acquire()?];
    /// assert!(!pool.is_congested());
    /// leases.push(pool.try_acquire()?);
    /// assert!(pool.is_congested());
    /// leases.pop();
    /// assert!(pool.is_congested());
    /// leases.pop();
    /// assert!(!pool.is_congested());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.handle.permits().semaphore().is_congested()
    }

    #[cold]
    fn limit_reached(&self) -> PoolError {
        self.handle.permits().semaphore().refused();
        PoolError::LimitReached { limit: self.limit(), buf_size: self.buf_size() }
    }
}
