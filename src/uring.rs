//! `Uring`: a pool whose buffers the kernel fills, by io_uring. Linux alone, with addresses of 64 bits.
//!
//! ```text
//!  pool ──leases──> buffers ──addresses──> kernel: takes the next one when something has come in
//!   ^                                        |
//!   '── dropped, on any thread ── lease <── completion: number of the buffer, bytes in it
//! ```
//!
//! There is no second list of free buffers: a lease that is dropped goes to its pool, as all do, and the ring takes what is missing from there, a
//! batch at a time, before it waits. So dropping one costs what it always does, and threads that never heard of the ring may do it.
//!
//! | file | what is there |
//! |---|---|
//! | this one | what a ring can be asked |
//! | `send` | what is sent, by whom and how |
//! | `turn` | what is to be done is submitted, and waited for |
//! | `buffers`, `bell` | the leases that are the kernel's, by number; how the ring is told that one has come back when it had none, and who watches it of all |
//! | `operations`, `sockets` | what is under way and what the kernel was told of it; on which socket, and whose turn it is |
//! | `completions` | what becomes of what the kernel says |
//! | `end` | a ring that is dropped with all that is under way |
//! | `event`, `error`, `address`, `builder`, `stats` | what is said and given; why not; socket addresses; how a ring is made; what it did |
//!
//! # Invariants
//!
//! * **R1** The entries of `Buffers` are there, in pages of their own, as long as the kernel knows of them. A lease among its `leases` is the
//!   kernel's, which may write to its spare bytes: nobody else reads, writes or drops it before the kernel names its number in a completion, or has let go of all. Of an
//!   incremental one what is named is split off, and the rest is the kernel's until no room is left.
//!   No more leases are there than there are numbers, nor more numbers than entries.
//! * **R2** What the kernel was told addresses of by an operation lies in its `Doing`, in what that owns, or in the ring's `receiving`; it stays where it is,
//!   and nobody changes it, until the operation's last completion.
//! * **R3** `under_way` counts the operations that the kernel was given and of which the last completion was not seen. The memory of R1 and R2 is given up
//!   when it is 0, or not at all.
//! * **R4** In the child of a fork nothing of a ring is touched: that it is one shows in the entries, which are zero there.
//! * **R5** A heap reference that lives as long as the process may (`'static`) keeps the heap of what is forgotten, too: a ring that is leaked leaves the kernel
//!   nothing that goes away.
//! * **R6** What the kernel says in a completion is believed: which operation, which buffer, how many bytes, which file.

mod address;
mod bell;
mod buffers;
mod builder;
mod completions;
mod end;
mod error;
mod event;
mod operations;
mod send;
mod sockets;
mod stats;
#[cfg(all(
    test,
    not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "tsan", smarena_tool = "valgrind"))
))]
mod tests;
mod turn;

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::time::Duration;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use io_uring::IoUring;

use crate::arena::{Handle, SmArena};
use crate::heap::{Global, HeapRef};
use crate::pool::InLine;

use address::{ADDRESS, Address};
use bell::Bell;
use buffers::Buffers;
use operations::{Doing, GROUP, Sending, What, receiving_header};
use sockets::Attached;

pub use builder::UringBuilder;
pub use error::UringError;
pub use event::{Event, Operation, Payload, Socket};
pub use stats::UringStats;

/// No operation's numbers: what the kernel says of a cancelling itself, and of the bell.
const NOBODY: u64 = 0;
const BELL: u64 = 2;

