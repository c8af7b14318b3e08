//! Parts of shared bytes: slicing, splitting, cutting, and copying a small part out of a large block.

use core::mem;
use core::ops::RangeBounds;

use super::SmBytes;
use crate::buf::{SmBuf, narrow};
use crate::heap::HeapRef;
use crate::part::part_of;

impl<H: HeapRef> SmBytes<H> {
    /// The bytes of `range`, in the same block. O(1).
    ///
    /// # Panics
    /// If the range ends behind the last byte, or before it starts.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let bytes = SmBytes::copy_from_slice(b"hello world");
    /// assert_eq!(bytes.slice(2..5), b"llo");
    /// ```
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let (from, to) = part_of(&range, self.len());
        if from == to {
            return self.nothing();
        }
        let mut part = self.clone();
        part.truncate(to);
        part.consume_front(from);
        part
    }

    /// The owner of `part`, which is a part of these bytes: [`slice`](SmBytes::slice) for who has got a `&[u8]` from a parser.
    ///
    /// # Panics
    /// If `part` is not empty and lies elsewhere.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let line = SmBytes::copy_from_slice(b"key: value");
    /// let value = line.split(|&byte| byte == b' ').nth(1).unwrap();
    /// assert_eq!(line.slice_ref(value), b"value");
    /// ```
    #[must_use]
    pub fn slice_ref(&self, part: &[u8]) -> Self {
        if part.is_empty() {
            return self.nothing();
        }
        let from = part.as_ptr().addr().wrapping_sub(self.start.addr().get());
        assert!(
            from <= self.len() && part.len() <= self.len() - from,
            "the slice at {:p} is not a part of the {} bytes at {:p}",
            part.as_ptr(),
            self.len(),
            self.start
        );
        self.slice(from..from + part.len())
    }

    /// Takes the first `at` bytes out; these keep the rest. O(1).
    ///
    /// # Panics
    /// If `at` is more than the length.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let mut bytes = SmBytes::copy_from_slice(b"frame1frame2");
    /// assert_eq!((bytes.split_to(6), bytes), (SmBytes::from("frame1"), SmBytes::from("frame2")));
    /// ```
    #[must_use = "these bytes are taken out; `Buf::advance` drops them for less"]
    pub fn split_to(&mut self, at: usize) -> Self {
        let rear = self.split_off(at);
        mem::replace(self, rear)
    }

    /// Keeps the first `at` bytes, and takes the rest out. O(1).
    ///
    /// # Panics
    /// If `at` is more than the length.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let mut bytes = SmBytes::copy_from_slice(b"frame1frame2");
    /// assert_eq!((bytes.split_off(6), bytes), (SmBytes::from("frame2"), SmBytes::from("frame1")));
    /// ```
    #[must_use = "these bytes are taken out; `truncate` drops them for less"]
    pub fn split_off(&mut self, at: usize) -> Self {
        let len = self.len();
        assert!(at <= len, "cannot split at byte {at}: there are {len} bytes");
        // An empty part must not keep the block from being somebody's alone.
        if at == len {
            return self.nothing();
        }
        if at == 0 {
            let nothing = self.nothing();
            return mem::replace(self, nothing);
        }
        self.cut(at)
    }

    /// Keeps the first `at` bytes, of which there are as many; returns the rest as an owner of the same block, be it empty.
    pub(crate) fn cut(&mut self, at: usize) -> Self {
        let mut rear = self.clone();
        rear.consume_front(at);
        self.truncate(at);
        rear
    }

    /// Cuts the bytes to the first `len`; nothing happens if there are no more.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let mut bytes = SmBytes::from_static(b"abcd");
    /// bytes.truncate(2);
    /// bytes.truncate(9);
    /// assert_eq!(bytes, b"ab");
    /// ```
    #[inline]
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.len = narrow(len);
        }
    }

    /// Drops all bytes, and the share of their block.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let mut bytes = SmBytes::copy_from_slice(b"abc");
    /// bytes.clear();
    /// assert!(bytes.is_empty());
    /// ```
    pub fn clear(&mut self) {
        *self = self.nothing();
    }

    /// Copies the bytes to a block of their own if the one they lie in is at least twice as large as they need; says whether it did.
    ///
    /// For small parts that are kept long: they keep their whole block from being used otherwise. Bytes without
    /// a block stay as they are, and so do all if the heap has no block free.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut packet = SmBuf::with_capacity(64 << 10);
    /// packet.extend_from_slice(b"session-id=4711;and so on");
    /// let mut id = packet.freeze().slice(11..15);
    /// assert!(id.compact());
    /// assert_eq!(id.try_into_mut().unwrap().capacity(), 16);
    /// ```
    pub fn compact(&mut self) -> bool {
        if !self.block.exists() {
            return false;
        }
        if self.is_empty() {
            self.clear();
            return true;
        }
        let Ok(fitting) = self.block.holding_same::<H::Classes>(self.len()) else { return false };
        if fitting.bytes() > self.block.bytes() / 2 {
            return false;
        }
        let Ok(mut copy) = SmBuf::try_with_block_in(fitting, None, self.heap.clone()) else { return false };
        copy.extend_from_slice(self);
        *self = copy.freeze();
        true
    }

    /// No bytes of the same heap; no share of the block.
    fn nothing(&self) -> Self {
        Self::new_in(self.heap.clone())
    }

    /// Drops the first `count` bytes. `count` is at most `len`.
    #[inline]
    pub(crate) fn consume_front(&mut self, count: usize) {
        let len = self.len();
        assert!(count <= len, "cannot advance by {count} bytes: there are {len}");
        // SAFETY: S1: inside the content, or at its end.
        self.start = unsafe { self.start.add(count) };
        self.head += narrow(count);
        self.len -= narrow(count);
    }
}
