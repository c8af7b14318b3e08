//! `BufPool`: a bounded source of equal buffers. A [`Lease`] is one buffer on loan.
//!
//! The pool stores no buffers. It counts permits; the buffers come from the heap and go back to it,
//! whose thread caches are the faster store. What the owners share is one allocation:
//!
//! ```text
//! BufPool ---.
//! BufPool ----+--> Shared { tally: permits | handles, size, heap }
//! Lease   ---'     freed by whoever is the last to go
//! ```
//!
//! # Invariants
//!
//! * **P1** A `BufPool` counts as one handle and a `Permit` as one permit in the tally, from the
//!   moment it exists until its drop. While one exists, the `Shared` it points to is valid.
//! * **P2** The tally tells exactly one owner that it was the last, after all others have ended
//!   their last access. That one frees the `Shared`, and nobody else does.
//! * **P3** Outside of P2, a `Shared` is only read through shared references.

mod tally;

use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::buf::{BlockSize, SmBuf};
use crate::error::{AllocError, ConfigError};
use crate::heap::{Global, HeapRef};

use tally::{Tally, WasLast};

const DEFAULT_BUF_SIZE: usize = 2048;
const DEFAULT_LIMIT: usize = 1024;

/// A bounded source of equal buffers, for network code that must not outgrow its memory.
///
/// Each buffer comes as a [`Lease`] and is empty, with room for at least
/// [`buf_size`](BufPool::buf_size) bytes. At most [`limit`](BufPool::limit) leases exist at a time;
/// dropping one makes room for the next, on whichever thread.
///
/// A clone is another handle to the same pool. Leases may outlive all handles. Acquiring and
/// releasing cost one atomic operation each beside the heap's work, and nothing is allocated
/// outside of the heap. With a counted heap (`Arc<Heap>`) each lease counts it too, which a
/// reference or a static heap does not cost.
///
/// ```
/// use smarena::{BufPool, PoolError};
///
/// let pool = BufPool::builder().buf_size(1500).limit(2).build()?;
/// let mut first = pool.try_acquire()?;
/// first.extend_from_slice(b"hello");
/// let _second = pool.try_acquire()?;
/// assert_eq!(pool.try_acquire().unwrap_err(), PoolError::LimitReached { limit: 2, buf_size: 1500 });
///
/// drop(first);
/// assert!(pool.try_acquire()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BufPool<H: HeapRef = Global> {
    shared: NonNull<Shared<H>>,
}

/// What all handles and leases of a pool have in common. Shared by all threads.
struct Shared<H> {
    tally: Tally,
    /// What the user asked for, in bytes.
    buf_size: usize,
    /// The block that holds it.
    block: BlockSize,
    heap: H,
}

// SAFETY: P3: a handle gives other threads `&Shared`, hence `H: Sync`; as the last owner it drops
// the heap reference on its own thread (P2) and clones of it go with the leases, hence `H: Send`.
// Everything else in there is atomic or constant.
unsafe impl<H: HeapRef + Send + Sync> Send for BufPool<H> {}
// SAFETY: as above; `&BufPool` gives no more than a clone of the pool does.
unsafe impl<H: HeapRef + Send + Sync> Sync for BufPool<H> {}
// SAFETY: as for `BufPool`: a permit is an owner of the same kind.
unsafe impl<H: HeapRef + Send + Sync> Send for Permit<H> {}
// SAFETY: as above.
unsafe impl<H: HeapRef + Send + Sync> Sync for Permit<H> {}

impl BufPool {
    /// Describes a pool: 1024 buffers of 2048 bytes, unless told otherwise.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().build()?;
    /// assert_eq!((pool.limit(), pool.buf_size()), (1024, 2048));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub const fn builder() -> BufPoolBuilder {
        BufPoolBuilder { buf_size: DEFAULT_BUF_SIZE, limit: DEFAULT_LIMIT }
    }
}

impl<H: HeapRef> BufPool<H> {
    /// A buffer on loan, if the limit is not reached and the heap has a block for it. Never waits.
    ///
    /// # Errors
    /// [`PoolError::LimitReached`] while `limit` leases exist; [`PoolError::Alloc`] with what the
    /// heap says.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().buf_size(512).build()?;
    /// let lease = pool.try_acquire()?;
    /// assert!(lease.is_empty() && lease.capacity() >= 512);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Lease<H>, PoolError> {
        let shared = self.shared();
        if !shared.tally.take_permit() {
            return Err(self.limit_reached());
        }
        // From here on the permit gives itself back, whatever the heap does. P1: just counted.
        let permit = Permit { shared: self.shared };
        let buf = SmBuf::try_with_block_in(shared.block, shared.heap.clone())?;
        Ok(Lease { buf, _permit: permit })
    }

    /// The number of leases that exist now: never more than the limit, and out of date at once when
    /// other threads use the pool.
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
        self.shared().tally.permits() as usize
    }

    /// The most leases that can exist at a time.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// assert_eq!(BufPool::builder().limit(7).build()?.limit(), 7);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared().tally.limit() as usize
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
        self.shared().buf_size
    }

    #[inline]
    fn shared(&self) -> &Shared<H> {
        // SAFETY: P1: this handle keeps it valid; P3: nobody has it mutably.
        unsafe { self.shared.as_ref() }
    }

    #[cold]
    fn limit_reached(&self) -> PoolError {
        PoolError::LimitReached { limit: self.limit(), buf_size: self.buf_size() }
    }
}

