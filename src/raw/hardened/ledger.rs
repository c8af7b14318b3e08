//! A hardened heap's book of one bucket: which blocks are live, and how many bytes each was asked for with.
//!
//! One word a block, out of line. Taking a block off the book is one exchange, so of two frees of the same block, by whichever
//! threads, one finds it there and the other does not: that is the double free.

use crate::sync::{AtomicU32, Ordering};

/// Shared, lock-free. A word is 0 while its block is not live, else the bytes asked for and one more.
#[derive(Debug)]
pub(crate) struct Ledger {
    words: &'static [AtomicU32],
}

impl Ledger {
    /// A book over zero words, one a block: nothing is live.
    pub(crate) fn new(words: &'static [AtomicU32]) -> Self {
        Self { words }
    }

    /// Enters a block that is being handed out. False if it is live already.
    pub(crate) fn enter(&self, block: usize, asked: usize) -> bool {
        // Relaxed, here and below: a word says nothing about other memory. Who frees a block got it from who allocated it,
        // or from the bitmap, and both synchronise.
        self.words[block].swap(word(asked), Ordering::Relaxed) == 0
    }

    /// Strikes a block off that is given back: the bytes it was asked for with, or `None` if it is not live.
    pub(crate) fn strike(&self, block: usize) -> Option<usize> {
        asked(self.words[block].swap(0, Ordering::Relaxed))
    }

    /// The bytes that a live block was asked for with.
    pub(crate) fn asked(&self, block: usize) -> Option<usize> {
        asked(self.words[block].load(Ordering::Relaxed))
    }

    /// Notes that a live block is used for `new` bytes from now on. False if it is not live with `old`.
    pub(crate) fn change(&self, block: usize, old: usize, new: usize) -> bool {
        let exchange = self.words[block].compare_exchange(word(old), word(new), Ordering::Relaxed, Ordering::Relaxed);
        exchange.is_ok()
    }
}

fn word(asked: usize) -> u32 {
    u32::try_from(asked + 1).expect("no table has blocks above 2 MiB")
}

fn asked(word: u32) -> Option<usize> {
    (word as usize).checked_sub(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_live_from_its_entry_to_its_striking_off_with_the_bytes_asked_for() {
        let ledger = Ledger::new(Vec::leak((0..2).map(|_| AtomicU32::new(0)).collect()));
        assert_eq!((ledger.asked(1), ledger.strike(1)), (None, None));
        assert!(ledger.enter(1, 0));
        assert_eq!((ledger.asked(0), ledger.asked(1)), (None, Some(0)));
        assert!(!ledger.enter(1, 7), "handed out twice");
        assert!(!ledger.change(1, 8, 9), "another size than that on the book");
        assert!(ledger.change(1, 7, 2 << 20));
        assert_eq!((ledger.strike(1), ledger.strike(1)), (Some(2 << 20), None));
        assert!(!ledger.change(1, 2 << 20, 1), "not live");
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, model, thread};

    #[test]
    fn loom_of_two_frees_of_a_block_one_is_noticed() {
        model(|| {
            let ledger = Arc::new(Ledger::new(Vec::leak(vec![AtomicU32::new(0)])));
            assert!(ledger.enter(0, 5));
            let other = Arc::clone(&ledger);
            let thread = thread::spawn(move || other.strike(0));
            let freed = [ledger.strike(0), thread.join().unwrap()];
            assert!(freed == [Some(5), None] || freed == [None, Some(5)], "{freed:?}");
        });
    }
}
