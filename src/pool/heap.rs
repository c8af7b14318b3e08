//! What the buffers of a pool have for a heap: it gives their block back, and the permit with it.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{Buffers, Permit, Shared};
use crate::buf::SmBuf;
use crate::content::copied;
use crate::derived::{clone_fields, debug_by};
use crate::error::AllocError;
use crate::heap::{Global, HeapRef, IfStatic, ShareCount};
use crate::sync::Ordering;

/// The heap of a [`Lease`](crate::Lease), of what is split off it and of what it is [frozen](crate::Lease::freeze) to: it gives their block back to
/// the pool's heap, and the permit with it when the last of them is gone.
///
/// It hands out no blocks of its own: the pool does that, up to its limit. A buffer's block becomes a larger one as far as the pool's
/// [growth](crate::BufPoolBuilder::growth) goes.
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
pub struct PoolHeap<H: HeapRef = Global> {
    heap: H,
    /// Valid while a block is out (P4); not to be touched otherwise. So clones need not be counted.
    shared: NonNull<Shared<Buffers<H>>>,
}

// SAFETY: P4: whoever gives the last block back acts as a permit does, on its own thread, and a permit is `Send` and `Sync`
// under the same bounds; the heap reference is the only other part.
unsafe impl<H: HeapRef + Send + Sync> Send for PoolHeap<H> {}
// SAFETY: as above.
unsafe impl<H: HeapRef + Send + Sync> Sync for PoolHeap<H> {}

/// The buffer, which has a block of its own, with the permit for that.
#[inline(always)]
pub(super) fn lend<H: HeapRef>(buf: SmBuf<H>, permit: Permit<Buffers<H>>) -> SmBuf<PoolHeap<H>> {
    // P4: from here on the permit is the block's.
    let shared = permit.into_raw();
    // SAFETY: U4: what gives the block back is the same heap as before, by which its owners are counted, too.
    unsafe { buf.with_heap(|heap| PoolHeap { heap, shared }) }
}

/// The buffer without the pool, which has its permit back. The content moves if others have a part of the block, which keeps the permit then.
#[track_caller]
pub(super) fn take_out<H: HeapRef>(mut buf: SmBuf<PoolHeap<H>>) -> SmBuf<H> {
    if !buf.is_sole_owner() {
        return copied(buf.clone_in(buf.heap().heap.clone()), buf);
    }
    let (layout, shared) = (buf.block_layout(), buf.heap().shared);
    // SAFETY: U4: as in `lend`, the other way round.
    let buf = unsafe { buf.with_heap(|PoolHeap { heap, .. }| heap) };
    // SAFETY: P4: it was the block's until now, which has no other owner, as was just seen.
    let permit = unsafe { Permit::from_raw(shared) };
    permit.give_growth_back(layout);
    drop(permit);
    buf
}

/// Gives a block back to the pool's heap, then its growth and its permit to the pool.
///
/// # Safety
/// P4: the block was lent with this permit, or is one that such a block became; it has this layout, no owner, and is not used any more.
#[cold]
#[inline(never)]
unsafe fn give_back<H: HeapRef>(shared: NonNull<Shared<Buffers<H>>>, block: NonNull<u8>, layout: Layout) {
    // SAFETY: P4: it was the block's until now. It goes last: the block is back in the heap before another can take the permit.
    let permit = unsafe { Permit::from_raw(shared) };
    // SAFETY: the caller's promise is passed on; by P4 the block is the pool's heap's.
    unsafe { permit.heap.deallocate_by_address(block, layout) };
    permit.give_growth_back(layout);
}

impl<H: HeapRef> Buffers<H> {
    /// How much larger a block of this layout is than one of the pool's.
    #[inline]
    fn growth_of(&self, layout: Layout) -> usize {
        layout.size().saturating_sub(self.lent as usize)
    }

    /// Counts off the growth of a block of this layout, which has left the pool.
    #[inline]
    fn give_growth_back(&self, layout: Layout) {
        self.count_less(self.growth_of(layout));
    }

    #[inline]
    fn count_less(&self, growth: usize) {
        if growth > 0 {
            // Relaxed: a number that bounds others like it; the blocks themselves are the heap's.
            self.grown.fetch_sub(growth, Ordering::Relaxed);
        }
    }

    /// Counts that a block becomes larger by so much, or says why it must not. Not the new block beside the old one: others would be refused what
    /// the pool has to give before and after.
    fn take_growth(&self, old: Layout, new: Layout, more: usize) -> Result<(), AllocError> {
        // Relaxed, twice: as in `count_less`.
        let taken = self.grown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |grown| {
            grown.checked_add(more).filter(|&counted| counted <= self.growth)
        });
        taken.map(drop).map_err(|grown| AllocError::PoolGrowth {
            size: new.size(),
            block: old.size(),
            left: self.growth.saturating_sub(grown),
            most: (self.lent as usize).saturating_add(self.growth),
        })
    }
}

// SAFETY: blocks are those of the pool's heap, of which this has a reference, as every clone of it; none is handed out but by
// `reallocate`, which is the heap's own. P4: what else is touched is there as long as a block is. A permit's drop may unwind, with all done: the owners of
// buffers are done with a block before they give it back.
unsafe impl<H: HeapRef> HeapRef for PoolHeap<H> {
    type Classes = H::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError::OneBlock { size: layout.size() })
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: P4: the caller's promise is passed on.
        unsafe { give_back(self.shared, block, layout) };
    }

    // Always inlined, so that dropping a buffer is one call. And one with nothing else on its way: what may have to call has a way of its own.
    #[inline(always)]
    unsafe fn deallocate_by_address(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: P4: a block is out. P5: a local reference, which ends with its last use.
        let as_lent = unsafe { self.shared.as_ref() }.growth_of(layout) == 0;
        // SAFETY: the caller's promise is passed on; by P4 the block is the pool's heap's.
        if as_lent && unsafe { self.heap.park(block) } {
            // SAFETY: P4: it was the block's until the line above.
            drop(unsafe { Permit::from_raw(self.shared) });
        } else {
            // SAFETY: P4: the caller's promise is passed on.
            unsafe { give_back(self.shared, block, layout) };
        }
    }

    #[inline]
    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: as above.
        unsafe { self.heap.share_count(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: P4: a block is out.
        let buffers = unsafe { self.shared.as_ref() };
        let [before, after] = [old, new].map(|layout| buffers.growth_of(layout));
        let (more, less) = (after.saturating_sub(before), before.saturating_sub(after));
        if more > 0 {
            buffers.take_growth(old, new, more)?;
        }
        // SAFETY: as above. P4: one block for another; the permit is that one's now.
        let moved = unsafe { self.heap.reallocate(block, old, new) };
        buffers.count_less(if moved.is_ok() { less } else { more });
        moved
    }

    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        H::if_static(OfPool(work)).map_err(|OfPool(work)| work)
    }

    fn is_same(&self, other: &Self) -> bool {
        // Both: without a block out, another pool may lie where this one was.
        self.shared == other.shared && self.heap.is_same(&other.heap)
    }
}

/// Work for a `PoolHeap`, as the heap below it is asked to do it.
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

clone_fields! { [H: HeapRef] PoolHeap<H>: heap, shared }

debug_by! { [H: HeapRef] PoolHeap<H> |_| {} }
