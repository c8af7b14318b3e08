//! What the owners call: allocations by layout, and calls that bring along the thread's cache.
//!
//! `shortcut` leads to that cache, for a heap that a type names ([`StaticHeap`](super::StaticHeap)); without it the table is asked.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{Heap, ShareCount};
use crate::class::{Class, SizeClasses, class_for};
use crate::derived::copy;
use crate::error::AllocError;
use crate::raw::heap::{PAGE, RawCall, RawShortcut, checked_align};

/// A call of a heap, and the shortcut that it brings along, if it does.
pub(crate) struct Call<'h, C: SizeClasses> {
    pub(super) heap: &'h Heap<C>,
    pub(super) shortcut: Option<&'h RawShortcut>,
}

copy! { [C: SizeClasses] Call<'_, C> }

impl<C: SizeClasses> Heap<C> {
    /// A call by a reference, which brings no shortcut.
    #[inline(always)]
    pub(crate) fn called(&self) -> Call<'_, C> {
        Call { heap: self, shortcut: None }
    }

    /// The count of the block's owners.
    ///
    /// # Safety
    /// `block` is a live block of this heap; the caller is one of its owners.
    #[inline]
    pub(crate) unsafe fn share_count(&self, block: NonNull<u8>) -> NonNull<ShareCount> {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw.share_count(block) }
    }
}

