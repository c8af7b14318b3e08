//! Why a pool had no buffer.

use core::time::Duration;
use std::io;

use crate::derived::{says, wrap};
use crate::error::AllocError;

/// Why a pool had no buffer to lend.
///
/// ```
/// use smarena::{BufPool, PoolError};
///
/// let pool = BufPool::builder().buf_size(64).limit(1).build()?;
/// let _lease = pool.try_acquire()?;
/// let error = pool.try_acquire().unwrap_err();
/// assert_eq!(error.to_string(), "all 1 buffers of 64 bytes are on loan");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// As many buffers are on loan as the pool allows, or those that have come back are promised to others who wait.
    LimitReached {
        /// The most buffers that can be on loan at a time.
        limit: usize,
        /// The bytes each of them was acquired with.
        buf_size: usize,
    },
    /// No buffer came back in time, or not enough to reach those who had waited longer.
    TimedOut {
        /// How long was waited.
        timeout: Duration,
        /// The most buffers that can be on loan at a time.
        limit: usize,
        /// The bytes each of them was acquired with.
        buf_size: usize,
    },
    /// The heap had no block for the buffer.
    Alloc(AllocError),
}

says! {
    [] PoolError:
    Self::LimitReached { limit, buf_size } => "all {limit} buffers of {buf_size} bytes are on loan";
    Self::TimedOut { timeout, limit, buf_size } =>
        "all {limit} buffers of {buf_size} bytes were on loan for {timeout:?}";
    Self::Alloc(error) => "{error}";
}

impl core::error::Error for PoolError {}

wrap! { [] PoolError: Alloc(AllocError) }

/// Of kind `WouldBlock` if the limit is reached, of kind `TimedOut` if waiting did not help, and otherwise of that
/// which the [`AllocError`] has. The error itself is inside.
///
/// ```
/// use smarena::{BufPool, Lease};
/// use std::io;
///
/// fn receive(pool: &BufPool) -> io::Result<Lease> {
///     let lease = pool.try_acquire()?;
///     Ok(lease)
/// }
/// let pool = BufPool::builder().limit(1).build()?;
/// let _lease = receive(&pool)?;
/// assert_eq!(receive(&pool).unwrap_err().kind(), io::ErrorKind::WouldBlock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl From<PoolError> for io::Error {
    fn from(error: PoolError) -> Self {
        let kind = match &error {
            PoolError::LimitReached { .. } => io::ErrorKind::WouldBlock,
            PoolError::TimedOut { .. } => io::ErrorKind::TimedOut,
            PoolError::Alloc(error) => error.kind(),
        };
        io::Error::new(kind, error)
    }
}
