//! Spans side by side in one reservation, and the only place that turns a block's number into a pointer and back.

use core::ptr::NonNull;

#[cfg(test)]
use crate::config::SPAN_LIMIT;
use crate::raw::os;

/// The contiguous addresses of one bucket, cut into equal blocks. Shared, immutable.
#[derive(Debug)]
pub(crate) struct Span {
    base: NonNull<u8>,
    block_size: usize,
    /// 2^64 / `block_size`, rounded up: one multiplication instead of a division in every spill.
    reciprocal: u64,
}

// SAFETY: a span only computes addresses; who may use them is I3's business.
unsafe impl Send for Span {}
// SAFETY: as for `Send`.
unsafe impl Sync for Span {}

impl Span {
    pub(crate) fn new(base: NonNull<u8>, block_size: usize) -> Self {
        Self { base, block_size, reciprocal: u64::MAX / block_size as u64 + 1 }
    }

    pub(crate) fn block_size(&self) -> usize {
        self.block_size
    }

    /// The pointer to block 0.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The address of block 0.
    pub(crate) fn start(&self) -> usize {
        self.base.addr().get()
    }

    /// The pointer to block `index`.
    ///
    /// # Safety
    /// `index` is below the bucket's limit (I2).
    #[inline]
    pub(crate) unsafe fn block(&self, index: usize) -> NonNull<u8> {
        // SAFETY: I2: the block lies inside the span, which is inside one mapping (I1).
        unsafe { self.base.add(index * self.block_size) }
    }

    /// The number of the block that starts at `block`, or the offset in the span if none starts there.
    ///
    /// Exact: with `m = ceil(2^64 / size)` and `e = m * size - 2^64 < size`, the quotient `offset * m >> 64` is right as long
    /// as `offset * e < 2^64`; offsets are below 2^40 and sizes at most 2^21.
    #[inline]
    pub(crate) fn index(&self, block: NonNull<u8>) -> Result<usize, usize> {
        let offset = block.addr().get().wrapping_sub(self.start());
        #[expect(clippy::cast_possible_truncation, reason = "the product's upper half has 64 bits")]
        let index = ((offset as u128 * u128::from(self.reciprocal)) >> 64) as usize;
        // Wrapping, since a pointer in front of the span has a large one.
        if index.wrapping_mul(self.block_size) == offset { Ok(index) } else { Err(offset) }
    }
}

/// Where the spans of a heap lie: span `i` starts `i << shift` bytes after the first, and that one `LEAD` bytes into the
/// reservation. Immutable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    pub(crate) shift: u32,
    pub(crate) spans: usize,
}

impl Region {
    /// A region of `spans` spans of at most `bytes` bytes each, with at least one page out of reach behind each.
    ///
    /// `None` when they do not fit into the address space. Only a power of two for a stride makes pointer to span a shift.
    pub(crate) fn new(spans: usize, bytes: usize) -> Option<Self> {
        let stride = bytes.checked_add(os::page())?.checked_next_power_of_two()?;
        let total = stride.checked_mul(spans)?;
        (total <= Self::ADDRESS_SPACE).then_some(Self { shift: stride.trailing_zeros(), spans })
    }

    /// Bytes in front of the first span that stay out of reach, as the pages behind every span do. A huge page, so that the span
    /// is aligned as the reservation is; less under Miri, to which every byte is work.
    pub(crate) const LEAD: usize = if cfg!(miri) { os::PAGE } else { os::HUGE_PAGE };

    /// The most bytes all spans of a heap may take: 64 TiB, half of what a 48-bit system gives a process; 2 GiB of 32 bits' addresses.
    pub(crate) const ADDRESS_SPACE: usize = (usize::MAX >> if usize::BITS == 64 { 18 } else { 1 }) + 1;

    /// Where span `span` starts in the reservation.
    pub(crate) fn offset(self, span: usize) -> usize {
        Self::LEAD + (span << self.shift)
    }

    /// Where the last span's room ends in the reservation.
    pub(crate) fn end(self) -> usize {
        self.offset(self.spans)
    }

    /// The span that `block` points into, given the address of the first.
    #[inline]
    pub(crate) fn locate(self, base: usize, block: NonNull<u8>) -> Option<usize> {
        let span = self.number(base, block);
        (span < self.spans).then_some(span)
    }

    /// As `locate`; not below the number of spans if `block` points into none.
    #[inline]
    pub(crate) fn number(self, base: usize, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(base) >> self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_numbers_are_exact_at_both_ends_of_the_largest_span() {
        let base = NonNull::new(core::ptr::without_provenance_mut::<u8>(Region::ADDRESS_SPACE)).unwrap();
        for block_size in (16..=4096).step_by(16).chain([4112, 9216, 65536, 65552, (2 << 20) - 16, 2 << 20]) {
            let span = Span::new(base, block_size);
            let last = SPAN_LIMIT / block_size - 1;
            for index in [0, 1, 2, 63, 64, 65, last / 2, last - 1, last] {
                let block = NonNull::new(base.as_ptr().wrapping_add(index * block_size)).unwrap();
                assert_eq!(span.index(block), Ok(index));
                for inside in [1, block_size / 2, block_size - 1] {
                    let interior = NonNull::new(block.as_ptr().wrapping_add(inside)).unwrap();
                    assert_eq!(span.index(interior), Err(index * block_size + inside));
                }
            }
        }
    }

    #[test]
    fn spans_have_room_for_a_guard_page_and_are_found_by_address() {
        let region = Region::new(8, 16 << 20).unwrap();
        assert_eq!(1 << region.shift, 32 << 20);
        assert!(region.offset(0) >= os::page(), "in front of the first span");
        let base = SPAN_LIMIT;
        let at =
            |address: usize| region.locate(base, NonNull::new(core::ptr::without_provenance_mut(address)).unwrap());
        assert_eq!(at(base), Some(0));
        assert_eq!(at(base + (1 << region.shift) - 1), Some(0));
        assert_eq!(at(base + (1 << region.shift)), Some(1));
        assert_eq!(at(base + region.end() - Region::LEAD - 1), Some(7));
        assert_eq!(at(base + region.end() - Region::LEAD), None);
        assert_eq!(at(base - 1), None);
    }

    #[test]
    fn what_does_not_fit_into_the_address_space_is_refused() {
        assert!(Region::new(64, SPAN_LIMIT).is_none());
        assert!(Region::new(1, usize::MAX).is_none());
        assert!(Region::new(64, Region::ADDRESS_SPACE / 64 - os::page()).is_some());
    }
}
