//! How a pool is described, and made.

use super::{BufPool, Buffers, Handle, Permits};
use crate::buf::{BlockSize, SmBuf, narrow};
use crate::class::{Class, MAX_ALIGN, SizeClasses, class_for};
use crate::derived::setters;
use crate::error::{AllocError, ConfigError};
use crate::heap::{Global, HeapRef};
use crate::sync::AtomicUsize;

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
    align: usize,
    growth: usize,
    limit: usize,
    /// Low and high, if they were given.
    watermarks: Option<(usize, usize)>,
}

impl BufPoolBuilder {
    pub(super) const fn new() -> Self {
        BufPoolBuilder { buf_size: 2048, headroom: 0, align: 16, growth: 0, limit: 1024, watermarks: None }
    }

    setters! {
        /// The bytes each buffer has room for: 1 to [`SmBuf::MAX_CAPACITY`].
        ///
        /// ```
        /// # use smarena::BufPool;
        /// assert_eq!(BufPool::builder().buf_size(9000).build()?.buf_size(), 9000);
        /// # Ok::<(), smarena::ConfigError>(())
        /// ```
        buf_size(bytes: usize) => buf_size;

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
        headroom(bytes: usize) => headroom;

        /// The alignment of each buffer's first byte, its headroom included: a power of two up to 4096. 16 unless told otherwise, and never less: 0 stands for that.
        /// What the buffer becomes later is aligned so, too.
        ///
        /// ```
        /// # use smarena::BufPool;
        /// let pool = BufPool::builder().buf_size(4096).alignment(4096).build()?; // for direct I/O, say
        /// assert_eq!(pool.try_acquire()?.as_ptr().addr() % 4096, 0);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        alignment(bytes: usize) => align;

        /// The bytes that all leases together may take from the heap beyond what they were acquired with. None unless told otherwise: then a lease that is
        /// full is full, and what asks for more room gets an error that says so, or panics.
        ///
        /// What counts is the size of blocks, which double: a lease of 1024 bytes that gets one more takes 1024 of this. It comes back with the lease.
        /// While others have [parts](crate::SmBuf::split_to) of its block a lease does not grow: that needs a second one.
        /// As a `bytes::BufMut` a lease has the room it has and grows in no case, lest a peer decides: call [`try_reserve`](crate::SmBuf::try_reserve).
        ///
        /// ```
        /// # use smarena::{AllocError, BufPool};
        /// let pool = BufPool::builder().buf_size(1024).growth(2048).build()?;
        /// let mut lease = pool.try_acquire()?;
        /// lease.extend_from_slice(&[0; 1025]);
        /// assert_eq!((lease.capacity(), pool.stats().grown), (2048, 1024));
        /// assert!(matches!(lease.try_reserve(4096), Err(AllocError::PoolGrowth { left: 1024, .. })));
        /// drop(lease);
        /// assert_eq!(pool.stats().grown, 0);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        growth(bytes: usize) => growth;

        /// The most buffers that can be on loan at a time: 1 to `u32::MAX`.
        ///
        /// ```
        /// # use smarena::BufPool;
        /// assert_eq!(BufPool::builder().limit(64).build()?.limit(), 64);
        /// # Ok::<(), smarena::ConfigError>(())
        /// ```
        limit(buffers: usize) => limit;
    }

    /// Between which numbers of buffers on loan [`BufPool::is_congested`] is decided: true from `high` on, false again from `low` down.
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
    /// [`ConfigError::PoolBufSize`], [`ConfigError::PoolAlignment`], [`ConfigError::PoolLimit`] and [`ConfigError::PoolWatermarks`], with the value and
    /// the limit.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let error = BufPool::builder().limit(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "a pool was given 0 buffers; it has 1 to 4294967295");
    /// ```
    pub fn build(self) -> Result<BufPool, ConfigError> {
        self.build_in(Global)
    }

