//! Several permits, taken at once.

use core::fmt;

use super::{BufPool, Lease, Permit, PoolError};
use crate::heap::{Global, HeapRef};

/// Buffers on loan that were acquired together, by [`BufPool::acquire_batch`]: an iterator that takes them out one by one.
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
pub struct Batch<'p, H: HeapRef = Global> {
    pool: &'p BufPool<H>,
    /// P1: as many permits are this batch's own.
    left: u32,
}

impl<'p, H: HeapRef> Batch<'p, H> {
    /// `count` permits of `pool` that were counted and are nobody else's.
    pub(super) fn new(pool: &'p BufPool<H>, count: u32) -> Self {
        Batch { pool, left: count }
    }
}

/// Yields [`PoolError::Alloc`] where the heap refuses a block; that permit has gone back then, the others are still there.
impl<H: HeapRef> Iterator for Batch<'_, H> {
    type Item = Result<Lease<H>, PoolError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // P1: it was one of this batch's until the line above.
        Some(Lease::new(Permit { shared: self.pool.shared }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<H: HeapRef> ExactSizeIterator for Batch<'_, H> {}

impl<H: HeapRef> core::iter::FusedIterator for Batch<'_, H> {}

impl<H: HeapRef> Drop for Batch<'_, H> {
    fn drop(&mut self) {
        if self.left > 0 {
            let last = self.pool.shared().permits.give(self.left);
            debug_assert!(!last.0, "the pool is borrowed");
        }
    }
}

impl<H: HeapRef> fmt::Debug for Batch<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("left", &self.left).finish_non_exhaustive()
    }
}
