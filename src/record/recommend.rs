//! The block sizes, buckets and caches that fit a recording.
#![expect(clippy::cast_possible_truncation, reason = "counts of blocks, which were counted or are estimates")]

use core::fmt;
use std::collections::BTreeMap;

use super::{Event, Forecast, PurgeForecast, Recording, SizeCount, class_of};
use crate::class::{MAX_ALIGN, MAX_BLOCK_SIZE, MAX_CLASSES};
use crate::config::Purge;
use crate::derived::default;

/// What a recommendation shall reach.
///
/// ```
/// use smarena::record::Goal;
///
/// let goal = Goal { classes: 8, waste: 0.0, ..Goal::default() }; // eight block sizes, the best there are
/// assert_eq!(goal.headroom, 0.25);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Block sizes at most: 1 to 64. Default: 32.
    pub classes: usize,
    /// Bytes beyond those asked for, in grains of 16, for each byte asked for, up to 1000: as few block sizes as stay within it. Default: 0.08.
    pub waste: f64,
    /// The share of blocks that may find their bucket exhausted, up to 1. Default: 0.
    pub overflow: f64,
    /// So much more than was seen to be needed, up to 1000. Default: 0.25, a quarter.
    pub headroom: f64,
    /// Bytes of all buckets at most. Where they do not suffice caches are smaller, and then more blocks overflow than `overflow` allows; but each
    /// block size has one block. Default: no bound.
    pub memory: Option<usize>,
}

default! { [] Goal: Self { classes: 32, waste: 0.08, overflow: 0.0, headroom: 0.25, memory: None } }

/// Block sizes and what belongs to them, by [`Recording::recommend`]. Its `Display` is Rust to paste, with what it would take.
///
/// ```
/// # use smarena::{Global, SmBox, record::{Goal, Recorder}};
/// let recorder = Recorder::new(Global);
/// drop(SmBox::new_in([0_u8; 100], recorder.clone()));
/// let tuned = recorder.recording().recommend(&Goal::default());
/// assert!(tuned.to_string().contains("Tuned: [112]"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Recommendation {
    block_sizes: Vec<usize>,
    blocks: Vec<usize>,
    cache_bytes: usize,
    forecast: Forecast,
    purge: PurgeForecast,
    /// What the goal was, if it could not be kept.
    too_little: Option<usize>,
}

/// What a thread's cache may hold of each bucket, in bytes: what is tried, smallest first. None at all is for those who have too little memory.
const CACHES: [usize; 6] = [0, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10];
/// The share of events that may find the cache empty or full.
const MISSES: f64 = 0.01;

impl Recommendation {
    /// The block sizes, ascending.
    #[must_use]
    pub fn block_sizes(&self) -> &[usize] {
        &self.block_sizes
    }

    /// How many blocks of each there should be.
    #[must_use]
    pub fn blocks(&self) -> &[usize] {
        &self.blocks
    }

    /// What a thread's cache should hold of each bucket, in bytes; 0 for no cache.
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }

    /// What a heap built so would have done.
    #[must_use]
    pub fn forecast(&self) -> &Forecast {
        &self.forecast
    }

    /// When its free pages should go back to the system, and what comes of it.
    #[must_use]
    pub fn purge(&self) -> &PurgeForecast {
        &self.purge
    }
}

