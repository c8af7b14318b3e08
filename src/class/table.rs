//! A checked table of block sizes, and the arithmetic from a size to its class.

#[cfg(feature = "capi")]
pub(crate) mod late;

use super::{MAX_BLOCK_SIZE, MAX_CLASSES};
use crate::text::Text;

/// Every block size is a multiple of this, so every block is aligned to it. Smaller alignments cost nothing.
pub(crate) const GRAIN: usize = 16;

/// A checked table of block sizes: ascending multiples of 16, 1 to 64 of them, at most 2 MiB each.
///
/// Most code never names it: the built-in tables and [`size_classes!`](crate::size_classes) bring theirs along.
///
/// ```
/// use smarena::class::Table;
///
/// const TABLE: Table = Table::listed(&[64, 256, 1536]);
/// assert_eq!(TABLE.block_sizes(), [64, 256, 1536]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Table {
    block_sizes: &'static [usize],
    rule: Rule,
}

/// How a table gets from a size to a class.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Linear,
    Piecewise,
    Geometric,
    Listed(Listed),
}

/// How a list of block sizes gets from a size to a class.
#[derive(Debug, Clone, Copy)]
struct Listed {
    /// The class of every size up to `LOOKED_UP`, by the number of its last grain.
    by_grain: ByGrain,
    /// Of every size up to `NEAR`, by the number of its last half KiB.
    near: Start,
    /// Of every size, by its geometric class.
    far: Start,
}

/// Where to look for the class of a size.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// For the number of the stretch that a size lies in, the first class that can come into question.
    first: [u8; MAX_CLASSES + 1],
    /// How many classes further on the answer can be. Mostly none.
    furthest: u8,
}

impl Table {
    /// A table of exactly these block sizes, in bytes. [`size_classes!`](crate::size_classes) is the usual way to write one.
    ///
    /// # Panics
    /// If `block_sizes` is empty or has more than 64 entries, or if one of them is zero, not a multiple of 16, larger than
    /// 2 MiB, or not larger than the one before it. In a `const`, which is where tables live, that is a compile error:
    ///
    /// ```compile_fail,E0080
    /// use smarena::class::Table;
    ///
    /// const TABLE: Table = Table::listed(&[64, 100]); // 100 is not a multiple of 16
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn listed(block_sizes: &'static [usize]) -> Self {
        if let Some(objection) = objection(block_sizes) {
            panic!("{}", objection.as_str());
        }
        Self { block_sizes, rule: Rule::Listed(Listed::new(block_sizes)) }
    }

    // The first `classes` block sizes of the built-in tables.

    pub(super) const fn linear(classes: usize) -> Self {
        Self { block_sizes: LINEAR.split_at(classes).0, rule: Rule::Linear }
    }

    pub(super) const fn piecewise(classes: usize) -> Self {
        Self { block_sizes: PIECEWISE.split_at(classes).0, rule: Rule::Piecewise }
    }

    pub(super) const fn geometric(classes: usize) -> Self {
        Self { block_sizes: GEOMETRIC.split_at(classes).0, rule: Rule::Geometric }
    }

    /// The block sizes in bytes, ascending.
    ///
    /// ```
    /// use smarena::class::{Linear, SizeTable};
    ///
    /// assert_eq!(Linear::<4>::TABLE.block_sizes(), [16, 32, 48, 64]);
    /// ```
    #[must_use]
    pub const fn block_sizes(&self) -> &'static [usize] {
        self.block_sizes
    }

    /// The smallest class whose blocks hold `size` bytes. `size` is at most the largest block size.
    #[inline(always)]
    pub(super) const fn class_of_size(&self, size: usize) -> usize {
        match &self.rule {
            Rule::Linear => linear_class(size),
            Rule::Piecewise => piecewise_class(size),
            Rule::Geometric => geometric_class(size),
            Rule::Listed(listed) => listed.class_of_size(self.block_sizes, size),
        }
    }
}

/// What keeps a list of block sizes from being a table.
const fn objection(block_sizes: &[usize]) -> Option<Text> {
    if block_sizes.is_empty() || block_sizes.len() > MAX_CLASSES {
        return Some(
            Text::new("a table has 1 to ")
                .number(MAX_CLASSES)
                .with(" block sizes; this list has ")
                .number(block_sizes.len()),
        );
    }
    let mut class = 0;
    while class < block_sizes.len() {
        let block_size = block_sizes[class];
        let what = Text::new("block size ").number(block_size);
        if block_size == 0 || block_size % GRAIN != 0 {
            return Some(what.with(" is no multiple of ").number(GRAIN).with(", and at least that"));
        }
        if block_size > MAX_BLOCK_SIZE {
            return Some(what.with(" is more than 2 MiB (").number(MAX_BLOCK_SIZE).with(" bytes)"));
        }
        if class > 0 && block_size <= block_sizes[class - 1] {
            return Some(what.with(" stands behind ").number(block_sizes[class - 1]).with(": block sizes must ascend"));
        }
        class += 1;
    }
    None
}

