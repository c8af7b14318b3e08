//! What a heap with other block sizes would have done with the same events.

use std::collections::{HashMap, HashSet};

use super::{Event, Recording};
use crate::class::{MAX_ALIGN, MAX_BLOCK_SIZE};

/// What a table of block sizes would take: by [`Recording::forecast`].
///
/// Of a complete recording, `waste` (where nothing overflows: what does has larger blocks), `peak_bytes` and `overflow` are within 3 % of what a heap
/// does with the same calls in the same order. Of a sample
/// ([`one_in`](Recording::one_in)), `waste`, `too_large` and each class's `allocations` are the same as of the whole, because sizes are all
/// counted (but for alignments of more than 16 bytes, which are estimated); peaks are estimates: where `k` blocks of a class are in the sample at its
/// peak, the class's `peak` is off by more than `2 / √k` of it about once in twenty times (a fifth for a
/// hundred blocks, a fiftieth for ten thousand). So nothing is known of classes of which few blocks are live, and if these are large ones nothing of
/// `peak_bytes`: [`Log::with_events`](super::Log::with_events) with room for all events is then the answer.
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// let boxes: Vec<_> = (0..3_u8).map(|n| SmBox::new_in([n; 24], recorder.clone())).collect();
/// let forecast = recorder.recording().forecast(&[32, 64], &[2, 10]);
/// assert_eq!((forecast.waste, forecast.classes[0].peak, forecast.overflow), (8.0 / 24.0, 2, 1.0 / 3.0));
/// # drop(boxes);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Forecast {
    /// Bytes of blocks beyond those asked for, for each byte asked for; over all blocks, each in the smallest class that fits and is aligned well
    /// enough.
    pub waste: f64,
    /// What of it no table avoids, because block sizes are multiples of 16 bytes.
    pub grain_waste: f64,
    /// The share of blocks whose own bucket has none left, so that they come from elsewhere.
    pub overflow: f64,
    /// Blocks that no class serves: for the system.
    pub too_large: u64,
    /// Blocks that are not too large, but no class's size is a multiple of their alignment: for the system, too; estimated from the sample.
    pub misaligned: u64,
    /// The most bytes of buckets' blocks that are live at a time.
    pub peak_bytes: u64,
    /// The classes, smallest blocks first.
    pub classes: Vec<ClassForecast>,
}

/// What one class of a table would serve.
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// drop(SmBox::new_in(1_u64, recorder.clone()));
/// let forecast = recorder.recording().forecast(&[16], &[usize::MAX]);
/// assert_eq!((forecast.classes[0].allocations, forecast.classes[0].peak), (1, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClassForecast {
    /// Bytes of a block.
    pub block_size: usize,
    /// How often it was the smallest that fits and is aligned well enough.
    pub allocations: u64,
    /// The most of its blocks that are live at a time, estimated from the sample.
    pub peak: u64,
}

/// The class that a heap of these block sizes takes first: the smallest that fits and is aligned well enough.
pub(super) fn class_of(block_sizes: &[usize], size: usize, align: usize) -> Option<usize> {
    let first = block_sizes.partition_point(|&block| block < size);
    let fits = |&class: &usize| align <= 16 || block_sizes[class] % align == 0;
    (first..block_sizes.len()).find(fits).filter(|_| align <= MAX_ALIGN)
}

/// Takes `count` blocks from a lane that has room for `most` and gets half of that when it is empty; how often it was.
fn take(lane: &mut u64, count: u64, most: u64) -> u64 {
    let cycle = (most / 2).max(1);
    let beyond = count.saturating_sub(*lane);
    *lane = if beyond == 0 { *lane - count } else { beyond.next_multiple_of(cycle) - beyond };
    beyond.div_ceil(cycle)
}