    /// A pool whose buffers come from `heap`. (Of a [`PoolHeap`](crate::PoolHeap), which hands out none, it never serves one.)
    ///
    /// All of them lie in [the heap's regions](crate::Heap::regions), one for each bucket: to use them as fixed buffers of `io_uring`, register
    /// those once. That holds for a heap that [refuses](crate::Exhausted::Refuse) when it is exhausted; any other may hand out blocks of the
    /// system's allocator then, which are in no region.
    ///
    /// # Errors
    /// As [`build`](BufPoolBuilder::build); and [`ConfigError::PoolBlock`] if the heap refuses whatever is as large, or aligned to as much, as these buffers:
    ///
    /// ```
    /// # use smarena::{BufPool, ConfigError, Exhausted, Heap, Linear};
    /// let heap = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).on_exhausted(Exhausted::Refuse).build()?;
    /// let error = BufPool::builder().buf_size(1500).build_in(&heap).unwrap_err();
    /// assert_eq!(error, ConfigError::PoolBlock { bytes: 1500, headroom: 0, align: 16, largest: 128 });
    /// # Ok::<(), ConfigError>(())
    /// ```
    ///
    /// ```
    /// # use smarena::{BufPool, Global};
    /// let pool: BufPool<Global> = BufPool::builder().build_in(Global)?;
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn build_in<H: HeapRef>(self, heap: H) -> Result<BufPool<H>, ConfigError> {
        let BufPoolBuilder { buf_size, headroom, align, growth, limit, watermarks } = self;
        let (limit, low, high) = limit_and_marks(limit, watermarks)?;
        let aligned = BlockSize::aligned(align);
        let none = aligned.map_err(|_| ConfigError::PoolAlignment { align, limit: MAX_ALIGN })?;
        let block = match none.holding_same::<H::Classes>(buf_size.saturating_add(headroom)) {
            Ok(block) if buf_size > 0 => block,
            _ => {
                return Err(ConfigError::PoolBufSize { bytes: buf_size, headroom, limit: SmBuf::MAX_CAPACITY });
            }
        };
        let (bytes, largest) = (block.bytes() as usize, H::Classes::LARGEST);
        if class_for::<H::Classes>(bytes, align).is_none() {
            // No bucket's: whether it can ever be had the heap alone knows. What is too large for all buckets stands for what is larger still.
            let least = none.holding_same::<H::Classes>(bytes.min(largest + 1));
            let tried = least.and_then(|least| SmBuf::try_with_block_in(least, None, heap.clone()));
            if let Err(AllocError::TooLarge { .. } | AllocError::NoBucket { .. }) = tried {
                return Err(ConfigError::PoolBlock { bytes: buf_size, headroom, align, largest });
            }
        }
        // No more than the block, whose size a u32 holds.
        let headroom = narrow(headroom);
        let class = if none == BlockSize::NONE { Class::holding(block.bytes() as usize) } else { None };
        let buffers =
            Buffers { buf_size, headroom, block, lent: block.bytes(), class, growth, grown: AtomicUsize::new(0), heap };
        Ok(BufPool { handle: Handle::new(Permits::new(limit, low, high), buffers) })
    }
}

/// The limit, the low and the high mark of a pool that was given these.
pub(super) fn limit_and_marks(
    limit: usize,
    watermarks: Option<(usize, usize)>,
) -> Result<(u32, u32, u32), ConfigError> {
    let most = match u32::try_from(limit) {
        Ok(most) if most > 0 => most,
        _ => return Err(ConfigError::PoolLimit { buffers: limit, limit: u32::MAX as usize }),
    };
    let Some((low, high)) = watermarks else { return Ok((most, most / 2, most)) };
    match (u32::try_from(low), u32::try_from(high)) {
        (Ok(low), Ok(high)) if low < high && high <= most => Ok((most, low, high)),
        _ => Err(ConfigError::PoolWatermarks { low, high, limit }),
    }
}