impl Listed {
    /// Of a list without `objection`.
    const fn new(block_sizes: &[usize]) -> Self {
        Self {
            by_grain: classes_by_grain(block_sizes),
            near: Start::new(block_sizes, &HALF_KIBS, LOOKED_UP),
            far: Start::new(block_sizes, &GEOMETRIC, NEAR),
        }
    }

    /// As `Table::class_of_size`, of the table with these `block_sizes`.
    #[inline(always)]
    const fn class_of_size(&self, block_sizes: &[usize], size: usize) -> usize {
        if size <= LOOKED_UP {
            self.by_grain[size.div_ceil(GRAIN)] as usize
        } else if size <= NEAR {
            self.near.scan(block_sizes, size, size.div_ceil(512))
        } else {
            self.far.scan(block_sizes, size, geometric_class(size) + 1)
        }
    }
}

impl Start {
    /// Stretch `n` is what lies above `ends[n - 2]` and not above `ends[n - 1]`. The sizes asked for are larger than `above`.
    /// Past the largest block size there is no class; no look-up gets there.
    const fn new(block_sizes: &[usize], ends: &[usize; MAX_CLASSES], above: usize) -> Self {
        let mut first = [0; MAX_CLASSES + 1];
        let mut furthest = 0;
        let mut class = 0;
        let mut stretch = 1;
        while stretch <= MAX_CLASSES {
            #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
            {
                first[stretch] = class as u8;
            }
            let end = ends[stretch - 1];
            let mut further = 0;
            while class + further < block_sizes.len() && block_sizes[class + further] < end {
                further += 1;
            }
            if end > above && further > furthest {
                furthest = further;
            }
            while class < block_sizes.len() && block_sizes[class] <= end {
                class += 1;
            }
            stretch += 1;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        let furthest = furthest as u8;
        Self { first, furthest }
    }

    /// The class of `size`, which lies in `stretch`.
    #[inline(always)]
    const fn scan(&self, block_sizes: &[usize], size: usize, stretch: usize) -> usize {
        // Bounds that can never bite keep panics out of the look-up. How far to scan the compiler knows.
        let stretch = if stretch > MAX_CLASSES { MAX_CLASSES } else { stretch };
        let mut class = self.first[stretch] as usize;
        let mut step = 0;
        while step < self.furthest && class < block_sizes.len() - 1 && block_sizes[class] < size {
            class += 1;
            step += 1;
        }
        class
    }
}

// Constants, not statics: another crate's optimiser sees the numbers only if they are compiled into it.
macro_rules! numbers {
    ($count:literal, $number:ident => $value:expr) => {{
        let mut values = [0; $count];
        let mut $number = 0;
        while $number < values.len() {
            values[$number] = $value;
            $number += 1;
        }
        values
    }};
}

const LINEAR: [usize; 64] = numbers!(64, class => 16 * (class + 1));
const PIECEWISE: [usize; 62] = numbers!(62, class => match class {
    0..=7 => 16 * (class + 1),
    8..=14 => 128 * (class - 6),
    _ => 512 * (class - 12),
});
const GEOMETRIC: [usize; 64] = numbers!(64, class => match class {
    0..=3 => 16 * (class + 1),
    _ => (class % 4 + 5) << (class / 4 + 3),
});

/// Larger sizes are looked up by their geometric class.
const NEAR: usize = 32 << 10;
const HALF_KIBS: [usize; 64] = numbers!(64, stretch => 512 * (stretch + 1));

#[inline(always)]
const fn linear_class(size: usize) -> usize {
    size.saturating_sub(1) >> 4
}

#[inline(always)]
const fn piecewise_class(size: usize) -> usize {
    if size <= LOOKED_UP { PIECEWISE_CLASS[size.div_ceil(GRAIN)] as usize } else { (size.saturating_sub(1) >> 9) + 13 }
}

/// Sizes up to here are looked up by the number of their last grain: fewer instructions than arithmetic, and one or two lines
/// of the processor's cache.
pub(super) const LOOKED_UP: usize = 1024;
type ByGrain = [u8; LOOKED_UP / GRAIN + 1];
const PIECEWISE_CLASS: &ByGrain = &classes_by_grain(&PIECEWISE);
const GEOMETRIC_CLASS: &ByGrain = &classes_by_grain(&GEOMETRIC);

/// The class of every size up to `LOOKED_UP`. Past the largest block size there is none; no look-up gets there.
const fn classes_by_grain(block_sizes: &[usize]) -> ByGrain {
    let mut classes = [0; LOOKED_UP / GRAIN + 1];
    let (mut grain, mut class) = (1, 0);
    while grain < classes.len() {
        if (class as usize) < block_sizes.len() && block_sizes[class as usize] < grain * GRAIN {
            class += 1;
        }
        classes[grain] = class;
        grain += 1;
    }
    classes
}

/// Four classes a doubling, told apart by the two bits below the leading one of the last byte's offset.
/// Below 64 the steps stop shrinking at 16 bytes; the set bit of 64 sees to that without a branch.
#[inline(always)]
const fn geometric_class(size: usize) -> usize {
    if size <= LOOKED_UP {
        return GEOMETRIC_CLASS[size.div_ceil(GRAIN)] as usize;
    }
    let last = size.saturating_sub(1);
    let exponent = (last | 64).ilog2() as usize;
    // Not `last >> (exponent - 2)`: shifting by the exponent itself saves three instructions.
    ((last << 2) >> exponent) + 4 * exponent - 24
}

#[cfg(test)]
mod tests {
    use super::{MAX_BLOCK_SIZE, Table};
    use proptest::prelude::*;