/// Another handle to the same pool.
impl<H: HeapRef> Clone for BufPool<H> {
    fn clone(&self) -> Self {
        self.shared().tally.add_handle();
        // P1: counted in the line above.
        BufPool { shared: self.shared }
    }
}

impl<H: HeapRef> Drop for BufPool<H> {
    fn drop(&mut self) {
        let last = self.shared().tally.drop_handle();
        // SAFETY: P2: this is what the tally said of us, and nothing here touches it again.
        unsafe { free_if_last(self.shared, last) }
    }
}

impl<H: HeapRef> fmt::Debug for BufPool<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufPool")
            .field("buf_size", &self.buf_size())
            .field("limit", &self.limit())
            .field("in_flight", &self.in_flight())
            .finish()
    }
}

/// How a [`BufPool`] is to be: made by [`BufPool::builder`].
#[derive(Debug, Clone, Copy)]
#[must_use = "a builder does nothing until it builds"]
pub struct BufPoolBuilder {
    buf_size: usize,
    limit: usize,
}

impl BufPoolBuilder {
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

    /// A pool whose buffers come from the [`Global`] heap.
    ///
    /// # Errors
    /// [`ConfigError::PoolBufSize`] and [`ConfigError::PoolLimit`], with the value and the limit.
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
    /// # Errors
    /// As [`build`](BufPoolBuilder::build).
    ///
    /// ```
    /// # use smarena::{BufPool, Global};
    /// let pool: BufPool<Global> = BufPool::builder().build_in(Global)?;
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn build_in<H: HeapRef>(self, heap: H) -> Result<BufPool<H>, ConfigError> {
        let BufPoolBuilder { buf_size, limit: buffers } = self;
        let limit = match u32::try_from(buffers) {
            Ok(limit) if limit > 0 => limit,
            _ => {
                return Err(ConfigError::PoolLimit { buffers, limit: u32::MAX as usize });
            }
        };
        let block = match BlockSize::holding::<H::Classes>(buf_size) {
            Ok(block) if buf_size > 0 => block,
            _ => {
                return Err(ConfigError::PoolBufSize { bytes: buf_size, limit: SmBuf::MAX_CAPACITY });
            }
        };
        let shared = Box::new(Shared { tally: Tally::new(limit), buf_size, block, heap });
        // P1: a new tally counts one handle, which this is.
        Ok(BufPool { shared: NonNull::from(Box::leak(shared)) })
    }
}

/// A buffer on loan from a [`BufPool`]: an [`SmBuf`] that counts against the pool's limit.
///
/// It starts empty and may grow beyond the pool's size as any buffer does. Dropping it gives the
/// block back to the heap, then the permit back to the pool, on any thread, whether or not a handle
/// to the pool is left.
///
/// ```
/// use smarena::BufPool;
///
/// let pool = BufPool::builder().build()?;
/// let mut lease = pool.try_acquire()?;
/// drop(pool);
/// std::thread::spawn(move || lease.extend_from_slice(b"still here")).join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lease<H: HeapRef = Global> {
    // In this order: the block is back in the heap before another can take the permit.
    buf: SmBuf<H>,
    _permit: Permit<H>,
}

impl<H: HeapRef> Lease<H> {
    /// Keeps the buffer and ends the loan: the permit goes back to the pool at once, so the limit
    /// bounds the pool's leases and not such buffers.
    ///
    /// ```
    /// # use smarena::{BufPool, SmBuf};
    /// let pool = BufPool::builder().build()?;
    /// let buf: SmBuf = pool.try_acquire()?.into_buf();
    /// assert_eq!(pool.in_flight(), 0);
    /// assert!(buf.capacity() >= pool.buf_size());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "dropping the lease gives the buffer back as well"]
    pub fn into_buf(self) -> SmBuf<H> {
        self.buf
    }
}

impl<H: HeapRef> Deref for Lease<H> {
    type Target = SmBuf<H>;

    #[inline]
    fn deref(&self) -> &SmBuf<H> {
        &self.buf
    }
}

impl<H: HeapRef> DerefMut for Lease<H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut SmBuf<H> {
        &mut self.buf
    }
}

impl<H: HeapRef> AsRef<[u8]> for Lease<H> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.buf
    }
}

impl<H: HeapRef> AsMut<[u8]> for Lease<H> {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.buf
    }
}

/// As its buffer.
impl<H: HeapRef> fmt::Debug for Lease<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.buf.fmt(f)
    }
}

/// One permit that is out. Dropping it gives it back.
struct Permit<H: HeapRef> {
    shared: NonNull<Shared<H>>,
}

impl<H: HeapRef> Drop for Permit<H> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: P1: this permit keeps it valid; P3: nobody has it mutably.
        let last = unsafe { self.shared.as_ref() }.tally.give_permit();
        // SAFETY: P2: this is what the tally said of us, and nothing here touches it again.
        unsafe { free_if_last(self.shared, last) }
    }
}

/// Frees what the owners of a pool shared.
///
/// # Safety
/// `last` is what `shared`'s tally told the caller, who does not touch it afterwards.
#[inline]
unsafe fn free_if_last<H>(shared: NonNull<Shared<H>>, last: WasLast) {
    if last.0 {
        // SAFETY: made by `Box::leak` in `build_in`; by P2 the caller is its only owner.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// As many leases exist as the pool allows.
    #[error("all {limit} buffers of {buf_size} bytes are on loan")]
    LimitReached {
        /// The most leases that can exist at a time.
        limit: usize,
        /// The bytes each of them was acquired with.
        buf_size: usize,
    },
    /// The heap had no block for the buffer.
    #[error(transparent)]
    Alloc(#[from] AllocError),
}
