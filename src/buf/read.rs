//! Appending straight from a reader.

use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsRawFd;

use super::SmBuf;
use crate::heap::HeapRef;

/// What is made room for when there is none: enough that a system call is worth its while.
const ROOM: usize = 4096;

impl<H: HeapRef> SmBuf<H> {
    /// Appends what one `read` of a socket, pipe or file gives, as much as there is room for; returns how much, 0 at the end.
    ///
    /// The system writes into the spare room as it is: nothing is zeroed first. Makes room for 4 KiB if there is none, or for less if the heap has no such block, so
    /// [`reserve`](SmBuf::reserve) as much as should be read at once. For a datagram socket this is `recv`: what the room is too
    /// small for is lost. Without `std`'s readers: tokio's `read_buf` and whatever else takes a `bytes::BufMut` do
    /// the same.
    ///
    /// # Errors
    /// What the system says, but for interruptions, after which it reads again; what the [`AllocError`](crate::AllocError)
    /// becomes if there is no room to be had. The buffer is as it was then.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use smarena::SmBuf;
    ///
    /// let (mut ours, theirs) = UnixStream::pair()?;
    /// ours.write_all(b"hello")?;
    ///
    /// let mut buf = SmBuf::with_capacity(1500);
    /// assert_eq!(buf.read_from_fd(&theirs)?, 5);
    /// assert_eq!(buf, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(unix)]
    pub fn read_from_fd(&mut self, source: impl std::os::fd::AsFd) -> io::Result<usize> {
        self.some_room()?;
        let count = loop {
            let room = self.spare_capacity_mut();
            // Some systems refuse more, none reads more.
            let most = room.len().min(i32::MAX.unsigned_abs() as usize);
            // SAFETY: U3: the spare room may be written, and the system writes so many bytes of it at most.
            let count = unsafe { libc::read(source.as_fd().as_raw_fd(), room.as_mut_ptr().cast(), most) };
            if let Ok(count) = usize::try_from(count) {
                break count;
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        };
        // SAFETY: U3: the system has written the first `count` bytes of the spare room.
        unsafe { self.set_len(self.len() + count) };
        Ok(count)
    }

    /// Appends what one `read` of `source` gives, as much as there is room for; returns how much, 0 at the end.
    ///
    /// Any [`Read`] is allowed to look at the bytes it is given, so the spare room is zeroed first: O(capacity). Where that matters
    /// and the source is a file or socket, use `read_from_fd`. Makes room for 4 KiB if there is none, or for less if the heap has no such block.
    ///
    /// # Errors
    /// What `source` says; what the [`AllocError`](crate::AllocError) becomes if there is no room to be had; of
    /// kind `InvalidData` if `source` claims to have read more than it was given room for. The buffer is as it was then.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"say ");
    /// let mut source = &b"hello"[..];
    /// assert_eq!(buf.read_from(&mut source)?, 5);
    /// assert_eq!(buf, b"say hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read_from<R: Read + ?Sized>(&mut self, source: &mut R) -> io::Result<usize> {
        self.some_room()?;
        let spare = self.spare_capacity_mut();
        let room = spare.len();
        let first = spare.as_mut_ptr().cast::<u8>();
        // SAFETY: U1: the spare room is ours alone.
        unsafe { first.write_bytes(0, room) };
        // SAFETY: U1: as above, and now it is initialised.
        let count = source.read(unsafe { core::slice::from_raw_parts_mut(first, room) })?;
        if count > room {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a reader claims more bytes than it had room for"));
        }
        // SAFETY: U2, U3: at most the room, all of which is initialised.
        unsafe { self.set_len(self.len() + count) };
        Ok(count)
    }

    fn some_room(&mut self) -> io::Result<()> {
        Ok(self.try_some_room(ROOM)?)
    }
}
