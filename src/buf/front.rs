//! The room in front of the content: for headers that are known only when their payload is.

use super::{SmBuf, narrow, refused};
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

impl SmBuf {
    /// An empty buffer of the [`Global`] heap that takes `capacity` bytes behind, and `headroom` bytes in front of its content.
    ///
    /// # Panics
    /// As [`with_headroom_in`](SmBuf::with_headroom_in).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut packet = SmBuf::with_headroom(1500, 64);
    /// packet.extend_from_slice(b"payload");
    /// packet.prepend(b"header ");
    /// assert_eq!((&packet[..], packet.headroom()), (&b"header payload"[..], 57));
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn with_headroom(capacity: usize, headroom: usize) -> Self {
        SmBuf::with_headroom_in(capacity, headroom, Global)
    }
}

impl<H: HeapRef> SmBuf<H> {
    /// An empty buffer of `heap` that takes `capacity` bytes behind, and `headroom` bytes in front of its content.
    ///
    /// # Panics
    /// If both together are above [`SmBuf::MAX_CAPACITY`] or the heap has no such block.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// assert_eq!(SmBuf::with_headroom_in(100, 28, Global).headroom(), 28);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn with_headroom_in(capacity: usize, headroom: usize, heap: H) -> Self {
        let mut buf = Self::with_capacity_in(capacity.saturating_add(headroom), heap);
        buf.set_front(narrow(headroom));
        buf
    }

    /// How many bytes can be prepended without moving the content. Bytes read from the front are headroom too; a buffer that
    /// [shares its block](SmBuf::split_to) has none, nor has one that is cleared or moves to another block.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!(SmBuf::with_capacity(100).headroom(), 0);
    /// ```
    #[inline]
    #[must_use]
    pub const fn headroom(&self) -> usize {
        if self.block.is_split() { 0 } else { self.head as usize }
    }

    /// Puts `bytes` in front of the content. O(`bytes.len()`) while there is [`headroom`](SmBuf::headroom), and in the long run; of which a split
    /// leaves none, so the content moves once after each.
    ///
    /// # Panics
    /// As [`reserve_front`](SmBuf::reserve_front).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"cd");
    /// buf.prepend(b"ab");
    /// assert_eq!(buf, b"abcd");
    /// ```
    #[inline]
    #[track_caller]
    pub fn prepend(&mut self, bytes: &[u8]) {
        self.reserve_front(bytes.len());
        // SAFETY: U1: not split, and at least as many bytes of the block lie in front of the content.
        let start = unsafe { self.start.sub(bytes.len()) };
        // SAFETY: U1: these bytes of the block are ours alone, so `bytes` lies elsewhere.
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };

        let count = narrow(bytes.len());
        self.start = start;
        self.head -= count;
        self.len += count;
        self.cap += count;
    }

    /// Makes room for `additional` bytes in front of the content. On an empty buffer that can hold as many this is O(1) and
    /// makes the headroom exactly that; otherwise the content moves, in its block or to another one.
    ///
    /// # Panics
    /// If the buffer would be longer than [`SmBuf::MAX_CAPACITY`], or the heap has no block for it;
    /// [`try_reserve_front`](SmBuf::try_reserve_front) does not.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"payload");
    /// buf.reserve_front(14);
    /// assert!(buf.headroom() >= 14);
    /// ```
    #[inline]
    #[track_caller]
    pub fn reserve_front(&mut self, additional: usize) {
        if additional > self.headroom() {
            if let Err(error) = self.try_grow_front(additional) {
                refused(error, self.len().saturating_add(additional));
            }
        }
    }

    /// [`reserve_front`](SmBuf::reserve_front), or the reason why not. On failure the content is as it was.
    ///
    /// # Errors
    /// [`AllocError::TooLarge`] above [`SmBuf::MAX_CAPACITY`]; otherwise what the heap says.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ab");
    /// assert!(buf.try_reserve_front(usize::MAX).is_err());
    /// assert_eq!(buf, b"ab");
    /// ```
    #[inline]
    pub fn try_reserve_front(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional > self.headroom() { self.try_grow_front(additional) } else { Ok(()) }
    }

    /// The slow half of both: there is less headroom than `additional`.
    #[cold]
    fn try_grow_front(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.reclaim() {
            let bytes = self.block.bytes() as usize;
            let needed = self.len().saturating_add(additional);
            if additional <= self.headroom() {
                return Ok(());
            }
            if self.is_empty() && additional <= bytes {
                self.set_front(narrow(additional));
                return Ok(());
            }
            // Half of the block is free: its halves go to both sides, so that the next move comes only after as many bytes again.
            if needed <= bytes / 2 {
                self.slide_to(narrow(additional + (bytes - needed) / 2));
                return Ok(());
            }
        }
        // The room behind the content stays; what a larger block has more goes to the front.
        let larger = self.larger_block(self.capacity().saturating_add(additional));
        let moved = larger.and_then(|size| self.copy_to_block(size, size.bytes() - self.cap));
        moved.or_else(|_| self.try_grow_front_exactly(additional))
    }

    /// Where there is no second block with room on both sides: the buffer's own, if that holds all; or one that does, in whichever way it can be had.
    fn try_grow_front_exactly(&mut self, additional: usize) -> Result<(), AllocError> {
        let needed = self.len().saturating_add(additional);
        let alone = !self.block.is_split();
        let bytes = self.block.bytes() as usize;
        if alone && needed <= bytes {
            self.slide_to(narrow(additional + (bytes - needed) / 2));
            return Ok(());
        }
        let exact = self.block.holding_same::<H::Classes>(needed)?;
        self.copy_to_block(exact, narrow(additional)).or_else(|refusal| {
            if !alone {
                return Err(refusal);
            }
            // A block of a pool's becomes a larger one, though there is no second one.
            let head = self.head;
            self.slide_to(0);
            let moved = self.move_to_block(exact);
            self.slide_to(if moved.is_ok() { narrow(additional) } else { head });
            moved
        })
    }

    /// Makes an empty buffer begin `head` bytes into its block, which is wholly its own and has as many.
    pub(crate) fn set_front(&mut self, head: u32) {
        debug_assert!(self.is_empty());
        self.slide_to(head);
    }
}
