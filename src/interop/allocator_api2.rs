//! Heaps as allocators for the collections of other crates, in both versions of the trait that are in use.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use crate::class::SizeClasses;
use crate::heap::{Global, Heap, HeapRef};

/// Writes the same impl for one allocator type and one version of the trait.
macro_rules! allocator {
    ($version:ident, $error:expr, $type:ty $(, $generic:ident)?) => {
        // SAFETY: I10: blocks stay valid while the heap lives, wherever the value that names it is moved; clones name the same heap.
        unsafe impl$(<$generic: SizeClasses>)? $version::alloc::Allocator for $type {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if layout.size() == 0 {
                    return Ok(no_bytes(layout));
                }
                match HeapRef::allocate(&self.as_heap_ref(), layout) {
                    Ok(block) => Ok(NonNull::slice_from_raw_parts(block, layout.size())),
                    Err(_) => Err($error),
                }
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                if layout.size() > 0 {
                    // SAFETY: I10: the caller's contract is the same.
                    unsafe { HeapRef::deallocate(&self.as_heap_ref(), block, layout) }
                }
            }

            #[inline]
            unsafe fn grow(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if old.size() == 0 {
                    return $version::alloc::Allocator::allocate(self, new);
                }
                // SAFETY: I10: the caller's contract is the same.
                match unsafe { HeapRef::reallocate(&self.as_heap_ref(), block, old, new) } {
                    Ok(block) => Ok(NonNull::slice_from_raw_parts(block, new.size())),
                    Err(_) => Err($error),
                }
            }

            #[inline]
            unsafe fn shrink(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if new.size() == 0 {
                    // SAFETY: I10: the caller's contract is the same.
                    unsafe { $version::alloc::Allocator::deallocate(self, block, old) };
                    return Ok(no_bytes(new));
                }
                // SAFETY: I10: as for `grow`: a heap moves in either direction.
                unsafe { self.grow(block, old, new) }
            }
        }
    };
}

/// What a layout without bytes is given. Collections make up such pointers themselves and hand them to `deallocate` (a box of `()`, a
/// vector without capacity that becomes a box), so no heap is ever asked about one.
#[inline]
fn no_bytes(layout: Layout) -> NonNull<[u8]> {
    let aligned = NonNull::new(ptr::without_provenance_mut(layout.align())).unwrap_or(NonNull::dangling());
    NonNull::slice_from_raw_parts(aligned, 0)
}

/// What the impls above allocate through.
trait AsHeapRef {
    type Ref<'h>: HeapRef
    where
        Self: 'h;
    fn as_heap_ref(&self) -> Self::Ref<'_>;
}

impl<C: SizeClasses> AsHeapRef for Heap<C> {
    type Ref<'h> = &'h Self;

    #[inline(always)]
    fn as_heap_ref(&self) -> &Self {
        self
    }
}

impl AsHeapRef for Global {
    type Ref<'h> = Self;

    #[inline(always)]
    fn as_heap_ref(&self) -> Self {
        *self
    }
}

#[cfg(feature = "allocator-api2-02")]
allocator!(allocator_api2_02, allocator_api2_02::alloc::AllocError, Heap<C>, C);
#[cfg(feature = "allocator-api2-02")]
allocator!(allocator_api2_02, allocator_api2_02::alloc::AllocError, Global);
#[cfg(feature = "allocator-api2-04")]
allocator!(allocator_api2_04, allocator_api2_04::alloc::AllocError, Heap<C>, C);
#[cfg(feature = "allocator-api2-04")]
allocator!(allocator_api2_04, allocator_api2_04::alloc::AllocError, Global);