/// Gives `count` blocks to a lane that is left half full when it was full; how often it was.
fn give(lane: &mut u64, count: u64, most: u64) -> u64 {
    let cycle = most - most / 2 + 1;
    let beyond = count.saturating_sub(most.saturating_sub(*lane));
    *lane = if beyond == 0 { *lane + count } else { most - (beyond.next_multiple_of(cycle) - beyond) };
    beyond.div_ceil(cycle)
}

impl Recording {
    /// What a heap with these block sizes, and so many blocks of each, would have done: a walk along the events.
    ///
    /// A block whose bucket is exhausted goes to the next bucket that has one and is aligned well enough, or to the system.
    ///
    /// # Panics
    /// If there are not as many `blocks` as `block_sizes`, or the sizes do not ascend.
    #[must_use]
    #[track_caller]
    pub fn forecast(&self, block_sizes: &[usize], blocks: &[usize]) -> Forecast {
        assert_eq!(
            block_sizes.len(),
            blocks.len(),
            "{} block sizes, but blocks for {}",
            block_sizes.len(),
            blocks.len()
        );
        assert!(block_sizes.is_sorted_by(|a, b| a < b), "block sizes must ascend: {block_sizes:?}");
        let mut forecast = self.forecast_sizes(block_sizes);
        // The live blocks of each bucket, of the sample; and where each block lies, by its first event.
        let mut live = vec![0_u64; blocks.len()];
        let mut homes = vec![None; self.events().len()];
        let (mut bytes, mut sampled, mut overflowed) = (0_u128, 0_u64, 0_u64);
        let all = |class: usize| block_sizes[class] as u128 * u128::from(self.one_in());
        for (place, (event, begun)) in self.lives().enumerate() {
            if event.freed {
                if let Some(class) = begun.and_then(|(_, from)| homes[from]) {
                    live[class] -= 1;
                    bytes -= all(class);
                }
                continue;
            }
            sampled += 1;
            let Some(own) = class_of(block_sizes, event.size, event.align) else {
                let is_large = class_of(block_sizes, event.size, 1).is_none();
                forecast.misaligned += if is_large { 0 } else { self.one_in() };
                continue;
            };
            // A block of the sample stands for as many as are not: there is room for it if there is for half of them.
            let room = |&class: &usize| {
                let aligned = event.align <= 16 || block_sizes[class] % event.align == 0;
                aligned && live[class] * self.one_in() + self.one_in() / 2 < blocks[class] as u64
            };
            homes[place] = (own..blocks.len()).find(room);
            overflowed += u64::from(homes[place] != Some(own));
            if let Some(class) = homes[place] {
                live[class] += 1;
                bytes += all(class);
                let peak = &mut forecast.classes[class].peak;
                *peak = (*peak).max(live[class] * self.one_in());
                forecast.peak_bytes = forecast.peak_bytes.max(u64::try_from(bytes).unwrap_or(u64::MAX));
            }
        }
        forecast.overflow = overflowed as f64 / sampled.max(1) as f64;
        forecast
    }

    /// What does not depend on how many blocks there are.
    fn forecast_sizes(&self, block_sizes: &[usize]) -> Forecast {
        let class = |&block_size| ClassForecast { block_size, allocations: 0, peak: 0 };
        let mut classes: Vec<_> = block_sizes.iter().map(class).collect();
        let (mut asked, mut held, mut grains, mut too_large) = (0_u128, 0_u128, 0_u128, 0);
        for cell in self.sizes() {
            // Where a cell is wider than a grain, a block size may lie in it: most of its sizes are on their average's side.
            let average = usize::try_from(cell.bytes.div_ceil(cell.count.max(1))).unwrap_or(usize::MAX);
            let size = if cell.most > MAX_BLOCK_SIZE { cell.most } else { average };
            let Some(class) = class_of(block_sizes, size, 1) else {
                too_large += cell.count;
                continue;
            };
            classes[class].allocations += cell.count;
            asked += u128::from(cell.bytes);
            grains += u128::from(cell.count) * cell.most as u128;
            held += u128::from(cell.count) * block_sizes[class] as u128;
        }
        // Sizes are counted without their alignments: blocks that these lead elsewhere move there.
        for event in self.events().iter().filter(|event| !event.freed && event.align > 16) {
            let Some(counted) = class_of(block_sizes, event.size, 1) else { continue };
            let served = class_of(block_sizes, event.size, event.align);
            let blocks = self.one_in().min(classes[counted].allocations);
            classes[counted].allocations -= blocks;
            held = held.saturating_sub(u128::from(blocks) * block_sizes[counted] as u128);
            match served {
                Some(class) => {
                    classes[class].allocations += blocks;
                    held += u128::from(blocks) * block_sizes[class] as u128;
                }
                None => asked = asked.saturating_sub(u128::from(blocks) * event.size as u128),
            }
        }
        let waste = |held: u128| held.saturating_sub(asked) as f64 / asked.max(1) as f64;
        Forecast {
            waste: waste(held),
            grain_waste: waste(grains),
            overflow: 0.0,
            too_large,
            misaligned: 0,
            peak_bytes: 0,
            classes,
        }
    }

