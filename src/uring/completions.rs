//! What becomes of what the kernel says: a lease that is filled, a connection, a payload that is back, an end.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use io_uring::cqueue;
use io_uring::types::RecvMsgOut;

use super::{Attached, BELL, Doing, Event, Socket, ToDo, Uring, What, address};
use crate::arena::Handle;
use crate::buf::narrow;
use crate::heap::HeapRef;
use crate::pool::Lease;

/// Nobody needs this any more.
const CANCELLED: i32 = -libc::ECANCELED;
/// No buffer was there.
const RAN_OUT: i32 = -libc::ENOBUFS;

impl<H: HeapRef + 'static> Uring<H> {
    /// What a completion means to who uses the ring, if it does.
    pub(super) fn completed(&mut self, completion: &cqueue::Entry) -> Option<Event<H>> {
        let (result, flags) = (completion.result(), completion.flags());
        if completion.user_data() == BELL && !cqueue::more(flags) {
            self.to_do.push_back(ToDo::Listen);
        }
        let handle = Handle::from_bits(completion.user_data())?;
        // R6: ours, since no other number was given for an operation.
        let doing = self.operations.get_mut(handle)?;
        let is_last = !cqueue::more(flags);
        if is_last {
            doing.is_kernels = false;
            self.under_way -= 1;
        }
        // SAFETY: R1, R6: the kernel has just said so.
        let take = |number| unsafe { self.buffers.take(number, result.max(0).unsigned_abs() as usize) };
        let lease = cqueue::buffer_select(flags).map(take);
        match doing.what {
            What::Receive { datagrams } => self.received(handle, result, is_last, lease, datagrams),
            What::Accept => self.accepted(handle, result, is_last),
            What::Send(_) => self.sent(handle, result, is_last, cqueue::notif(flags)),
        }
    }

    fn received(
        &mut self,
        handle: Handle<Doing<H>>,
        result: i32,
        is_last: bool,
        lease: Option<Lease<H>>,
        datagrams: bool,
    ) -> Option<Event<H>> {
        self.stats.ran_out += u64::from(result == RAN_OUT);
        if is_last && result <= 0 && result != RAN_OUT {
            return self.ended(handle, result);
        }
        if is_last {
            // The kernel has ended the operation without an error: it is started again.
            self.to_do.push_back(ToDo::Start(handle));
        }
        let mut lease = lease.filter(|_| result > 0)?;
        let socket = self.operations.get(handle)?.socket;
        let (mut from, mut truncated) = (None, false);
        if datagrams {
            let parts = RecvMsgOut::parse(&lease, &self.receiving).ok()?;
            (from, truncated) = (address::parse(parts.name_data()), parts.is_payload_truncated());
            let about = lease.len() - parts.payload_data().len();
            let front = narrow(lease.headroom() + about);
            lease.consume_front(about);
            if lease.is_empty() {
                // An empty buffer has put the consumed bytes back into its room: they become headroom again.
                lease.set_front(front);
            }
        }
        self.stats.received += 1;
        Some(Event::Received { operation: self.operation(handle), socket, lease, from, truncated })
    }

    fn accepted(&mut self, handle: Handle<Doing<H>>, result: i32, is_last: bool) -> Option<Event<H>> {
        let doing = self.operations.get(handle)?;
        // An operation that was cancelled before it started was given to the kernel as one that does nothing, and has a result that is no file.
        // Any other result is a file, even that of an operation that has been cancelled since.
        if result < 0 || doing.is_nothing {
            return self.ended(handle, result);
        }
        let listener = doing.socket;
        // SAFETY: R6: the kernel has opened it for us.
        let fd = unsafe { OwnedFd::from_raw_fd(result) };
        if is_last {
            self.to_do.push_back(ToDo::Start(handle));
        }
        let Attached { datagrams, is_internets, .. } = *self.sockets.get(listener.0)?;
        let socket = self.socket_of(Attached::of_kind(fd, datagrams, is_internets));
        Some(Event::Accepted { operation: self.operation(handle), listener, socket })
    }

    fn sent(&mut self, handle: Handle<Doing<H>>, result: i32, is_last: bool, notifies: bool) -> Option<Event<H>> {
        let Doing { what: What::Send(sending), socket, cancelled, .. } = self.operations.get_mut(handle)? else {
            return None;
        };
        if notifies {
            self.notifying -= 1;
        } else {
            let len = sending.payload.len();
            let nothing_done = result == 0 && *cancelled && len > 0;
            sending.result = if nothing_done { CANCELLED } else { result };
            let next = sending.next.take();
            // If only a part was sent, nothing may follow it in the stream; nor may anything follow what was held back for that reason.
            let is_torn = sending.torn || result > 0 && (result.unsigned_abs() as usize) < len;
            if let Some(attached) = self.sockets.get_mut(socket.0) {
                attached.unqueue(handle);
            }
            if let Some(next) = next {
                if let Some(Doing { what: What::Send(sending), cancelled, .. }) = self.operations.get_mut(next) {
                    sending.torn = is_torn;
                    *cancelled |= is_torn;
                }
                self.to_do.push_back(ToDo::Start(next));
            }
        }
        if !is_last {
            self.notifying += 1;
            return None;
        }
        let Doing { what: What::Send(sending), socket, .. } = self.operations.remove(handle)? else { return None };
        self.release(socket);
        self.stats.sent += 1;
        let result = said(sending.result).map(|bytes| bytes as usize);
        Some(Event::Sent { operation: self.operation(handle), socket, payload: sending.payload, result })
    }

    /// An operation that has no more than its end to tell.
    fn ended(&mut self, handle: Handle<Doing<H>>, result: i32) -> Option<Event<H>> {
        let Doing { socket, cancelled, .. } = self.operations.remove(handle)?;
        self.release(socket);
        let result = said(if cancelled && result >= 0 { CANCELLED } else { result }).map(drop);
        Some(Event::Ended { operation: self.operation(handle), socket, result })
    }

    /// An operation of the socket is over; it was the last that a closed one waited for.
    fn release(&mut self, socket: Socket) {
        let Some(attached) = self.sockets.get_mut(socket.0) else { return };
        attached.operations -= 1;
        if attached.closing && attached.operations == 0 {
            self.sockets.remove(socket.0);
        }
    }
}

/// A number, or an error's.
fn said(result: i32) -> io::Result<u32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result.unsigned_abs()) }
}
