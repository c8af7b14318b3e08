//! `Regions`: a heap's addresses, for somebody outside who keeps them.

use core::iter::FusedIterator;
use core::ptr::NonNull;

use super::Heap;
use crate::class::SizeClasses;
use crate::derived::debug_by;

/// The addresses of each bucket, by [`Heap::regions`]: an iterator, and a guard. While it lives the memory behind the addresses stays what it is.
///
/// ```
/// use smarena::{Heap, Linear};
///
/// let heap = Heap::<Linear<8>>::new(1 << 20)?;
/// let mut regions = heap.regions();
/// let registered: Vec<_> = regions.by_ref().collect(); // `collect` alone would drop the guard
/// assert_eq!((registered.len(), regions.len()), (8, 0));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[must_use = "dropped, it lets the memory behind the addresses go"]
pub struct Regions<'h, C: SizeClasses> {
    heap: &'h Heap<C>,
    next: usize,
}

impl<'h, C: SizeClasses> Regions<'h, C> {
    pub(super) fn new(heap: &'h Heap<C>) -> Self {
        heap.raw().state().show();
        Regions { heap, next: 0 }
    }
}

impl<C: SizeClasses> Iterator for Regions<'_, C> {
    type Item = NonNull<[u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let bucket = self.heap.raw().state().buckets().get(self.next)?;
        self.next += 1;
        Some(bucket.addresses())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.heap.raw().state().buckets().len() - self.next;
        (left, Some(left))
    }
}

impl<C: SizeClasses> ExactSizeIterator for Regions<'_, C> {}

impl<C: SizeClasses> FusedIterator for Regions<'_, C> {}

impl<C: SizeClasses> Drop for Regions<'_, C> {
    fn drop(&mut self) {
        self.heap.raw().state().hide();
    }
}

debug_by! { [C: SizeClasses] Regions<'_, C> |regions| { left: regions.len() } }
