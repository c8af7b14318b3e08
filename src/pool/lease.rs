//! One buffer on loan, and the permit that goes with it.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::owners::Permit;
use super::{Buffers, PoolError};
use crate::buf::{BlockSize, SmBuf, give_block_back};
use crate::heap::{Global, HeapRef};

/// A buffer on loan from a [`BufPool`](crate::BufPool): an [`SmBuf`] that counts against the pool's limit.
///
/// It starts empty and may grow beyond the pool's size as any buffer does. Dropping it gives the
/// block back to the heap, then the permit back to the pool, on any thread, whether or not a handle
/// to the pool is left.
///
/// ```
/// use smarena::BufPool;
///
/// let pool = BufPool::builder().build()?;
/// let mut lease = pool.try_acquire()?;
/// drop(pool);
/// std::thread::spawn(move || lease.extend_from_slice(b"still here")).join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lease<H: HeapRef = Global> {
    /// Both are there until `take_parts`.
    buf: ManuallyDrop<SmBuf<H>>,
    permit: ManuallyDrop<Permit<Buffers<H>>>,
}

const _: () = assert!(size_of::<Option<Lease>>() == size_of::<Lease>());

impl<H: HeapRef> Lease<H> {
    /// Takes the buffer that `permit` stands for from the heap.
    #[inline(always)]
    pub(super) fn new(permit: Permit<Buffers<H>>) -> Result<Self, PoolError> {
        let mut buf = SmBuf::try_with_block_in(permit.block, permit.class, permit.heap.clone())?;
        if permit.headroom > 0 {
            buf.set_front(permit.headroom);
        }
        Ok(Lease { buf: ManuallyDrop::new(buf), permit: ManuallyDrop::new(permit) })
    }

    /// The buffer, and the permit that it has no more.
    #[inline]
    pub(super) fn into_parts(self) -> (SmBuf<H>, Permit<Buffers<H>>) {
        // SAFETY: P1: it is never dropped or used again.
        unsafe { ManuallyDrop::new(self).take_parts() }
    }

    /// As `into_parts`, of a lease that is on its way out.
    ///
    /// # Safety
    /// The lease is not used again, and dropped by nobody but the caller, if that is its drop.
    #[inline(always)]
    unsafe fn take_parts(&mut self) -> (SmBuf<H>, Permit<Buffers<H>>) {
        // SAFETY: P1: taken once, as the caller promises.
        let buf = unsafe { ManuallyDrop::take(&mut self.buf) };
        // SAFETY: P1: as above.
        let permit = unsafe { ManuallyDrop::take(&mut self.permit) };
        (buf, permit)
    }

    /// Keeps the buffer and ends the loan: the permit goes back to the pool at once, so the limit
    /// bounds the pool's leases and not such buffers.
    ///
    /// ```
    /// # use smarena::{BufPool, SmBuf};
    /// let pool = BufPool::builder().build()?;
    /// let buf: SmBuf = pool.try_acquire()?.into_buf();
    /// assert_eq!(pool.in_flight(), 0);
    /// assert!(buf.capacity() >= pool.buf_size());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "dropping the lease gives the buffer back as well"]
    pub fn into_buf(self) -> SmBuf<H> {
        self.into_parts().0
    }
}

impl<H: HeapRef> Drop for Lease<H> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: P1: this is the drop.
        let (buf, permit) = unsafe { self.take_parts() };
        let (first, block, heap) = buf.into_block();
        // SAFETY: U1: the block of a buffer that is no more, if it had one.
        unsafe { end(first, block, heap, permit) }
    }
}

/// Gives a lease's block back, if it has one, and then its permit: the block is in the heap before another can take the permit.
///
/// A call of its own, by value and part by part, for the same reason as a buffer has one: a lease stays in registers.
///
/// # Safety
/// As for [`give_block_back`].
#[inline(never)]
unsafe fn end<H: HeapRef>(first: NonNull<u8>, block: BlockSize, heap: H, permit: Permit<Buffers<H>>) {
    // SAFETY: U1: as the caller promises.
    unsafe { give_block_back(first, block, &heap) };
    drop((heap, permit));
}

impl<H: HeapRef> Deref for Lease<H> {
    type Target = SmBuf<H>;

    #[inline]
    fn deref(&self) -> &SmBuf<H> {
        &self.buf
    }
}

impl<H: HeapRef> DerefMut for Lease<H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut SmBuf<H> {
        &mut self.buf
    }
}

impl<H: HeapRef> AsRef<[u8]> for Lease<H> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.buf
    }
}

impl<H: HeapRef> AsMut<[u8]> for Lease<H> {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.buf
    }
}

/// As its buffer.
impl<H: HeapRef> fmt::Debug for Lease<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
