//! Buffers out of other types of bytes, and buffers seen as such.

use core::borrow::{Borrow, BorrowMut};
use core::slice;

use super::SmBuf;
use crate::heap::{Global, HeapRef};

impl<H: HeapRef> SmBuf<H> {
    /// A copy of `bytes` in `heap`.
    ///
    /// # Panics
    /// As [`with_capacity_in`](SmBuf::with_capacity_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert_eq!(SmBuf::copy_from_slice_in(b"abc", Global), b"abc");
    /// ```
    #[inline]
    #[must_use]
    pub fn copy_from_slice_in(bytes: &[u8], heap: H) -> Self {
        let mut buf = Self::with_capacity_in(bytes.len(), heap);
        buf.extend_from_slice(bytes);
        buf
    }
}

/// A copy of the content, in the smallest block of the same heap that holds it.
impl<H: HeapRef> Clone for SmBuf<H> {
    #[inline]
    fn clone(&self) -> Self {
        Self::copy_from_slice_in(self, self.heap.clone())
    }

    /// Copies into the block that `self` has, if that is large enough.
    #[inline]
    fn clone_from(&mut self, source: &Self) {
        self.clear();
        self.extend_from_slice(source);
    }
}

/// An empty buffer, which holds no block.
impl<H: HeapRef + Default> Default for SmBuf<H> {
    #[inline]
    fn default() -> Self {
        SmBuf::new_in(H::default())
    }
}

impl From<&[u8]> for SmBuf {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        SmBuf::copy_from_slice_in(bytes, Global)
    }
}

impl<const N: usize> From<&[u8; N]> for SmBuf {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        SmBuf::from(bytes.as_slice())
    }
}

impl From<&str> for SmBuf {
    #[inline]
    fn from(text: &str) -> Self {
        SmBuf::from(text.as_bytes())
    }
}

/// A copy: the vector's memory belongs to another allocator.
impl From<Vec<u8>> for SmBuf {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        SmBuf::from(bytes.as_slice())
    }
}

impl<H: HeapRef + Default> FromIterator<u8> for SmBuf<H> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut buf = SmBuf::default();
        buf.extend(bytes);
        buf
    }
}

impl<'a, H: HeapRef + Default> FromIterator<&'a u8> for SmBuf<H> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = &'a u8>>(bytes: I) -> Self {
        bytes.into_iter().copied().collect()
    }
}

impl<H: HeapRef> Extend<u8> for SmBuf<H> {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        let bytes = bytes.into_iter();
        // The hint only saves growing: each byte is pushed with a check of its own, so that a wrong
        // hint costs memory or time and nothing else.
        self.reserve(bytes.size_hint().0);
        bytes.for_each(|byte| self.push(byte));
    }
}

impl<'a, H: HeapRef> Extend<&'a u8> for SmBuf<H> {
    #[inline]
    fn extend<I: IntoIterator<Item = &'a u8>>(&mut self, bytes: I) {
        self.extend(bytes.into_iter().copied());
    }
}

impl<'a, H: HeapRef> IntoIterator for &'a SmBuf<H> {
    type Item = &'a u8;
    type IntoIter = slice::Iter<'a, u8>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, H: HeapRef> IntoIterator for &'a mut SmBuf<H> {
    type Item = &'a mut u8;
    type IntoIter = slice::IterMut<'a, u8>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<H: HeapRef> AsRef<[u8]> for SmBuf<H> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<H: HeapRef> AsMut<[u8]> for SmBuf<H> {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl<H: HeapRef> Borrow<[u8]> for SmBuf<H> {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl<H: HeapRef> BorrowMut<[u8]> for SmBuf<H> {
    #[inline]
    fn borrow_mut(&mut self) -> &mut [u8] {
        self
    }
}