impl Recording {
    /// The block sizes that waste least, and buckets, caches and [`Purge`] for them.
    ///
    /// Of all tables with as many sizes it is one that wastes least for the sizes that were seen, as long as nothing is aligned to more
    /// than 16 bytes: dynamic programming over the sizes, `O(sizes * log(sizes))` for each number of classes by divide and conquer, which is
    /// sound because the waste of a class obeys the quadrangle inequality (Yao, *Efficient dynamic programming using quadrangle
    /// inequalities*, 1980).
    ///
    /// Free pages should go back after the shortest pause of 1, 10 and 60 seconds for which a heap that did so while the recording was made
    ///
    /// - had given back, at some time, at least 1 MiB and an eighth of the most that was live: else the passes are for nothing; and
    /// - had what it gave back away for as long, on the average, as it had waited for it: what is wanted again sooner costs a system call and page
    ///   faults each time, and little is gained by it.
    ///
    /// If there is none: `Purge::Never`, which saves the passes. A recording of less than ten seconds does not show what is free for long: if as
    /// much as that was free at any time, the default stays, else it is `Never` too. What a program does when it is quiet must be in the
    /// recording, and what it gives back when it ends does not count, because nobody comes by afterwards. Blocks that live long on a page
    /// with free ones keep it, so what is foretold is the most that can go back.
    ///
    /// Layouts that are aligned to more than 16 bytes, and that none of the sizes serves, or a much larger one, get one that is a multiple, as long as
    /// the goal allows more.
    ///
    /// Each thread that was seen counts with a full cache, also one that has ended: a recording does not tell. Where a program has a thread for each
    /// connection, buckets come out much larger than it needs; what is never used of them are addresses, and no memory. Bound it with
    /// [`Goal::memory`].
    ///
    /// # Panics
    /// If the goal is for no class or for more than 64, or one of its numbers is not what [`Goal`] says it may be.
    #[must_use]
    #[track_caller]
    pub fn recommend(&self, goal: &Goal) -> Recommendation {
        let most = MAX_CLASSES;
        assert!(
            (1..=most).contains(&goal.classes),
            "a goal of {} block sizes, but a table has 1 to {most}",
            goal.classes
        );
        for (name, goal, most) in
            [("waste", goal.waste, 1000.0), ("overflow", goal.overflow, 1.0), ("headroom", goal.headroom, 1000.0)]
        {
            assert!((0.0..=most).contains(&goal), "a goal of {goal} for `{name}`, which is from 0 to {most}");
        }
        let servable = |cell: &&SizeCount| cell.most <= MAX_BLOCK_SIZE;
        let cells: Vec<SizeCount> = self.sizes().iter().filter(servable).copied().collect();
        let block_sizes = self.with_alignments(least_waste(&cells, goal), &cells, goal);
        let misses = CACHES.map(|bytes| self.misses(&block_sizes, |size| (bytes / size) as u64));
        // Where there are few events, no cache may get down to `MISSES`: then the one with the fewest misses will do.
        let reached = misses.into_iter().fold(1.0, f64::min).max(MISSES);
        let mut cache = (1..CACHES.len()).find(|&cache| misses[cache] <= reached).unwrap_or(CACHES.len() - 1);
        let mut seen = self.occupancies(&block_sizes);
        seen.iter_mut().for_each(|seen| seen.sort_unstable());
        let blocks = |overflow, cache: usize| self.blocks(&block_sizes, &seen, goal.headroom, overflow, CACHES[cache]);
        let mut overflow = goal.overflow;
        let is_too_much = |blocks: &[usize]| goal.memory.is_some_and(|most| bytes(blocks, &block_sizes) > most);
        let mut chosen = blocks(overflow, cache);
        while is_too_much(&chosen) && (cache > 0 || overflow < 1.0) {
            if cache > 0 {
                cache -= 1
            } else {
                overflow = (overflow + 0.01).min(1.0)
            }
            chosen = blocks(overflow, cache);
        }
        let too_little = goal.memory.filter(|_| is_too_much(&chosen));
        let forecast = self.forecast(&block_sizes, &chosen);
        let purge = self.purge(&block_sizes);
        Recommendation { block_sizes, blocks: chosen, cache_bytes: CACHES[cache], forecast, purge, too_little }
    }

    /// Adds block sizes for layouts whose alignment none of them serves: largest first, since those may serve others as well. Then for those that are
    /// served by a larger one than they need, where most is lost first, until that is within the goal.
    fn with_alignments(&self, mut sizes: Vec<usize>, cells: &[SizeCount], goal: &Goal) -> Vec<usize> {
        let mut aligned = BTreeMap::<_, u128>::new();
        for &Event { size, align, freed, .. } in self.events() {
            // A file may tell of sizes that no recorder notes.
            let size = size.max(1);
            if !freed && (17..=MAX_ALIGN).contains(&align) && size.next_multiple_of(align) <= MAX_BLOCK_SIZE {
                *aligned.entry((size, align)).or_default() += u128::from(self.one_in());
            }
        }
        let insert = |sizes: &mut Vec<usize>, block| sizes.insert(sizes.partition_point(|&size| size < block), block);
        for &(size, align) in aligned.keys().rev() {
            if sizes.len() < goal.classes && class_of(&sizes, size, align).is_none() {
                insert(&mut sizes, size.next_multiple_of(align));
            }
        }
        let asked = cells.iter().map(|cell| u128::from(cell.bytes)).sum::<u128>() as f64;
        while sizes.len() < goal.classes {
            let lost = |(&(size, align), count): (&(usize, usize), &u128)| {
                let (class, block) = (class_of(&sizes, size, align)?, size.next_multiple_of(align));
                Some((count * (sizes[class] - block) as u128, block))
            };
            let losses = aligned.iter().filter_map(lost);
            let (sum, (most, block)) = losses.fold((0, (0, 0)), |(sum, most), loss| (sum + loss.0, most.max(loss)));
            if most == 0 || sum as f64 <= goal.waste * asked {
                break;
            }
            insert(&mut sizes, block);
        }
        sizes
    }

