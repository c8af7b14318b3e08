//! Changing a buffer's content: append, cut, reserve, shrink, and consume from the front.

use core::ops::RangeBounds;
use core::ptr;

use super::{SmBuf, narrow};
use crate::content::part_of;
use crate::error::AllocError;
use crate::heap::HeapRef;

impl<H: HeapRef> SmBuf<H> {
    /// Appends one byte. O(1) in the long run.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::new();
    /// buf.push(b'a');
    /// assert_eq!(buf, b"a");
    /// ```
    #[inline]
    #[track_caller]
    pub fn push(&mut self, byte: u8) {
        // Read once: the compiler must take the byte written below for a part of `self`.
        let len = self.len;
        if len == self.cap {
            self.grow(1);
        }
        // SAFETY: U1, U2: the content ends before the block does, now that there is room for one.
        let end = unsafe { self.start.add(len as usize) };
        // SAFETY: `end` is a byte of the block we own (U1).
        unsafe { end.write(byte) };
        // SAFETY: U2: below `cap`, which is a `u32`. That the compiler knows it spares the loop of pushes the widening of `len`.
        self.len = unsafe { len.unchecked_add(1) };
    }

    /// Takes the last byte off.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// assert_eq!((buf.pop(), buf.pop(), buf.pop()), (Some(b'b'), Some(b'a'), None));
    /// ```
    #[inline]
    pub fn pop(&mut self) -> Option<u8> {
        let last = *self.last()?;
        self.len -= 1;
        Some(last)
    }

