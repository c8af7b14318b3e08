//! Shared bytes as a stream: reading takes from the front.

use std::io::{self, BufRead, Read};

use super::SmBytes;
use crate::heap::HeapRef;

/// Takes bytes from the front: of these bytes alone, not of their clones. Never fails.
///
/// ```
/// use smarena::SmBytes;
/// use std::io::Read;
///
/// let mut bytes = SmBytes::from_static(b"\x00\x04ping");
/// let mut length = [0; 2];
/// bytes.read_exact(&mut length)?;
/// assert_eq!((u16::from_be_bytes(length), &bytes[..]), (4, &b"ping"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> Read for SmBytes<H> {
    #[inline]
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = target.len().min(self.len());
        target[..count].copy_from_slice(&self[..count]);
        self.consume_front(count);
        Ok(count)
    }
}

/// All bytes at once. `consume` panics if told of more than there are.
///
/// ```
/// use smarena::SmBytes;
/// use std::io::BufRead;
///
/// let bytes = SmBytes::from_static(b"one\ntwo\n");
/// assert_eq!(bytes.lines().collect::<Result<Vec<_>, _>>()?, ["one", "two"]);
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> BufRead for SmBytes<H> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self)
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.consume_front(count);
    }
}
