//! What a ring tells, and what it is given to send.

use std::io;
use std::net::SocketAddr;

use super::Attached;
use crate::arena::Handle;
use crate::bytes::SmBytes;
use crate::derived::{dereference, wrap};
use crate::heap::{Global, HeapRef};
use crate::pool::{Lease, PoolHeap};

/// A socket of a ring, by [`Uring::attach`](crate::Uring::attach). One that was closed, or that is another ring's, is never mistaken for another.
///
/// ```
/// # use smarena::Socket;
/// fn is_a_small_number<T: Copy + Eq + std::hash::Hash + Send + Sync>() {}
/// is_a_small_number::<Socket>();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Socket(pub(super) Handle<Attached>, pub(super) u64);

/// Something that a ring was asked to do and is not done with. One that has ended, or that is another ring's, is never mistaken for another.
///
/// ```
/// # use smarena::Operation;
/// fn is_a_small_number<T: Copy + Eq + std::hash::Hash + Send + Sync>() {}
/// is_a_small_number::<Operation>();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation(pub(super) u64, pub(super) u64);

/// Something to be sent: a lease, what it was frozen to, or bytes of the pool's heap, static ones included.
///
/// ```
/// use smarena::{BufPool, Payload, SmBytes};
///
/// let pool = BufPool::builder().build()?;
/// let mut lease = pool.try_acquire()?;
/// lease.push(7);
/// let payloads: [Payload; 2] = [lease.into(), SmBytes::from_static(b"static").into()];
/// assert_eq!((&payloads[0][..], &payloads[1][..]), (&[7][..], &b"static"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub enum Payload<H: HeapRef = Global> {
    /// A buffer of a pool.
    Lease(Lease<H>),
    /// A part of one, or all of it, which others may share.
    Frozen(SmBytes<PoolHeap<H>>),
    /// Bytes that are no pool's.
    Bytes(SmBytes<H>),
}

/// What has happened, by [`Uring::next`](crate::Uring::next).
///
/// ```
/// use smarena::Event;
///
/// fn received(event: &Event) -> usize {
///     match event {
///         Event::Received { lease, .. } => lease.len(),
///         _ => 0,
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<H: HeapRef = Global> {
    /// A datagram, or some bytes of a stream. The operation goes on.
    Received {
        /// Which receiving this is of.
        operation: Operation,
        /// Where it came in.
        socket: Socket,
        /// What came.
        lease: Lease<H>,
        /// Who sent a datagram, unless that is no address of the internet.
        from: Option<SocketAddr>,
        /// Whether the datagram was longer than the buffer has room for: the rest is lost.
        truncated: bool,
    },
    /// A connection, which is the ring's from now on. The operation goes on.
    Accepted {
        /// Which accepting this is of.
        operation: Operation,
        /// Where it came in.
        listener: Socket,
        /// The connection.
        socket: Socket,
    },
    /// A sending is over: the kernel needs the payload no more.
    Sent {
        /// Which one.
        operation: Operation,
        /// Where it went out, or was to.
        socket: Socket,
        /// What was sent.
        payload: Payload<H>,
        /// How many bytes went out.
        result: io::Result<usize>,
    },
    /// A receiving or accepting is over: the peer has closed the stream, or the error says why.
    Ended {
        /// Which one.
        operation: Operation,
        /// Its socket.
        socket: Socket,
        /// Of one that was cancelled, the system's error for that.
        result: io::Result<()>,
    },
}

dereference! {
    [H: HeapRef] Payload<H> => [u8]: |payload|
    match payload {
        Payload::Lease(lease) => lease,
        Payload::Frozen(bytes) => bytes,
        Payload::Bytes(bytes) => bytes,
    }
}

wrap! { [H: HeapRef] Payload<H>: Lease(Lease<H>) }
wrap! { [H: HeapRef] Payload<H>: Frozen(SmBytes<PoolHeap<H>>) }
wrap! { [H: HeapRef] Payload<H>: Bytes(SmBytes<H>) }
