//! What the kernel is asked to do: an operation keeps what the kernel was told addresses of, and becomes an entry of the submission queue.

use core::ptr::null;
use std::os::fd::RawFd;

use io_uring::types::Fd;
use io_uring::{opcode, squeue};

use super::{ADDRESS, Address, Payload, Socket};
use crate::arena::Handle;
use crate::heap::HeapRef;

/// The name of the buffers among those that a ring may have.
pub(super) const GROUP: u16 = 0;

/// An operation from its beginning to its last completion. Does not move (A1).
pub(super) struct Doing<H: HeapRef> {
    pub(super) socket: Socket,
    pub(super) what: What<H>,
    /// Nobody wants it any more.
    pub(super) cancelled: bool,
    /// The kernel has it, or will be given it with the next submission.
    pub(super) is_kernels: bool,
    /// What the kernel was given is nothing to do.
    pub(super) is_nothing: bool,
}

pub(super) enum What<H: HeapRef> {
    /// Datagrams, behind what the kernel says about each; or a stream's bytes.
    Receive {
        datagrams: bool,
    },
    Accept,
    Send(Sending<H>),
}

/// What is sent, and what the kernel is told of it (R2).
pub(super) struct Sending<H: HeapRef> {
    pub(super) payload: Payload<H>,
    pub(super) to: Option<Address>,
    /// Whether the kernel is to read the payload where it is, and to tell when it has.
    pub(super) in_place: bool,
    /// What the kernel has said of it, before it needs the payload no more.
    pub(super) result: i32,
    /// Whether it goes behind half of something, on a stream.
    pub(super) torn: bool,
    /// What waits for its turn behind this, on a stream.
    pub(super) next: Option<Handle<Doing<H>>>,
    segments: Option<Segments>,
}

/// What the kernel is told of several datagrams that are sent as one (R2).
struct Segments {
    header: libc::msghdr,
    part: libc::iovec,
    control: Control,
}

/// A control message, which says how long each of them is.
#[repr(C)]
struct Control {
    header: libc::cmsghdr,
    bytes: u16,
}

impl<H: HeapRef> Sending<H> {
    pub(super) fn new(payload: Payload<H>, to: Option<Address>, in_place: bool, segment: u16) -> Self {
        let segments = (segment > 0).then(|| Segments::new(segment));
        Sending { payload, to, in_place, result: 0, torn: false, next: None, segments }
    }
}

impl Segments {
    fn new(bytes: u16) -> Self {
        // SAFETY: R2: plain numbers and pointers, for which zero is a value.
        let mut this: Self = unsafe { core::mem::zeroed() };
        let len = core::mem::offset_of!(Control, bytes) + size_of::<u16>();
        this.control.header.cmsg_len = len as _;
        this.control.header.cmsg_level = libc::SOL_UDP;
        this.control.header.cmsg_type = libc::UDP_SEGMENT;
        this.control.bytes = bytes;
        this
    }

    /// The header of what is sent, which stays where it is from now on.
    fn header(&mut self, start: *const u8, len: usize, to: *const u8, to_len: u32) -> *const libc::msghdr {
        self.part = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: len };
        self.header.msg_name = to.cast_mut().cast();
        self.header.msg_namelen = to_len;
        self.header.msg_iov = &raw mut self.part;
        self.header.msg_iovlen = 1;
        self.header.msg_control = (&raw mut self.control).cast();
        self.header.msg_controllen = size_of::<Control>() as _;
        &raw const self.header
    }
}

/// What the kernel is told of a datagram to be received: how much room its sender's address has. The rest is in the buffer.
pub(super) fn receiving_header() -> libc::msghdr {
    // SAFETY: R2: plain numbers and pointers, for which zero is a value. (It has private padding on some systems.)
    let mut header: libc::msghdr = unsafe { core::mem::zeroed() };
    header.msg_namelen = ADDRESS;
    header
}

impl<H: HeapRef> Doing<H> {
    /// Whether it can be started only when some buffer stands in the ring.
    pub(super) fn needs_buffers(&self) -> bool {
        matches!(self.what, What::Receive { .. }) && !self.cancelled
    }

    /// What the kernel is to do, on this socket. What it is told addresses of must stay as it is until its last completion (R2).
    pub(super) fn entry(&mut self, socket: RawFd, receiving: &libc::msghdr) -> squeue::Entry {
        let fd = Fd(socket);
        self.is_nothing = self.cancelled;
        if self.is_nothing {
            // It does nothing, and its end is reported as that of any other.
            return opcode::Nop::new().build();
        }
        match &mut self.what {
            What::Receive { datagrams: true } => opcode::RecvMsgMulti::new(fd, receiving, GROUP).build(),
            What::Receive { datagrams: false } => opcode::RecvMulti::new(fd, GROUP).build(),
            What::Accept => opcode::AcceptMulti::new(fd).flags(libc::SOCK_CLOEXEC).build(),
            What::Send(sending) => sending.entry(fd),
        }
    }
}

impl<H: HeapRef> Sending<H> {
    fn entry(&mut self, fd: Fd) -> squeue::Entry {
        /// All of it, as far as it is a stream's; and no signal if the peer has gone.
        const FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let (start, len) = (self.payload.as_ptr(), self.payload.len());
        let (to, to_len) = self.to.as_ref().map_or((null(), 0), |to| (to.bytes.as_ptr(), to.len));
        if let Some(segments) = &mut self.segments {
            let (header, flags) = (segments.header(start, len, to, to_len), FLAGS.unsigned_abs());
            return if self.in_place {
                opcode::SendMsgZc::new(fd, header).flags(flags).build()
            } else {
                opcode::SendMsg::new(fd, header).flags(flags).build()
            };
        }
        // The address is an argument of its own, since Linux 6.1: a header would be copied into the kernel and checked for each datagram.
        let (to, len) = (to.cast(), crate::buf::narrow(len));
        if self.in_place {
            opcode::SendZc::new(fd, start, len).flags(FLAGS).dest_addr(to).dest_addr_len(to_len).build()
        } else {
            opcode::Send::new(fd, start, len).flags(FLAGS).dest_addr(to).dest_addr_len(to_len).build()
        }
    }
}
