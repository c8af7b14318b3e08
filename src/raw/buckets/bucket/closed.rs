//! Pages that were given up: where the system counts what is committed, a free page that goes back must be committed again before a block
//! there is used (I15).
//!
//! Each has a mark. Who gives a page up holds all its blocks claimed, and marks it first. Who takes a block looks for marks of the pages
//! that it lies in, commits those, and then clears the marks: as long as it has the block, nobody gives them up. Blocks of one page may be
//! taken by several at once; each may commit it, which changes nothing the second time.

use core::ops::Range;

use super::Bucket;
use crate::raw::buckets::bitmap::Run;
use crate::raw::os;
use crate::sync::{AtomicU64, Ordering};

/// Marks in a word.
const MARKS: usize = 64;

/// Which pages of a span were given up. Shared, lock-free.
#[derive(Debug)]
pub(crate) struct Closed {
    /// A bit a page. None where purged memory stays committed.
    marks: &'static [AtomicU64],
    /// Bytes of a page.
    page: usize,
}

impl Closed {
    /// How many words it takes for a span of `bytes` bytes.
    pub(crate) fn words(bytes: usize) -> usize {
        if os::COUNTED { bytes.div_ceil(os::page()).div_ceil(MARKS) } else { 0 }
    }

    /// No page is given up: all words are zero.
    pub(crate) fn new(marks: &'static [AtomicU64], page: usize) -> Self {
        Self { marks, page }
    }

    /// Whether nothing is ever given up.
    pub(super) fn is_off(&self) -> bool {
        self.marks.is_empty()
    }

    /// The words for the first `bytes` bytes.
    pub(super) fn of_first(&self, bytes: usize) -> &[AtomicU64] {
        if self.is_off() { self.marks } else { &self.marks[..bytes.div_ceil(self.page).div_ceil(MARKS)] }
    }

    /// Marks the pages that lie wholly between byte `from` and byte `to`, of which the caller holds every block claimed. It gives them up
    /// afterwards: the bytes from which and up to which.
    pub(super) fn close(&self, from: usize, to: usize) -> Range<usize> {
        let pages = from.div_ceil(self.page)..to / self.page;
        if !self.is_off() {
            for page in pages.clone() {
                // Relaxed: who takes one of the blocks afterwards comes behind their being put back.
                self.marks[page / MARKS].fetch_or(1 << (page % MARKS), Ordering::Relaxed);
            }
        }
        pages.start * self.page..pages.end * self.page
    }

    /// Whether all pages from the one with byte `from` to the one in front of byte `to` are given up already.
    pub(super) fn are_all(&self, from: usize, to: usize) -> bool {
        !self.is_off() && (from / self.page..to.div_ceil(self.page)).all(|page| self.is_closed(page))
    }

    fn is_closed(&self, page: usize) -> bool {
        // Acquire pairs with `open`: who finds no mark finds the page committed.
        self.marks[page / MARKS].load(Ordering::Acquire) & (1 << (page % MARKS)) != 0
    }

    /// Has `commit` commit those of the bytes from `from` up to `to` that lie in marked pages, and takes the marks off. The caller owns a block
    /// in each page. False if it is refused.
    fn open(&self, from: usize, to: usize, commit: impl Fn(usize, usize) -> bool) -> bool {
        let (mut page, end) = (from / self.page, to.div_ceil(self.page));
        while page < end {
            let first = page;
            while page < end && self.is_closed(page) {
                page += 1;
            }
            if first < page && !commit(first * self.page, page * self.page) {
                return false;
            }
            for page in first..page {
                // Release pairs with `is_closed`.
                self.marks[page / MARKS].fetch_and(!(1 << (page % MARKS)), Ordering::Release);
            }
            page += 1;
        }
        true
    }
}

impl Bucket {
    /// A run that was claimed just now, once its blocks can be used; `None` if the system refuses their memory: then it is as it was.
    pub(super) fn opened(&self, run: Run) -> Option<Run> {
        let size = self.block_size();
        let commit = |from, to| self.ground.as_ref().is_none_or(|ground| ground.commit_bytes(from, to));
        let is_open = self.closed.is_off()
            || run.stretches().all(|blocks| self.closed.open(blocks.start * size, blocks.end * size, commit));
        if !is_open {
            self.put_back(run);
        }
        is_open.then_some(run)
    }

    /// Whether there are free blocks whose memory the system refuses.
    pub(super) fn is_closed_to(&self) -> bool {
        !self.closed.is_off() && self.free_of_used().0 > 0
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use core::cell::RefCell;

    use super::*;

    fn marks(words: usize) -> Closed {
        Closed::new(Vec::leak((0..words).map(|_| AtomicU64::new(0)).collect()), 100)
    }

    #[test]
    fn whole_pages_are_given_up_and_committed_again_by_who_has_a_block_there() {
        let closed = marks(2);
        assert_eq!(closed.close(50, 399), 100..300);
        assert_eq!(closed.close(500, 6500), 500..6500, "in two words");
        assert!(closed.are_all(100, 300) && closed.are_all(199, 201) && !closed.are_all(99, 200));
        let committed = RefCell::new(Vec::new());
        let commit = |from, to| {
            committed.borrow_mut().push((from, to));
            true
        };
        assert!(closed.open(250, 701, commit) && closed.open(0, 700, commit));
        assert_eq!(committed.take(), [(200, 300), (500, 800), (100, 200)]);
        assert!(!closed.are_all(500, 600) && closed.are_all(800, 6500));
    }

    #[test]
    fn what_is_refused_stays_marked() {
        let closed = marks(1);
        closed.close(0, 300);
        assert!(!closed.open(100, 200, |_, _| false) && closed.are_all(0, 300));
        assert!(closed.open(100, 200, |_, _| true) && !closed.are_all(100, 200));
    }
}

/// Models: pages of two blocks, whose memory somebody gives up.
#[cfg(all(test, loom))]
mod models {
    use crate::raw::buckets::bucket::models::Blocks;
    use crate::sync::{Arc, model, thread};

    #[test]
    fn loom_a_page_that_was_given_up_is_committed_before_any_of_its_blocks_is_used() {
        model(|| {
            let blocks = Blocks::with_marks(2, 2, 1);
            [(); 2].map(|()| blocks.take()).into_iter().flatten().for_each(|block| blocks.give(block));
            assert_eq!(blocks.give_up(), 2);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || other.take());
            assert!(blocks.take().is_some() && thread.join().unwrap().is_some());
        });
    }

    #[test]
    fn loom_no_page_is_given_up_while_somebody_has_a_block_there() {
        model(|| {
            let blocks = Blocks::with_marks(2, 2, 1);
            let mine = [(); 2].map(|()| blocks.take().unwrap());
            blocks.give(mine[0]);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || {
                other.give(mine[1]);
                other.take();
            });
            blocks.give_up();
            blocks.take();
            thread.join().unwrap();
        });
    }
}
