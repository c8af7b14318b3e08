//! A buffer as a stream: writing appends and grows it. (Reading is what `content` says of all owners of bytes.)

use core::fmt;
use std::io::{self, IoSlice, Write};

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
pub(super) fn out_of_memory(error: AllocError) -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, error)
}
