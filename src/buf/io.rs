//! A buffer as a stream: writing appends and grows it, reading takes from its front.

use core::fmt;
use std::io::{self, BufRead, IoSlice, Read, Write};

use super::SmBuf;
use crate::error::AllocError;
use crate::heap::HeapRef;

/// Appends. An error of kind `OutOfMemory` carries the [`AllocError`]; nothing is written then.
///
/// ```
/// use smarena::SmBuf;
/// use std::io::Write;
///
/// let mut buf = SmBuf::new();
/// write!(buf, "seq={}", 7)?;
/// assert_eq!(buf, "seq=7");
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> Write for SmBuf<H> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        // Saturating: parts may overlap in memory and add up to anything.
        let total = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        self.try_reserve(total).map_err(out_of_memory)?;
        parts.iter().for_each(|part| self.extend_from_slice(part));
        Ok(total)
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.try_reserve(bytes.len()).map_err(out_of_memory)?;
        self.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes bytes from the front; the others stay where they are. Never fails.
///
/// ```
/// use smarena::SmBuf;
/// use std::io::Read;
///
/// let mut buf = SmBuf::from(b"\x00\x04ping");
/// let mut length = [0; 2];
/// buf.read_exact(&mut length)?;
/// assert_eq!((u16::from_be_bytes(length), &buf[..]), (4, &b"ping"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> Read for SmBuf<H> {
    #[inline]
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = target.len().min(self.len());
        target[..count].copy_from_slice(&self[..count]);
        self.consume_front(count);
        Ok(count)
    }
}

/// The whole content at once. `consume` panics if told of more bytes than there are.
///
/// ```
/// use smarena::SmBuf;
/// use std::io::BufRead;
///
/// let mut buf = SmBuf::from("one\ntwo\n");
/// let mut line = String::new();
/// buf.read_line(&mut line)?;
/// assert_eq!((&line[..], &buf[..]), ("one\n", &b"two\n"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> BufRead for SmBuf<H> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self)
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.consume_front(count);
    }
}

/// Appends the text. Fails where the heap refuses to grow the buffer.
impl<H: HeapRef> fmt::Write for SmBuf<H> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cold]
fn out_of_memory(error: AllocError) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, error)
}
