//! `bytes::Buf`, `bytes::BufMut` and `bytes::Bytes` for the owners of bytes.

use core::any::TypeId;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, transmute};
use std::io::IoSlice;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::chain::SmChain;
use crate::content::{compares_with, copied};
use crate::derived::from;
use crate::heap::{HeapRef, IfStatic};
use crate::pool::Lease;

/// What `chunk_mut` makes room for when there is none: enough that a reader's system call is worth
/// its while.
const ROOM: usize = 64;

/// What `Buf` asks of a type that has `len` and `consume_front`, by the first of its bytes that lie in a row.
macro_rules! taken_from_the_front {
    (|$this:ident| $chunk:expr) => {
        #[inline]
        fn remaining(&self) -> usize {
            self.len()
        }

        #[inline]
        fn chunk(&self) -> &[u8] {
            let $this = self;
            $chunk
        }

        #[inline]
        #[track_caller]
        fn advance(&mut self, count: usize) {
            self.consume_front(count);
        }
    };
}

/// Takes from the front; the rest stays where it is. `copy_to_bytes` [splits](SmBuf::split_to) the bytes off, and copies nothing; but see [`SmBytes`].
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
    taken_from_the_front! { |bytes| bytes }

    #[track_caller]
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        hold_or_copy(SmBuf::split_to(self, count).freeze())
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
    #[track_caller]
    unsafe fn advance_mut(&mut self, count: usize) {
        let room = self.capacity() - self.len();
        assert!(count <= room, "cannot advance by {count} bytes: there is room for {room}");
        // SAFETY: U3: the caller promises that the `count` bytes behind the content are
        // initialised; that they are in the block was just checked (U2).
        unsafe { self.set_len(self.len() + count) }
    }

    #[inline]
    #[track_caller]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        if self.try_some_room(ROOM.min(self.remaining_mut())).is_err() {
            // Says why not.
            self.reserve(1);
        }
        UninitSlice::uninit(self.spare_capacity_mut())
    }

    // The provided forms write chunk by chunk; these reserve once and copy at once.

    #[inline]
    #[track_caller]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    #[track_caller]
    fn put_bytes(&mut self, value: u8, count: usize) {
        self.resize(self.len().saturating_add(count), value);
    }

    /// A copy, or the block itself, if this is empty and has not the room, and `source` is an [`SmBytes`] that nobody else shares, of the same
    /// heap, which a type names or which is counted.
    #[track_caller]
    fn put<B: Buf>(&mut self, source: B)
    where
        Self: Sized,
    {
        let mut source = source;
        if self.is_empty() && source.remaining() > self.capacity() {
            match take_block(self, source) {
                Ok(()) => return,
                Err(back) => source = back,
            }
        }
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
/// `copy_to_bytes` gives out a `Bytes` that holds the block; only of bytes in a borrowed heap (`&Heap`), which no `Bytes` can hold, it makes a copy.
///
/// ```
/// use bytes::Buf;
/// use smarena::SmBytes;
///
/// let mut packet = SmBytes::copy_from_slice(b"\x12\x34headrest");
/// assert_eq!(packet.get_u16(), 0x1234);
/// let address = packet.as_ptr();
/// let head = packet.copy_to_bytes(4);
/// assert_eq!((&head[..], head.as_ptr()), (&b"head"[..], address));
/// assert_eq!(packet, b"rest");
/// ```
impl<H: HeapRef> Buf for SmBytes<H> {
    taken_from_the_front! { |bytes| bytes }

    #[track_caller]
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        hold_or_copy(self.split_to(count))
    }
}

/// The same bytes, not copied, for who wants a `Bytes`. It makes one small allocation of the system's, and none for static bytes.
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
    #[track_caller]
    fn from(bytes: SmBytes<H>) -> Self {
        match bytes.as_static() {
            Some(bytes) => Bytes::from_static(bytes),
            None => Bytes::from_owner(bytes),
        }
    }
}

