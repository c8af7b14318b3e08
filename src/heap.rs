//! The typed heap: `Heap<C>` and the ways to refer to one.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::class::{Geometric, SizeClasses};
use crate::error::AllocError;

/// A reference to a heap, as the owners (box, buf, pool) hold it.
///
/// # Safety
/// PLACEHOLDER (the kernel's author replaces this file).
pub unsafe trait HeapRef: Clone {
    /// The heap's size classes.
    type Classes: SizeClasses;
    /// A block for `layout`; its usable size is at least `layout.size()`. Size 0 is served too.
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError>;
    /// # Safety
    /// `block` came from `allocate`/`reallocate` of the same heap with this `layout`, and is given back once.
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout);
    /// # Safety
    /// As for `deallocate`; on success the old block is gone, on failure it is untouched.
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError>;
}

/// # Safety
/// Every value refers to one and the same heap, and that heap is never dropped.
pub unsafe trait StaticHeapRef: HeapRef + Copy + Default + Send + Sync + 'static {}

/// The process-wide heap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Global;

#[expect(unsafe_code, reason = "stub")]
// SAFETY: stub over the system allocator.
unsafe impl HeapRef for Global {
    type Classes = Geometric<40>;
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let l = Layout::from_size_align(layout.size().max(1), layout.align()).unwrap();
        NonNull::new(unsafe { std::alloc::alloc(l) }).ok_or(AllocError::OutOfMemory { size: layout.size(), align: layout.align() })
    }
    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let l = Layout::from_size_align(layout.size().max(1), layout.align()).unwrap();
        unsafe { std::alloc::dealloc(block.as_ptr(), l) }
    }
    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        let p = self.allocate(new)?;
        unsafe { core::ptr::copy_nonoverlapping(block.as_ptr(), p.as_ptr(), old.size().min(new.size())) };
        unsafe { self.deallocate(block, old) };
        Ok(p)
    }
}
#[expect(unsafe_code, reason = "stub")]
unsafe impl StaticHeapRef for Global {}
