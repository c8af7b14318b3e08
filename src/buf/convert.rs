//! Buffers out of other types of bytes, and buffers seen as such.

use core::slice;

use super::{BlockSize, SmBuf, narrow, refused};
use crate::content::{IntoBytes, copied};
use crate::derived::{default, from, iterate_by_reference, lend_as};
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
    #[doc(alias = "from_slice_in")]
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn copy_from_slice_in(bytes: &[u8], heap: H) -> Self {
        let mut buf = Self::with_capacity_in(bytes.len(), heap);
        buf.extend_from_slice(bytes);
        buf
    }

    /// A copy in the smallest block of `heap` that holds it, aligned as `like`.
    #[inline]
    #[track_caller]
    pub(crate) fn copy_like(bytes: &[u8], like: BlockSize, heap: H) -> Self {
        if like.none() == BlockSize::NONE {
            return Self::copy_from_slice_in(bytes, heap);
        }
        Self::copy_aligned(bytes, like, heap)
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn copy_aligned(bytes: &[u8], like: BlockSize, heap: H) -> Self {
        let size = like.holding_same::<H::Classes>(bytes.len());
        match size.and_then(|size| Self::try_with_block_in(size, None, heap)) {
            Ok(mut copy) => {
                copy.extend_from_slice(bytes);
                copy
            }
            Err(error) => refused(error, bytes.len()),
        }
    }

    /// As a clone, but in `heap`.
    #[inline]
    #[track_caller]
    pub(crate) fn clone_in<G: HeapRef>(&self, heap: G) -> SmBuf<G> {
        SmBuf::copy_like(self, self.block, heap)
    }
}

impl SmBuf {
    /// `len` bytes, all zero, in the [`Global`] heap. What the system has as zeros is not written: then it takes no memory until you do.
    ///
    /// # Panics
    /// As [`with_capacity`](SmBuf::with_capacity).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!(SmBuf::zeroed(3), [0, 0, 0]);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn zeroed(len: usize) -> Self {
        let size = BlockSize::holding::<<Global as HeapRef>::Classes>(len);
        match size.and_then(|size| Ok((size, size.allocate_zeroed_in(&Global)?))) {
            // U1 to U3 hold: a block of this size, or none, and all of it is written.
            Ok((block, start)) => SmBuf { start, head: 0, len: narrow(len), cap: block.bytes(), block, heap: Global },
            Err(error) => refused(error, len),
        }
    }
}

/// A copy of the content, in the smallest block of the same heap that holds it, aligned as its own.
impl<H: HeapRef> Clone for SmBuf<H> {
    #[inline]
    #[track_caller]
    fn clone(&self) -> Self {
        self.clone_in(self.heap.clone())
    }

    /// Copies into the block that `self` has, if that is large enough.
    #[inline]
    #[track_caller]
    fn clone_from(&mut self, source: &Self) {
        self.clear();
        self.extend_from_slice(source);
    }
}

default! {
    /// An empty buffer, which holds no block.
    [H: HeapRef + Default] SmBuf<H>: SmBuf::new_in(H::default())
}

macro_rules! copied_from {
    ($([$($parameter:tt)*] $source:ty;)+) => {$(
        /// A copy: the memory belongs to another allocator.
        impl<$($parameter)*> From<$source> for SmBuf {
            #[inline]
            #[track_caller]
            fn from(bytes: $source) -> Self {
                SmBuf::copy_from_slice_in(bytes.as_ref(), Global)
            }
        }
    )+};
}

copied_from! {
    [] &[u8];
    [const N: usize] &[u8; N];
    [] &str;
    [] Vec<u8>;
    [] Box<[u8]>;
    [] String;
}

from! {
    /// A copy: a vector's memory belongs to the system's allocator.
    [H: HeapRef] SmBuf<H> => Vec<u8>: |buf| copied(buf.to_vec(), buf);
}

impl<H: HeapRef + Default> FromIterator<u8> for SmBuf<H> {
    #[inline]
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut buf = SmBuf::default();
        buf.extend(bytes);
        buf
    }
}

impl<'a, H: HeapRef + Default> FromIterator<&'a u8> for SmBuf<H> {
    #[inline]
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = &'a u8>>(bytes: I) -> Self {
        bytes.into_iter().copied().collect()
    }
}

/// Appends them one by one. How many are still to come, as the iterator says, only saves growing: if there is no memory for so many, it does without.
///
/// # Panics
/// As [`reserve`](SmBuf::reserve), with the bytes before in the buffer; and at once if the iterator promises more than any buffer holds, as one without an end does.
///
/// ```
/// # use smarena::SmBuf;
/// let mut buf = SmBuf::from(b"ab");
/// buf.extend(b'c'..=b'e');
/// assert_eq!(buf, b"abcde");
/// ```
impl<H: HeapRef> Extend<u8> for SmBuf<H> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        let bytes = bytes.into_iter();
        let promised = bytes.size_hint().0;
        if promised > SmBuf::MAX_CAPACITY {
            self.reserve(promised);
        }
        // Who asks for too much here may still have few: each byte is pushed with a check of its own.
        let _ = self.try_reserve(promised);
        for byte in bytes {
            self.push(byte);
        }
    }
}

impl<'a, H: HeapRef> Extend<&'a u8> for SmBuf<H> {
    #[inline]
    #[track_caller]
    fn extend<I: IntoIterator<Item = &'a u8>>(&mut self, bytes: I) {
        self.extend(bytes.into_iter().copied());
    }
}

/// Takes the bytes out one by one; the block goes back with the iterator.
///
/// ```
/// # use smarena::SmBuf;
/// let mut bytes = SmBuf::from(b"abc").into_iter();
/// assert_eq!((bytes.next(), bytes.next_back(), bytes.len()), (Some(b'a'), Some(b'c'), 1));
/// ```
impl<H: HeapRef> IntoIterator for SmBuf<H> {
    type Item = u8;
    type IntoIter = IntoBytes<Self>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        IntoBytes::new(self)
    }
}

iterate_by_reference! { [H: HeapRef] SmBuf<H>: slice::Iter<'a, u8> => &'a u8, slice::IterMut<'a, u8> => &'a mut u8 }

lend_as! { [H: HeapRef] SmBuf<H> => mut [u8] }
