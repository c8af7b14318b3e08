//! What is certain: a refusal, which must be true, and who holds free blocks only for a moment.
//!
//! A look at one word after the other can miss a block that changes places: it comes back to a word that was looked at, and then another
//! one is taken from a word that was not. And `trim` holds blocks that are nobody's. So `Changes` counts: a look that finds nothing is
//! believed if no deposit was finished meanwhile and nothing was held. Then whatever bit is set at its end belongs to a free that is
//! still going on, and may be taken to come later; no block was free.
//!
//! Who was disturbed looks again under the lock. Nobody holds blocks then, and whoever wants some waits until the look is over. So each other
//! thread disturbs at most by the one withdrawal it was already in: nobody looks for ever, and who waits sleeps on the lock.

use core::ops::Range;

use super::Bucket;
use crate::raw::buckets::bitmap::Run;
use crate::raw::lock::Lock;
use crate::sync::{AtomicBool, AtomicUsize, CachePadded, Ordering};

/// What happens to a bucket's free blocks. Shared.
#[derive(Debug)]
pub(super) struct Changes {
    /// Two for each deposit that is finished; odd while blocks are held. On a line of its own: spills write it.
    count: CachePadded<AtomicUsize>,
    /// Held while blocks are, and by who looks without being disturbed.
    pub(super) lock: Lock,
    /// Whether such a look is going on.
    looking: AtomicBool,
    /// Whether deposits are counted: not where nobody asks whether a bucket is exhausted for certain.
    counts: bool,
}

impl Changes {
    pub(super) fn new(counts: bool) -> Self {
        let count = CachePadded(AtomicUsize::new(0));
        Self { count, lock: Lock::new(), looking: AtomicBool::new(false), counts }
    }

    /// Blocks were put back.
    pub(super) fn deposited(&self) {
        if self.counts {
            // Release pairs with `attempt`: who sees the count sees the bits.
            self.count.fetch_add(2, Ordering::Release);
        }
    }

    /// Waits while somebody looks: for those who are about to withdraw.
    pub(super) fn give_way(&self) {
        // Relaxed: who misses it disturbs the look once.
        if self.looking.load(Ordering::Relaxed) {
            self.lock.with(|| ());
        }
    }

    /// Runs `body`, which takes free blocks and puts all of them back.
    pub(super) fn hold<R>(&self, body: impl FnOnce() -> R) -> R {
        self.lock.with(|| {
            // Relaxed: the claims that follow are releases, and who misses their blocks sees this.
            self.count.fetch_add(1, Ordering::Relaxed);
            let result = body();
            // Release: as in `deposited`.
            self.count.fetch_add(1, Ordering::Release);
            result
        })
    }

    /// What `look` finds; `None` only if at some moment of this call there was nothing.
    fn look<T>(&self, look: impl Fn() -> Option<T>) -> Option<T> {
        self.attempt(&look).unwrap_or_else(|| {
            self.lock.with(|| {
                // Relaxed: as in `give_way`.
                self.looking.store(true, Ordering::Relaxed);
                let found = core::iter::repeat_with(|| self.attempt(&look)).find_map(|done| done);
                self.looking.store(false, Ordering::Relaxed);
                found.flatten()
            })
        })
    }

    /// One look; `None` if it found nothing and was disturbed.
    fn attempt<T>(&self, look: impl Fn() -> Option<T>) -> Option<Option<T>> {
        // Acquire pairs with `deposited` and `hold`.
        let before = self.count.load(Ordering::Acquire);
        let found = look();
        // Acquire, and behind the acquires of the look: who took what it missed did so after whatever it saw of this count.
        let is_certain = found.is_some() || (before % 2 == 0 && before == self.count.load(Ordering::Acquire));
        is_certain.then_some(found)
    }
}

impl Bucket {
    /// Takes a block. The error is the capacity that the bucket had at some moment of the call when no block of it was free.
    pub(super) fn claim_exact(&self) -> Result<Run, usize> {
        let capacity = self.capacity();
        let used = || self.free.claim_exact(self.watermark(), 1).and_then(|run| self.opened(run));
        let look = || used().or_else(|| self.fresh(1));
        let run = self.changes.look(look).ok_or(capacity)?;
        self.wanted.taken(run);
        Ok(run)
    }

    /// How many blocks are free, and how many were ever used.
    pub(crate) fn free_of_used(&self) -> (usize, usize) {
        // Locked: what `trim` holds for a moment is free, and so is what it uses up.
        self.changes.lock.with(|| {
            let free = self.free.count(0..self.watermark());
            // Last, since it never falls: then what was counted before is not above it.
            (free, self.watermark())
        })
    }

