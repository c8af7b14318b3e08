//! How large a buffer's block is: rounding to a size class, growing, the upper limit. Arithmetic only.

use core::alloc::Layout;

use crate::class::{SizeClasses, round_up};
use crate::error::AllocError;

/// Every block of a buffer is aligned to this many bytes.
const ALIGN: usize = 16;

/// The most bytes a buffer's block can have: what a `u32` counts (less on 32-bit systems, where an
/// allocation ends at `isize::MAX`), in whole multiples of `ALIGN`.
pub(super) const MAX_CAPACITY: usize = {
    let header_limit = u32::MAX as usize;
    let layout_limit = isize::MAX as usize;
    let limit = if header_limit < layout_limit { header_limit } else { layout_limit };
    limit - limit % ALIGN
};

/// The first block of a buffer that grows on its own holds at least this many bytes: who appends
/// one byte appends more, and below one cache line a smaller block saves nothing.
const SMALLEST_GROWN: usize = 64;

/// The size of a buffer's block in bytes; zero stands for "no block".
///
/// Always a multiple of 16 and at most [`MAX_CAPACITY`] (U5), so a layout can be made of it unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSize(u32);

impl BlockSize {
    /// No block is held.
    pub(super) const NONE: Self = BlockSize(0);

    /// The full size of the block that serves `bytes`: its size class's, so that nothing of the
    /// block is wasted. What is larger than every class is rounded to the alignment alone.
    #[inline]
    pub(crate) fn holding<C: SizeClasses>(bytes: usize) -> Result<Self, AllocError> {
        if bytes > MAX_CAPACITY {
            return Err(too_large(bytes));
        }
        if bytes == 0 {
            return Ok(Self::NONE);
        }
        Ok(BlockSize(narrow(round_up::<C>(bytes, ALIGN).unwrap_or(bytes.next_multiple_of(ALIGN)))))
    }

    /// The size of a block that a buffer's header describes by its two parts.
    ///
    /// # Safety
    /// Together they are a `BlockSize`.
    #[inline]
    pub(super) const unsafe fn from_parts(head: u32, cap: u32) -> Self {
        BlockSize(head + cap)
    }

    /// The block to move to when this one cannot hold `wanted` bytes: at least twice as large, so
    /// that appending costs O(1) a byte in the long run.
    pub(super) fn grown<C: SizeClasses>(self, wanted: usize) -> Result<Self, AllocError> {
        let doubled = (self.bytes() as usize).saturating_mul(2).min(MAX_CAPACITY);
        Self::holding::<C>(wanted.max(doubled).max(SMALLEST_GROWN))
    }

    /// The size in bytes.
    #[inline]
    pub(super) const fn bytes(self) -> u32 {
        self.0
    }

    /// The layout a block of this size is allocated and given back with.
    #[inline]
    pub(super) fn layout(self) -> Layout {
        // SAFETY: U5: `ALIGN` is a power of two, and a `BlockSize` is a multiple of it below
        // `isize::MAX`, so that no rounding overflows.
        unsafe { Layout::from_size_align_unchecked(self.0 as usize, ALIGN) }
    }
}

/// A number of bytes as a buffer's header stores it.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "no part of a block is larger than MAX_CAPACITY, which a u32 holds"
)]
pub(super) const fn narrow(bytes: usize) -> u32 {
    debug_assert!(bytes <= MAX_CAPACITY);
    bytes as u32
}

#[cold]
fn too_large(bytes: usize) -> AllocError {
    AllocError::TooLarge { size: bytes, limit: MAX_CAPACITY }
}

/// Where no block is held, `start` dangles here: aligned as a real block is.
pub(super) const DANGLING: core::ptr::NonNull<u8> = {
    #[repr(align(16))]
    struct Aligned;
    const { assert!(align_of::<Aligned>() == ALIGN) };
    core::ptr::NonNull::<Aligned>::dangling().cast()
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::Linear;

    type Size = Result<u32, AllocError>;

    fn holding(bytes: usize) -> Size {
        BlockSize::holding::<Linear<8>>(bytes).map(BlockSize::bytes)
    }

    fn grown(from: usize, wanted: usize) -> Size {
        BlockSize::holding::<Linear<8>>(from)?.grown::<Linear<8>>(wanted).map(BlockSize::bytes)
    }

    #[test]
    fn sizes_are_those_of_classes_or_multiples_of_the_alignment() {
        assert_eq!([0, 1, 16, 17, 128, 129, 145].map(holding), [0, 16, 16, 32, 128, 144, 160].map(Ok));
    }

    #[test]
    fn growing_doubles_until_the_limit() {
        assert_eq!(
            (grown(0, 1), grown(64, 65), grown(64, 1000), grown(160, 161)),
            (Ok(64), Ok(128), Ok(1008), Ok(320))
        );
        let limit = narrow(MAX_CAPACITY);
        assert_eq!(grown(MAX_CAPACITY / 2 - 8, MAX_CAPACITY / 2), Ok(limit - 16));
        assert_eq!(grown(MAX_CAPACITY / 2, MAX_CAPACITY / 2 + 9), Ok(limit));
        assert_eq!(grown(MAX_CAPACITY, MAX_CAPACITY), Ok(limit));
        assert_eq!(grown(16, MAX_CAPACITY + 1), Err(too_large(MAX_CAPACITY + 1)));
    }
}
