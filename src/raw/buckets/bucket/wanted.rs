//! Which of a bucket's free blocks were wanted lately, and which may have come back.
//!
//! The lowest free blocks are taken first, so what lies above all that was taken during a while was not wanted in that while: the
//! highest place is all that must be noted. Nothing relies on these numbers but how soon memory goes back: who gives it back holds the blocks.

use core::ops::Range;

use crate::raw::buckets::bitmap::{Run, WORD};
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicUsize;

/// Numbers of words. Shared.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The end of the words of which blocks were taken since the last look.
    taken: AtomicUsize,
    /// The words that blocks came back to since they were given to `unwanted`: the first, and the end.
    first: AtomicUsize,
    end: AtomicUsize,
}

impl Wanted {
    pub(super) fn new() -> Self {
        Self { taken: AtomicUsize::new(0), first: AtomicUsize::new(usize::MAX), end: AtomicUsize::new(0) }
    }

    /// Notes that a run was taken.
    pub(super) fn taken(&self, run: Run) {
        raise(&self.taken, run.first / WORD + 1);
    }

    /// Notes that a run came back.
    pub(super) fn put(&self, run: Run) {
        let word = run.first / WORD;
        raise(&self.end, word + 1);
        // Relaxed: as in `raise`.
        if word < self.first.load(Relaxed) {
            self.first.fetch_min(word, Relaxed);
        }
    }

    /// The words whose blocks may be free, and were not wanted since the last look; with `at_once` all that blocks came back to.
    pub(super) fn unwanted(&self, at_once: bool) -> Range<usize> {
        // Relaxed, all: as in `raise`.
        let taken = self.taken.swap(0, Relaxed);
        let wanted = if at_once { 0 } else { taken };
        let (first, end) = (self.first.swap(usize::MAX, Relaxed), self.end.swap(0, Relaxed));
        if first < wanted {
            self.first.fetch_min(first, Relaxed);
            self.end.fetch_max(end.min(wanted), Relaxed);
        }
        first.max(wanted)..end
    }
}

/// Most of the time it is a look at a line that nobody writes.
fn raise(number: &AtomicUsize, least: usize) {
    // Relaxed, both: a number that is missed makes memory go back later, or sooner.
    if least > number.load(Relaxed) {
        number.fetch_max(least, Relaxed);
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
        wanted.taken(run(9));
        [3, 5, 8].into_iter().for_each(|word| wanted.put(run(word)));
        assert!(wanted.unwanted(false).is_empty());
        assert_eq!(wanted.unwanted(false), 3..9);
        assert!(wanted.unwanted(false).is_empty(), "nothing came back");
        // What lies below a block that was taken waits, what lies above does not.
        [4, 8].into_iter().for_each(|word| wanted.put(run(word)));
        wanted.taken(run(6));
        assert_eq!(wanted.unwanted(false), 7..9);
        assert_eq!(wanted.unwanted(false), 4..7);
    }

    #[test]
    fn at_once_is_at_once() {
        let wanted = Wanted::new();
        wanted.taken(run(9));
        wanted.put(run(4));
        assert_eq!(wanted.unwanted(true), 4..5);
        assert!(wanted.unwanted(true).is_empty());
    }
}