/// A thread's way to the kernel by io_uring, with buffers of a [`BufPool`](crate::BufPool) that stand ready there: what comes in arrives as a [`Lease`](crate::Lease) that is
/// filled already, and goes out without a call of its own.
///
/// With feature `io-uring`, on Linux 6.1 or later with addresses of 64 bits. Where the kernel is older, or forbids it, [`build`](UringBuilder::build) says so, and the ordinary calls are the
/// way: a [`Lease`](crate::Lease) is a `BufMut`.
///
/// - A receiving is asked for once and goes on: one [`wait`](Uring::wait), which is one call of the system, submits all that is to be sent and brings
///   all that has come in. Datagrams come with their sender's address.
/// - When the pool has no buffer left, nothing is lost that the socket can keep: receiving goes on when leases come back. A ring that has none waits for one
///   in [the pool's queue](crate::BufPool::acquire), in its turn.
/// - What is sent is kept until the kernel needs it no more, and comes back with the [`Event`].
/// - On a stream one sending at a time is the kernel's, so the bytes go out in the order of the calls. Behind one of which only a part went out nothing follows:
///   what waits there ends as cancelled.
/// - Dropping a ring cancels what is under way and waits for the kernel to let go. What the kernel still reads in place, [by zero copy](UringBuilder::zero_copy),
///   is leaked instead; who minds waits until [`operations`](Uring::operations) is 0.
/// - A ring is one thread's, and its process's: in the child of a fork its calls return [`UringError::Forked`], and dropping it there touches
///   nothing. If it stood in its pool's queue, the child's copy of that pool loses the buffer whose turn it is.
///
/// Beside a runtime it has a thread of its own; or, in a runtime of that thread, [its file](AsFd) is watched as other files are. When that becomes readable, and
/// before it is watched at all, [`wait`](Uring::wait) with a timeout of zero and [`next`](Uring::next) take turns until there is nothing.
///
/// ```
/// use smarena::{BufPool, Event, Uring, UringError};
/// use std::net::UdpSocket;
///
/// let pool = BufPool::builder().limit(64).build()?;
/// let mut ring = match Uring::builder().buffers(16).build(pool) {
///     Err(UringError::Unsupported { .. }) => return Ok(()), // the ordinary calls, then
///     other => other?,
/// };
/// let (peer, server) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// peer.send_to(b"echo", server.local_addr()?)?;
///
/// let server = ring.attach(server)?;
/// ring.receive(server)?;
/// loop {
///     ring.wait(None)?;
///     match ring.next() {
///         Some(Event::Received { socket, lease, from: Some(from), .. }) => drop(ring.send_to(socket, lease, from)?),
///         Some(Event::Sent { result, .. }) => break assert_eq!(result?, 4),
///         _ => {}
///     }
/// }
/// assert_eq!(peer.recv(&mut [0; 5])?, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The kernel may know of a buffer for as long as the process lives, should the ring be leaked. So its heap lives as long, too; and it stays with its thread:
///
/// ```compile_fail,E0597
/// use smarena::{BufPool, Heap, Linear, Uring};
///
/// let heap = Heap::<Linear<64>>::new(1 << 20).unwrap();
/// let pool = BufPool::builder().buf_size(512).build_in(&heap).unwrap();
/// let ring = Uring::builder().build(pool);
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<smarena::Uring>();
/// ```
pub struct Uring<H: HeapRef + 'static = Global> {
    ring: ManuallyDrop<IoUring>,
    buffers: ManuallyDrop<Buffers<H>>,
    operations: ManuallyDrop<SmArena<Doing<H>>>,
    sockets: ManuallyDrop<SmArena<Attached>>,
    /// What is to be submitted, as soon as it can be. An operation is here once at most, and once more to be cancelled.
    to_do: VecDeque<ToDo<H>>,
    /// What datagrams are received by.
    receiving: ManuallyDrop<Box<libc::msghdr>>,
    pool: ManuallyDrop<InLine<H>>,
    bell: Arc<Bell>,
    /// The kernel tells the file that is watched; before somebody asked for it that costs nothing.
    is_watched: Cell<bool>,
    /// Whose operations and sockets are this ring's.
    number: u64,
    most: usize,
    zero_copy: usize,
    under_way: usize,
    /// Those among them of which only the word is missing that the kernel reads the payload no more.
    notifying: usize,
    stats: UringStats,
    /// The kernel lets one thread submit.
    of_one_thread: PhantomData<*const ()>,
}

enum ToDo<H: HeapRef> {
    /// The bell is to be heard.
    Listen,
    Start(Handle<Doing<H>>),
    Cancel(Handle<Doing<H>>),
}

impl Uring {
    /// Describes a ring: 64 buffers, 256 operations, nothing sent by zero copy, unless told otherwise.
    ///
    /// ```
    /// # use smarena::{Uring, UringBuilder};
    /// let builder: UringBuilder = Uring::builder();
    /// # drop(builder);
    /// ```
    pub const fn builder() -> UringBuilder {
        UringBuilder::new()
    }
}