    /// Blocks of each class so that at most a share of `overflow` of those asked for find none.
    fn blocks(&self, sizes: &[usize], seen: &[Vec<u64>], headroom: f64, overflow: f64, cache: usize) -> Vec<usize> {
        let threads = self.threads();
        let needed = |seen: &Vec<u64>| {
            let rank = ((seen.len() as f64) * (1.0 - overflow)).ceil() as usize;
            rank.checked_sub(1).and_then(|last| seen.get(last)).map_or(0.0, |&live| live as f64 * (1.0 + headroom))
        };
        // Beside the blocks in use there must be those in the threads' caches, which nobody else can have.
        sizes
            .iter()
            .zip(seen)
            .map(|(size, seen)| (needed(seen).ceil() as usize).saturating_add(threads * (cache / size)))
            .map(|n| n.max(1))
            .collect()
    }
}

/// The bytes of so many blocks of each size.
fn bytes(blocks: &[usize], sizes: &[usize]) -> usize {
    blocks.iter().zip(sizes).fold(0, |sum, (blocks, size)| blocks.saturating_mul(*size).saturating_add(sum))
}

/// As few block sizes as keep the waste within the goal, or as many as it allows.
fn least_waste(cells: &[SizeCount], goal: &Goal) -> Vec<usize> {
    if cells.is_empty() {
        return vec![16];
    }
    // Running totals: what a stretch of cells has is then the difference of two of them.
    let mut sums = vec![(0_u128, 0_u128)];
    for cell in cells {
        let (count, bytes) = sums[sums.len() - 1];
        sums.push((count + u128::from(cell.count), bytes + u128::from(cell.bytes)));
    }
    let waste = |from: usize, to: usize| {
        let (count, bytes) = (sums[to].0 - sums[from].0, sums[to].1 - sums[from].1);
        (count * cells[to - 1].most as u128).saturating_sub(bytes)
    };
    let asked = sums[cells.len()].1;
    let unavoidable = (0..cells.len()).map(|cell| waste(cell, cell + 1)).sum::<u128>() as f64;
    // For each number of classes, and of cells that these serve: the cell at which the last class begins.
    let mut begins: Vec<Vec<usize>> = Vec::new();
    let mut best: Vec<u128> = (0..=cells.len()).map(|to| if to == 0 { 0 } else { waste(0, to) }).collect();
    begins.push(vec![0; cells.len() + 1]);
    while begins.len() < goal.classes.min(cells.len())
        && best[cells.len()] as f64 > goal.waste * asked as f64 + unavoidable
    {
        let mut row = Row { before: &best, waste: &waste, best: best.clone(), begins: vec![0; cells.len() + 1] };
        row.fill(begins.len() + 1, cells.len(), begins.len(), cells.len() - 1);
        let Row { best: next, begins: next_begins, .. } = row;
        best = next;
        begins.push(next_begins);
    }
    let (mut sizes, mut to) = (Vec::new(), cells.len());
    for begins in begins.iter().rev() {
        sizes.push(cells[to - 1].most);
        to = begins[to];
    }
    sizes.reverse();
    sizes
}

/// One more class than before.
struct Row<'a, W> {
    before: &'a [u128],
    waste: &'a W,
    best: Vec<u128>,
    begins: Vec<usize>,
}

impl<W: Fn(usize, usize) -> u128> Row<'_, W> {
    /// The best for the first `low..=high` cells, whose last class begins at `from..=until`.
    fn fill(&mut self, low: usize, high: usize, from: usize, until: usize) {
        if low > high {
            return;
        }
        let middle = low.midpoint(high);
        let candidates = from..=until.min(middle - 1);
        let begin = candidates.min_by_key(|&begin| self.before[begin] + (self.waste)(begin, middle)).unwrap_or(from);
        (self.best[middle], self.begins[middle]) = (self.before[begin] + (self.waste)(begin, middle), begin);
        self.fill(low, middle - 1, from, begin);
        self.fill(middle + 1, high, begin, until);
    }
}

