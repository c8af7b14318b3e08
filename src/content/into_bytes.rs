//! Owners of bytes, taken apart byte by byte.

use core::iter::FusedIterator;
use core::ops::Range;

/// An iterator over the bytes of an [`SmBuf`](crate::SmBuf), [`Lease`](crate::Lease) or [`SmBytes`](crate::SmBytes) that owns them: by their `into_iter`.
///
/// ```
/// use smarena::SmBuf;
///
/// let sum: u32 = SmBuf::from(b"\x01\x02\x03").into_iter().map(u32::from).sum();
/// assert_eq!(sum, 6);
/// ```
#[derive(Debug, Clone)]
pub struct IntoBytes<B> {
    bytes: B,
    /// What is left.
    left: Range<usize>,
}

impl<B: AsRef<[u8]>> IntoBytes<B> {
    pub(crate) fn new(bytes: B) -> Self {
        let left = 0..bytes.as_ref().len();
        IntoBytes { bytes, left }
    }
}

impl<B: AsRef<[u8]>> Iterator for IntoBytes<B> {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        self.left.next().map(|index| self.bytes.as_ref()[index])
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<B: AsRef<[u8]>> DoubleEndedIterator for IntoBytes<B> {
    #[inline]
    fn next_back(&mut self) -> Option<u8> {
        self.left.next_back().map(|index| self.bytes.as_ref()[index])
    }
}

impl<B: AsRef<[u8]>> ExactSizeIterator for IntoBytes<B> {}

impl<B: AsRef<[u8]>> FusedIterator for IntoBytes<B> {}
