//! Waiting for a buffer by looking now and then.

use core::task::{Poll, Waker};

use super::queue::Place;
use super::{BufPool, Lease, PoolError};
use crate::heap::HeapRef;

/// A pool and a place in its queue, for an owner that is no future but looks from time to time.
pub(crate) struct InLine<H: HeapRef> {
    pub(crate) pool: BufPool<H>,
    place: Option<Place>,
}

impl<H: HeapRef> InLine<H> {
    pub(crate) fn new(pool: BufPool<H>) -> Self {
        InLine { pool, place: None }
    }

    /// A buffer, if one is free or it is our turn. If not, the waker is told when it is.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Result<Lease<H>, PoolError>> {
        self.pool.handle.poll(&mut self.place, waker).map(Lease::new)
    }

    /// Whether it waits, or has had its turn since the last look.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring", not(any(loom, shuttle, miri))))]
    pub(crate) fn has_place(&self) -> bool {
        self.place.is_some()
    }

    pub(crate) fn leave(&mut self) {
        self.pool.handle.leave(&mut self.place);
    }
}

impl<H: HeapRef> Drop for InLine<H> {
    fn drop(&mut self) {
        self.leave();
    }
}
