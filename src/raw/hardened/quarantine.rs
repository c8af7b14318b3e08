//! Delayed reuse: freed blocks of a hardened heap's bucket wait before anybody can have them again, and not in order.
//!
//! A block that is freed joins `length` others; once there are so many it puts out any of them by lot, which goes to the
//! end of a queue of `length` blocks; and once that is full it puts out the one that has waited longest. So between the free of a block
//! and its next use lie at least `length` frees of that bucket, and which block comes back when cannot be told from outside.
//!
//! Those of a kind lie side by side, so that a bucket that must use them early need not look for them.

use core::cell::Cell;

/// One bucket's. Shared; the cells belong to the heap's lock, and hold blocks' numbers.
#[derive(Debug)]
pub(crate) struct Quarantine {
    /// The first `mixed` cells are taken.
    shuffled: &'static [Cell<u64>],
    mixed: Cell<usize>,
    /// A ring: `queued` cells from `first` on are taken.
    queue: &'static [Cell<u64>],
    first: Cell<usize>,
    queued: Cell<usize>,
    random: Cell<u64>,
}

impl Quarantine {
    /// How many cells a quarantine of this length takes.
    pub(crate) const fn cells(length: usize) -> usize {
        2 * length
    }

    /// Over `cells(length)` cells. Of length 0 it holds nobody back.
    pub(crate) fn new(cells: &'static [Cell<u64>], secret: u64) -> Self {
        let (shuffled, queue) = cells.split_at(cells.len() / 2);
        let none = || Cell::new(0);
        Self { shuffled, mixed: none(), queue, first: none(), queued: none(), random: Cell::new(secret) }
    }

    /// Takes a block in; the block that may be used again instead, once there are enough.
    pub(crate) fn exchange(&self, block: usize) -> Option<usize> {
        let mixed = self.mixed.get();
        if mixed < self.shuffled.len() {
            self.shuffled[mixed].set(block as u64);
            self.mixed.set(mixed + 1);
            return None;
        }
        if mixed == 0 {
            return Some(block);
        }
        let out = self.shuffled[self.next_random(mixed)].replace(block as u64);
        let longest = if self.queued.get() == self.queue.len() { self.pop() } else { None };
        let end = self.first.get() + self.queued.get();
        self.queue[if end < self.queue.len() { end } else { end - self.queue.len() }].set(out);
        self.queued.set(self.queued.get() + 1);
        longest
    }

    /// Lets go of a block that is held back: the one that has waited longest in the queue, or any; `None` when there is none.
    pub(crate) fn release(&self) -> Option<usize> {
        self.pop().or_else(|| {
            let last = self.mixed.get().checked_sub(1)?;
            self.mixed.set(last);
            let out = self.shuffled[self.next_random(last + 1)].replace(self.shuffled[last].get());
            usize::try_from(out).ok()
        })
    }

    /// How many blocks are held back.
    pub(crate) fn held(&self) -> usize {
        self.mixed.get() + self.queued.get()
    }

    /// The first one of the queue.
    fn pop(&self) -> Option<usize> {
        let first = self.first.get();
        self.queued.set(self.queued.get().checked_sub(1)?);
        self.first.set(if first + 1 == self.queue.len() { 0 } else { first + 1 });
        usize::try_from(self.queue[first].get()).ok()
    }

    /// A number below `end`. Steele, Lea and Flood's SplitMix: for disorder, not for secrets.
    fn next_random(&self, end: usize) -> usize {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_possible_truncation, reason = "a product's upper half is below `end`")]
        let below = ((u128::from(mixed ^ (mixed >> 31)) * end as u128) >> 64) as usize;
        below
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn quarantine(length: usize) -> Quarantine {
        Quarantine::new(Vec::leak(vec![Cell::new(0); Quarantine::cells(length)]), 1)
    }

    #[test]
    fn a_block_waits_for_as_many_frees_as_the_quarantine_is_long_and_none_is_lost() {
        for length in [1, 2, 7, 64] {
            let quarantine = quarantine(length);
            let mut freed_at = vec![None; 10_000];
            for now in 0..freed_at.len() {
                if let Some(block) = quarantine.exchange(now) {
                    let waited = now - freed_at[block].replace(now).map_or(block, |_| panic!("released twice"));
                    assert!(waited >= length, "block {block} waited for {waited} frees");
                }
                let released = freed_at.iter().flatten().count();
                assert_eq!(quarantine.held(), now + 1 - released);
                assert!(quarantine.held() <= 2 * length);
            }
            while let Some(block) = quarantine.release() {
                assert_eq!(freed_at[block].replace(0), None, "released twice");
            }
            assert_eq!((quarantine.held(), freed_at.iter().flatten().count()), (0, freed_at.len()));
        }
    }

    /// Neither does anybody look for one among empty cells: these hold what is no block.
    #[test]
    fn a_quarantine_that_must_let_go_early_loses_none_and_looks_for_none() {
        const LENGTH: usize = 100;
        let cells = Vec::leak(vec![Cell::new(u64::MAX); Quarantine::cells(LENGTH)]);
        let quarantine = Quarantine::new(cells, 1);
        let (mut next, mut there) = (0, std::collections::BTreeSet::new());
        for round in 0..1000 {
            for _ in 0..(round * 7) % 300 {
                there.insert(next);
                if let Some(out) = quarantine.exchange(next) {
                    assert!(there.remove(&out), "{out} was not there");
                }
                next += 1;
            }
            for _ in 0..(round * 11) % 300 {
                let Some(out) = quarantine.release() else { break };
                assert!(there.remove(&out), "{out} was not there");
            }
            assert_eq!(quarantine.held(), there.len());
        }
    }

    #[test]
    fn blocks_do_not_come_back_in_the_order_they_went_in() {
        let quarantine = quarantine(64);
        let released: Vec<usize> = (0..10_000).filter_map(|block| quarantine.exchange(block)).collect();
        let in_order = released.windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!(in_order < released.len() / 10, "{in_order} of {} came back in order", released.len());
    }

    #[test]
    fn a_quarantine_of_length_zero_holds_nobody_back() {
        let quarantine = quarantine(0);
        assert_eq!((quarantine.exchange(3), quarantine.release(), quarantine.held()), (Some(3), None, 0));
    }
}
