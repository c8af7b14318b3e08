//! Shared bytes out of other types of bytes, and seen as such.

use core::borrow::Borrow;
use core::slice;

use super::SmBytes;
use crate::buf::SmBuf;
use crate::heap::HeapRef;

/// [`freeze`](SmBuf::freeze).
impl<H: HeapRef> From<SmBuf<H>> for SmBytes<H> {
    #[inline]
    fn from(buf: SmBuf<H>) -> Self {
        buf.freeze()
    }
}

/// [`try_into_mut`](SmBytes::try_into_mut), or else a copy.
///
/// ```
/// use smarena::{SmBuf, SmBytes};
///
/// let bytes = SmBytes::from_static(b"abc");
/// let mut buf = SmBuf::from(bytes);
/// buf.push(b'd');
/// assert_eq!(buf, b"abcd");
/// ```
impl<H: HeapRef> From<SmBytes<H>> for SmBuf<H> {
    #[inline]
    fn from(bytes: SmBytes<H>) -> Self {
        bytes.try_into_mut().unwrap_or_else(|shared| SmBuf::copy_from_slice_in(&shared, shared.heap.clone()))
    }
}

/// [`from_static`](SmBytes::from_static).
impl From<&'static [u8]> for SmBytes {
    #[inline]
    fn from(bytes: &'static [u8]) -> Self {
        SmBytes::from_static(bytes)
    }
}

/// [`from_static`](SmBytes::from_static).
impl From<&'static str> for SmBytes {
    #[inline]
    fn from(text: &'static str) -> Self {
        SmBytes::from_static(text.as_bytes())
    }
}

/// A copy: the vector's memory belongs to another allocator.
impl From<Vec<u8>> for SmBytes {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        SmBytes::copy_from_slice(&bytes)
    }
}

/// No bytes, which hold no block.
impl<H: HeapRef + Default> Default for SmBytes<H> {
    #[inline]
    fn default() -> Self {
        SmBytes::new_in(H::default())
    }
}

impl<'a, H: HeapRef> IntoIterator for &'a SmBytes<H> {
    type Item = &'a u8;
    type IntoIter = slice::Iter<'a, u8>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<H: HeapRef> AsRef<[u8]> for SmBytes<H> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<H: HeapRef> Borrow<[u8]> for SmBytes<H> {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self
    }
}
