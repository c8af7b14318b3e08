//! `ObjectPool`: a bounded source of values of any type, which are made once and lent again and again.
//!
//! The permits are those of a [`BufPool`](super::BufPool); what they stand for lies in a list here while it is idle.

#[cfg(feature = "async")]
use core::future::Future;
#[cfg(feature = "async")]
use core::pin::Pin;
#[cfg(feature = "async")]
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

#[cfg(feature = "async")]
use super::wait::Wait;
use super::{Handle, Loan, ObjectPoolBuilder, Several, batch};
use crate::derived::{clone_fields, debug_by, says};
use crate::sync::{Mutex, lock};

/// A bounded source of values that are costly to make: connections, compressors, parsers, buffers of other crates.
///
/// A value is made when one is asked for and none is idle. When its [`Loan`] is dropped, on whichever thread, it is reset and kept for the next. At most
/// [`limit`](ObjectPool::limit) loans exist at a time, and so at most as many values. Trying, waiting in a fair queue, batches, watermarks and statistics are those
/// of a [`BufPool`](crate::BufPool); a clone is another handle to the same pool, and loans may outlive all handles.
///
/// Idle values lie in one list under a lock, last in, first out. What makes and resets them runs outside of it.
///
/// ```
/// use smarena::ObjectPool;
///
/// let pool = ObjectPool::builder(|| String::with_capacity(1024)).reset(String::clear).limit(2).build()?;
/// let mut line = pool.try_acquire()?;
/// line.push_str("a line");
/// let address = line.as_ptr();
/// drop(line);
///
/// let again = pool.try_acquire()?;
/// assert_eq!((&again[..], again.as_ptr()), ("", address));
/// let _other = pool.try_acquire()?;
/// assert_eq!(pool.try_acquire().unwrap_err().to_string(), "all 2 values are on loan");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectPool<T> {
    handle: Handle<Objects<T>>,
}

/// What a pool's permits stand for. Shared by all threads.
pub(super) struct Objects<T> {
    /// Those that are not on loan.
    idle: Mutex<Vec<T>>,
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) + Send + Sync>,
}

impl<T> Objects<T> {
    pub(super) fn new(make: Box<dyn Fn() -> T + Send + Sync>, reset: Box<dyn Fn(&mut T) + Send + Sync>) -> Self {
        Objects { idle: Mutex::new(Vec::new()), make, reset }
    }

    /// An idle value, or a new one. For who has a permit: so there are no more values than permits.
    #[inline]
    pub(super) fn take(&self) -> T {
        let idle = lock(&self.idle).pop();
        idle.unwrap_or_else(|| (self.make)())
    }

    /// Resets the value and keeps it, for who has a permit still. A value whose resetting panics is dropped.
    #[inline]
    pub(super) fn put(&self, mut value: T) {
        (self.reset)(&mut value);
        lock(&self.idle).push(value);
    }
}

