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

/// As the [`SmBuf`](crate::SmBuf) on loan, which grows when it is full. To read no more than there is room for:
///
/// ```
/// use bytes::BufMut;
/// use smarena::BufPool;
///
/// let mut lease = BufPool::builder().build()?.try_acquire()?;
/// let room = lease.capacity() - lease.len();
/// let mut bounded = (&mut lease).limit(room); // for tokio's `read_buf`, say
/// bounded.put_slice(b"from the network");
/// assert_eq!(bounded.remaining_mut(), room - 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// SAFETY: U2, U3: the buffer's own, which stays the same between two calls unless its owner exchanges it.
unsafe impl<H: HeapRef> BufMut for Lease<H> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        (**self).remaining_mut()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: U3: the caller's promise is passed on.
        unsafe { (**self).advance_mut(count) }
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        (**self).chunk_mut()
    }

    #[inline]
    fn put_slice(&mut self, bytes: &[u8]) {
        (**self).put_slice(bytes);
    }

    #[inline]
    fn put_bytes(&mut self, value: u8, count: usize) {
        (**self).put_bytes(value, count);
    }

    fn put<B: Buf>(&mut self, source: B)
    where
        Self: Sized,
    {
        (**self).put(source);
    }
}
