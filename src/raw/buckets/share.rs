//! How many share a block: one count a block, out of line, zero whenever nobody does.
//!
//! What is counted are the owners beyond the first. So a block that is never shared needs no count written at all, memory
//! that was never written is right, and giving up a block that one has alone costs one load.

use core::ptr::NonNull;

use crate::raw::fault;
use crate::sync::{AtomicU32, Ordering};

/// The number of a block's owners beyond the first, where the heap keeps it.
///
/// Only who writes a [`HeapRef`](crate::HeapRef) sees one: it has to have such a count for every block,
/// as new when the block is handed out. Zero bytes are a new count.
///
/// ```
/// use smarena::ShareCount;
///
/// let counts: Vec<ShareCount> = (0..100).map(|_| ShareCount::new()).collect();
/// assert_eq!(size_of_val(&counts[..]), 400);
/// ```
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct ShareCount(AtomicU32);

impl ShareCount {
    /// The count of a block that has one owner.
    ///
    /// ```
    /// # use smarena::ShareCount;
    /// let count = ShareCount::new();
    /// # drop(count);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether the caller, who is an owner, is the only one: then everything the others did with the block is done.
    #[inline]
    pub(crate) fn is_sole(&self) -> bool {
        // Acquire pairs with the Release in `give_up`. Nobody can join meanwhile: only an owner makes another one.
        self.0.load(Ordering::Acquire) == 0
    }

    /// One owner more. Aborts, as `Arc` does, when owners were forgotten by the thousand million: a count that wraps around would
    /// free a block that is in use.
    #[inline]
    pub(crate) fn add(&self) {
        const LIMIT: u32 = u32::MAX / 2;
        // Relaxed: the new owner is made by one that is there already, and handed on by means that synchronise.
        if self.0.fetch_add(1, Ordering::Relaxed) >= LIMIT {
            fault::too_many_owners();
        }
    }

    /// One owner less. True if it was the last: the count is as new, and the caller gives the block back.
    #[inline]
    pub(crate) fn give_up(&self) -> bool {
        if self.is_sole() {
            return true;
        }
        // Release pairs with the Acquire in `is_sole`, and with the one below: what this owner did is done
        // before the last one goes on.
        if self.0.fetch_sub(1, Ordering::Release) > 0 {
            return false;
        }
        // The others went between the two lines above, and the count has wrapped around: nobody is left but us.
        // Acquire, a load and not a fence, since sanitizers do not understand those: what is read is our own subtraction, which
        // continues the release sequences of the others'.
        self.0.load(Ordering::Acquire);
        // Relaxed: the block's next owner gets block and count through the heap, which synchronises.
        self.0.store(0, Ordering::Relaxed);
        true
    }
}

/// The counts of a bucket's blocks, side by side: committed as far as the blocks are. Shared, immutable.
#[derive(Debug)]
pub(crate) struct ShareCounts(NonNull<ShareCount>);

// SAFETY: I11: counts are shared between threads, and this only finds them.
unsafe impl Send for ShareCounts {}
// SAFETY: as for `Send`.
unsafe impl Sync for ShareCounts {}

impl ShareCounts {
    pub(crate) fn new(first: NonNull<ShareCount>) -> Self {
        Self(first)
    }

    /// The count of block `index`.
    ///
    /// # Safety
    /// `index` is below the bucket's limit (I2).
    #[inline]
    pub(crate) unsafe fn of(&self, index: usize) -> &ShareCount {
        // SAFETY: I1, I11: there is one for each block that the bucket can have.
        let count = unsafe { self.0.add(index) };
        // SAFETY: I11: committed with the block, and zero bytes are a new count.
        unsafe { count.as_ref() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_many_owners_is_told_so_and_leaves_the_count_as_new() {
        let count = ShareCount::new();
        for _ in 0..2 {
            count.add();
            count.add();
            assert!(!count.is_sole());
            assert_eq!([count.give_up(), count.give_up()], [false, false]);
            assert!(count.is_sole());
            assert!(count.give_up());
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    /// A block with its count; owners read it, the last one writes it.
    struct Block {
        count: ShareCount,
        content: UnsafeCell<u32>,
        frees: UnsafeCell<u32>,
    }

    // SAFETY: I11: what the models check.
    unsafe impl Sync for Block {}
    // SAFETY: as for `Sync`.
    unsafe impl Send for Block {}

    impl Block {
        fn new() -> Arc<Self> {
            Arc::new(Self { count: ShareCount::new(), content: UnsafeCell::new(7), frees: UnsafeCell::new(0) })
        }

        fn read(&self) {
            // SAFETY: I11: an owner reads; loom reports a race if another one writes.
            assert_eq!(self.content.with(|content| unsafe { *content }), 7);
        }

        /// What dropping an owner does.
        fn drop_owner(&self) {
            self.read();
            if self.count.give_up() {
                // SAFETY: I11: the last owner; loom reports a race if somebody else is still here.
                self.content.with_mut(|content| unsafe { *content = 0 });
                // SAFETY: I11: as above.
                self.frees.with_mut(|frees| unsafe { *frees += 1 });
            }
        }

        fn was_freed_once(&self) {
            // SAFETY: I11: all threads have ended.
            assert_eq!(self.frees.with(|frees| unsafe { *frees }), 1);
            assert!(self.count.is_sole(), "the next owner finds a count that is not new");
        }
    }

    #[test]
    fn loom_the_last_of_three_owners_frees_once_after_all_the_others() {
        model(|| {
            let block = Block::new();
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    block.count.add();
                    let block = Arc::clone(&block);
                    thread::spawn(move || block.drop_owner())
                })
                .collect();
            block.drop_owner();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            block.was_freed_once();
        });
    }

    #[test]
    fn loom_an_owner_that_clones_and_one_that_drops() {
        model(|| {
            let block = Block::new();
            block.count.add();
            let other = Arc::clone(&block);
            let thread = thread::spawn(move || {
                other.count.add();
                other.drop_owner();
                other.drop_owner();
            });
            block.drop_owner();
            thread.join().unwrap();
            block.was_freed_once();
        });
    }

    #[test]
    fn loom_who_is_told_to_be_alone_may_write() {
        model(|| {
            let block = Block::new();
            block.count.add();
            let other = Arc::clone(&block);
            let thread = thread::spawn(move || other.drop_owner());
            if block.count.is_sole() {
                // `try_into_mut`: written, and as it was afterwards.
                // SAFETY: I11: the only owner; loom reports a race if that is not so.
                block.content.with_mut(|content| unsafe { *content = 8 });
                // SAFETY: I11: as above.
                block.content.with_mut(|content| unsafe { *content = 7 });
            }
            block.drop_owner();
            thread.join().unwrap();
            block.was_freed_once();
        });
    }
}
