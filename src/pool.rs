//! `BufPool`: a bounded source of equal buffers. A [`Lease`] is one buffer on loan.
//!
//! The pool stores no buffers. It counts permits; the buffers come from the heap and go back to it,
//! whose thread caches are the faster store. What the owners share is one allocation:
//!
//! ```text
//! BufPool ---.
//! BufPool ----+--> Shared { permits: caches + semaphore + waiters; size, heap }
//! Lease   ----|
//! SmBytes ---'     freed by whoever is the last to go
//! ```
//!
//! | file | what is there |
//! |---|---|
//! | this one | the pool, and acquiring without waiting |
//! | `acquire`, `in_line` | waiting, as a task or as a thread, or by looking now and then |
//! | `batch`, `lease`, `heap` | several permits taken at once; one buffer on loan; what gives its block and its permit back |
//! | `owners`, `wait` | handles and permits, and what they keep alive together; who waits for a permit |
//! | `permits` = `permit_cache` + `semaphore` + `waiters` | the protocol: what each thread keeps ready, one atomic word, and the `queue` of those who wait |
//! | `number`, `barrier` | which cache is a thread's; how one thread is seen by another at no cost to it |
//! | `builder`, `stats`, `error` | how a pool is made, what it did, why it had no buffer |
//! | `objects`, `loan`, `object_builder` | the same owners and permits for values of any type: `ObjectPool`, one value on loan, how it is made |
//!
//! # Invariants
//!
//! * **P1** A `Handle` counts as one handle, a `Permit` as one permit and `Several` as those that are left, in the semaphore,
//!   from the moment they exist until their drop. While a handle or a permit exists, the `Shared` it points to is valid. A permit
//!   that is put in a permit cache goes on counting there (K3), and is nobody's; it is taken from there by whoever has a handle.
//! * **P2** The semaphore tells exactly one owner that it was the last, after all others have ended
//!   their last access. That one frees the `Shared`, and nobody else does. No permit is in a permit cache then: the last handle
//!   does not go before they are collected, and afterwards none is put there (K2).
//! * **P3** Outside of P2, a `Shared` is only read through shared references.
//! * **P4** A block that was lent counts as one permit, from when a buffer of a `PoolHeap` was made of it until that is told to give it back, whoever then
//!   owns how much of it; no other block is ever given back through a `PoolHeap`.
//! * **P5** An owner that gives up what it has does so by one access to one atomic, by a reference to that atomic alone; what else it takes for
//!   that was copied before. No call is under way then that was given a reference to more of the `Shared`: another owner may free it before
//!   that call returns, and what a call was given must be there until it does.
//! * **P6** The parts of a `Loan` are there until its drop, or until they are taken out instead; they are taken once.

// Declared before the others: what it has comes first on the page of the type.
mod basics;

#[cfg(feature = "async")]
mod acquire;
mod barrier;
mod batch;
mod builder;
mod error;
mod heap;
#[cfg(any(
    feature = "tokio-util",
    all(target_os = "linux", target_pointer_width = "64", feature = "io-uring", not(any(loom, shuttle, miri)))
))]
mod in_line;
mod lease;
mod loan;
mod number;
mod object_builder;
mod objects;
mod owners;
mod permit_cache;
mod permits;
#[cfg(feature = "async")]
mod queue;
mod semaphore;
mod stats;
#[cfg(feature = "async")]
mod wait;
#[cfg(feature = "async")]
mod waiters;

use crate::buf::BlockSize;
use crate::class::Class;
use crate::derived::{clone_fields, debug_by};
use crate::heap::{Global, HeapRef};
use crate::sync::AtomicUsize;

use barrier::Barrier;
use batch::batch;
use builder::limit_and_marks;
use heap::{lend, take_out};
use objects::Objects;
use owners::{Handle, Permit, Several, Shared};
use permit_cache::{Busy, PermitCaches};
use permits::{Permits, Taken};
use semaphore::{Semaphore, SomeAreKept, SomebodyWaits, WasLast};

#[cfg(feature = "async")]
pub use acquire::Acquire;
pub use batch::Batch;
pub use builder::BufPoolBuilder;
pub use error::PoolError;
pub use heap::PoolHeap;
#[cfg(any(
    feature = "tokio-util",
    all(target_os = "linux", target_pointer_width = "64", feature = "io-uring", not(any(loom, shuttle, miri)))
))]
pub(crate) use in_line::InLine;
pub use lease::Lease;
pub use loan::Loan;
pub use object_builder::ObjectPoolBuilder;
#[cfg(feature = "async")]
pub use objects::AcquireObject;
pub use objects::{NoneFree, ObjectBatch, ObjectPool, ObjectPoolStats};
pub use stats::PoolStats;

/// A bounded source of equal buffers, for network code that must not outgrow its memory.
///
/// Each buffer comes as a [`Lease`] and is empty, with room for at least
/// [`buf_size`](BufPool::buf_size) bytes. At most [`limit`](BufPool::limit) of them are on loan at a time;
/// when a lease is dropped, and whatever was [split off](crate::SmBuf::split_to) it, that makes room for the next, on whichever thread.
///
/// A lease has a fixed size: a peer that sends more than fits does not make it grow ([`BufPoolBuilder::growth`]).
///
/// A clone is another handle to the same pool. Leases may outlive all handles. Nothing is allocated
/// outside of the heap. With a counted heap (`Arc<Heap>`) each lease counts it too, which a
/// reference or a static heap does not cost.
///
/// In a pool of 32 buffers or more, each of up to 32 threads keeps some of the permits it gives back ready for itself, up to its share of the
/// limit and at most 128: acquiring and releasing in one thread then touch nothing that threads share, and threads that pass leases on do so once
/// for many. Otherwise they cost one atomic operation each, beside the heap's work. What threads keep is nobody's loss: it is collected, by one system call on Linux, before anybody is refused, waits,
/// or finds the pool congested. Afterwards threads keep again when no more buffers are on loan than the low watermark and half of the
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
    handle: Handle<Buffers<H>>,
}

/// What a pool's permits stand for: how each buffer is made. Constant, but for what is counted.
#[derive(Debug)]
struct Buffers<H: HeapRef> {
    /// What the user asked for, in bytes.
    buf_size: usize,
    /// The bytes in front of a new lease's content.
    headroom: u32,
    /// The block that holds it, and its bytes; and its class, unless it is larger than all.
    block: BlockSize,
    lent: u32,
    class: Option<Class<H::Classes>>,
    /// The bytes that all blocks together may be larger than they were lent, and are.
    growth: usize,
    grown: AtomicUsize,
    heap: H,
}

clone_fields! {
    /// Another handle to the same pool.
    [H: HeapRef] BufPool<H>: handle
}

debug_by! {
    [H: HeapRef] BufPool<H> |pool| finish {
        buf_size: pool.buf_size(), limit: pool.limit(), in_flight: pool.in_flight()
    }
}
