//! How blocks go back from a lane to its bucket, so that whoever counts both misses none of them.
//!
//! ```text
//! the lane's thread:   free in the bucket,  then parked no more (Release)
//! whoever counts:      what is parked?  (Acquire)  then what is free
//! ```
//!
//! On its way a block is counted twice perhaps, which is seen, since blocks used are counted as well; and never as somebody's.

use super::lane::Slot;
use crate::raw::buckets::bucket::Bucket;
use crate::sync::Ordering::{self, Acquire, Release};
use crate::sync::{fence, fixed};

/// What a lane says of its parked blocks: a cursor, or a number of chunks. Of the core library's atomics, since a lane is zero bytes at first, or in
/// the model of loom's.
pub(super) trait Word {
    type Value;
    fn store(&self, value: Self::Value, order: Ordering);
}

/// Puts `chunks` back into `bucket`, and says in `parked` what is left without them.
pub(super) fn give_back<'c, W: Word>(
    bucket: &Bucket,
    chunks: impl IntoIterator<Item = &'c [Slot]>,
    parked: &W,
    left: W::Value,
) {
    bucket.deposit(chunks);
    // Release pairs with `before_buckets`.
    parked.store(left, Release);
}

/// Comes between a look at lanes and one at their buckets.
pub(crate) fn before_buckets() {
    // Acquire pairs with `give_back`: what is not in a lane any more is seen in its bucket.
    fence(Acquire);
}

impl<T> Word for fixed::AtomicPtr<T> {
    type Value = *mut T;

    fn store(&self, cursor: *mut T, order: Ordering) {
        self.store(cursor, order);
    }
}

impl Word for fixed::AtomicU16 {
    type Value = u16;

    fn store(&self, full: u16, order: Ordering) {
        self.store(full, order);
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::raw::buckets::bucket::models::Blocks;
    use crate::sync::Ordering::Relaxed;
    use crate::sync::{Arc, AtomicUsize, model, thread};

    impl Word for AtomicUsize {
        type Value = usize;

        fn store(&self, value: usize, order: Ordering) {
            self.store(value, order);
        }
    }

    #[test]
    fn loom_what_goes_back_is_counted_as_parked_or_as_free() {
        model(|| {
            let blocks = Blocks::new(2, 2);
            let taken = [(); 2].map(|()| blocks.take().unwrap());
            let parked = Arc::new(AtomicUsize::new(taken.len()));
            let (others, cursor) = (Arc::clone(&blocks), Arc::clone(&parked));
            let thread = thread::spawn(move || {
                let slots = taken.map(|block| others.bucket.block(block));
                give_back(&others.bucket, [&slots[1..]], &*cursor, 1);
                give_back(&others.bucket, [&slots[..1]], &*cursor, 0);
            });
            let parked = parked.load(Relaxed);
            before_buckets();
            let (free, used) = blocks.bucket.free_of_used();
            assert!(parked + free >= used, "{parked} parked and {free} free of {used}: the rest is nobody's");
            thread.join().unwrap();
        });
    }
}
