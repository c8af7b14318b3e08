//! The sockets of a ring: who owns them, and whose turn it is to send on a stream.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::operations::Doing;
use crate::arena::Handle;
use crate::heap::HeapRef;

/// A socket, which is the ring's own until nothing is under way on it and nobody wants it any more.
pub(super) struct Attached {
    pub(super) fd: OwnedFd,
    pub(super) datagrams: bool,
    pub(super) closing: bool,
    /// Operations of it that are not over.
    pub(super) operations: usize,
    /// On a stream: the number of the sending that came last, if it is not over. Only the first of them is the kernel's, or else their bytes might come out in any order.
    pub(super) last: Option<u64>,
}

impl Attached {
    /// What kind of socket it is, the system says.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let (mut kind, mut len) = (0, 4);
        let place = (&raw mut kind).cast();
        // SAFETY: R2: an open file, a place for a number, and its size; of which nobody knows when this is over.
        let answer = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TYPE, place, &raw mut len) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
        if kind == libc::SOCK_SEQPACKET {
            // Its end would be one empty datagram after the other.
            let what = "a socket of packets in sequence is neither a stream nor one of datagrams";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        Ok(Self::of_kind(fd, kind != libc::SOCK_STREAM))
    }

    pub(super) fn of_kind(fd: OwnedFd, datagrams: bool) -> Self {
        Attached { fd, datagrams, closing: false, operations: 0, last: None }
    }

    /// That a sending is added: behind which one it has to wait.
    pub(super) fn queue<H: HeapRef>(&mut self, sending: Handle<Doing<H>>) -> Option<Handle<Doing<H>>> {
        if self.datagrams {
            return None;
        }
        self.last.replace(sending.to_bits()).and_then(Handle::from_bits)
    }

    /// That the kernel has taken all of a sending's bytes that it will take.
    pub(super) fn unqueue<H: HeapRef>(&mut self, sending: Handle<Doing<H>>) {
        if self.last == Some(sending.to_bits()) {
            self.last = None;
        }
    }
}