impl fmt::Display for Recommendation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forecast { waste, grain_waste, overflow, too_large, misaligned, peak_bytes, classes } = &self.forecast;
        writeln!(
            f,
            "smarena::size_classes! {{\n    /// Chosen by a recording.\n    Tuned: {:?}\n}}\n",
            self.block_sizes
        )?;
        writeln!(f, "let heap = smarena::Heap::<Tuned>::builder()")?;
        for (size, blocks) in self.block_sizes.iter().zip(&self.blocks) {
            writeln!(f, "    .bucket_bytes_of({size}, {blocks} * {size})")?;
        }
        match self.cache_bytes {
            0 => writeln!(f, "    .no_thread_cache()")?,
            bytes => writeln!(f, "    .thread_cache({bytes}, smarena::CacheWarmup::Cold)")?,
        }
        match self.purge.purge {
            Purge::After(pause) => {
                writeln!(f, "    .purge(smarena::Purge::After(std::time::Duration::from_secs({})))", pause.as_secs())?;
            }
            other => writeln!(f, "    .purge(smarena::Purge::{other:?})")?,
        }
        writeln!(f, "    .build()?;\n")?;
        let bytes = bytes(&self.blocks, &self.block_sizes);
        write!(
            f,
            "// To rounding {:.1} % is lost of what is asked for, {:.1} % by whichever table; {:.3} % of the blocks\n// overflow;",
            waste * 100.0,
            grain_waste * 100.0,
            overflow * 100.0
        )?;
        writeln!(
            f,
            " {} are for the system; blocks of {} KiB are live at most, of {} KiB in all.",
            too_large + misaligned,
            peak_bytes / 1024,
            bytes.div_ceil(1024)
        )?;
        if let Some(goal) = self.too_little {
            writeln!(
                f,
                "// That is more than the goal allows: {} KiB do not suffice for one block of each size.",
                goal / 1024
            )?;
        }
        writeln!(f, "// {}", self.purge)?;
        writeln!(f, "//\n// {:>10} {:>12} {:>10} {:>10}", "block size", "allocations", "peak live", "blocks")?;
        for (class, blocks) in classes.iter().zip(&self.blocks) {
            writeln!(f, "// {:>10} {:>12} {:>10} {blocks:>10}", class.block_size, class.allocations, class.peak)?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All choices of `classes` sizes of which the last is the largest.
    fn brute_force(cells: &[SizeCount], classes: usize) -> u128 {
        let waste = |chosen: u32| -> u128 {
            let block = |n: usize| (n..cells.len()).find(|&up| chosen >> up & 1 == 1 || up + 1 == cells.len()).unwrap();
            let one = |(n, cell): (usize, &SizeCount)| {
                u128::from(cell.count) * cells[block(n)].most as u128 - u128::from(cell.bytes)
            };
            cells.iter().enumerate().map(one).sum()
        };
        let fits =
            |chosen: &u32| chosen.count_ones() as usize + usize::from(chosen >> (cells.len() - 1) & 1 == 0) <= classes;
        (0..1_u32 << cells.len()).filter(fits).map(waste).min().unwrap()
    }

    proptest! {
        #[test]
        fn no_table_of_as_many_sizes_wastes_less(
            seen in prop::collection::btree_map(1_usize..100, (1_u64..1000, 0_u64..16), 1..10), classes in 1_usize..6,
        ) {
            let cell = |(grain, (count, short)): (&usize, &(u64, u64))| SizeCount { most: grain * 16, count: *count, bytes: count * (*grain as u64 * 16 - short) };
            let cells: Vec<_> = seen.iter().map(cell).collect();
            let sizes = least_waste(&cells, &Goal { classes, waste: 0.0, ..Goal::default() });
            prop_assert!(sizes.len() <= classes && sizes.is_sorted_by(|a, b| a < b));
            let block = |cell: &SizeCount| *sizes.iter().find(|&&size| size >= cell.most).unwrap() as u128;
            let waste: u128 = cells.iter().map(|cell| u128::from(cell.count) * block(cell) - u128::from(cell.bytes)).sum();
            prop_assert_eq!(waste, brute_force(&cells, classes));
        }
    }

    #[test]
    fn as_few_sizes_as_the_goal_allows() {
        let cells: Vec<_> = (1..=4).map(|n| SizeCount { most: n * 16, count: 1, bytes: n as u64 * 16 }).collect();
        // 160 bytes asked for. One size holds 256, two 48 + 48 + 48 + 64 or 32 + 32 + 64 + 64: 192, three 176, four 160.
        let sizes = |waste| least_waste(&cells, &Goal { waste, ..Goal::default() }).len();
        assert_eq!([0.6, 0.59, 0.2, 0.19, 0.1, 0.09, 0.0].map(sizes), [1, 2, 2, 3, 3, 4, 4]);
    }
}
