//! `LateTable`: block sizes that are known only when the program runs. What an allocator of the C interface has.

use std::borrow::Cow;

use super::{GRAIN, LINEAR, LOOKED_UP, Listed, objection};
use crate::class::MAX_ALIGN;

/// As a `Table`.
#[derive(Debug)]
pub(crate) struct LateTable {
    listed: Listed,
    block_sizes: Cow<'static, [usize]>,
}

impl LateTable {
    /// `None` if the list is no table.
    pub(crate) fn new(block_sizes: Cow<'static, [usize]>) -> Option<Self> {
        objection(&block_sizes).is_none().then(|| Self { listed: Listed::new(&block_sizes), block_sizes })
    }

    /// 16, 32, 48, … bytes; `None` for more than 64 of them, or none.
    pub(crate) fn linear(classes: usize) -> Option<Self> {
        Self::new(Cow::Borrowed(const { &LINEAR }.get(..classes)?))
    }

    /// Where they lie they stay, wherever the table goes.
    pub(crate) fn block_sizes(&self) -> &[usize] {
        &self.block_sizes
    }

    /// The class of a small size, for layouts that ask for no more alignment than every block has, by one look-up. Where the size is larger than the
    /// largest block size, the number of classes, which is less than `MAX_CLASSES` then; `None` for other sizes.
    #[inline(always)]
    pub(crate) fn class_of_small(&self, size: usize) -> Option<usize> {
        (size <= LOOKED_UP).then(|| self.listed.by_grain[size.div_ceil(GRAIN)].into())
    }

    /// As `class_for`.
    pub(crate) fn class_for(&self, size: usize, align: usize) -> Option<usize> {
        let sizes = &self.block_sizes;
        if size > *sizes.last()? || align > MAX_ALIGN || !align.is_power_of_two() {
            return None;
        }
        (self.listed.class_of_size(sizes, size)..sizes.len()).find(|&class| sizes[class] & (align - 1) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::MAX_CLASSES;

    fn table(block_sizes: &[usize]) -> Option<LateTable> {
        LateTable::new(block_sizes.to_vec().into())
    }

    #[test]
    fn what_is_no_table_is_none() {
        assert!(
            [&[][..], &[0], &[8], &[32, 16], &[16, 16], &[(2 << 20) + 16]].iter().all(|sizes| table(sizes).is_none())
        );
        assert!(LateTable::linear(0).is_none() && LateTable::linear(65).is_none() && LateTable::linear(64).is_some());
    }

    /// Each size near a block size, each alignment: what a search finds.
    #[test]
    fn classes_are_those_that_a_search_finds() {
        let tables: [&[usize]; 4] = [&[16, 48, 1024, 1040, 4096, 65536], &[2 << 20], &[4096], &[32, 64, 96]];
        let linear = (1..=64).filter_map(LateTable::linear);
        for table in tables.into_iter().filter_map(table).chain(linear) {
            let sizes = table.block_sizes();
            for size in sizes.iter().flat_map(|&size| [size - 15, size, size + 1]).chain([0, 1024, 1025, usize::MAX]) {
                for align in (0..14).map(|power| 1 << power) {
                    let fits = |block: usize| block >= size && block % align == 0 && align <= MAX_ALIGN;
                    let expected = sizes.iter().position(|&block| fits(block));
                    assert_eq!(table.class_for(size, align), expected, "{size} at {align} of {sizes:?}");
                    if let (Some(class), true) = (table.class_of_small(size), align <= GRAIN) {
                        assert!(class < MAX_CLASSES && class == expected.unwrap_or(sizes.len()), "{size} of {sizes:?}");
                    }
                }
                assert_eq!((table.class_for(size, 3), table.class_of_small(size).is_some()), (None, size <= LOOKED_UP));
            }
        }
    }
}