impl<H: HeapRef + 'static> Uring<H> {
    /// Takes a socket over: one of datagrams, a stream, or a listener.
    ///
    /// # Errors
    /// [`UringError::System`] if it is no such socket; one of packets in sequence (`SOCK_SEQPACKET`) is neither.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring, UringError};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let file = std::fs::File::open("/dev/null")?;
    /// assert!(matches!(ring.attach(file), Err(UringError::System(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn attach(&mut self, socket: impl Into<OwnedFd>) -> Result<Socket, UringError> {
        self.is_ours()?;
        let fd = socket.into();
        let attached = Attached::new(fd)?;
        Ok(self.socket_of(attached))
    }

    /// The socket, for what the ring does not do: its addresses, its options, shutting it down.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let socket = ring.attach(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// assert!(ring.socket(socket).is_some());
    /// ring.close(socket);
    /// assert!(ring.socket(socket).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn socket(&self, socket: Socket) -> Option<BorrowedFd<'_>> {
        self.has(socket.1).ok()?;
        self.sockets.get(socket.0).map(|attached| attached.fd.as_fd())
    }

    /// Lets go of a socket: cancels what is under way on it, and closes it when all of that has ended, which events tell.
    ///
    /// ```
    /// # use smarena::{BufPool, Event, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let socket = ring.attach(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// let receiving = ring.receive(socket)?;
    /// ring.close(socket);
    /// ring.wait(None)?;
    /// assert!(matches!(ring.next(), Some(Event::Ended { operation, .. }) if operation == receiving));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&mut self, socket: Socket) {
        if self.has(socket.1).is_err() {
            return;
        }
        let Some(attached) = self.sockets.get_mut(socket.0) else { return };
        attached.closing = true;
        if attached.operations == 0 {
            self.sockets.remove(socket.0);
            return;
        }
        let of_it = |(handle, doing): (_, &Doing<H>)| (doing.socket == socket).then_some(handle);
        let all: Vec<_> = self.operations.iter().filter_map(of_it).collect();
        all.into_iter().for_each(|handle| self.cancel_one(handle));
    }

    /// Receives from now on: datagrams with their senders, or what comes in on a stream, until that ends.
    ///
    /// A datagram has the room of a buffer less 44 bytes, in which the kernel says whose it is; they are headroom then. More than one
    /// receiving on a stream would share its bytes out in any order.
    ///
    /// # Errors
    /// [`UringError::Full`], [`UringError::NoSocket`]; of datagrams, in a ring of [incremental](UringBuilder::incremental) buffers, [`UringError::StreamsAlone`].
    ///
    /// ```
    /// # use smarena::{BufPool, Event, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// use std::io::Write;
    /// let (mut peer, ours) = std::os::unix::net::UnixStream::pair()?;
    /// let socket = ring.attach(ours)?;
    /// ring.receive(socket)?;
    /// peer.write_all(b"bytes")?;
    /// ring.wait(None)?;
    /// assert!(matches!(ring.next(), Some(Event::Received { lease, from: None, .. }) if lease[..] == *b"bytes"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive(&mut self, socket: Socket) -> Result<Operation, UringError> {
        match self.attached(socket)?.datagrams {
            true if self.buffers.incremental => Err(UringError::StreamsAlone),
            datagrams => Ok(self.begin(socket, What::Receive { datagrams })),
        }
    }

    /// Accepts connections from now on: each is a socket of the ring.
    ///
    /// # Errors
    /// As [`receive`](Uring::receive).
    ///
    /// ```
    /// # use smarena::{BufPool, Event, Uring};
    /// # use std::net::{TcpListener, TcpStream};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let _peer = TcpStream::connect(listener.local_addr()?)?;
    /// let listener = ring.attach(listener)?;
    /// ring.accept(listener)?;
    /// ring.wait(None)?;
    /// let Some(Event::Accepted { socket, .. }) = ring.next() else { panic!("nothing was accepted") };
    /// ring.receive(socket)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept(&mut self, listener: Socket) -> Result<Operation, UringError> {
        self.attached(listener)?;
        Ok(self.begin(listener, What::Accept))
    }

    /// Ends an operation before its time. It has an event for its end all the same, and what came in before that is not lost; one that is over already, or
    /// another ring's, is no error.
    ///
    /// ```
    /// # use smarena::{BufPool, Event, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let socket = ring.attach(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// let receiving = ring.receive(socket)?;
    /// ring.cancel(receiving);
    /// ring.wait(None)?;
    /// assert!(matches!(ring.next(), Some(Event::Ended { result: Err(_), .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self, operation: Operation) {
        if let (Ok(()), Some(handle)) = (self.has(operation.1), Handle::from_bits(operation.0)) {
            self.cancel_one(handle);
        }
    }

    /// Gives the kernel buffers and what is to be done, and waits until something has happened: for so long at most, or without end if that is `None`. One call of the
    /// system, as a rule. Returns early when a signal came, or a buffer for a ring that had none; and at once when nothing is under way.
    ///
    /// # Errors
    /// [`UringError::System`] with what the kernel says; [`UringError::Alloc`], at once, if a receiving needs a buffer, none is left and the heap has no block:
    /// all else goes on, and has events.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let socket = ring.attach(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// ring.receive(socket)?;
    /// ring.wait(Some(std::time::Duration::ZERO))?;
    /// assert!(ring.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), UringError> {
        self.is_ours()?;
        if self.is_watched.get() {
            self.bell.hush();
        }
        // If buffers are refused, operations that need none go on: one of them may give a buffer back.
        let starved = self.refill().err().filter(|_| self.needs_buffers());
        self.start_all()?;
        if self.under_way > 0 || self.pool.has_place() {
            self.enter(if starved.is_some() { Some(Duration::ZERO) } else { timeout })?;
        }
        starved.map_or(Ok(()), Err)
    }

    /// The next thing that has happened, if there is one. Never waits.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// assert!(ring.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::should_implement_trait,
        reason = "a ring is asked for other things in between, and is never at its end"
    )]
    pub fn next(&mut self) -> Option<Event<H>> {
        self.is_ours().ok()?;
        loop {
            let completion = self.ring.completion().next()?;
            if let Some(event) = self.completed(&completion) {
                return Some(event);
            }
            // A completion that only the ring is interested in. It may have left the ring something to do, so whoever watches the ring is told to come
            // again: after `None` nobody has to do so unasked.
            if self.is_watched.get() {
                self.bell.call();
            }
        }
    }

    /// How many operations are not over.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring};
    /// # let Ok(ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// assert_eq!(ring.operations(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn operations(&self) -> usize {
        self.operations.len()
    }

    /// What the ring has done.
    ///
    /// ```
    /// # use smarena::{BufPool, Uring};
    /// # let Ok(ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// assert_eq!(ring.stats().received, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> UringStats {
        self.stats
    }
}