from! {
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
    [H: HeapRef + Send + 'static] SmBuf<H> => Bytes: |buf| buf.freeze().into();
    /// The [frozen](Lease::freeze) lease's bytes, not copied: the buffer goes back with the last of them.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use smarena::BufPool;
    ///
    /// let pool = BufPool::builder().build()?;
    /// let mut lease = pool.try_acquire()?;
    /// lease.extend_from_slice(b"abc");
    /// let bytes = Bytes::from(lease);
    /// assert_eq!((&bytes[..], pool.in_flight()), (&b"abc"[..], 1));
    /// drop(bytes);
    /// assert_eq!(pool.in_flight(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    [H: HeapRef + Send + Sync + 'static] Lease<H> => Bytes: |lease| lease.freeze().into();
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

compares_with! {
    Lease:
    [] Bytes;
    [] BytesMut;
}

from! {
    /// [`from_owner`](SmBytes::from_owner): the memory stays the other allocator's, and nothing is copied.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use smarena::SmBytes;
    ///
    /// let theirs = Bytes::from(vec![7; 1000]);
    /// let address = theirs.as_ptr();
    /// assert_eq!(SmBytes::from(theirs).as_ptr(), address);
    /// ```
    [] Bytes => SmBytes: |bytes| SmBytes::from_owner(bytes);
    /// A copy: the memory belongs to another allocator.
    [] Bytes => SmBuf: |bytes| copied(SmBuf::from(&bytes[..]), bytes);
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
    #[track_caller]
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, parts: I) {
        for part in parts {
            self.extend_from_slice(&part);
        }
    }
}

/// All parts as one. `copy_to_bytes` copies what lies in several parts; what lies in one goes as [`SmBytes`] do.
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
    taken_from_the_front! { |chain| chain.first() }

    fn chunks_vectored<'a>(&'a self, target: &mut [IoSlice<'a>]) -> usize {
        self.fill_io_slices(target)
    }

    #[track_caller]
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        if count <= self.first().len() {
            return self.split_to(count).map_or_else(Bytes::new, hold_or_copy);
        }
        let len = self.len();
        assert!(count <= len, "cannot copy {count} bytes: the chain has {len}");
        let mut copy = BytesMut::with_capacity(count);
        copy.put(self.take(count));
        copy.freeze()
    }
}

/// Bytes that a `Bytes` is to hold.
struct Hold<H: HeapRef>(SmBytes<H>);

impl<H: HeapRef> IfStatic<H> for Hold<H> {
    type Output = Bytes;

    fn run(self) -> Bytes
    where
        H: Send + Sync + 'static,
    {
        self.0.into()
    }
}

fn hold_or_copy<H: HeapRef>(bytes: SmBytes<H>) -> Bytes {
    H::if_static(Hold(bytes)).unwrap_or_else(|Hold(bytes)| copied(Bytes::copy_from_slice(&bytes), bytes))
}

/// A source that may be bytes whose block an empty buffer can have.
struct TakeBlock<'b, H: HeapRef, B>(&'b mut SmBuf<H>, B);

impl<H: HeapRef, B> IfStatic<H> for TakeBlock<'_, H, B> {
    /// The source, if it is something else.
    type Output = Result<(), B>;

    fn run(self) -> Result<(), B>
    where
        H: Send + Sync + 'static,
    {
        if id_but_for_lifetimes::<B>() != TypeId::of::<SmBytes<H>>() {
            return Err(self.1);
        }
        let source = ManuallyDrop::new(self.1);
        // SAFETY: S1: the same type but for lifetimes, and it has none: `H` is `'static` by an implementation of `HeapRef` that holds for
        // each lifetime it may have been written with. Moved out once.
        let bytes = unsafe { (&raw const source).cast::<SmBytes<H>>().read() };
        self.0.extend([bytes]);
        Ok(())
    }
}

fn take_block<H: HeapRef, B>(buf: &mut SmBuf<H>, source: B) -> Result<(), B> {
    H::if_static(TakeBlock(buf, source)).unwrap_or_else(|TakeBlock(_, source)| Err(source))
}

/// That of `T`, with `'static` in the place of every lifetime.
fn id_but_for_lifetimes<T>() -> TypeId {
    trait Id {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }

    impl<T> Id for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }

    let nothing = PhantomData::<T>;
    let id: &dyn Id = &nothing;
    // SAFETY: S1: there is no `T` here whose lifetime could end, and `id` looks at none.
    unsafe { transmute::<&dyn Id, &(dyn Id + 'static)>(id) }.id()
}
