//! How a pool is described, and made.

use super::owners::Handle;
use super::permits::Permits;
use super::{BufPool, Buffers};
use crate::buf::{BlockSize, SmBuf, narrow};
use crate::class::Class;
use crate::error::ConfigError;
use crate::heap::{Global, HeapRef};

/// How a [`BufPool`] is to be: made by [`BufPool::builder`].
///
/// ```
/// use smarena::BufPool;
///
/// let pool = BufPool::builder().buf_size(1500).limit(64).build()?;
/// assert_eq!((pool.buf_size(), pool.limit()), (1500, 64));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a builder does nothing until it builds"]
pub struct BufPoolBuilder {
    buf_size: usize,
    headroom: usize,
    limit: usize,
    /// Low and high, if they were given.
    watermarks: Option<(usize, usize)>,
}

impl BufPoolBuilder {
    pub(super) const fn new() -> Self {
        BufPoolBuilder { buf_size: 2048, headroom: 0, limit: 1024, watermarks: None }
    }

    /// The bytes each buffer has room for: 1 to [`SmBuf::MAX_CAPACITY`].
    ///
    /// ```
    /// # use smarena::BufPool;
    /// assert_eq!(BufPool::builder().buf_size(9000).build()?.buf_size(), 9000);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub const fn buf_size(mut self, bytes: usize) -> Self {
        self.buf_size = bytes;
        self
    }

    /// The bytes that can be prepended to a new lease without moving its content: room for the headers of layers to come.
    /// 0 unless told otherwise; together with the size at most [`SmBuf::MAX_CAPACITY`].
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().buf_size(1500).headroom(42).build()?;
    /// let mut lease = pool.try_acquire()?;
    /// assert!(lease.headroom() == 42 && lease.capacity() >= 1500);
    /// lease.extend_from_slice(b"payload");
    /// lease.prepend(b"header|");
    /// assert_eq!(lease[..], *b"header|payload");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn headroom(mut self, bytes: usize) -> Self {
        self.headroom = bytes;
        self
    }

    /// The most leases that can exist at a time: 1 to `u32::MAX`.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// assert_eq!(BufPool::builder().limit(64).build()?.limit(), 64);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub const fn limit(mut self, buffers: usize) -> Self {
        self.limit = buffers;
        self
    }

    /// Between which numbers of leases [`BufPool::is_congested`] is decided: true from `high` on, false again from `low` down.
    /// `low` is below `high`, and `high` at most the limit. Without this call they are half the limit and the limit.
    ///
    /// They hold nobody up: a waiting task gets the next buffer, not the first after a pause, and who has a
    /// buffer's worth of work in hand is helped by no rule that refuses free buffers. They are for those who have not begun yet.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().limit(1000).watermarks(600, 900).build()?;
    /// assert!(!pool.is_congested());
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub const fn watermarks(mut self, low: usize, high: usize) -> Self {
        self.watermarks = Some((low, high));
        self
    }

    /// A pool whose buffers come from the [`Global`] heap.
    ///
    /// # Errors
    /// [`ConfigError::PoolBufSize`], [`ConfigError::PoolLimit`] and [`ConfigError::PoolWatermarks`], with the value and the limit.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let error = BufPool::builder().limit(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "a pool was given 0 buffers; it has 1 to 4294967295");
    /// ```
    pub fn build(self) -> Result<BufPool, ConfigError> {
        self.build_in(Global)
    }

    /// A pool whose buffers come from `heap`.
    ///
    /// All of them lie in [the heap's regions](crate::Heap::regions), one for each bucket: to use them as fixed buffers of `io_uring`, register
    /// those once. That holds for a heap that [refuses](crate::Exhausted::Refuse) when it is exhausted; any other may hand out blocks of the
    /// system's allocator then, which are in no region.
    ///
    /// # Errors
    /// As [`build`](BufPoolBuilder::build).
    ///
    /// ```
    /// # use smarena::{BufPool, Global};
    /// let pool: BufPool<Global> = BufPool::builder().build_in(Global)?;
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn build_in<H: HeapRef>(self, heap: H) -> Result<BufPool<H>, ConfigError> {
        let BufPoolBuilder { buf_size, headroom, limit: buffers, watermarks } = self;
        let limit = match u32::try_from(buffers) {
            Ok(limit) if limit > 0 => limit,
            _ => {
                return Err(ConfigError::PoolLimit { buffers, limit: u32::MAX as usize });
            }
        };
        let block = match BlockSize::holding::<H::Classes>(buf_size.saturating_add(headroom)) {
            Ok(block) if buf_size > 0 => block,
            _ => {
                return Err(ConfigError::PoolBufSize { bytes: buf_size, headroom, limit: SmBuf::MAX_CAPACITY });
            }
        };
        // No more than the block, whose size a u32 holds.
        let headroom = narrow(headroom);
        let (low, high) = match watermarks {
            None => (limit / 2, limit),
            Some((low, high)) => match (u32::try_from(low), u32::try_from(high)) {
                (Ok(low), Ok(high)) if low < high && high <= limit => (low, high),
                _ => return Err(ConfigError::PoolWatermarks { low, high, limit: buffers }),
            },
        };
        let class = Class::holding(block.bytes() as usize);
        let buffers = Buffers { buf_size, headroom, block, class, heap };
        Ok(BufPool { handle: Handle::new(Permits::new(limit, low, high), buffers) })
    }
}
