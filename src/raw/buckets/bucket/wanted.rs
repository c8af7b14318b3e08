//! Which of a bucket's free blocks were wanted lately, and which may have come back.
//!
//! The lowest free blocks are taken first, so what lies above all that was taken during a while was not wanted in that while: the
//! highest place is all that must be noted. Nothing relies on these numbers but how soon memory goes back: who gives it back holds the blocks.

use core::ops::Range;

use crate::raw::buckets::bitmap::{Run, WORD};
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicUsize;

/// Shared.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Of which blocks were taken since the last look.
    taken: Words,
    /// That blocks came back to since they were given to `unwanted`, or that memory may have come to.
    back: Words,
}

/// The words from the first one that was noted to the last one. Shared.
#[derive(Debug)]
struct Words {
    first: AtomicUsize,
    end: AtomicUsize,
}

impl Wanted {
    pub(super) fn new() -> Self {
        let none = || Words { first: AtomicUsize::new(usize::MAX), end: AtomicUsize::new(0) };
        Self { taken: none(), back: none() }
    }

    /// Notes that a run was taken.
    pub(super) fn taken(&self, run: Run) {
        self.taken.note(run.first / WORD..run.first / WORD + 1);
    }

    /// Notes that a run came back.
    pub(super) fn put(&self, run: Run) {
        self.back.note(run.first / WORD..run.first / WORD + 1);
    }

    /// The words whose blocks may be free, and were not wanted since the last look. `around` makes of words those to which memory came with
    /// them, which the next look finds: more than they are, where a page is huge.
    pub(super) fn unwanted(&self, around: impl Fn(Range<usize>) -> Range<usize>) -> Range<usize> {
        let (taken, back) = (self.taken.forget(), self.back.forget());
        if !taken.is_empty() {
            self.back.note(around(taken.clone()));
        }
        if back.start < taken.end {
            self.back.note(back.start..back.end.min(taken.end));
        }
        back.start.max(taken.end)..back.end
    }

    /// All that blocks came back to.
    pub(super) fn unwanted_at_once(&self) -> Range<usize> {
        self.back.forget()
    }
}

impl Words {
    /// Most of the time it is a look at a line that nobody writes.
    fn note(&self, words: Range<usize>) {
        // Relaxed, all: a number that is missed makes memory go back later, or sooner.
        if words.end > self.end.load(Relaxed) {
            self.end.fetch_max(words.end, Relaxed);
        }
        if words.start < self.first.load(Relaxed) {
            self.first.fetch_min(words.start, Relaxed);
        }
    }

    fn forget(&self) -> Range<usize> {
        // Relaxed: as in `note`.
        self.first.swap(usize::MAX, Relaxed)..self.end.swap(0, Relaxed)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn run(word: usize) -> Run {
        Run { first: word * WORD, bits: 1 }
    }

    #[test]
    fn what_came_back_is_unwanted_when_nothing_above_was_taken_between_two_looks() {
        let wanted = Wanted::new();
        let unwanted = || wanted.unwanted(|words| words);
        wanted.taken(run(9));
        [3, 5, 8].into_iter().for_each(|word| wanted.put(run(word)));
        assert!(unwanted().is_empty());
        assert_eq!(unwanted(), 3..10);
        assert!(unwanted().is_empty(), "nothing came back");
        // What lies below a block that was taken waits, what lies above does not.
        [4, 8].into_iter().for_each(|word| wanted.put(run(word)));
        wanted.taken(run(6));
        assert_eq!(unwanted(), 7..9);
        assert_eq!(unwanted(), 4..7);
    }

    #[test]
    fn what_lies_around_a_block_that_was_taken_is_unwanted_after_it() {
        let wanted = Wanted::new();
        wanted.taken(run(9));
        assert!(wanted.unwanted(|words| words.start - 1..words.end + 6).is_empty());
        assert_eq!(wanted.unwanted(|words| words), 8..16);
    }

    #[test]
    fn at_once_is_at_once() {
        let wanted = Wanted::new();
        wanted.taken(run(9));
        wanted.put(run(4));
        assert_eq!(wanted.unwanted_at_once(), 4..5);
        assert!(wanted.unwanted_at_once().is_empty());
    }
}