    proptest! {
        // No file of failures: it would lie in the top level, and a failure prints its list anyway.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Any list that is a table, probed where an answer can change: around every block size.
        #[test]
        fn listed_agrees_with_a_search(sixteenths in prop::collection::btree_set(1..=MAX_BLOCK_SIZE / 16, 1..=64)) {
            let block_sizes: Vec<usize> = sixteenths.into_iter().map(|n| 16 * n).collect();
            check(block_sizes.leak());
        }

        /// The same with sizes so close that many share a geometric class.
        #[test]
        fn crowded_lists_agree_with_a_search(sixteenths in prop::collection::btree_set(1..=200_usize, 40..=64)) {
            let block_sizes: Vec<usize> = sixteenths.into_iter().map(|n| 16 * n).collect();
            check(block_sizes.leak());
        }
    }

    fn check(block_sizes: &'static [usize]) {
        let table = Table::listed(block_sizes);
        for size in block_sizes.iter().flat_map(|&b| [b - 15, b - 1, b, b + 1]).chain([0]) {
            if let Some(expected) = block_sizes.iter().position(|&b| b >= size) {
                assert_eq!(table.class_of_size(size), expected, "size {size} in {block_sizes:?}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a table has 1 to 64 block sizes; this list has 0")]
    fn no_block_size() {
        let _ = Table::listed(&[]);
    }

    #[test]
    #[should_panic(expected = "a table has 1 to 64 block sizes; this list has 65")]
    fn too_many_block_sizes() {
        let _ = Table::listed((1..=65).map(|n| 16 * n).collect::<Vec<_>>().leak());
    }

    #[test]
    fn as_many_block_sizes_as_there_may_be() {
        let block_sizes = (1..=64).map(|n| 32 * n).collect::<Vec<_>>().leak();
        check(block_sizes);
    }

    #[test]
    #[should_panic(expected = "block size 0 is no multiple of 16, and at least that")]
    fn block_size_zero() {
        let _ = Table::listed(&[0, 16]);
    }

    #[test]
    #[should_panic(expected = "block size 40 is no multiple of 16")]
    fn block_size_between_multiples() {
        let _ = Table::listed(&[16, 40]);
    }

    #[test]
    #[should_panic(expected = "block size 2097168 is more than 2 MiB (2097152 bytes)")]
    fn block_size_above_the_limit() {
        let _ = Table::listed(&[16, MAX_BLOCK_SIZE + 16]);
    }

    #[test]
    #[should_panic(expected = "block size 32 stands behind 32: block sizes must ascend")]
    fn block_size_twice() {
        let _ = Table::listed(&[16, 32, 32]);
    }

    #[test]
    #[should_panic(expected = "must ascend")]
    fn block_sizes_descending() {
        let _ = Table::listed(&[64, 1536, 256]);
    }
}
