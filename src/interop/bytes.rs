//! `bytes::Buf` and `bytes::BufMut` for `SmBuf`.

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut};

use crate::buf::SmBuf;
use crate::heap::HeapRef;

/// What `chunk_mut` makes room for when there is none: enough that a reader's system call is worth
/// its while.
const ROOM: usize = 64;

/// Takes from the front; the rest stays where it is.
///
/// ```
/// use bytes::Buf;
/// use smarena::SmBuf;
///
/// let mut packet = SmBuf::from(b"\x12\x34rest");
/// assert_eq!(packet.get_u16(), 0x1234);
/// assert_eq!(packet, b"rest");
/// ```
impl<H: HeapRef> Buf for SmBuf<H> {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.consume_front(count);
    }
}

/// Appends, and grows when needed: `remaining_mut` counts up to the longest buffer there can be.
///
/// ```
/// use bytes::BufMut;
/// use smarena::SmBuf;
///
/// let mut packet = SmBuf::new();
/// packet.put_u16(0x1234);
/// packet.put_slice(b"rest");
/// assert_eq!(packet, b"\x12\x34rest");
/// ```
// SAFETY: `chunk_mut` is the spare room behind the content, which starts where `advance_mut` moves
// the length to (U2, U3), and both look at the same, unmoved block between two calls.
unsafe impl<H: HeapRef> BufMut for SmBuf<H> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        SmBuf::MAX_CAPACITY - self.len()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        let room = self.capacity() - self.len();
        assert!(count <= room, "cannot advance by {count} bytes: there is room for {room}");
        // SAFETY: U3: the caller promises that the `count` bytes behind the content are
        // initialised; that they are in the block was just checked (U2).
        unsafe { self.set_len(self.len() + count) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.len() == self.capacity() {
            self.reserve(ROOM.min(self.remaining_mut()));
        }
        UninitSlice::uninit(self.spare_capacity_mut())
    }

    // The provided forms write chunk by chunk; these reserve once and copy at once.

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn put_bytes(&mut self, value: u8, count: usize) {
        self.resize(self.len().saturating_add(count), value);
    }

    fn put<B: Buf>(&mut self, mut source: B)
    where
        Self: Sized,
    {
        // Only the chunk's own length is believed, never `remaining`'s number.
        while source.has_remaining() {
            let chunk = source.chunk();
            let count = chunk.len();
            self.extend_from_slice(chunk);
            source.advance(count);
        }
    }
}
