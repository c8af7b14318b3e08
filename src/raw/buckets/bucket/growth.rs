//! How far a bucket reaches: blocks it may serve, and of these the blocks that are committed.
//!
//! A span is committed in steps, by whoever finds all that is committed used; and with it, in a heap whose side table is long, its blocks' share counts. What lies beyond takes no mapping of its own, stands in no core
//! file, and no call that locks all memory makes it resident.

use core::mem::size_of;
use core::ptr::NonNull;

use super::Bucket;
use crate::config::HugePages;
use crate::raw::buckets::share::ShareCount;
use crate::raw::os::{HUGE_PAGE, Part};
use crate::sync::Ordering;

/// The first step, in bytes; each of the next ones is as long as all before it together.
const FIRST_STEP: usize = 64 << 10;
const LONGEST_STEP: usize = 8 << 20;
/// Spans ask for huge pages from here on (`HugePages::Auto`): smaller buckets stay small. The end of a step.
const HUGE_FROM: usize = 2 << 20;

/// What a span's blocks stand on. Immutable.
#[derive(Debug)]
pub(crate) enum Ground {
    /// Part of a reservation, and which pages it shall have; and what is not open from the start: the part of the blocks' share counts, and the part that
    /// has bitmaps and marks.
    Part { span: Part, huge_pages: HugePages, counts: Option<Part>, words: Option<Part> },
    /// In models: which blocks were committed, and their size. Only the order of the limit makes that seen.
    #[cfg(all(test, loom))]
    Model(Vec<crate::sync::AtomicBool>, usize),
}

impl Ground {
    /// Makes the blocks from `from` up to `to`, of `size` bytes, readable and writable, and their counts. False if the system refuses.
    fn commit(&self, from: usize, to: usize, size: usize) -> bool {
        let of_counts = |index| index * size_of::<ShareCount>();
        let has_counts = match self {
            Self::Part { counts: Some(part), .. } => part.commit(of_counts(from), of_counts(to)).is_ok(),
            _ => true,
        };
        has_counts && self.commit_bytes(from * size, to * size)
    }

    /// Makes the bytes from `from` up to `to` readable and writable. False if the system refuses.
    pub(super) fn commit_bytes(&self, from: usize, to: usize) -> bool {
        match self {
            Self::Part { span, huge_pages, .. } => {
                let is_committed = span.commit(from, to).is_ok();
                match huge_pages {
                    HugePages::Never => span.advise_small(from, to),
                    HugePages::Auto if to <= HUGE_FROM => {}
                    HugePages::Auto => span.advise_huge(from.max(HUGE_FROM), to),
                    HugePages::Always => span.advise_huge(from, to),
                }
                is_committed
            }
            #[cfg(all(test, loom))]
            Self::Model(committed, size) => {
                committed[from / size..to / size].iter().for_each(|block| block.store(true, Ordering::Relaxed));
                true
            }
        }
    }

    /// How far to commit when the bytes up to `from` are used.
    fn next_step(&self, from: usize) -> usize {
        match self {
            Self::Part { huge_pages: HugePages::Always, .. } => usize::MAX,
            _ => from + from.clamp(FIRST_STEP, LONGEST_STEP),
        }
    }

    /// How far at least, where the system refuses so much, if there is something between.
    fn shorter_step(&self, from: usize) -> Option<usize> {
        match self {
            Self::Part { huge_pages: HugePages::Always, .. } => Some(from + from.clamp(HUGE_PAGE, LONGEST_STEP)),
            _ => None,
        }
    }
}

impl Bucket {
    /// Blocks in the committed part of the span.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        // Acquire pairs with `extend_with`: whoever sees the blocks sees them committed.
        self.limit.load(Ordering::Acquire)
    }

    /// Blocks it may serve as it is now.
    pub(crate) fn capacity(&self) -> usize {
        // Relaxed: a number. What is used is bounded by the limit.
        self.capacity.load(Ordering::Relaxed)
    }

    /// Bytes of the part of the span that blocks can come from, now or after growing.
    pub(crate) fn most_bytes(&self) -> usize {
        self.most * self.block_size()
    }

    /// Commits what the first `blocks` blocks have in bitmap and marks, where that is not there from the start.
    pub(crate) fn commit_words(&self, blocks: usize) -> Result<(), i32> {
        let Some(Ground::Part { words: Some(part), .. }) = &self.ground else { return Ok(()) };
        let marks = self.closed.of_first(blocks * self.block_size());
        self.free.of_first(blocks).chain([marks]).try_for_each(|words| part.commit_slice(words))
    }

    /// All addresses that blocks can come from, readable and writable from now on if the system does not refuse it.
    pub(crate) fn addresses(&self) -> NonNull<[u8]> {
        if let Some(ground) = &self.ground {
            if self.commit_words(self.most).is_ok() && ground.commit(0, self.most, self.block_size()) {
                // Release: as in `extend`. What lies there can be resident from now on, and so be counted and given back.
                self.limit.fetch_max(self.capacity(), Ordering::Release);
            }
        }
        NonNull::slice_from_raw_parts(self.span.base(), self.most_bytes())
    }

    /// Whether the system refuses to commit what the bucket may serve: asked when it has not served.
    pub(crate) fn is_refused(&self) -> bool {
        self.limit() < self.capacity() || self.is_closed_to()
    }

    /// Whether it can be told to serve more.
    pub(crate) fn can_grow(&self) -> bool {
        self.capacity() < self.most
    }

    /// Lets it serve `step` blocks more than the `capacity` at which it was exhausted, unless it has grown since. False if the system
    /// does not even commit that many.
    pub(crate) fn grow(&self, capacity: usize, step: usize) -> bool {
        if self.limit() < capacity {
            return false;
        }
        let next = self.most.min(capacity.saturating_add(step.max(1)));
        // Relaxed, both: as in `capacity`. If another thread was first, that serves as well.
        let _ = self.capacity.compare_exchange(capacity, next, Ordering::Relaxed, Ordering::Relaxed);
        true
    }

    /// Commits more than `limit` blocks. False if it may not serve more, or the system refuses.
    pub(super) fn extend(&self, limit: usize) -> bool {
        let Some(ground) = &self.ground else { return false };
        let size = self.block_size();
        let blocks = |bytes: usize| (bytes / size).max(limit + 1).min(self.capacity());
        let next = blocks(ground.next_step(limit * size));
        if next > limit && self.limit() == limit {
            let shorter = || ground.shorter_step(limit * size).map(blocks);
            let is_committed = |next: &usize| self.commit_words(*next).is_ok() && ground.commit(limit, *next, size);
            if let Some(next) = Some(next).filter(is_committed).or_else(|| shorter().filter(is_committed)) {
                // Release pairs with `limit`. If another thread was first, that serves as well: committing twice changes nothing.
                let _ = self.limit.compare_exchange(limit, next, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
        self.limit() > limit
    }
}