    /// Appends `bytes`. O(`bytes.len()`) in the long run.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// buf.extend_from_slice(b"cd");
    /// assert_eq!(buf, b"abcd");
    /// ```
    #[inline]
    #[track_caller]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        // SAFETY: U1, U2: the content ends inside the block.
        let end = unsafe { self.start.add(self.len as usize) };
        // SAFETY: `reserve` made room for `bytes.len()` bytes from `end` on, in a block that only
        // this buffer owns (U1), so `bytes` lies elsewhere.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), end.as_ptr(), bytes.len()) };
        self.len += narrow(bytes.len());
    }

    /// [`extend_from_slice`](SmBuf::extend_from_slice), or the reason why not. On failure the content is as it was.
    ///
    /// # Errors
    /// As [`try_reserve`](SmBuf::try_reserve).
    ///
    /// ```
    /// use smarena::BufPool;
    ///
    /// let pool = BufPool::builder().buf_size(64).build()?;
    /// let mut lease = pool.try_acquire()?;
    /// lease.try_extend_from_slice(&[1; 60])?;
    /// assert!(lease.try_extend_from_slice(&[2; 5]).is_err());
    /// assert_eq!(lease.len(), 60);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_extend_from_slice(&mut self, bytes: &[u8]) -> Result<(), AllocError> {
        self.try_reserve(bytes.len())?;
        self.extend_from_slice(bytes);
        Ok(())
    }

    /// Moves all bytes of `other` behind the content, by a copy; `other` keeps its block, and is empty then.
    /// [`unsplit`](SmBuf::unsplit) copies nothing where the two are neighbours.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve); both are as they were then.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let (mut buf, mut other) = (SmBuf::from(b"ab"), SmBuf::from(b"cd"));
    /// buf.append(&mut other);
    /// assert_eq!(buf, b"abcd");
    /// assert!(other.is_empty() && other.capacity() >= 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn append<G: HeapRef>(&mut self, other: &mut SmBuf<G>) {
        self.extend_from_slice(other);
        other.clear();
    }

    /// Makes the buffer `len` bytes long: cuts it, or appends `value` as often as needed.
    ///
    /// # Panics
    /// As [`reserve`](SmBuf::reserve), when it becomes longer.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// buf.resize(4, b'.');
    /// assert_eq!(buf, b"ab..");
    /// buf.resize(1, b'.');
    /// assert_eq!(buf, b"a");
    /// ```
    #[inline]
    #[track_caller]
    pub fn resize(&mut self, len: usize, value: u8) {
        let Some(additional) = len.checked_sub(self.len()) else {
            return self.truncate(len);
        };
        self.reserve(additional);
        // SAFETY: U1, U2: the content ends inside the block.
        let end = unsafe { self.start.add(self.len as usize) };
        // SAFETY: `reserve` made room for `additional` bytes from `end` on in our own block (U1).
        unsafe { end.write_bytes(value, additional) };
        self.len = narrow(len);
    }

    /// Cuts the buffer to `len` bytes; nothing happens if it has no more. Keeps the capacity.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abcd");
    /// buf.truncate(2);
    /// buf.truncate(9);
    /// assert_eq!(buf, b"ab");
    /// ```
    #[inline]
    pub const fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.len = narrow(len);
        }
    }

    /// Empties the buffer. The whole block is its capacity again, what was read from the front too; but of a block that
    /// [`split_to`](SmBuf::split_to) shared out only this buffer's part, until it needs more.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abcd");
    /// buf.clear();
    /// assert!(buf.is_empty() && buf.capacity() >= 4);
    /// ```
    #[inline]
    pub fn clear(&mut self) {
        self.reset();
    }

    /// Makes room for `additional` bytes behind the content. O(1) when there is room; otherwise
    /// the content moves to the front of its block if that is enough and cheap, or to
    /// another block at least twice as large.
    ///
    /// # Panics
    /// If the buffer would be longer than [`SmBuf::MAX_CAPACITY`], or the heap has no block for it;
    /// [`try_reserve`](SmBuf::try_reserve) does not.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// buf.reserve(100);
    /// assert!(buf.capacity() >= 102);
    /// ```
    #[inline]
    #[track_caller]
    pub fn reserve(&mut self, additional: usize) {
        if additional > self.capacity() - self.len() {
            self.grow(additional);
        }
    }

    /// [`reserve`](SmBuf::reserve), or the reason why not. On failure the content is as it was.
    ///
    /// # Errors
    /// [`AllocError::TooLarge`] above [`SmBuf::MAX_CAPACITY`]; otherwise what the heap says.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// assert!(buf.try_reserve(usize::MAX).is_err());
    /// assert_eq!(buf, b"ab");
    /// ```
    #[inline]
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional > self.capacity() - self.len() { self.try_grow(additional) } else { Ok(()) }
    }

    /// Makes room for `most` bytes if there is none, or for as few as the heap has a block for.
    #[inline]
    pub(crate) fn try_some_room(&mut self, most: usize) -> Result<(), AllocError> {
        if self.len() < self.capacity() {
            return Ok(());
        }
        self.try_reserve(most).or_else(|_| self.try_reserve(1))
    }

    /// Whether there is room for `additional` bytes behind the content, after moving it to its block's front if that makes it: from what
    /// was read, or from what others had split off and given up. Asks the heap for nothing. O(length).
    ///
    /// ```
    /// use std::io::Read;
    /// use smarena::SmBuf;
    ///
    /// let mut buf = SmBuf::zeroed(64);
    /// buf.read_exact(&mut [0; 60])?;
    /// assert!(buf.try_reclaim(40));
    /// assert!(!buf.try_reclaim(64));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_reclaim(&mut self, additional: usize) -> bool {
        let wanted = self.len().saturating_add(additional);
        if wanted > self.capacity() && self.reclaim() && wanted <= self.block.bytes() as usize {
            self.slide_to(0);
        }
        wanted <= self.capacity()
    }

    /// Appends the bytes of `range` once more.
    ///
    /// # Panics
    /// If the range ends behind the last byte, or before it starts; and as [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abc");
    /// buf.extend_from_within(1..);
    /// assert_eq!(buf, b"abcbc");
    /// ```
    #[track_caller]
    pub fn extend_from_within(&mut self, range: impl RangeBounds<usize>) {
        let (from, to) = part_of(&range, self.len());
        let len = self.len();
        self.resize(len + (to - from), 0);
        self.copy_within(from..to, len);
    }

    /// Moves the content to the smallest block that holds it, if that is smaller than its own; an
    /// empty buffer then holds none ([a lease](crate::Lease::shrink_to_fit) one). Keeps its block if the heap has no smaller one free.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::with_capacity(1000);
    /// buf.extend_from_slice(b"abc");
    /// buf.shrink_to_fit();
    /// assert_eq!((&buf[..], buf.capacity()), (&b"abc"[..], 16));
    /// ```
    pub fn shrink_to_fit(&mut self) {
        if self.is_empty() { self.let_go() } else { self.shrink_to(self.len()) }
    }

    /// Moves the content to the smallest block that holds `bytes`, which are no fewer, if that is smaller than its own and the heap has it.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        match self.block.holding_same::<H::Classes>(bytes) {
            Ok(fitting) if fitting.bytes() < self.block.bytes() => {
                // Refused, either way: the content stays in its block.
                let _ = if self.reclaim() {
                    // The heap knows better than to go elsewhere with it, and the system cuts off the end where it lies, or moves pages.
                    self.slide_to(0);
                    self.move_to_block(fitting)
                } else {
                    self.copy_to_block(fitting, 0)
                };
            }
            _ => {}
        }
    }

    /// Drops the first `count` bytes, without moving the others. `count` is at most `len`.
    #[inline]
    #[track_caller]
    pub(crate) fn consume_front(&mut self, count: usize) {
        let len = self.len();
        assert!(count <= len, "cannot advance by {count} bytes: the buffer has {len}");
        if count == len {
            return self.reset();
        }
        // SAFETY: U1, U2: `count < len`, so this is a byte of the content.
        self.start = unsafe { self.start.add(count) };

        let count = narrow(count);
        self.head += count;
        self.len -= count;
        self.cap -= count;
    }
}
