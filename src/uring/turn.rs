//! A ring's turn: buffers and what is to be done go to the kernel, and one call submits and waits.

use core::task::{Poll, Waker};
use core::time::Duration;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{opcode, squeue};

use super::{Attached, BELL, Doing, NOBODY, Operation, Socket, ToDo, Uring, UringError, What};
use crate::arena::Handle;
use crate::derived::debug_by;
use crate::heap::HeapRef;
use crate::pool::PoolError;

impl<H: HeapRef + 'static> Uring<H> {
    /// Whether this process may touch it (R4).
    #[inline]
    pub(super) fn is_ours(&self) -> Result<(), UringError> {
        if self.buffers.are_ours() { Ok(()) } else { Err(UringError::Forked) }
    }

    /// Whether what has this ring's number may be looked for here.
    pub(super) fn has(&self, number: u64) -> Result<(), UringError> {
        self.is_ours()?;
        if number == self.number { Ok(()) } else { Err(UringError::NoSocket) }
    }

    pub(super) fn socket_of(&mut self, attached: Attached) -> Socket {
        Socket(self.sockets.insert(attached), self.number)
    }

    pub(super) fn operation(&self, handle: Handle<Doing<H>>) -> Operation {
        Operation(handle.to_bits(), self.number)
    }

    /// A socket for one operation more.
    pub(super) fn attached(&self, socket: Socket) -> Result<&Attached, UringError> {
        self.has(socket.1)?;
        if self.operations.len() >= self.most {
            return Err(UringError::Full { limit: self.most });
        }
        self.sockets.get(socket.0).filter(|attached| !attached.closing).ok_or(UringError::NoSocket)
    }

    /// Begins an operation on a socket that is there.
    pub(super) fn begin(&mut self, socket: Socket, what: What<H>) -> Operation {
        let sends = matches!(what, What::Send(_));
        let doing = Doing { socket, what, cancelled: false, is_kernels: false, is_nothing: false };
        let handle = self.operations.insert(doing);
        let mut before = None;
        if let Some(attached) = self.sockets.get_mut(socket.0) {
            attached.operations += 1;
            before = if sends { attached.queue(handle) } else { None };
        }
        match before.and_then(|before| self.operations.get_mut(before)) {
            Some(Doing { what: What::Send(sending), .. }) => sending.next = Some(handle),
            _ => self.to_do.push_back(ToDo::Start(handle)),
        }
        self.operation(handle)
    }

    pub(super) fn cancel_one(&mut self, handle: Handle<Doing<H>>) {
        let Some(doing) = self.operations.get_mut(handle) else { return };
        // An operation that the kernel has not got yet is cancelled when it starts: it is given to the kernel as one that does nothing.
        if !core::mem::replace(&mut doing.cancelled, true) && doing.is_kernels {
            self.to_do.push_back(ToDo::Cancel(handle));
        }
    }

    /// Gives the kernel the buffers that it lacks. That some are missing is no error as long as any come back. If there is none at all, the ring has a place in the
    /// pool's queue, as long as something needs one.
    pub(super) fn refill(&mut self) -> Result<(), UringError> {
        let mut filled = self.buffers.fill(&self.pool.pool);
        if self.buffers.standing() > 0 || !self.needs_buffers() {
            self.pool.leave();
        } else if filled.is_ok() {
            if let Poll::Ready(lease) = self.pool.poll(&Waker::from(Arc::clone(&self.bell))) {
                filled = self.buffers.add([lease]);
            }
        }
        match filled {
            Err(PoolError::Alloc(error)) if self.buffers.standing() == 0 => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether a receiving is to be started.
    pub(super) fn needs_buffers(&self) -> bool {
        self.to_do.iter().any(|to_do| match to_do {
            ToDo::Start(handle) => self.operations.get(*handle).is_some_and(Doing::needs_buffers),
            ToDo::Cancel(_) | ToDo::Listen => false,
        })
    }

    /// Puts what is to be done in the submission queue, and leaves what has to wait: a receiving, for buffers.
    pub(super) fn start_all(&mut self) -> io::Result<()> {
        for _ in 0..self.to_do.len() {
            if self.ring.submission().is_full() {
                self.stats.calls += 1;
                unless_later(self.ring.submit())?;
                if self.ring.submission().is_full() {
                    break;
                }
            }
            let Some(to_do) = self.to_do.pop_front() else { break };
            let entry = match to_do {
                ToDo::Listen => {
                    let heard = opcode::PollAdd::new(Fd(self.bell.as_raw_fd()), libc::POLLIN.unsigned_abs().into());
                    heard.multi(true).build().user_data(BELL)
                }
                ToDo::Cancel(handle) => opcode::AsyncCancel::new(handle.to_bits()).build().user_data(NOBODY),
                ToDo::Start(handle) => match self.started(handle) {
                    Some(entry) => entry,
                    None => {
                        self.to_do.push_back(to_do);
                        continue;
                    }
                },
            };
            self.push(&entry);
        }
        Ok(())
    }

    /// The entry of an operation that is the kernel's from now on, if it can be.
    fn started(&mut self, handle: Handle<Doing<H>>) -> Option<squeue::Entry> {
        let doing = self.operations.get_mut(handle)?;
        if doing.needs_buffers() && self.buffers.standing() == 0 {
            return None;
        }
        let fd = self.sockets.get(doing.socket.0)?.fd.as_raw_fd();
        doing.is_kernels = true;
        self.under_way += 1;
        Some(doing.entry(fd, &self.receiving).user_data(handle.to_bits()))
    }

    /// Puts an entry in the submission queue, which has room for it.
    pub(super) fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: R2, R3: what it names is kept until its last completion; its file is the ring's own until then.
        let pushed = unsafe { self.ring.submission().push(entry) };
        debug_assert!(pushed.is_ok(), "there is room");
    }

    /// Submits, and waits for a completion: so long at most.
    pub(super) fn enter(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.stats.calls += 1;
        let Some(timeout) = timeout else { return unless_later(self.ring.submit_and_wait(1)) };
        // The kernel's seconds are signed: a larger number would be a time in the past.
        let time = Timespec::new().sec(timeout.as_secs().min(i64::MAX.unsigned_abs())).nsec(timeout.subsec_nanos());
        unless_later(self.ring.submitter().submit_with_args(1, &SubmitArgs::new().timespec(&time)))
    }
}

/// The error, unless it says that the time is over, a signal came, or completions must be taken first.
fn unless_later(done: io::Result<usize>) -> io::Result<()> {
    match done {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

debug_by! {
    [H: HeapRef + 'static] Uring<H> |uring| {
        sockets: uring.sockets.len(),
        operations: uring.operations.len(),
        buffers: uring.buffers.standing(),
        stats: uring.stats,
    }
}
