//! One buffer becomes two that share its block, and one again.
//!
//! ```text
//!  first byte of the block   start        at
//!  |                         |            |
//!  |         nobody's        |   front    |         rear          |
//!  |                         |<-- cap --->|<--------- cap ------->|
//! ```

use core::mem;

use super::{SmBuf, narrow};
use crate::error::AllocError;
use crate::heap::HeapRef;

impl<H: HeapRef> SmBuf<H> {
    /// Takes the first `at` bytes out, as a buffer of their own; this one keeps the rest, and the room behind it. O(1): both
    /// lie in the one block still, which goes back to the heap with the last of them.
    ///
    /// A buffer that shares its block grows by moving to another one, as large as the one it leaves up to 64 KiB, and at least twice its length; so appending
    /// costs O(1) a byte in the long run also while parts are kept. If the others are gone by then, the whole block is its own again instead. Both are so, too, of a
    /// part that has not a byte of the block: what is left when all was split off. Only the buffer of a [`Lease`](crate::Lease) has no other to move to, and does not
    /// grow until it is alone.
    ///
    /// # Panics
    /// If `at` is more than the length.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut stream = SmBuf::from(b"frame1frame2");
    /// let frame = stream.split_to(6);
    /// assert_eq!((frame, stream), (SmBuf::from("frame1"), SmBuf::from("frame2")));
    /// ```
    #[must_use = "these bytes are out of the buffer; `Buf::advance` drops them for less"]
    #[track_caller]
    pub fn split_to(&mut self, at: usize) -> Self {
        let len = self.len();
        assert!(at <= len, "split_to out of bounds: at byte {at}, the buffer has {len}");
        let rear = self.cut(at);
        mem::replace(self, rear)
    }

    /// Takes all bytes out and keeps the room behind them: [`split_to`](SmBuf::split_to) at the length.
    ///
    /// Where [`std::io::BufRead`] is in scope, `buf.split()` means that trait's method, which takes the buffer by value and a byte: write
    /// `SmBuf::split(&mut buf)` there.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::with_capacity(1024);
    /// buf.extend_from_slice(b"abc");
    /// assert_eq!(buf.split(), b"abc");
    /// assert_eq!((buf.len(), buf.capacity()), (0, 1021));
    /// ```
    #[must_use = "these bytes are out of the buffer; `clear` drops them for less"]
    pub fn split(&mut self) -> Self {
        self.split_to(self.len())
    }

    /// Keeps the first `at` bytes of the capacity, and takes what lies behind, content and room, out as a buffer of its own. O(1), as
    /// [`split_to`](SmBuf::split_to). What is kept has no room left: appending to it moves it, if the rear is kept.
    ///
    /// # Panics
    /// If `at` is more than the capacity.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut packet = SmBuf::from(b"headerpayload");
    /// let payload = packet.split_off(6);
    /// assert_eq!((&packet[..], &payload[..]), (&b"header"[..], &b"payload"[..]));
    /// ```
    #[must_use = "these bytes are out of the buffer; `truncate` drops them for less"]
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        let capacity = self.capacity();
        assert!(at <= capacity, "split_off out of bounds: at byte {at}, the buffer has room for {capacity}");
        self.cut(at)
    }

    /// Puts `rear` behind the content: O(1) if it was split off there, so that they are neighbours in one block, or if this buffer is empty
    /// and both are of the same heap, or this one's is a pool's, which has no second block; otherwise copies.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve), when it has to copy.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abcd");
    /// let (address, rear) = (buf.as_ptr(), buf.split_off(2));
    /// buf.unsplit(rear);
    /// assert_eq!((&buf[..], buf.as_ptr()), (&b"abcd"[..], address));
    /// ```
    #[track_caller]
    pub fn unsplit(&mut self, rear: Self) {
        if let Err(rear) = self.try_unsplit(rear) {
            if self.is_empty() { self.become_or_copy(rear) } else { self.extend_from_slice(&rear) }
        }
    }

    /// [`unsplit`](SmBuf::unsplit) where that copies nothing. O(1).
    ///
    /// # Errors
    /// `rear`, if this buffer is not full or `rear` does not follow it in the same block. (One without any capacity may be united with all.)
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abcdef");
    /// let mut middle = buf.split_off(2);
    /// let rear = middle.split_off(2);
    /// let rear = buf.try_unsplit(rear).unwrap_err();
    /// buf.try_unsplit(middle).unwrap();
    /// buf.try_unsplit(rear).unwrap();
    /// assert_eq!(buf, b"abcdef");
    /// ```
    pub fn try_unsplit(&mut self, rear: Self) -> Result<(), Self> {
        if rear.capacity() > 0 {
            if !self.is_neighbour(&rear) {
                return Err(rear);
            }
            self.len += rear.len;
            self.cap += rear.cap;
        }
        // Its share is given up; its bytes are ours now.
        drop(rear);
        Ok(())
    }

    /// What `other` is, this buffer being empty; by a copy, if that is of another heap, which has blocks for it, or this one asked for a larger
    /// alignment than it has.
    #[track_caller]
    pub(crate) fn become_or_copy(&mut self, other: Self) {
        debug_assert!(self.is_empty());
        let will_do = other.alignment() >= self.alignment()
            && (self.heap.is_same(&other.heap)
                || matches!(self.try_reserve(other.len()), Err(AllocError::OneBlock { .. })));
        if will_do { *self = other } else { self.extend_from_slice(&other) }
    }

    /// Whether `rear` owns the bytes of the same block that follow the content.
    fn is_neighbour(&self, rear: &Self) -> bool {
        let both_split = self.block.is_split() && rear.block.is_split();
        // Blocks do not overlap: with one first byte, it is one block of one heap.
        both_split
            && self.len == self.cap
            && self.first_byte() == rear.first_byte()
            && self.head + self.cap == rear.head
    }

    /// Keeps the first `at` bytes of the capacity, which has as many; returns the owner of the rest. Either may be nothing, and an owner all the same.
    pub(crate) fn cut(&mut self, at: usize) -> Self {
        debug_assert!(at <= self.capacity());
        // Cloned first, since that may panic, and nothing has changed yet.
        let heap = self.heap.clone();
        if self.block.exists() {
            // Counted before the new owner is there (I11).
            self.share_count().add();
            self.block = self.block.split();
        }
        // SAFETY: U1: inside the block or at its end; without a block, `at` is 0.
        let start = unsafe { self.start.add(at) };
        let at = narrow(at);
        // U1, U2, U3: the two own apart what was this one's, and what was initialised is so still.
        let rear = SmBuf {
            start,
            head: self.head + at,
            len: self.len.saturating_sub(at),
            cap: self.cap - at,
            block: self.block,
            heap,
        };
        self.len = self.len.min(at);
        self.cap = at;
        rear
    }
}
