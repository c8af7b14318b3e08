//! How a ring is described, and made.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::VecDeque;
use std::sync::Arc;

use io_uring::IoUring;

use super::{Bell, Buffers, GROUP, ToDo, Uring, UringError, UringStats, receiving_header};
use crate::arena::SmArena;
use crate::buf::narrow;
use crate::derived::setters;
use crate::heap::HeapRef;
use crate::pool::{BufPool, InLine};

/// Counts the rings of this process.
static RINGS: AtomicU64 = AtomicU64::new(0);
/// The most numbers that buffers have.
const MOST_BUFFERS: usize = 1 << 15;
/// Bytes of a buffer, of which the kernel wants 44 for what it says of a datagram.
const LEAST_BYTES: usize = 64;
/// The most entries of the submission queue: a full one is submitted. For so many operations there is memory from the beginning.
const MOST_ENTRIES: usize = 1024;

/// How a [`Uring`] is to be: made by [`Uring::builder`].
///
/// ```
/// use smarena::{BufPool, Uring, UringError};
///
/// let pool = BufPool::builder().limit(1000).build()?;
/// match Uring::builder().buffers(256).operations(4096).zero_copy(16 << 10).build(pool.clone()) {
///     Ok(ring) => assert_eq!((ring.operations(), pool.in_flight()), (0, 256)),
///     Err(error) => println!("{error}: the ordinary calls, then"),
/// }
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a builder does nothing until it builds"]
pub struct UringBuilder {
    buffers: usize,
    operations: usize,
    zero_copy: usize,
    incremental: bool,
}

impl UringBuilder {
    pub(super) const fn new() -> Self {
        UringBuilder { buffers: 64, operations: 256, zero_copy: usize::MAX, incremental: false }
    }

    setters! {
        /// How many of the pool's buffers stand ready for the kernel: 1 to 32768, and no more than the pool's limit. They count as on loan. A pool
        /// that has many more than that does not run out while those that are filled are in use.
        ///
        /// ```
        /// # use smarena::Uring;
        /// let builder = Uring::builder().buffers(1024);
        /// # drop(builder);
        /// ```
        buffers(count: usize) => buffers;

        /// How many operations there may be at a time; sendings that wait for their turn count.
        ///
        /// ```
        /// # use smarena::Uring;
        /// let builder = Uring::builder().operations(10_000);
        /// # drop(builder);
        /// ```
        operations(count: usize) => operations;

        /// From how many bytes on a payload is read by the kernel where it is, until the network has it, instead of being copied. It pays from some ten thousand bytes, and
        /// not on loopback, where it is copied all the same; what goes out by other sockets than those of the internet is always copied. Nothing is read so, unless told otherwise.
        ///
        /// ```
        /// # use smarena::Uring;
        /// let builder = Uring::builder().zero_copy(16 << 10);
        /// # drop(builder);
        /// ```
        zero_copy(bytes: usize) => zero_copy;

        /// Lets the kernel fill a buffer piece by piece before it takes the next. For streams whose pieces are small: a few large buffers serve many of them, and one
        /// that has much to say gets it in large pieces all the same. It takes Linux 6.12.
        ///
        /// The lease of a piece is full, as what [`split_to`](crate::SmBuf::split_to) returns is, and keeps its whole buffer on loan. Such a ring receives
        /// [no datagrams](UringError::StreamsAlone): of one that came when little room was left, the rest would be lost.
        ///
        /// ```
        /// # use smarena::{BufPool, Event, Uring};
        /// use std::io::Write;
        ///
        /// let pool = BufPool::builder().buf_size(4096).limit(1).build()?;
        /// # let Ok(ring) = Uring::builder().buffers(1).incremental(true).build(pool.clone()) else { return Ok(()) };
        /// # drop(ring);
        /// let mut ring = Uring::builder().buffers(1).incremental(true).build(pool.clone())?;
        /// let (mut peer, ours) = std::os::unix::net::UnixStream::pair()?;
        /// let socket = ring.attach(ours)?;
        /// ring.receive(socket)?;
        /// let mut kept = Vec::new();
        /// for text in ["one", "two"] {
        ///     peer.write_all(text.as_bytes())?;
        ///     ring.wait(None)?;
        ///     let Some(Event::Received { lease, .. }) = ring.next() else { panic!("nothing came") };
        ///     assert_eq!(lease[..], *text.as_bytes());
        ///     kept.push(lease);
        /// }
        /// assert_eq!((kept.len(), pool.in_flight()), (2, 1));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        incremental(yes: bool) => incremental;
    }