    /// For each class, how many of its blocks are live when one more is asked for, one number an event of the sample, if there are always
    /// enough of them.
    pub(super) fn occupancies(&self, block_sizes: &[usize]) -> Vec<Vec<u64>> {
        let mut live = vec![0; block_sizes.len()];
        let mut seen = vec![Vec::new(); block_sizes.len()];
        for (event, begun) in self.lives() {
            let event = begun.map_or(event, |(begun, _)| Event { freed: event.freed, ..begun });
            let Some(class) = class_of(block_sizes, event.size, event.align) else { continue };
            if !event.freed {
                live[class] += self.one_in();
                seen[class].push(live[class]);
            } else if begun.is_some() {
                live[class] -= self.one_in();
            }
        }
        seen
    }

    /// The share of events that find a thread's cache of so many blocks empty, or full, if it then takes or gives half of it.
    pub(super) fn misses(&self, block_sizes: &[usize], cached: impl Fn(usize) -> u64) -> f64 {
        let mut lanes: HashMap<(u16, usize), u64> = HashMap::new();
        let (mut all, mut misses) = (0_u64, 0_u64);
        for (event, begun) in self.lives() {
            let asked = begun.map_or(event, |(begun, _)| begun);
            let Some(class) = class_of(block_sizes, asked.size, asked.align) else { continue };
            let most = cached(block_sizes[class]);
            let lane = lanes.entry((event.thread, class)).or_default();
            all += self.one_in();
            misses += if event.freed { give(lane, self.one_in(), most) } else { take(lane, self.one_in(), most) };
        }
        misses as f64 / all.max(1) as f64
    }

    /// Threads that were seen.
    pub(super) fn threads(&self) -> usize {
        self.events().iter().map(|event| event.thread).collect::<HashSet<_>>().len()
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    /// One block after the other.
    fn step(lane: &mut u64, freed: bool, most: u64) -> u64 {
        match (freed, *lane) {
            (false, 0) => *lane = (most / 2).saturating_sub(1),
            (true, full) if full >= most => *lane = most / 2,
            (false, _) => {
                *lane -= 1;
                return 0;
            }
            (true, _) => {
                *lane += 1;
                return 0;
            }
        }
        1
    }

    #[test]
    fn many_at_once_are_as_many_one_by_one() {
        for most in 0..12 {
            for (begin, count) in (0..=most).flat_map(|begin| (1..40).map(move |count| (begin, count))) {
                for freed in [false, true] {
                    let (mut one_by_one, mut at_once) = (begin, begin);
                    let misses: u64 = (0..count).map(|_| step(&mut one_by_one, freed, most)).sum();
                    let pass = if freed { give } else { take };
                    let told = pass(&mut at_once, count, most);
                    assert_eq!((told, at_once), (misses, one_by_one), "{count} at {begin} of {most}, freed: {freed}");
                }
            }
        }
    }
}
