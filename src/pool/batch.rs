//! Several permits, taken at once.

use super::{Buffers, Lease, PoolError, Several};
use crate::heap::{Global, HeapRef};

/// Buffers on loan that were acquired together, by [`BufPool::acquire_batch`](crate::BufPool::acquire_batch): an iterator that takes them out one by one.
///
/// ```
/// use smarena::BufPool;
///
/// let pool = BufPool::builder().limit(8).build()?;
/// let mut batch = pool.acquire_batch(5)?;
/// let first = batch.next().expect("there are five")?;
/// drop(batch); // the other four go back
/// assert_eq!(pool.in_flight(), 1);
/// # drop(first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the buffers go back when the batch is dropped"]
pub struct Batch<'p, H: HeapRef = Global>(Several<'p, Buffers<H>>);

impl<'p, H: HeapRef> Batch<'p, H> {
    pub(super) fn new(permits: Several<'p, Buffers<H>>) -> Self {
        Batch(permits)
    }
}

/// The iterator over what is made of several permits.
macro_rules! batch {
    ($(#[$meta:meta])* [$($generics:tt)*] $Batch:ident <'_, $parameter:ident>: $Item:ty, $make:path) => {
        $(#[$meta])*
        impl<$($generics)*> Iterator for $Batch<'_, $parameter> {
            type Item = $Item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.0.next().map($make)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let left = self.0.len() as usize;
                (left, Some(left))
            }
        }

        impl<$($generics)*> ExactSizeIterator for $Batch<'_, $parameter> {}
        impl<$($generics)*> core::iter::FusedIterator for $Batch<'_, $parameter> {}
        crate::derived::debug_by! { [$($generics)*] $Batch<'_, $parameter> |batch| { left: batch.0.len() } }
    };
}
pub(super) use batch;

batch! {
    /// Yields [`PoolError::Alloc`] where the heap refuses a block; that permit has gone back then, the others are still there.
    [H: HeapRef] Batch<'_, H>: Result<Lease<H>, PoolError>, Lease::new
}
