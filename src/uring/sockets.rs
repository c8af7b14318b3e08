//! The sockets of a ring: who owns them, and whose turn it is to send on a stream.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::Doing;
use crate::arena::Handle;
use crate::heap::HeapRef;

/// A socket, which is the ring's own until nothing is under way on it and nobody wants it any more.
pub(super) struct Attached {
    pub(super) fd: OwnedFd,
    pub(super) datagrams: bool,
    /// Of others the kernel reads nothing in place.
    pub(super) is_internets: bool,
    pub(super) closing: bool,
    /// Operations of it that are not over.
    pub(super) operations: usize,
    /// On a stream: the number of the sending that came last, if it is not over. Only the first of them is the kernel's, or else their bytes might come out in any order.
    pub(super) last: Option<u64>,
}

impl Attached {
    /// What kind of socket it is, the system says.
    pub(super) fn new(fd: OwnedFd) -> io::Result<Self> {
        let (kind, family) = (option(&fd, libc::SO_TYPE)?, option(&fd, libc::SO_DOMAIN)?);
        if kind == libc::SOCK_SEQPACKET {
            // At the end of such a connection there would be one empty datagram after the other.
            let what = "a socket of packets in sequence is neither a stream nor one of datagrams";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let is_internets = matches!(family, libc::AF_INET | libc::AF_INET6);
        Ok(Self::of_kind(fd, kind != libc::SOCK_STREAM, is_internets))
    }

    pub(super) fn of_kind(fd: OwnedFd, datagrams: bool, is_internets: bool) -> Self {
        Attached { fd, datagrams, is_internets, closing: false, operations: 0, last: None }
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

/// A number that the system knows of a socket.
fn option(fd: &OwnedFd, name: libc::c_int) -> io::Result<libc::c_int> {
    let (mut value, mut len) = (0, 4);
    let place = (&raw mut value).cast();
    // SAFETY: R2: an open file, a place for a number, and its size; of which nobody knows when this is over.
    let answer = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, name, place, &raw mut len) };
    if answer == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