    /// A ring of this thread, with the pool's buffers.
    ///
    /// # Errors
    /// [`UringError::Unsupported`] where the kernel is older than 6.1, or a sandbox or a setting forbids io_uring; [`UringError::Buffers`],
    /// [`UringError::SmallBuffers`], [`UringError::Alloc`], [`UringError::System`].
    ///
    /// ```
    /// use smarena::{BufPool, Uring, UringError};
    ///
    /// let pool = BufPool::builder().buf_size(32).build()?;
    /// assert!(matches!(Uring::builder().build(pool), Err(UringError::SmallBuffers { least: 64, .. })));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn build<H: HeapRef + 'static>(self, pool: BufPool<H>) -> Result<Uring<H>, UringError> {
        let UringBuilder { buffers: count, operations, zero_copy, incremental } = self;
        let numbers = u16::try_from(count).ok().filter(|_| (1..=MOST_BUFFERS.min(pool.limit())).contains(&count));
        let numbers = numbers.ok_or(UringError::Buffers { buffers: count, limit: pool.limit() })?;
        if pool.buf_size() < LEAST_BYTES {
            return Err(UringError::SmallBuffers { bytes: pool.buf_size(), least: LEAST_BYTES });
        }
        // Before the ring: if the bell could not be made later, what the ring has by then would be leaked.
        let bell = Arc::new(Bell::new()?);
        let ring = set_up(operations, count)?;
        let buffers = Buffers::new(numbers, incremental)?;
        let (address, entries, flags) = buffers.entries();
        // SAFETY: R1: they stay until the kernel is told otherwise, or for ever.
        let registered = unsafe { ring.submitter().register_buf_ring_with_flags(address, entries, GROUP, flags) };
        let missing = if incremental { "buffers that are filled piece by piece" } else { "a ring of buffers" };
        registered.map_err(|source| UringError::Unsupported { missing, source })?;
        let at_first = operations.min(MOST_ENTRIES);
        let mut to_do = VecDeque::with_capacity(at_first);
        to_do.push_back(ToDo::Listen);
        let mut ring = Uring {
            ring: ManuallyDrop::new(ring),
            buffers: ManuallyDrop::new(buffers),
            operations: ManuallyDrop::new(SmArena::with_capacity(at_first)),
            sockets: ManuallyDrop::new(SmArena::new()),
            to_do,
            receiving: ManuallyDrop::new(Box::new(receiving_header())),
            pool: ManuallyDrop::new(InLine::new(pool)),
            bell,
            is_watched: Cell::new(false),
            // Relaxed: the number only has to differ from other rings'.
            number: RINGS.fetch_add(1, Ordering::Relaxed),
            most: operations,
            zero_copy,
            under_way: 0,
            notifying: 0,
            stats: UringStats::default(),
            of_one_thread: PhantomData,
        };
        ring.refill()?;
        Ok(ring)
    }
}

/// Room for completions of all operations, and one for each buffer: the kernel keeps what does not fit, but that is slow.
fn set_up(operations: usize, buffers: usize) -> Result<IoUring, UringError> {
    let entries = operations.clamp(8, MOST_ENTRIES).next_power_of_two();
    let completions = operations.saturating_mul(2).saturating_add(buffers).clamp(2 * entries, 1 << 16);
    let mut builder = IoUring::builder();
    builder.dontfork().setup_clamp().setup_cqsize(narrow(completions.next_power_of_two()));
    // The kernel completes operations only when this thread enters it to fetch them, so that completions interrupt nobody.
    builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag();
    builder.build(narrow(entries)).map_err(|source| match source.raw_os_error() {
        Some(libc::ENFILE | libc::EMFILE) => UringError::System(source),
        _ => UringError::Unsupported { missing: "a ring of one thread", source },
    })
}
