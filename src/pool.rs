//! `BufPool`: a bounded source of equal buffers. A [`Lease`] is one buffer on loan.
//!
//! The pool stores no buffers. It counts permits; the buffers come from the heap and go back to it,
//! whose thread caches are the faster store. What the owners share is one allocation:
//!
//! ```text
//! BufPool ---.
//! BufPool ----+--> Shared { permits: shelves + tally + line, size, heap }
//! Lease   ----|
//! SmBytes ---'     freed by whoever is the last to go
//! ```
//!
//! | file | what is there |
//! |---|---|
//! | this one | the pool, and acquiring without waiting |
//! | `acquire` | waiting, as a task or as a thread |
//! | `batch`, `lease`, `frozen` | several permits taken at once; one buffer on loan; one that is shared |
//! | `permits` = `shelves` + `tally` + `line` | the protocol: what each thread keeps ready, one atomic word, and the line of those who wait |
//! | `number`, `barrier` | which shelf is a thread's; how one thread is seen by another at no cost to it |
//! | `builder`, `stats`, `error` | how a pool is made, what it did, why it had no buffer |
//!
//! # Invariants
//!
//! * **P1** A `BufPool` counts as one handle, a `Permit` as one permit and a `Batch` as those it has left, in the tally,
//!   from the moment they exist until their drop. While a handle or a permit exists, the `Shared` it points to is valid. A permit
//!   that is put on a shelf goes on counting there (K3), and is nobody's; it is taken from there by whoever has a handle.
//! * **P2** The tally tells exactly one owner that it was the last, after all others have ended
//!   their last access. That one frees the `Shared`, and nobody else does. No permit is on a shelf then: the last handle
//!   does not go before they are collected, and afterwards none is put there (K2).
//! * **P3** Outside of P2, a `Shared` is only read through shared references.
//! * **P4** A block that was frozen counts as one permit too, until `PoolHeap` is told to give it back; no other block is ever
//!   given back through a `PoolHeap`.

#[cfg(feature = "async")]
mod acquire;
mod barrier;
mod batch;
mod builder;
mod error;
mod frozen;
mod lease;
#[cfg(feature = "async")]
mod line;
mod number;
mod permits;
mod shelves;
mod stats;
mod tally;

use core::fmt;
use core::ptr::NonNull;

use crate::buf::BlockSize;
use crate::class::Class;
use crate::heap::{Global, HeapRef};

use permits::Permits;
use tally::WasLast;

#[cfg(feature = "async")]
pub use acquire::Acquire;
pub use batch::Batch;
pub use builder::BufPoolBuilder;
pub use error::PoolError;
pub use frozen::PoolHeap;
pub use lease::Lease;
pub use stats::PoolStats;

use lease::Permit;

/// A bounded source of equal buffers, for network code that must not outgrow its memory.
///
/// Each buffer comes as a [`Lease`] and is empty, with room for at least
/// [`buf_size`](BufPool::buf_size) bytes. At most [`limit`](BufPool::limit) leases exist at a time;
/// dropping one makes room for the next, on whichever thread.
///
/// A clone is another handle to the same pool. Leases may outlive all handles. Nothing is allocated
/// outside of the heap. With a counted heap (`Arc<Heap>`) each lease counts it too, which a
/// reference or a static heap does not cost.
///
/// In a pool of 32 buffers or more, each of up to 32 threads keeps some of the permits it gives back ready for itself, up to its share of the
/// limit and at most 128: acquiring and releasing in one thread then touch nothing that threads share, and threads that pass leases on do so once
/// for many. Otherwise they cost one atomic operation each, beside the heap's work. What threads keep is nobody's loss: it is collected, by one system call on Linux, before anybody is refused, waits,
/// or finds the pool congested. Afterwards threads keep again when no more leases exist than the low watermark and half of the
/// high one say.
///
/// Two things of the heap decide how fast a pool is whose buffers go from thread to thread. The class that holds a buffer should not be a
/// multiple of 2 KiB: then the first bytes of all buffers, where the headers are, compete for a few places of the processor's caches;
/// a class of 2112 bytes for buffers of 2048 spreads them. And a thread's cache
/// ([`HeapBuilder::thread_cache`](crate::HeapBuilder::thread_cache)) should hold as many as a burst is long.
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
struct Shared<H: HeapRef> {
    permits: Permits,
    /// What the user asked for, in bytes.
    buf_size: usize,
    /// The bytes in front of a new lease's content.
    headroom: u32,
    /// The block that holds it; and its class, unless it is larger than all.
    block: BlockSize,
    class: Option<Class<H::Classes>>,
    heap: H,
}

// SAFETY: P3: a handle gives other threads `&Shared`, hence `H: Sync`; as the last owner it drops
// the heap reference on its own thread (P2) and clones of it go with the leases, hence `H: Send`.
// Everything else in there is atomic or constant.
unsafe impl<H: HeapRef + Send + Sync> Send for BufPool<H> {}
// SAFETY: as above; `&BufPool` gives no more than a clone of the pool does.
unsafe impl<H: HeapRef + Send + Sync> Sync for BufPool<H> {}
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
    #[inline(always)]
    pub fn try_acquire(&self) -> Result<Lease<H>, PoolError> {
        match self.shared().permits.take(1) {
            // P1: it has just been counted. From here on the permit gives itself back, whatever the heap does.
            1 => Lease::new(Permit { shared: self.shared }),
            _ => Err(self.limit_reached()),
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
        let wanted = u32::try_from(count).unwrap_or(u32::MAX);
        let taken = self.shared().permits.take(wanted);
        if taken == 0 && wanted > 0 {
            return Err(self.limit_reached());
        }
        // P1: they have just been counted.
        Ok(Batch::new(self, taken))
    }

    /// The number of leases that exist now: never more than the limit; when other threads use the pool it is out of date at
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
        self.shared().permits.out() as usize
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
        self.shared().permits.tally().limit() as usize
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

    /// Whether the pool is short of buffers: from the moment when as many leases exist as the high watermark says, until
    /// no more exist than the low one says ([`BufPoolBuilder::watermarks`]).
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
        self.shared().permits.tally().is_congested()
    }

    #[inline]
    fn shared(&self) -> &Shared<H> {
        // SAFETY: P1: this handle keeps it valid; P3: nobody has it mutably.
        unsafe { self.shared.as_ref() }
    }

    #[cold]
    fn limit_reached(&self) -> PoolError {
        self.shared().permits.tally().refused();
        PoolError::LimitReached { limit: self.limit(), buf_size: self.buf_size() }
    }
}

/// Another handle to the same pool.
impl<H: HeapRef> Clone for BufPool<H> {
    fn clone(&self) -> Self {
        self.shared().permits.tally().add_handle();
        // P1: counted in the line above.
        BufPool { shared: self.shared }
    }
}

impl<H: HeapRef> Drop for BufPool<H> {
    fn drop(&mut self) {
        let last = self.shared().permits.drop_handle();
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

/// Frees what the owners of a pool shared.
///
/// # Safety
/// `last` is what `shared`'s tally told the caller, who does not touch it afterwards.
#[inline]
unsafe fn free_if_last<H: HeapRef>(shared: NonNull<Shared<H>>, last: WasLast) {
    if last.0 {
        // SAFETY: made by `Box::leak` in `build_in`; by P2 the caller is its only owner.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}
