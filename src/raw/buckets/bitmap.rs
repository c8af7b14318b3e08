//! One bit a free block, in words of 64, with summary levels above: claim takes free blocks, put gives them back.
//!
//! In plain words: level 0 has one bit a block, set while the block is free. A bit of level `k + 1` says "word `i` of level
//! `k` may have a bit set"; the top level is one word. `claim` walks down from the top, always to the lowest set bit, so the
//! lowest free blocks are taken first and the footprint stays dense. It takes up to a word's worth with one atomic.
//!
//! Why it is right: whoever sets the first bit of a word sets the bit above it as well, and whoever empties a word
//! clears the bit above, then looks at the word again and sets the bit once more if the word has filled meanwhile. Both
//! are read-modify-writes of the upper word, so one of them comes later: if the clearing, it reads the setting's release
//! and its second look sees the block; if the setting, the bit stays.
//! So at rest "word not empty" implies "every bit above it is set". In between, a claim may miss a block for a moment;
//! `claim_exact` looks at level 0 alone and misses none.
//!
//! All claims meet at the lowest words. Whoever met others there time and again begins at a place of its own: [`Start`].

use core::cell::Cell;
use core::ops::Range;

use crate::sync::{AtomicU64, Ordering};

/// Blocks a word stands for. Models use tiny words, so that three levels need only a few atomics; schedules small ones.
pub(crate) const WORD: usize = if cfg!(loom) {
    2
} else if cfg!(shuttle) {
    8
} else {
    64
};
/// All bits of a word.
const ALL: u64 = u64::MAX >> (64 - WORD);
/// How many runs are gathered at once from a fragmented bucket.
pub(crate) const MOST_RUNS: usize = 16;
/// Enough levels for the 2^36 blocks of the largest span.
const LEVELS: usize = 6;

/// Some blocks of one word: bit `i` of `bits` is block `first + i`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) bits: u64,
}

impl Run {
    /// The `len` blocks from `index` on, which are of one word.
    #[inline]
    pub(crate) fn of(index: usize, len: usize) -> Self {
        Self { first: index - index % WORD, bits: first_bits(len) << (index % WORD) }
    }

    /// The lowest block.
    pub(crate) fn first_block(self) -> usize {
        self.first + self.bits.trailing_zeros() as usize
    }

    /// The number of blocks.
    pub(crate) fn len(self) -> usize {
        self.bits.count_ones() as usize
    }

    /// Its stretches of neighbours, the highest first.
    pub(crate) fn stretches(self) -> impl Iterator<Item = Range<usize>> {
        let mut bits = self.bits;
        core::iter::from_fn(move || {
            let top = bits.checked_ilog2()?;
            let len = (!(bits << (63 - top))).leading_zeros().min(top + 1);
            let below = top + 1 - len;
            bits &= (1 << below) - 1;
            Some(self.first + below as usize..self.first + top as usize + 1)
        })
    }

    /// The blocks' numbers, highest first.
    pub(crate) fn descending(self) -> impl Iterator<Item = usize> {
        let mut bits = self.bits;
        core::iter::from_fn(move || {
            let top = bits.checked_ilog2()?;
            bits &= !(1 << top);
            Some(self.first + top as usize)
        })
    }
}

/// Where a claimer begins its search: at the lowest word, or, while others are met there, at a place of its own. One claimer's; zero is the
/// lowest.
///
/// Each meeting adds [`MET`](Self::MET), each claim takes one away, and from [`AWAY`](Self::AWAY) on the claimer stays away for some hundred claims. So more than one
/// meeting in sixteen claims is too many, and that takes more than eight threads that do nothing else but refill from one bucket. The blocks in use then lie
/// farther apart. See docs/BENCHMARKS.md, "Beyond two cores".
#[derive(Debug)]
pub(crate) struct Start(Cell<u8>);

impl Start {
    const MET: u8 = 16;
    const AWAY: u8 = 128;

    pub(crate) const fn lowest() -> Self {
        Self(Cell::new(0))
    }

    /// Begins with the lowest again.
    pub(crate) fn go_back(&self) {
        self.0.set(0);
    }

    fn is_away(&self) -> bool {
        self.0.get() >= Self::AWAY
    }