    /// How many of these blocks are free; they lie below the watermark.
    pub(crate) fn free_among(&self, blocks: Range<usize>) -> usize {
        // Locked: what `trim` holds for a moment is free.
        self.changes.lock.with(|| self.free.count(blocks))
    }

    /// What a fork must hold as well.
    pub(crate) fn lock(&self) -> &Lock {
        &self.changes.lock
    }
}

/// Models: as those of the bucket.
#[cfg(all(test, loom))]
mod models {
    use crate::raw::buckets::bucket::models::Blocks;
    use crate::sync::{Arc, model, thread};

    /// As many blocks as `live`, and `free` more that were used and are free.
    fn used(live: usize, free: usize) -> Arc<Blocks> {
        let blocks = Blocks::new(live + free, 2 * (live + free));
        let all: Vec<usize> = (0..live + free).map(|_| blocks.take().unwrap()).collect();
        all[live..].iter().for_each(|&block| blocks.give(block));
        blocks
    }

    #[test]
    fn loom_trimming_touches_no_block_that_is_somebodys() {
        model(|| {
            let blocks = Blocks::new(4, 4);
            let mine = [(); 4].map(|()| blocks.take().unwrap());
            blocks.give(mine[1]);
            blocks.give(mine[2]);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || {
                other.give(mine[0]);
                usize::from(other.take().is_some())
            });
            let trimmed = blocks.trim(0);
            assert!(trimmed <= 3);
            let taken = thread.join().unwrap();
            assert_eq!(blocks.left(), 3 - taken, "trimming lost a block, or made one");
        });
    }

    #[test]
    fn loom_nobody_is_refused_what_trim_holds_for_a_moment() {
        model(|| {
            let blocks = used(0, 2);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || other.trim(0));
            assert!(blocks.take_exact().is_ok());
            thread.join().unwrap();
            assert_eq!(blocks.left(), 1);
        });
    }

    #[test]
    fn loom_trimming_never_used_blocks_touches_none_that_is_somebodys_and_refuses_nobody() {
        model(|| {
            let blocks = Blocks::new(3, 3);
            // All are committed then.
            assert_eq!(blocks.take(), Some(0));
            assert!(blocks.bucket.extend(1) && blocks.bucket.extend(2));
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || other.trim(3));
            assert!(blocks.take_exact().is_ok() && blocks.take_exact().is_ok(), "refused");
            thread.join().unwrap();
            assert_eq!(blocks.left(), 0);
        });
    }

    /// Block 0 is live, another one is free, and `take` takes that one after block 0 has come back: there is always one.
    fn changes_places(blocks: fn() -> Arc<Blocks>, take: fn(&Blocks) -> Option<usize>) {
        model(move || {
            let blocks = blocks();
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || {
                other.give(0);
                take(&other);
            });
            assert!(blocks.take_exact().is_ok(), "refused");
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_nobody_is_refused_while_the_free_block_changes_places() {
        // Of the second word, as one takes it that has missed the first.
        changes_places(|| used(2, 1), |blocks| blocks.take_of_word(1));
    }

    #[test]
    fn loom_nobody_is_refused_while_a_never_used_block_takes_the_place_of_a_freed_one() {
        let blocks = || {
            let blocks = Blocks::new(2, 2);
            assert_eq!(blocks.take(), Some(0));
            blocks
        };
        changes_places(blocks, Blocks::take_fresh);
    }

    #[test]
    fn loom_a_bucket_grows_only_while_it_is_exhausted() {
        model(|| {
            let blocks = used(0, 1);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || other.trim(0));
            let block = blocks.take_or_grow(2);
            thread.join().unwrap();
            assert_eq!((block, blocks.bucket.capacity()), (Some(0), 1), "it grew although a block was free");
        });
    }

    #[test]
    fn loom_two_that_find_a_bucket_exhausted_grow_it_no_more_than_they_need() {
        model(|| {
            let blocks = Blocks::new(0, 8);
            let other = Arc::clone(&blocks);
            // Each step has room for both.
            let thread = thread::spawn(move || other.take_or_grow(2));
            let mine = blocks.take_or_grow(2);
            assert!(mine.is_some() && thread.join().unwrap().is_some());
            assert_eq!(blocks.bucket.capacity(), 2);
        });
    }

    #[test]
    fn loom_what_trim_holds_is_counted_as_free() {
        model(|| {
            let blocks = used(1, 1);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || assert_eq!(other.bucket.free_of_used(), (1, 2)));
            blocks.trim(0);
            thread.join().unwrap();
        });
    }
}
