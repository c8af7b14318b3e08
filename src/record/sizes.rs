//! How often each size was asked for, to the grain of 16 bytes in which block sizes come.

use crate::class::MAX_BLOCK_SIZE;
use crate::sync::Ordering;
use crate::sync::fixed::AtomicU64;

const GRAIN: usize = 16;
/// Up to here each multiple of the grain has a cell of its own; above, each doubling has `CELLS_A_DOUBLING`.
const EXACT: usize = 64 << 10;
const CELLS_A_DOUBLING: usize = 64;
/// The last cell is for what no block can hold.
const CELLS: usize = EXACT / GRAIN + CELLS_A_DOUBLING * (MAX_BLOCK_SIZE / EXACT).ilog2() as usize + 1;

/// How often sizes within one grain were asked for.
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// drop((SmBox::new_in([0_u8; 20], recorder.clone()), SmBox::new_in([0_u8; 30], recorder.clone())));
/// let recording = recorder.recording();
/// let [sizes] = recording.sizes() else { unreachable!() };
/// assert_eq!((sizes.most, sizes.count, sizes.bytes), (32, 2, 50));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SizeCount {
    /// The largest size of the grain in bytes, up to which a block must reach; `usize::MAX` for all sizes that no block can have.
    pub most: usize,
    /// Blocks that were asked for.
    pub count: u64,
    /// Bytes that were asked for with them.
    pub bytes: u64,
}

impl SizeCount {
    /// One block.
    pub(super) fn of(size: usize) -> Self {
        Self { most: most(cell(size)), count: 1, bytes: size as u64 }
    }
}

/// Shared counters. Numbers for people: no order between them is promised, so Relaxed throughout.
#[derive(Debug)]
pub(crate) struct Sizes(Box<[(AtomicU64, AtomicU64)]>);

impl Sizes {
    pub(crate) fn new() -> Self {
        Self((0..CELLS).map(|_| (AtomicU64::new(0), AtomicU64::new(0))).collect())
    }

    #[inline]
    pub(crate) fn count(&self, size: usize) {
        let (count, bytes) = &self.0[cell(size)];
        count.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(size as u64, Ordering::Relaxed);
    }

    /// The cells that were counted in, smallest sizes first.
    pub(crate) fn counts(&self) -> impl Iterator<Item = SizeCount> {
        let counts = self.0.iter().enumerate().map(|(cell, (count, bytes))| SizeCount {
            most: most(cell),
            count: count.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
        });
        counts.filter(|cell| cell.count > 0)
    }
}

/// The cell of a size.
fn cell(size: usize) -> usize {
    if size <= EXACT {
        return size.div_ceil(GRAIN).max(1) - 1;
    }
    if size > MAX_BLOCK_SIZE {
        return CELLS - 1;
    }
    // Each doubling of the size is divided into equal parts; a cell is one of them.
    let doubling = (size - 1).ilog2();
    let part = ((size - 1) >> (doubling - CELLS_A_DOUBLING.ilog2())) - CELLS_A_DOUBLING;
    EXACT / GRAIN + (doubling - EXACT.ilog2()) as usize * CELLS_A_DOUBLING + part
}

/// Whether a cell reaches up to `size`.
pub(crate) fn is_most(size: usize) -> bool {
    most(cell(size)) == size
}

/// Whether so many sizes of the cell that reaches up to `most_size` can be so many bytes together. Of sizes that no block can have any sum will do: it may have overflowed.
pub(crate) fn can_come_to(most_size: usize, count: u64, bytes: u64) -> bool {
    let least = cell(most_size).checked_sub(1).map_or(0, |below| most(below) as u128 + 1);
    let (count, bytes) = (u128::from(count), u128::from(bytes));
    most_size == usize::MAX || (count * least..=count * most_size as u128).contains(&bytes)
}

/// The largest size of a cell.
fn most(cell: usize) -> usize {
    if cell == CELLS - 1 {
        return usize::MAX;
    }
    match cell.checked_sub(EXACT / GRAIN) {
        None => (cell + 1) * GRAIN,
        Some(above) => {
            let first = EXACT << (above / CELLS_A_DOUBLING);
            first + (above % CELLS_A_DOUBLING + 1) * (first / CELLS_A_DOUBLING)
        }
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_the_cell_that_reaches_up_to_it() {
        let steps = |range: core::ops::RangeInclusive<usize>, step| range.step_by(step);
        for size in steps(0..=70_000, 1).chain(steps(70_000..=MAX_BLOCK_SIZE, 509)).chain([MAX_BLOCK_SIZE]) {
            let cell = cell(size);
            assert!(size <= most(cell) && (cell == 0 || size > most(cell - 1)), "{size} in cell {cell}");
            assert!(most(cell) % GRAIN == 0);
        }
        let told = |size: usize, bytes| can_come_to(most(cell(size)), 2, bytes);
        assert_eq!([0, 32, 33].map(|bytes| told(16, bytes)), [true, true, false]);
        assert_eq!([33, 34, 64, 65].map(|bytes| told(32, bytes)), [false, true, true, false]);
        assert!(told(MAX_BLOCK_SIZE + 1, 0));
        assert_eq!((most(cell(MAX_BLOCK_SIZE)), most(cell(MAX_BLOCK_SIZE + 1))), (MAX_BLOCK_SIZE, usize::MAX));
    }
}
