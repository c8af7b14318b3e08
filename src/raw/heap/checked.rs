//! The slow calls that must know the block's size: sized frees, and on a hardened heap reallocation.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{RawCall, RawHeap};
use crate::raw::fault::Misuse;

impl RawCall<'_> {
    /// The fast free of a block whose size is known did not take it. Most go on from here with a jump, and need no stack frame.
    ///
    /// # Safety
    /// As `deallocate_of`.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn deallocate_sized_slow(self, block: NonNull<u8>, size: usize) {
        if size == 0 || self.heap.checked {
            // SAFETY: I10: passed on.
            return unsafe { self.deallocate_checked(block, size) };
        }
        // SAFETY: I10: passed on.
        unsafe { self.deallocate_slow(block) }
    }

    /// As `deallocate_sized_slow`: on a hardened heap, the size must be that on the book.
    ///
    /// A layout without bytes has a block like any other, or none at all: collections make up an aligned pointer for it. Such a pointer
    /// is in no bucket, and no block of the fallback; on a hardened heap, it must not be another heap's either.
    ///
    /// # Safety
    /// As `deallocate_of`.
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_checked(self, block: NonNull<u8>, size: usize) {
        if size == 0 && self.heap.is_nobodys(block) {
            if self.heap.checked {
                self.heap.state().check_made_up(block);
            }
            return;
        }
        if self.heap.checked {
            self.heap.state().held(block, Some(size), Misuse::FreedTwice);
        }
        // SAFETY: I10: passed on.
        unsafe { self.deallocate_slow(block) }
    }
}

impl RawHeap {
    /// Whether `block` is neither in a bucket nor a block of the fallback.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_nobodys(&self, block: NonNull<u8>) -> bool {
        let state = self.state();
        state.locate(block).is_none() && !state.fallback().has(block)
    }

    /// As `reallocate`, on a hardened heap. `told` is the size the caller says the block was asked for with, if it says so. Where there is no
    /// alignment, a look at the block is all.
    ///
    /// # Safety
    /// As `reallocate`.
    pub(super) unsafe fn reallocate_checked(
        &self,
        block: NonNull<u8>,
        told: Option<usize>,
        (class, size, align): (Option<usize>, usize, Option<usize>),
    ) -> Option<NonNull<u8>> {
        let state = self.state();
        let held = state.held(block, told, Misuse::UsedWhileFree);
        let align = align?;
        // Told the sizes, a block moves to another class, a smaller one, too; not told, it stays where it fits. As on other heaps.
        let stays = held.class.filter(|&own| told.is_none() || class == Some(own));
        let fits = size <= held.capacity && held.block.addr().get() % align == 0;
        if let Some(own) = stays.filter(|_| fits) {
            state.resize(&held, own, size);
            return Some(held.block);
        }
        let new = match class {
            Some(class) if fits => state.take_own(None, class).inspect(|&new| state.hand_out(new, size)),
            None if fits => None,
            _ => self.by(None).allocate_shared(class, size, align),
        };
        let Some(new) = new else {
            held.class.filter(|_| fits).inspect(|&own| state.resize(&held, own, size));
            // SAFETY: I10: passed on.
            return fits.then(|| unsafe { state.keep(held.block, class, size, align) });
        };
        let content = if told.is_some() { held.asked } else { held.usable };
        // SAFETY: I4: both blocks are the caller's, apart from each other, and at least this large.
        unsafe { new.copy_from_nonoverlapping(held.block, content.min(size)) };
        // SAFETY: I10: the caller gives it up.
        unsafe { self.by(None).deallocate_slow(held.block) };
        Some(new)
    }

    /// As `relocate`, on a hardened heap.
    ///
    /// # Safety
    /// As `relocate`.
    pub(crate) unsafe fn relocate_checked(
        &self,
        block: NonNull<u8>,
        old: Layout,
        (class, new): (Option<usize>, Layout),
    ) -> Option<NonNull<u8>> {
        // SAFETY: I10: passed on.
        unsafe { self.reallocate_checked(block, Some(old.size()), (class, new.size(), Some(new.align()))) }
    }
}
