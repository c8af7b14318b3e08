//! How a ring that waits for a buffer is told that its turn has come: by a file that is written to, which it has the kernel watch.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::Wake;

/// An `eventfd`. Shared by the ring and whoever may give it a buffer.
pub(super) struct Bell(File);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: R2: plain numbers, no address.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: R6: just opened, and nobody else's.
        Ok(Bell(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
    }
}

impl AsRawFd for Bell {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // It counts what is written, and nobody reads it: that fails after 2^64 times.
        drop((&self.0).write(&1_u64.to_ne_bytes()));
    }
}
