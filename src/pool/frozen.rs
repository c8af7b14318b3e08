//! A lease that is frozen: its block keeps the permit until the last of those that share it is gone.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use super::owners::{Permit, Shared};
use super::{Buffers, Lease};
use crate::buf::{Parts, SmBuf};
use crate::bytes::SmBytes;
use crate::error::AllocError;
use crate::heap::{HeapRef, IfStatic, ShareCount};

impl<H: HeapRef> Lease<H> {
    /// Makes the content immutable, to be shared; it goes on counting against the pool's limit until the last clone or slice is dropped,
    /// on whatever thread, whether or not a handle to the pool is left. Bytes that are or become empty count no more.
    ///
    /// Nothing is copied, unless the buffer shares its block with others that were split off: then the content moves to
    /// a block of its own, since those others may outlive the loan.
    ///
    /// Clones cost what those of any [`SmBytes`] do: the pool is told of the last one only.
    /// [`try_into_mut`](SmBytes::try_into_mut) gives back a buffer that can be written, and counts on. It can grow in place of its block
    /// but gets no second one beside it: [`compact`](SmBytes::compact) leaves frozen buffers of a pool as they are. To keep a few bytes and let go
    /// of the buffer, copy them: [`SmBytes::copy_from_slice`]. `SmBuf::from(bytes)` and a clone of such a buffer need a second block, and panic.
    ///
    /// # Panics
    /// If the content has to move and the heap has no block for it.
    ///
    /// ```
    /// use smarena::BufPool;
    ///
    /// let pool = BufPool::builder().limit(1).build()?;
    /// let mut lease = pool.try_acquire()?;
    /// lease.extend_from_slice(b"to everybody");
    /// let message = lease.freeze();
    /// let subscribers = [message.clone(), message.clone(), message.slice(3..)];
    /// drop(message);
    /// assert_eq!((pool.in_flight(), &subscribers[2][..]), (1, &b"everybody"[..]));
    /// drop(subscribers);
    /// assert_eq!(pool.in_flight(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the buffer goes back when it is dropped"]
    pub fn freeze(self) -> SmBytes<PoolHeap<H>> {
        let (mut buf, permit) = self.into_parts();
        if !buf.is_sole_owner() {
            buf = SmBuf::copy_from_slice_in(&buf, buf.heap().clone());
        }
        if buf.capacity() == 0 {
            // No block, nothing to share. The permit goes back at once.
            return SmBytes::new_in(PoolHeap { heap: buf.heap().clone(), shared: permit.as_raw() });
        }
        let Parts { start, first, len, block, heap } = buf.into_parts();
        // P4: from here on the permit is the block's.
        let shared = permit.into_raw();
        let parts = Parts { start, first, len, block, heap: PoolHeap { heap, shared } };
        // SAFETY: U1: a block, and its only owner, as was just seen; the count of owners is the same heap's as before.
        unsafe { SmBuf::from_sole_parts(parts) }.freeze()
    }
}

/// What the bytes of a [frozen lease](Lease::freeze) have for a heap: it gives their block back to the pool's heap, and the permit with it.
///
/// It hands out no blocks of its own: the pool does that, up to its limit.
///
/// ```
/// use core::alloc::Layout;
/// use smarena::{AllocError, BufPool, HeapRef, SmBytes, PoolHeap};
///
/// let pool = BufPool::builder().build()?;
/// let mut lease = pool.try_acquire()?;
/// lease.push(1);
/// let bytes: SmBytes<PoolHeap> = lease.freeze();
/// let refused = bytes.try_into_mut().unwrap().heap().allocate(Layout::new::<u64>());
/// assert_eq!(refused, Err(AllocError::OneBlock { size: 8 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolHeap<H: HeapRef = crate::heap::Global> {
    heap: H,
    /// Valid while a block is out (P4); not to be touched otherwise. So clones need not be counted.
    shared: NonNull<Shared<Buffers<H>>>,
}

// SAFETY: P4: whoever gives the last block back acts as a permit does, on its own thread, and a permit is `Send` and `Sync`
// under the same bounds; the heap reference is the only other part.
unsafe impl<H: HeapRef + Send + Sync> Send for PoolHeap<H> {}
// SAFETY: as above.
unsafe impl<H: HeapRef + Send + Sync> Sync for PoolHeap<H> {}

// SAFETY: blocks are those of the pool's heap, of which this has a reference, as every clone of it; none is handed out but by
// `reallocate`, which is the heap's own. P4: what else is touched is there as long as a block is.
unsafe impl<H: HeapRef> HeapRef for PoolHeap<H> {
    type Classes = H::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError::OneBlock { size: layout.size() })
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: P4: it was the block's until now. It goes last: the block is back in the heap before another can take the permit.
        let _permit = unsafe { Permit::from_raw(self.shared) };
        // SAFETY: the caller's promise is passed on; by P4 the block is the pool's heap's.
        unsafe { self.heap.deallocate(block, layout) };
    }

    #[inline]
    unsafe fn deallocate_by_address(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as above.
        let _permit = unsafe { Permit::from_raw(self.shared) };
        // SAFETY: as above.
        unsafe { self.heap.deallocate_by_address(block, layout) };
    }

    #[inline]
    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: as above.
        unsafe { self.heap.share_count(block, layout) }
    }

    #[inline]
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        // P4: one block for another; the permit is that one's now.
        // SAFETY: as above.
        unsafe { self.heap.reallocate(block, old, new) }
    }

    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        H::if_static(OfPool(work)).map_err(|OfPool(work)| work)
    }
}

/// Work for a pool's heap, to be done if the pool's heap is such a one.
struct OfPool<W>(W);

impl<H: HeapRef, W: IfStatic<PoolHeap<H>>> IfStatic<H> for OfPool<W> {
    type Output = W::Output;

    fn run(self) -> W::Output
    where
        H: Send + Sync + 'static,
    {
        self.0.run()
    }
}

impl<H: HeapRef> Clone for PoolHeap<H> {
    #[inline]
    fn clone(&self) -> Self {
        PoolHeap { heap: self.heap.clone(), shared: self.shared }
    }
}

impl<H: HeapRef> fmt::Debug for PoolHeap<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHeap").finish_non_exhaustive()
    }
}