impl<T> ObjectPool<T> {
    /// Describes a pool of 1024 values, each made by `make`, unless told otherwise.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(Vec::<u8>::new).build()?;
    /// assert_eq!(pool.limit(), 1024);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn builder(make: impl Fn() -> T + Send + Sync + 'static) -> ObjectPoolBuilder<T> {
        ObjectPoolBuilder::new(Box::new(make))
    }

    pub(super) fn new(handle: Handle<Objects<T>>) -> Self {
        ObjectPool { handle }
    }

    /// A value on loan, if one may be. Never waits. O(1), but for making a value.
    ///
    /// A value that comes back while somebody waits is promised to them: then this refuses.
    ///
    /// # Errors
    /// [`NoneFree`] while `limit` loans exist.
    ///
    /// # Panics
    /// If making the value does; the loan does not count then.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).build()?;
    /// assert_eq!(*pool.try_acquire()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Loan<T>, NoneFree> {
        match self.handle.take_one() {
            Some(permit) => Ok(Loan::new(permit)),
            None => Err(self.none_free()),
        }
    }

    /// Takes up to `count` values at once, as many as are free. Never waits. Each is taken, or made, when it is taken out of the batch; what is
    /// left in there when it is dropped is free again.
    ///
    /// # Errors
    /// [`NoneFree`] if not a single one is free; never for a `count` of 0.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| [0; 64]).limit(5).build()?;
    /// let _one = pool.try_acquire()?;
    /// let mut batch = pool.acquire_batch(32)?;
    /// assert_eq!(batch.len(), 4);
    /// let first = batch.next().expect("there are four");
    /// drop(batch);
    /// assert_eq!(pool.in_flight(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_batch(&self, count: usize) -> Result<ObjectBatch<'_, T>, NoneFree> {
        let wanted = u32::try_from(count).unwrap_or(u32::MAX);
        let taken = self.handle.take(wanted);
        if taken.len() == 0 && wanted > 0 {
            return Err(self.none_free());
        }
        Ok(ObjectBatch(taken))
    }

    /// A value on loan, as soon as there is one. With feature `async`; as fair, and as safe to drop, as [`BufPool::acquire`](crate::BufPool::acquire).
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).limit(1).build()?;
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// runtime.block_on(async {
    ///     let first = pool.acquire().await;
    ///     let other = pool.clone();
    ///     let waiting = tokio::spawn(async move { *other.acquire().await });
    ///     drop(first);
    ///     assert_eq!(waiting.await.unwrap(), 7);
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "async")]
    pub fn acquire(&self) -> AcquireObject<'_, T> {
        AcquireObject(Wait::new(&self.handle))
    }

    /// A value on loan, as soon as there is one; the thread sleeps meanwhile. With feature `async`.
    ///
    /// Waits `timeout` at most, or without end if that is `None`. A thread that runs an executor should not call this.
    ///
    /// # Errors
    /// [`NoneFree`] after the time.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// # use std::time::Duration;
    /// let pool = ObjectPool::builder(|| 7).limit(1).build()?;
    /// let _loan = pool.acquire_blocking(None)?;
    /// let error = pool.acquire_blocking(Some(Duration::from_millis(1))).unwrap_err();
    /// assert_eq!(error.to_string(), "all 1 values were on loan for 1ms");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "async")]
    pub fn acquire_blocking(&self, timeout: Option<Duration>) -> Result<Loan<T>, NoneFree> {
        match Wait::new(&self.handle).block(timeout) {
            Some(permit) => Ok(Loan::new(permit)),
            None => Err(NoneFree { limit: self.limit(), timeout }),
        }
    }

    /// The number of loans that exist now. When other threads use the pool it is out of date at once, and may never have been quite right.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).build()?;
    /// let loan = pool.try_acquire()?;
    /// assert_eq!(pool.in_flight(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.handle.permits().out() as usize
    }

    /// The most loans that can exist at a time.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// assert_eq!(ObjectPool::builder(|| 7).limit(3).build()?.limit(), 3);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn limit(&self) -> usize {
        self.handle.permits().semaphore().limit() as usize
    }

    /// Whether the pool is short of values, as [`BufPool::is_congested`](crate::BufPool::is_congested) means it.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).limit(2).watermarks(0, 1).build()?;
    /// let loan = pool.try_acquire()?;
    /// assert!(pool.is_congested());
    /// drop(loan);
    /// assert!(!pool.is_congested());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.handle.permits().semaphore().is_congested()
    }

    /// Drops the idle values. The next that are asked for are made.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).build()?;
    /// drop(pool.acquire_batch(3)?.collect::<Vec<_>>());
    /// assert_eq!(pool.stats().idle, 3);
    /// pool.trim();
    /// assert_eq!(pool.stats().idle, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&self) {
        // Dropped when the lock is free: what drops a value may use the pool.
        let idle = core::mem::take(&mut *lock(&self.handle.idle));
        drop(idle);
    }

    /// What the pool is doing right now.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 7).limit(4).build()?;
    /// let (one, two) = (pool.try_acquire()?, pool.try_acquire()?);
    /// drop(one);
    /// let stats = pool.stats();
    /// assert_eq!((stats.limit, stats.in_flight, stats.idle, stats.peak), (4, 1, 1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> ObjectPoolStats {
        let permits = self.handle.permits();
        let semaphore = permits.semaphore();
        ObjectPoolStats {
            limit: self.limit(),
            in_flight: self.in_flight(),
            idle: lock(&self.handle.idle).len(),
            peak: semaphore.peak() as usize,
            refusals: semaphore.refusals(),
            waiting: permits.waiting(),
            congested: semaphore.is_congested(),
        }
    }

    #[cold]
    fn none_free(&self) -> NoneFree {
        self.handle.permits().semaphore().refused();
        NoneFree { limit: self.limit(), timeout: None }
    }
}

