//! How a pool of values is described, and made.

use super::{Handle, ObjectPool, Objects, Permits, limit_and_marks};
use crate::derived::debug_by;
use crate::error::ConfigError;

/// How an [`ObjectPool`] is to be: made by [`ObjectPool::builder`].
///
/// ```
/// # use smarena::ObjectPool;
/// let pool = ObjectPool::builder(Vec::<u8>::new).reset(Vec::clear).limit(64).watermarks(32, 60).build()?;
/// assert_eq!(pool.limit(), 64);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct ObjectPoolBuilder<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) + Send + Sync>,
    limit: usize,
    watermarks: Option<(usize, usize)>,
}

impl<T> ObjectPoolBuilder<T> {
    pub(super) fn new(make: Box<dyn Fn() -> T + Send + Sync>) -> Self {
        ObjectPoolBuilder { make, reset: Box::new(|_| ()), limit: 1024, watermarks: None }
    }

    /// What is done to a value when it comes back, before anybody else can get it. Nothing, unless told.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// let pool = ObjectPool::builder(|| 0).reset(|number| *number = 0).build()?;
    /// *pool.try_acquire()? = 7;
    /// assert_eq!(*pool.try_acquire()?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(mut self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.reset = Box::new(reset);
        self
    }

    /// The most loans that can exist at a time: 1 to `u32::MAX`.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// assert_eq!(ObjectPool::builder(|| 7).limit(3).build()?.limit(), 3);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn limit(mut self, values: usize) -> Self {
        self.limit = values;
        self
    }

    /// As [`BufPoolBuilder::watermarks`](crate::BufPoolBuilder::watermarks).
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// assert!(!ObjectPool::builder(|| 7).limit(8).watermarks(4, 8).build()?.is_congested());
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn watermarks(mut self, low: usize, high: usize) -> Self {
        self.watermarks = Some((low, high));
        self
    }

    /// The pool. No value is made yet.
    ///
    /// # Errors
    /// [`ConfigError::PoolLimit`] and [`ConfigError::PoolWatermarks`], with the value and the limit.
    ///
    /// ```
    /// # use smarena::ObjectPool;
    /// assert!(ObjectPool::builder(|| 7).limit(0).build().is_err());
    /// ```
    pub fn build(self) -> Result<ObjectPool<T>, ConfigError> {
        let (limit, low, high) = limit_and_marks(self.limit, self.watermarks)?;
        let objects = Objects::new(self.make, self.reset);
        Ok(ObjectPool::new(Handle::new(Permits::new(limit, low, high), objects)))
    }
}

debug_by! { [T] ObjectPoolBuilder<T> |builder| { limit: builder.limit, watermarks: builder.watermarks } }
