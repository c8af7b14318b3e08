//! Delayed reuse: freed blocks of a hardened heap's bucket wait before anybody can have them again, and not in order.
//!
//! A block that is freed takes a random place among `length` others and puts out whichever was there; that one goes to the
//! end of a queue of `length` blocks and puts out the one that has waited longest. So between the free of a block
//! and its next use lie at least `length` frees of that bucket, and which block comes back when cannot be told from outside.

use core::cell::Cell;

/// One bucket's. Shared; the cells belong to the heap's lock. A cell is 0 while empty, else a block's number and one more.
#[derive(Debug)]
pub(crate) struct Quarantine {
    shuffled: &'static [Cell<u64>],
    queue: &'static [Cell<u64>],
    /// The place in the queue whose block has waited longest.
    turn: Cell<usize>,
    held: Cell<usize>,
    random: Cell<u64>,
}

impl Quarantine {
    /// How many cells a quarantine of this length takes.
    pub(crate) const fn cells(length: usize) -> usize {
        2 * length
    }

    /// Over zero cells; `cells(length)` of them. Of length 0 it holds nobody back.
    pub(crate) fn new(cells: &'static [Cell<u64>], secret: u64) -> Self {
        let (shuffled, queue) = cells.split_at(cells.len() / 2);
        Self { shuffled, queue, turn: Cell::new(0), held: Cell::new(0), random: Cell::new(secret) }
    }

    /// Takes a block in; the block that may be used again instead, once there are enough.
    pub(crate) fn exchange(&self, block: usize) -> Option<usize> {
        if self.queue.is_empty() {
            return Some(block);
        }
        self.held.set(self.held.get() + 1);
        let out = self.shuffled[self.next_random(self.shuffled.len())].replace(block as u64 + 1);
        if out == 0 {
            return None;
        }
        let turn = self.turn.get();
        self.turn.set(if turn + 1 == self.queue.len() { 0 } else { turn + 1 });
        self.released(self.queue[turn].replace(out))
    }

    /// Lets go of a block that is held back, whichever; `None` when there is none.
    pub(crate) fn release(&self) -> Option<usize> {
        if self.held.get() == 0 {
            return None;
        }
        let mut cells = self.queue.iter().chain(self.shuffled);
        self.released(cells.find(|cell| cell.get() != 0)?.take())
    }

    /// How many blocks are held back.
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    fn released(&self, cell: u64) -> Option<usize> {
        let block = usize::try_from(cell.checked_sub(1)?).ok()?;
        self.held.set(self.held.get() - 1);
        Some(block)
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