    /// The bit of a word of level `level` with which the search begins. A claimer's own place is as good as chance: it hangs on where the claimer lies in
    /// memory.
    fn bit(&self, level: usize) -> usize {
        if !self.is_away() {
            return 0;
        }
        // Multiplied by 2^64 divided by the golden ratio (Knuth, TAOCP, volume 3, section 6.4), whose upper bits neighbours do not share.
        let place = (core::ptr::from_ref(self).addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        (place >> (WORD.ilog2() as usize * (level - 1))) as usize % WORD
    }

    /// Notes that others were where the claim looked.
    fn met(&self) {
        let before = self.0.get().saturating_add(Self::MET);
        self.0.set(if before >= Self::AWAY { u8::MAX } else { before });
    }

    /// Notes that a claim is over.
    fn done(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Blocks that were taken at once, in the order in which they were found: as a rule the lowest first.
#[derive(Default)]
pub(crate) struct Runs {
    runs: [Run; MOST_RUNS],
    count: usize,
    /// How many blocks.
    len: usize,
}

impl Runs {
    /// Runs that `take` gives, who is told how many blocks are still wanted, until they are half of `most` at least, or there are no more.
    pub(crate) fn gather(most: usize, mut take: impl FnMut(usize) -> Option<Run>) -> Self {
        let mut all = Self::default();
        while all.count < MOST_RUNS && all.len * 2 < most {
            let Some(run) = take(most - all.len) else { break };
            all.runs[all.count] = run;
            all.count += 1;
            all.len += run.len();
        }
        all
    }

    /// Takes the lowest of the first run out.
    pub(crate) fn take_first(&mut self) -> Option<usize> {
        let run = self.runs[..self.count].first_mut()?;
        let first = run.first_block();
        run.bits &= run.bits - 1;
        self.len -= 1;
        Some(first)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Their stretches of neighbours, the last first.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = Range<usize>> {
        self.runs[..self.count].iter().rev().flat_map(|run| run.stretches())
    }
}

/// The free bits of one bucket. Shared, lock-free.
#[derive(Debug)]
pub(crate) struct Bitmap {
    /// Level 0 first; levels above `top` are empty.
    levels: [&'static [AtomicU64]; LEVELS],
    top: usize,
}

impl Bitmap {
    /// How many words a bitmap for `blocks` blocks needs, all levels together.
    pub(crate) fn words(blocks: usize) -> usize {
        let mut level = blocks.div_ceil(WORD).max(1);
        let mut words = level;
        while level > 1 {
            level = level.div_ceil(WORD);
            words += level;
        }
        words
    }

    /// A bitmap of `blocks` blocks over `words(blocks)` words that are all zero: no block is free.
    pub(crate) fn new(mut words: &'static [AtomicU64], blocks: usize) -> Self {
        let mut levels: [&'static [AtomicU64]; LEVELS] = [&[]; LEVELS];
        let mut len = blocks.div_ceil(WORD).max(1);
        let mut top = 0;
        loop {
            (levels[top], words) = words.split_at(len);
            if len == 1 {
                return Self { levels, top };
            }
            len = len.div_ceil(WORD);
            top += 1;
        }
    }

    /// The words that the first `blocks` blocks have, level by level.
    pub(crate) fn of_first(&self, mut blocks: usize) -> impl Iterator<Item = &[AtomicU64]> {
        self.levels[..=self.top].iter().map(move |level| {
            blocks = blocks.div_ceil(WORD);
            &level[..blocks]
        })
    }

    /// Takes the lowest free blocks, `max` at most, of the first word from `start` on that has any.
    pub(crate) fn claim(&self, max: usize, start: &Start) -> Option<Run> {
        let run = self.search(max, start);
        start.done();
        run
    }

    fn search(&self, max: usize, start: &Start) -> Option<Run> {
        'descend: loop {
            let mut word = 0;
            for level in (1..=self.top).rev() {
                // Acquire pairs with the AcqRel of `put`: whoever sees the summary bit sees the word below it filled.
                let bits = self.levels[level][word].load(Ordering::Acquire);
                if bits == 0 {
                    if level == self.top {
                        return None;
                    }
                    // Somebody emptied this word and has not yet cleared the bit above: do it for them.
                    self.retire(level + 1, word);
                    continue 'descend;
                }
                let above = bits & !first_bits(start.bit(level));
                word = word * WORD + if above == 0 { bits } else { above }.trailing_zeros() as usize;
            }
            if let Some(run) = self.take(word, max, start) {
                return Some(run);
            }
            if self.top == 0 {
                return None;
            }
            self.retire(1, word);
        }
    }

    /// As `claim`, but by looking at every word of level 0 below `blocks`: finds a block even while its summary bit is on the way.
    pub(crate) fn claim_exact(&self, blocks: usize, max: usize) -> Option<Run> {
        (0..blocks.div_ceil(WORD)).find_map(|word| self.claim_in(word, max))
    }

    /// Takes the lowest free blocks of one word.
    pub(crate) fn claim_in(&self, word: usize, max: usize) -> Option<Run> {
        self.take(word, max, &Start::lowest())
    }

    /// As `claim_in`; tells `start` of others who were at the word.
    fn take(&self, word: usize, max: usize, start: &Start) -> Option<Run> {
        let bits = &self.levels[0][word];
        // Acquire, also where the exchange fails: who finds nothing comes after all that was before it was taken (`Changes`).
        let mut seen = bits.load(Ordering::Acquire);
        loop {
            if seen == 0 {
                return None;
            }
            let taken = lowest(seen, max);
            // Acquire pairs with `put`'s release: what the previous owner did to the blocks is over.
            // Release keeps our own second look in `retire` behind it.
            match bits.compare_exchange_weak(seen, seen & !taken, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if taken == seen && self.top > 0 {
                        self.retire(1, word);
                    }
                    return Some(Run { first: word * WORD, bits: taken });
                }
                Err(now) => {
                    seen = now;
                    start.met();
                }
            }
        }
    }

    /// Gives blocks back. The error is the bits that were already set: somebody freed them twice.
    pub(crate) fn put(&self, run: Run) -> Result<(), u64> {
        let mut word = run.first / WORD;
        // Release pairs with `claim_in`'s acquire; acquire so that our look at the summary is not older than the word.
        let mut before = self.levels[0][word].fetch_or(run.bits, Ordering::AcqRel);
        let twice = before & run.bits;
        for level in 1..=self.top {
            let above = &self.levels[level][word / WORD];
            let bit = 1 << (word % WORD);
            // The first bit of a word must be announced. Later ones help an announcer that was stopped half way.
            if before != 0 && above.load(Ordering::Acquire) & bit != 0 {
                break;
            }
            // Pairs with `retire`: see the file's head.
            before = above.fetch_or(bit, Ordering::AcqRel);
            word /= WORD;
        }
        if twice == 0 { Ok(()) } else { Err(twice) }
    }

    /// Clears the bit on `level` for word `word` of the level below, which was seen empty.
    fn retire(&self, level: usize, word: usize) {
        let bit = 1 << (word % WORD);
        // Pairs with `put`: see the file's head.
        let before = self.levels[level][word / WORD].fetch_and(!bit, Ordering::AcqRel);
        if self.levels[level - 1][word].load(Ordering::Acquire) != 0 {
            self.announce(level, word);
        } else if before == bit && level < self.top {
            self.retire(level + 1, word / WORD);
        }
    }

    /// Sets the bit on `level` for word `word` of the level below, and the bits above it where this was the first.
    fn announce(&self, level: usize, mut word: usize) {
        for level in level..=self.top {
            let bit = 1 << (word % WORD);
            if self.levels[level][word / WORD].fetch_or(bit, Ordering::AcqRel) != 0 {
                return;
            }
            word /= WORD;
        }
    }

    /// How many of these blocks are free. A snapshot, exact while nobody claims or puts.
    pub(crate) fn count(&self, blocks: Range<usize>) -> usize {
        let free_in = |word: usize| {
            let first = word * WORD;
            let inside = first_bits(blocks.end - first) & !first_bits(blocks.start.saturating_sub(first));
            // Relaxed: a count that others change meanwhile is stale anyway.
            (self.levels[0][word].load(Ordering::Relaxed) & inside).count_ones() as usize
        };
        (blocks.start / WORD..blocks.end.div_ceil(WORD)).map(free_in).sum()
    }

    /// The first step of putting block `index`, as another thread may have been stopped behind it.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn begin_put(&self, index: usize) {
        // AcqRel: as `put`.
        self.levels[0][index / WORD].fetch_or(1 << (index % WORD), Ordering::AcqRel);
    }

    /// Whether block `index` is free right now.
    #[cfg(test)]
    pub(crate) fn is_free(&self, index: usize) -> bool {
        // Acquire: a caller that sees its block free sees what the freeing thread did before.
        self.levels[0][index / WORD].load(Ordering::Acquire) & (1 << (index % WORD)) != 0
    }
}

/// The lowest `max` set bits of `bits`.
fn lowest(bits: u64, max: usize) -> u64 {
    if max >= bits.count_ones() as usize {
        return bits;
    }
    let mut rest = bits;
    for _ in 0..max {
        rest &= rest - 1;
    }
    bits & !rest
}

/// The first `count` bits of a word.
pub(crate) fn first_bits(count: usize) -> u64 {
    if count >= WORD { ALL } else { (1 << count) - 1 }
}

#[cfg(test)]
pub(crate) fn leaked(blocks: usize) -> Bitmap {
    let words: Vec<AtomicU64> = (0..Bitmap::words(blocks)).map(|_| AtomicU64::new(0)).collect();
    Bitmap::new(Vec::leak(words), blocks)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn put_all(bitmap: &Bitmap, blocks: usize) {
        for first in (0..blocks).step_by(WORD) {
            bitmap.put(Run { first, bits: first_bits(blocks - first) }).unwrap();
        }
    }

    #[test]
    fn every_block_is_claimed_once_lowest_first() {
        for blocks in [1, 63, 64, 65, 4096, 4097, 300_000] {
            let bitmap = leaked(blocks);
            assert_eq!(bitmap.claim(64, &Start::lowest()), None);
            put_all(&bitmap, blocks);
            assert_eq!(bitmap.count(0..blocks), blocks);
            let mut next = 0;
            while let Some(run) = bitmap.claim(37, &Start::lowest()) {
                assert!(run.len() <= 37);
                let mut numbers: Vec<usize> = run.descending().collect();
                numbers.reverse();
                for number in numbers {
                    assert_eq!(number, next);
                    next += 1;
                }
            }
            assert_eq!(next, blocks);
            assert_eq!(bitmap.claim_exact(blocks, 64), None);
        }
    }

    #[test]
    fn who_is_met_too_often_goes_to_a_place_of_its_own_and_comes_back() {
        let start = Start::lowest();
        let often = Start::AWAY / Start::MET;
        (1..often).for_each(|_| start.met());
        assert!((1..=2).all(|level| start.bit(level) == 0));
        start.done();
        (0..2).for_each(|_| start.met());
        let place = |start: &Start| (start.bit(1), start.bit(2));
        let own = place(&start);
        (Start::AWAY..u8::MAX).for_each(|_| start.done());
        assert_eq!(place(&start), own, "away for a while");
        start.done();
        assert_eq!(place(&start), (0, 0));
        let others = [const { Start::lowest() }; 8];
        others.iter().for_each(|start| (0..often).for_each(|_| start.met()));
        let places: std::collections::HashSet<_> = others.iter().map(place).collect();
        assert!(places.len() > 6, "neighbours meet again: {places:?}");
    }

    #[test]
    fn from_its_own_place_a_claimer_finds_every_block() {
        for blocks in [1, 65, 4097, 300_000] {
            let bitmap = leaked(blocks);
            put_all(&bitmap, blocks);
            let start = Start::lowest();
            let mut found = 0;
            while let Some(run) = {
                (0..Start::AWAY).for_each(|_| start.met());
                bitmap.claim(64, &start)
            } {
                found += run.len();
            }
            assert_eq!(found, blocks);
        }
    }

    #[test]
    fn an_exact_claim_looks_at_the_last_word_too() {
        let bitmap = leaked(2 * WORD + 1);
        bitmap.put(Run { first: 2 * WORD, bits: 1 }).unwrap();
        assert_eq!(bitmap.claim_exact(2 * WORD, 1), None);
        assert_eq!(bitmap.claim_exact(2 * WORD + 1, 1), Some(Run { first: 2 * WORD, bits: 1 }));
    }

    #[test]
    fn a_block_put_twice_is_reported() {
        let bitmap = leaked(130);
        bitmap.put(Run { first: 64, bits: 0b110 }).unwrap();
        assert!(bitmap.is_free(65));
        assert!(!bitmap.is_free(64));
        assert_eq!(bitmap.put(Run { first: 64, bits: 0b011 }), Err(0b010));
    }

    #[test]
    fn summary_words_follow_when_a_word_is_emptied_and_refilled() {
        let bitmap = leaked(64 * 64 * 2);
        for first in [0, 64 * 63, 64 * 64, 64 * 127] {
            bitmap.put(Run { first, bits: 1 }).unwrap();
            assert_eq!(bitmap.claim(64, &Start::lowest()), Some(Run { first, bits: 1 }));
            assert_eq!(bitmap.claim(64, &Start::lowest()), None);
            assert!(
                bitmap.levels.iter().take(3).all(|level| level.iter().all(|word| word.load(Ordering::Relaxed) == 0))
            );
        }
    }
}

/// Models: words of two bits, so that six blocks already have three levels.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    /// Blocks whose content a second owner would race on, behind a bitmap.
    struct Blocks {
        bitmap: Bitmap,
        content: Vec<UnsafeCell<usize>>,
    }

    impl Blocks {
        fn new(blocks: usize, free: usize) -> Arc<Self> {
            let bitmap = leaked(blocks);
            for first in (0..free).step_by(WORD) {
                bitmap.put(Run { first, bits: first_bits(free - first) }).unwrap();
            }
            Arc::new(Self { bitmap, content: (0..blocks).map(|_| UnsafeCell::new(0)).collect() })
        }

        /// Owns the blocks of `run` for a moment: loom reports a race if somebody else does too.
        fn write(&self, run: Run) {
            for block in run.descending() {
                // SAFETY: I4: the run is claimed; that nobody else has it is what the model checks.
                self.content[block].with_mut(|content| unsafe { *content += 1 });
            }
        }

        fn all_are_found_again(&self, blocks: usize) {
            let mut found = 0;
            while let Some(run) = self.bitmap.claim(WORD, &Start::lowest()) {
                self.write(run);
                found += run.len();
            }
            assert_eq!(found, blocks, "a free block is out of reach");
        }
    }

    #[test]
    fn loom_a_block_has_one_owner_and_is_never_lost() {
        model(|| {
            let blocks = Blocks::new(5, 2);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || {
                let start = Start::lowest();
                (0..Start::AWAY).for_each(|_| start.met());
                if let Some(run) = other.bitmap.claim(1, &start) {
                    other.write(run);
                    other.bitmap.put(run).unwrap();
                }
            });
            if let Some(run) = blocks.bitmap.claim(2, &Start::lowest()) {
                blocks.write(run);
                blocks.bitmap.put(run).unwrap();
            }
            thread.join().unwrap();
            blocks.all_are_found_again(2);
        });
    }

    #[test]
    fn loom_emptying_a_word_does_not_hide_a_block_put_meanwhile() {
        model(|| {
            let blocks = Blocks::new(8, 1);
            // Block 5 is ours from the start: it was never put.
            let other = Arc::clone(&blocks);
            let putter = thread::spawn(move || {
                let run = Run { first: 4, bits: 0b10 };
                other.write(run);
                other.bitmap.put(run).unwrap();
                // And block 1, in the word that the claimer empties.
                let run = Run { first: 0, bits: 0b10 };
                other.write(run);
                other.bitmap.put(run).unwrap();
            });
            let run = blocks.bitmap.claim(WORD, &Start::lowest());
            let taken = run.map_or(0, Run::len);
            if let Some(run) = run {
                blocks.write(run);
            }
            putter.join().unwrap();
            blocks.all_are_found_again(3 - taken);
        });
    }

    #[test]
    fn loom_two_claimers_and_a_putter_in_one_word() {
        model(|| {
            let blocks = Blocks::new(3, 2);
            let claimers: Vec<_> = (0..2)
                .map(|_| {
                    let blocks = Arc::clone(&blocks);
                    thread::spawn(move || {
                        let run = blocks.bitmap.claim(1, &Start::lowest());
                        if let Some(run) = run {
                            blocks.write(run);
                        }
                        run.map_or(0, Run::len)
                    })
                })
                .collect();
            let run = Run { first: 2, bits: 1 };
            blocks.write(run);
            blocks.bitmap.put(run).unwrap();
            let taken: usize = claimers.into_iter().map(|claimer| claimer.join().unwrap()).sum();
            blocks.all_are_found_again(3 - taken);
        });
    }

    #[test]
    fn loom_an_exact_claim_finds_what_was_freed_before() {
        model(|| {
            let blocks = Blocks::new(5, 0);
            let other = Arc::clone(&blocks);
            let neighbour = thread::spawn(move || other.bitmap.put(Run { first: 0, bits: 0b01 }).unwrap());
            blocks.bitmap.put(Run { first: 0, bits: 0b10 }).unwrap();
            assert!(blocks.bitmap.claim_exact(5, 1).is_some());
            neighbour.join().unwrap();
            blocks.all_are_found_again(1);
        });
    }
}
