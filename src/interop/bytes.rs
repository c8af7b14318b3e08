//! `bytes::Buf`, `bytes::BufMut` and `bytes::Bytes` for the owners of bytes.

use std::io::IoSlice;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::chain::SmChain;
use crate::compare::compares_with;
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

/// Appends, and grows when needed: `remaining_mut` counts up to the longest buffer there can be. Where the heap refuses that
/// ([`Exhausted::Refuse`](crate::Exhausted::Refuse)), a full buffer panics, as `reserve` does: who reads into it what others send bounds it by `BufMut::limit`.
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
        if self.try_some_room(ROOM.min(self.remaining_mut())).is_err() {
            // Says why not.
            self.reserve(1);
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

/// Takes from the front.
///
/// `copy_to_bytes` copies, into a `Bytes` of the system allocator: a `Bytes` can hold the block itself only if the heap's
/// reference may be sent and is `'static`, which not every heap's is. Where it is, [`split_to`](SmBytes::split_to) takes the bytes out
/// and [`Bytes::from`] makes one of them without a copy.
///
/// ```
/// use bytes::{Buf, Bytes};
/// use smarena::SmBytes;
///
/// let mut packet = SmBytes::copy_from_slice(b"\x12\x34headrest");
/// assert_eq!(packet.get_u16(), 0x1234);
/// let address = packet.as_ptr();
/// let head = Bytes::from(packet.split_to(4));
/// assert_eq!((&head[..], head.as_ptr()), (&b"head"[..], address));
/// assert_eq!(packet, b"rest");
/// ```
impl<H: HeapRef> Buf for SmBytes<H> {
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

/// The same bytes, not copied, for who wants a `Bytes`. It makes one small allocation of the system's, and the way back is a copy.
///
/// ```
/// use bytes::Bytes;
/// use smarena::SmBytes;
///
/// let bytes = SmBytes::copy_from_slice(b"abc");
/// let address = bytes.as_ptr();
/// let bytes = Bytes::from(bytes);
/// assert_eq!((&bytes[..], bytes.as_ptr()), (&b"abc"[..], address));
/// ```
impl<H: HeapRef + Send + 'static> From<SmBytes<H>> for Bytes {
    fn from(bytes: SmBytes<H>) -> Self {
        if bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(bytes) }
    }
}

/// The frozen buffer's bytes, not copied. It costs what the same costs for [`SmBytes`].
///
/// ```
/// use bytes::Bytes;
/// use smarena::SmBuf;
///
/// let buf = SmBuf::from(b"abc");
/// let address = buf.as_ptr();
/// assert_eq!(Bytes::from(buf).as_ptr(), address);
/// ```
impl<H: HeapRef + Send + 'static> From<SmBuf<H>> for Bytes {
    fn from(buf: SmBuf<H>) -> Self {
        buf.freeze().into()
    }
}

compares_with! {
    SmBuf:
    [] Bytes;
    [] BytesMut;
}

compares_with! {
    SmBytes:
    [] Bytes;
    [] BytesMut;
}

/// A copy: the memory belongs to another allocator.
impl From<Bytes> for SmBytes {
    fn from(bytes: Bytes) -> Self {
        SmBytes::copy_from_slice(&bytes)
    }
}

/// A copy: the memory belongs to another allocator.
impl From<Bytes> for SmBuf {
    fn from(bytes: Bytes) -> Self {
        SmBuf::from(&bytes[..])
    }
}

/// Appends copies, as `BytesMut` does.
///
/// ```
/// use bytes::Bytes;
/// use smarena::SmBuf;
///
/// let mut buf = SmBuf::from(b"a");
/// buf.extend([Bytes::from_static(b"b"), Bytes::from_static(b"cd")]);
/// assert_eq!(buf, b"abcd");
/// ```
impl<H: HeapRef> Extend<Bytes> for SmBuf<H> {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, parts: I) {
        parts.into_iter().for_each(|part| self.extend_from_slice(&part));
    }
}

/// All parts as one. `copy_to_bytes` copies, into a `Bytes` of the system allocator; [`split_to`](SmChain::split_to) does not.
///
/// ```
/// use bytes::Buf;
/// use smarena::{SmBytes, SmChain};
///
/// let mut chain = SmChain::from_iter([SmBytes::from_static(b"\x12"), SmBytes::from_static(b"\x34rest")]);
/// assert_eq!(chain.get_u16(), 0x1234);
/// assert_eq!(chain.chunk(), b"rest");
/// ```
impl<H: HeapRef> Buf for SmChain<H> {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.first()
    }

    fn chunks_vectored<'a>(&'a self, target: &mut [IoSlice<'a>]) -> usize {
        self.fill_io_slices(target)
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.consume_front(count);
    }
}