clone_fields! {
    /// Another handle to the same pool.
    [T] ObjectPool<T>: handle
}

debug_by! { [T] ObjectPool<T> |pool| finish { limit: pool.limit(), in_flight: pool.in_flight() } }

/// Values on loan that were acquired together, by [`ObjectPool::acquire_batch`]: an iterator that takes them out one by one.
///
/// ```
/// # use smarena::{ObjectBatch, ObjectPool};
/// let pool = ObjectPool::builder(|| 7).build()?;
/// let batch: ObjectBatch<'_, i32> = pool.acquire_batch(3)?;
/// assert_eq!(batch.map(|loan| *loan).sum::<i32>(), 21);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the values are free again when the batch is dropped"]
pub struct ObjectBatch<'p, T>(Several<'p, Objects<T>>);

batch! { [T] ObjectBatch<'_, T>: Loan<T>, Loan::new }

/// A future that waits for a value: made by [`ObjectPool::acquire`]. Safe to drop at any moment.
///
/// ```
/// # use smarena::{AcquireObject, ObjectPool};
/// let pool = ObjectPool::builder(|| 7).build()?;
/// let future: AcquireObject<'_, i32> = pool.acquire();
/// # drop(future);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[cfg(feature = "async")]
#[must_use = "a future does nothing until it is polled"]
pub struct AcquireObject<'p, T>(Wait<'p, Objects<T>>);

#[cfg(feature = "async")]
impl<T> Future for AcquireObject<'_, T> {
    type Output = Loan<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Loan<T>> {
        Pin::new(&mut self.get_mut().0).poll(context).map(Loan::new)
    }
}

#[cfg(feature = "async")]
debug_by! { [T] AcquireObject<'_, T> |acquire| { waiting: acquire.0.has_place() } }

/// Why an [`ObjectPool`] had no value.
///
/// ```
/// # use smarena::{NoneFree, ObjectPool};
/// let pool = ObjectPool::builder(|| 7).limit(1).build()?;
/// let _loan = pool.try_acquire()?;
/// assert_eq!(pool.try_acquire().unwrap_err(), NoneFree { limit: 1, timeout: None });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoneFree {
    /// The most loans that can exist at a time.
    pub limit: usize,
    /// How long was waited.
    pub timeout: Option<Duration>,
}

says! {
    [] NoneFree:
    Self { limit, timeout: Some(timeout) } => "all {limit} values were on loan for {timeout:?}";
    Self { limit, timeout: None } => "all {limit} values are on loan";
}

impl core::error::Error for NoneFree {}

/// Of kind `TimedOut` if waiting did not help, otherwise `WouldBlock`. The error itself is inside.
///
/// ```
/// # use smarena::NoneFree;
/// # use std::io;
/// let error = io::Error::from(NoneFree { limit: 1, timeout: None });
/// assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
/// ```
impl From<NoneFree> for io::Error {
    fn from(error: NoneFree) -> Self {
        let kind = if error.timeout.is_some() { io::ErrorKind::TimedOut } else { io::ErrorKind::WouldBlock };
        io::Error::new(kind, error)
    }
}

/// A pool's statistics, by [`ObjectPool::stats`]. Each number is right for some moment.
///
/// ```
/// # use smarena::ObjectPool;
/// let stats = ObjectPool::builder(|| 7).build()?.stats();
/// assert_eq!((stats.idle, stats.refusals, stats.waiting), (0, 0, 0));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ObjectPoolStats {
    /// The most loans that can exist at a time.
    pub limit: usize,
    /// Loans that exist.
    pub in_flight: usize,
    /// Values that are there and not on loan.
    pub idle: usize,
    /// The most loans that ever existed at a time, as [`PoolStats::peak`](crate::PoolStats::peak) means it.
    pub peak: usize,
    /// How often somebody went away without a value.
    pub refusals: u64,
    /// Tasks and threads that wait for one.
    pub waiting: usize,
    /// Whether the pool is short of values.
    pub congested: bool,
}
