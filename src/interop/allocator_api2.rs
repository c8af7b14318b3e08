//! Heaps as allocators for the collections of other crates, in both versions of the trait that are in use.
//!
//! Collections are told of the whole block, so that a vector knows how far it can grow where it is; and a layout without bytes has no block at
//! all.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use crate::class::SizeClasses;
use crate::heap::{Global, Heap, LazyHeap, by_type};

/// Writes the same impl for one version of the trait and one allocator type, from its heap, and the cache that this thread has for it.
macro_rules! allocator {
    ($version:ident, $type:ty $(, $generic:ident)?: |$this:ident| $called:expr) => {
        // SAFETY: I10: blocks stay valid while the heap lives, wherever the value that names it is moved; clones name the same heap.
        unsafe impl$(<$generic: SizeClasses>)? $version::alloc::Allocator for $type {
            #[inline]
            fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if layout.size() == 0 {
                    return Ok(no_bytes(layout));
                }
                let $this = self;
                $called.allocate_whole(layout).ok_or($version::alloc::AllocError)
            }

            #[inline]
            fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if layout.size() == 0 {
                    return Ok(no_bytes(layout));
                }
                let $this = self;
                $called.allocate_zeroed_whole(layout).map_err(|_| $version::alloc::AllocError)
            }

            #[inline]
            unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                if layout.size() > 0 {
                    let $this = self;
                    // SAFETY: I10: the caller's contract is the same.
                    unsafe { $called.deallocate(block, layout) };
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
                let $this = self;
                // SAFETY: I10: the caller's contract is the same.
                unsafe { $called.reallocate_whole(block, old, new) }.map_err(|_| $version::alloc::AllocError)
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Result<NonNull<[u8]>, $version::alloc::AllocError> {
                if old.size() == 0 {
                    return $version::alloc::Allocator::allocate_zeroed(self, new);
                }
                // SAFETY: I10: the caller's contract is the same.
                let grown = unsafe { $version::alloc::Allocator::grow(self, block, old, new) }?;
                // SAFETY: I10: no layout grows to a smaller one.
                let rest = unsafe { grown.cast::<u8>().add(old.size()) };
                // SAFETY: I4: the block is the caller's, and so large.
                unsafe { rest.write_bytes(0, grown.len() - old.size()) };
                Ok(grown)
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
                unsafe { $version::alloc::Allocator::grow(self, block, old, new) }
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

#[cfg(feature = "allocator-api2-02")]
allocator!(allocator_api2_02, Heap<C>, C: |this| this.called());
#[cfg(feature = "allocator-api2-02")]
allocator!(allocator_api2_02, LazyHeap<C>, C: |this| this.called());
#[cfg(feature = "allocator-api2-02")]
allocator!(allocator_api2_02, Global: |this| by_type(this));
#[cfg(feature = "allocator-api2-04")]
allocator!(allocator_api2_04, Heap<C>, C: |this| this.called());
#[cfg(feature = "allocator-api2-04")]
allocator!(allocator_api2_04, LazyHeap<C>, C: |this| this.called());
#[cfg(feature = "allocator-api2-04")]
allocator!(allocator_api2_04, Global: |this| by_type(this));
