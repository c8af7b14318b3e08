//! How a ring that waits for a buffer is told that its turn has come: by a file that is written to, which it has the kernel watch. And how who watches the
//! ring itself is told.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::Wake;

use super::Uring;
use crate::heap::HeapRef;

/// Each an `eventfd`. Shared by the ring and whoever may give it a buffer.
pub(super) struct Bell {
    /// It counts what is written, and nobody reads it: that fails after 2^64 times.
    heard: File,
    /// What a runtime watches. Not io_uring's own file: completions are made when the ring's thread comes for them, and who sleeps until that file is readable is not
    /// woken when there is something to come for. The kernel writes to this one then. It does so once and never again for what was written to
    /// another one (seen with Linux 6.18), so whoever rings the bell writes to both.
    watched: File,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Bell { heard: counting()?, watched: counting()? })
    }

    /// Tells who watches the ring.
    pub(super) fn call(&self) {
        write(&self.watched);
    }

    /// What happens from now on is told again.
    pub(super) fn hush(&self) {
        // It fails if there is nothing to read, which is as good.
        drop((&self.watched).read(&mut [0; 8]));
    }
}

fn counting() -> io::Result<File> {
    // SAFETY: R2: plain numbers, no address.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: R6: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
}

fn write(mut file: &File) {
    drop(file.write(&1_u64.to_ne_bytes()));
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.heard.as_raw_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        write(&self.heard);
        write(&self.watched);
    }
}

/// The ring's file, which becomes readable when something has happened: for a runtime to watch. Then [`wait`](Uring::wait) with a timeout of zero, after
/// which it is not readable until something happens again. It is readable at first, and sometimes where only the ring has something to do.
///
/// Not to be used in the child of a fork, whose copy of it is closed by `exec`.
impl<H: HeapRef + 'static> AsFd for Uring<H> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let watched = &self.bell.watched;
        if !self.is_watched.get() && self.is_ours().is_ok() {
            self.is_watched.set(self.ring.submitter().register_eventfd(watched.as_raw_fd()).is_ok());
            // The file does not tell of what happened before it was registered, so it is made readable once. If registering failed, it stays readable.
            self.bell.call();
        }
        watched.as_fd()
    }
}

impl<H: HeapRef + 'static> AsRawFd for Uring<H> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
