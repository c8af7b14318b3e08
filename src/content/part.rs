//! Which part of some bytes a range means.

use core::ops::{Bound, RangeBounds};

/// Where `range` begins and ends in `len` bytes.
///
/// # Panics
/// If it ends behind the last byte, or before it starts.
#[inline]
#[track_caller]
pub(crate) fn part_of(range: &impl RangeBounds<usize>, len: usize) -> (usize, usize) {
    let from = match range.start_bound() {
        Bound::Included(&first) => first,
        Bound::Excluded(&before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&behind) => behind,
        Bound::Unbounded => len,
    };
    assert!(from <= to && to <= len, "no slice from byte {from} to {to}: there are {len} bytes");
    (from, to)
}