impl<'h, C: SizeClasses> Call<'h, C> {
    #[inline(always)]
    fn raw(self) -> RawCall<'h> {
        self.heap.raw.by(self.shortcut)
    }

    /// As `Heap::malloc`.
    #[inline(always)]
    pub(crate) fn malloc(self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        if let Some(class) = Heap::<C>::class(size, align) {
            if let Some(block) = self.raw().cache().lane(class).pop() {
                return Ok(block);
            }
        }
        self.malloc_slow(size, align)
    }

    /// One call for everything else, so that the fast path needs no stack frame.
    #[cold]
    #[inline(never)]
    pub(crate) fn malloc_slow(self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        let served = |align| self.raw().allocate_slow(Heap::<C>::class(size, align), size, align);
        checked_align(align).and_then(served).ok_or_else(|| self.heap.refusal(size, align))
    }

    /// As `malloc_slow` for a layout, which may be aligned as it likes.
    #[cold]
    #[inline(never)]
    fn allocate_slow(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        let block = self.raw().allocate_slow(Heap::<C>::class(size, align), size, align);
        block.ok_or_else(|| self.heap.refusal_of(size, align))
    }

    /// As `Heap::free`.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn free(self, block: NonNull<u8>) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw().deallocate(block) }
    }

    /// As `Heap::free_sized`.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn free_sized(self, block: NonNull<u8>, size: usize, align: usize) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw().deallocate_of(class_for::<C>(size, align), block, size) }
    }

    /// As `Heap::realloc`.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub(crate) unsafe fn realloc(
        self,
        block: NonNull<u8>,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: I10: the caller's contract is the same.
        match unsafe { self.raw().reallocate(block, Heap::<C>::class(size, align), size, align) } {
            Some(block) => Ok(block),
            None => Err(self.heap.refusal(size, align)),
        }
    }

    /// As `malloc` for a layout, whose alignment is one, and may be any that the system serves.
    #[inline(always)]
    pub(crate) fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if let Some(class) = class_for::<C>(layout.size(), layout.align()) {
            if let Some(block) = self.raw().cache().lane(class).pop() {
                return Ok(block);
            }
        }
        self.allocate_slow(layout)
    }

    /// As `allocate`, for a caller who does not ask why it was refused: the answer fits into a register, so the call needs no stack.
    #[cfg(feature = "global-alloc")]
    #[inline(always)]
    pub(crate) fn allocate_or_none(self, layout: Layout) -> Option<NonNull<u8>> {
        if let Some(class) = class_for::<C>(layout.size(), layout.align()) {
            if let Some(block) = self.raw().cache().lane(class).pop() {
                return Some(block);
            }
        }
        Self::allocate_or_none_slow(layout.size(), layout.align(), self)
    }

    /// One call for everything else, with arguments in the order in which a global allocator is given them: they are in place already.
    #[cfg(any(feature = "global-alloc", feature = "allocator-api2-02", feature = "allocator-api2-04"))]
    #[cold]
    #[inline(never)]
    fn allocate_or_none_slow(size: usize, align: usize, call: Self) -> Option<NonNull<u8>> {
        call.raw().allocate_slow(class_for::<C>(size, align), size, align)
    }

    /// As `allocate`, and every byte that the layout has is zero.
    #[inline]
    pub(crate) fn allocate_zeroed(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (size, align) = (layout.size(), layout.align());
        if size < PAGE {
            let block = self.allocate(layout)?;
            // SAFETY: I4: the block is ours, and has at least `size` bytes.
            unsafe { block.write_bytes(0, size) };
            return Ok(block);
        }
        let block = self.raw().allocate_zeroed(Heap::<C>::class(size, align), size, align);
        block.ok_or_else(|| self.heap.refusal_of(size, align))
    }

    /// As `allocate_or_none`, with all the bytes that the owner may use: the whole block. It may be given back, grown and shrunk with any layout between
    /// the two. A hardened heap keeps book of the bytes and gives those that were asked for.
    #[cfg(any(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
    #[inline(always)]
    pub(crate) fn allocate_whole(self, layout: Layout) -> Option<NonNull<[u8]>> {
        if let Some(class) = class_for::<C>(layout.size(), layout.align()) {
            if let Some(block) = self.raw().cache().lane(class).pop() {
                return Some(NonNull::slice_from_raw_parts(block, C::BLOCK_SIZES[class]));
            }
        }
        let block = Self::allocate_or_none_slow(layout.size(), layout.align(), self)?;
        Some(NonNull::slice_from_raw_parts(block, self.whole(layout)))
    }

    /// As `allocate_whole`, and every byte is zero.
    #[cfg(any(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
    #[inline]
    pub(crate) fn allocate_zeroed_whole(self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let size = self.whole(layout);
        let layout = Layout::from_size_align(size, layout.align()).unwrap_or(layout);
        Ok(NonNull::slice_from_raw_parts(self.allocate_zeroed(layout)?, layout.size()))
    }

    /// As `reallocate`, with all the bytes that the owner may use, as `allocate_whole`.
    ///
    /// # Safety
    /// As `reallocate`.
    #[cfg(any(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
    #[inline]
    pub(crate) unsafe fn reallocate_whole(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.reallocate(block, old, new) }?;
        let mut whole = self.whole(new);
        if moved == block {
            // What became smaller may have stayed in a block that is smaller than those of its new class.
            // SAFETY: I10: live, and the caller's.
            whole = whole.min(unsafe { self.heap.raw.usable_size(moved) });
        }
        Ok(NonNull::slice_from_raw_parts(moved, whole))
    }

    /// The bytes that the owner of a block for `layout` may use. Wherever the block came from, it is no smaller than those of its class.
    #[cfg(any(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
    #[inline]
    fn whole(self, layout: Layout) -> usize {
        match class_for::<C>(layout.size(), layout.align()) {
            Some(class) if !self.heap.raw.is_checked() => C::BLOCK_SIZES[class],
            _ => layout.size(),
        }
    }

    /// As `free`, told the layout: the address only has to confirm where the block came from.
    ///
    /// # Safety
    /// As `free`; `layout` is what the block was allocated with.
    #[inline(always)]
    pub(crate) unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw().deallocate_of(class_for::<C>(layout.size(), layout.align()), block, layout.size()) }
    }

    /// As `deallocate`, by the block's address; the size is for a heap that checks it.
    ///
    /// # Safety
    /// As `deallocate`.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_by_address(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw().deallocate_told(block, layout.size()) }
    }

    /// As `deallocate`, if this thread's cache has room at hand. A hardened heap's never has.
    ///
    /// # Safety
    /// As `deallocate`, if it says yes.
    #[inline(always)]
    pub(crate) unsafe fn park(self, block: NonNull<u8>) -> bool {
        self.raw().cache().push(block)
    }

    /// As `allocate` for a block of `class`.
    #[inline(always)]
    pub(crate) fn allocate_class(self, class: Class<C>) -> Result<NonNull<u8>, AllocError> {
        match self.raw().cache().lane(class.index()).pop() {
            Some(block) => Ok(block),
            None => self.malloc_slow(class.block_size(), 0),
        }
    }

    /// As `deallocate` of a block of `class`.
    ///
    /// # Safety
    /// As `deallocate` with the layout of the class.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_class(self, block: NonNull<u8>, class: Class<C>) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw().deallocate_of(Some(class.index()), block, class.block_size()) }
    }

    /// As `realloc`, told the old layout: a smaller class gets a smaller block, if there is one, and only what the old layout had is
    /// copied. What fits where it is, and as aligned as it is there, is never refused, nor moved to where the layout would overflow to.
    ///
    /// # Safety
    /// As `deallocate` with `old` on success, unless the same block is returned.
    #[inline(always)]
    pub(crate) unsafe fn reallocate(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if old.size() == 0 && self.heap.raw.is_nobodys(block) {
            // SAFETY: I10: the caller's contract is the same.
            return unsafe { self.reallocate_nothing(block, old, new) };
        }
        if self.heap.raw.is_checked() {
            // SAFETY: I10: the caller's contract is the same.
            return unsafe { self.reallocate_checked(block, old, new) };
        }
        let from = class_for::<C>(old.size(), old.align());
        let to = class_for::<C>(new.size(), new.align());
        // SAFETY: I10: the caller's contract is the same.
        match unsafe { self.raw().relocate(block, from, old, to, new) } {
            Some(block) => Ok(block),
            None => Err(self.heap.refusal_of(new.size(), new.align())),
        }
    }

    /// As `reallocate` of no bytes at a pointer that its owner made up: it is given back, and returned only where it may go on having none.
    ///
    /// # Safety
    /// As `reallocate`.
    #[cold]
    #[inline(never)]
    unsafe fn reallocate_nothing(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let moved = match self.allocate(new) {
            Ok(moved) => moved,
            // A block that need not grow is never refused: it stays.
            Err(_) if new.size() == 0 && block.addr().get() % new.align() == 0 => return Ok(block),
            Err(error) => return Err(error),
        };
        // SAFETY: I10: the caller gives it up.
        unsafe { self.deallocate(block, old) };
        Ok(moved)
    }

    /// As `reallocate`, on a hardened heap.
    ///
    /// # Safety
    /// As `reallocate`.
    #[cold]
    #[inline(never)]
    unsafe fn reallocate_checked(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let to = Heap::<C>::class(new.size(), new.align());
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.heap.raw.relocate_checked(block, old, (to, new)) };
        moved.ok_or_else(|| self.heap.refusal_of(new.size(), new.align()))
    }
}
