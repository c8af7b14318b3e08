//! `bytes::Buf` and `bytes::BufMut` for `Lease`, so that it goes where a buffer does: into `read_buf` of tokio, for one.

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut};

use crate::heap::HeapRef;
use crate::pool::Lease;

/// As the [`SmBuf`](crate::SmBuf) on loan.
///
/// ```
/// use bytes::{Buf, BufMut};
/// use smarena::BufPool;
///
/// fn read_into(mut buffer: impl BufMut) {
///     buffer.put_slice(b"\x12\x34rest");
/// }
///
/// let mut lease = BufPool::builder().build()?.try_acquire()?;
/// read_into(&mut lease);
/// assert_eq!((lease.get_u16(), lease.remaining()), (0x1234, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<H: HeapRef> Buf for Lease<H> {
    #[inline]
    fn remaining(&self) -> usize {
        (**self).remaining()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        (**self).chunk()
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        (**self).advance(count);
    }
}

/// The room behind the content, and no more: when it is full, nothing is read into it (`read_buf` of tokio says 0), and `put_slice` panics. It does not
/// grow, whatever a peer sends; where it should and the pool allows that, call [`try_reserve`](crate::SmBuf::try_reserve) before. Nor does it look for room that parts
/// which were split off gave up: [`try_reclaim`](crate::SmBuf::try_reclaim) before does.
///
/// ```
/// use bytes::BufMut;
/// use smarena::BufPool;
///
/// let mut lease = BufPool::builder().buf_size(64).build()?.try_acquire()?;
/// lease.put_slice(b"from the network");
/// assert_eq!((lease.remaining_mut(), lease.chunk_mut().len()), (48, 48));
/// lease.put_bytes(0, 48);
/// assert!(!lease.has_remaining_mut());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// SAFETY: U2, U3: the buffer's own, which stays the same between two calls unless its owner exchanges it.
unsafe impl<H: HeapRef> BufMut for Lease<H> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.room()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: U3: the caller's promise is passed on.
        unsafe { (**self).advance_mut(count) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        UninitSlice::uninit(self.spare_capacity_mut())
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        if bytes.len() > self.room() {
            full(bytes.len(), self.room(), self.capacity());
        }
        (**self).put_slice(bytes);
    }

    #[inline]
    fn put_bytes(&mut self, value: u8, count: usize) {
        if count > self.room() {
            full(count, self.room(), self.capacity());
        }
        (**self).put_bytes(value, count);
    }

    fn put<B: Buf>(&mut self, mut source: B)
    where
        Self: Sized,
    {
        // Only the chunk's own length is believed, never `remaining`'s number.
        while source.has_remaining() {
            let chunk = source.chunk();
            let count = chunk.len();
            self.put_slice(chunk);
            source.advance(count);
        }
    }
}

#[cold]
#[inline(never)]
fn full(count: usize, room: usize, capacity: usize) -> ! {
    panic!(
        "cannot put {count} bytes into a lease of {capacity} that has room for {room}: as a `BufMut` it does not grow"
    )
}
