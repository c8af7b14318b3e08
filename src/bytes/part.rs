//! Parts of shared bytes: slicing, splitting, cutting, and copying a small part out of a large block.

use core::mem;
use core::ops::RangeBounds;
use core::ptr::NonNull;

use super::SmBytes;
use crate::buf::{BlockSize, SmBuf, narrow};
use crate::content::part_of;
use crate::heap::HeapRef;

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
    #[track_caller]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let (from, to) = part_of(&range, self.len());
        if from == to {
            return self.nothing_at(from);
        }
        let mut part = self.clone();
        part.truncate(to);
        part.consume_front(from);
        part
    }

    /// The owner of `part`, which is a part of these bytes: [`slice`](SmBytes::slice) for who has got a `&[u8]` from a parser.
    ///
    /// An empty part may lie anywhere, and is left there.
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
    #[track_caller]
    pub fn slice_ref(&self, part: &[u8]) -> Self {
        if part.is_empty() {
            return Self::empty(NonNull::from(part).cast(), self.block, self.heap.clone());
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
    #[track_caller]
    pub fn split_to(&mut self, at: usize) -> Self {
        let len = self.len();
        assert!(at <= len, "split_to out of bounds: at byte {at}, there are {len}");
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
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        let len = self.len();
        assert!(at <= len, "split_off out of bounds: at byte {at}, there are {len}");
        if at == len {
            return self.nothing_at(len);
        }
        if at == 0 {
            let nothing = self.nothing_at(0);
            return mem::replace(self, nothing);
        }
        let mut rear = self.clone();
        rear.consume_front(at);
        self.truncate(at);
        rear
    }

    /// Cuts the bytes to the first `len`; nothing happens if there are no more. With the last of them goes the share of the block.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let mut bytes = SmBytes::from_static(b"abcd");
    /// bytes.truncate(2);
    /// bytes.truncate(9);
    /// assert_eq!(bytes, b"ab");
    /// ```
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        if len == 0 {
            self.empty_at(0);
        } else if len < self.len() {
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
        self.empty_at(0);
    }

    /// Copies the bytes to a block of their own if the one they lie in is at least twice as large as they need; says whether it did.
    ///
    /// For small parts that are kept long: they keep their whole block from being used otherwise. Bytes without
    /// a block stay as they are, and so do all if the heap has no block free; those [of an owner](SmBytes::from_owner) move always, since nobody
    /// knows how much it keeps.
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
        let foreign = self.block.is_foreign();
        let Ok(fitting) = self.like().holding_same::<H::Classes>(self.len()) else { return false };
        if !foreign && fitting.bytes() > self.block.bytes() / 2 {
            return false;
        }
        let Ok(mut copy) = SmBuf::try_with_block_in(fitting, None, self.heap.clone()) else { return false };
        copy.extend_from_slice(self);
        *self = copy.freeze();
        true
    }

    /// What copies of them are aligned as: the block, unless that is an owner's.
    pub(super) fn like(&self) -> BlockSize {
        if self.block.is_foreign() { BlockSize::NONE } else { self.block }
    }

    /// No bytes at `start`, of a heap; whoever becomes of them what needs a block will align it as `like`.
    pub(super) fn empty(start: NonNull<u8>, like: BlockSize, heap: H) -> Self {
        SmBytes { start, first: start, len: 0, block: like.none(), heap }
    }

    /// Nothing of these bytes, at the place of number `at`.
    fn nothing_at(&self, at: usize) -> Self {
        // SAFETY: S1: inside the content, or at its end.
        Self::empty(unsafe { self.start.add(at) }, self.block, self.heap.clone())
    }

    /// Leaves nothing, at the place of number `at`.
    fn empty_at(&mut self, at: usize) {
        let nothing = self.nothing_at(at);
        // Before anything is dropped: a foreign owner's drop may panic.
        drop(mem::replace(self, nothing));
    }

    /// Drops the first `count` bytes. `count` is at most `len`.
    #[inline]
    #[track_caller]
    pub(crate) fn consume_front(&mut self, count: usize) {
        let len = self.len();
        assert!(count <= len, "cannot advance by {count} bytes: there are {len}");
        if count == len {
            return self.empty_at(count);
        }
        // SAFETY: S1: inside the content.
        self.start = unsafe { self.start.add(count) };
        self.len -= narrow(count);
    }
}
