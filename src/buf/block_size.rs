//! How large a buffer's block is: rounding to a size class, growing, the upper limit. Arithmetic only.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::class::{Class, MAX_ALIGN, SizeClasses, round_up};
use crate::error::AllocError;
use crate::heap::HeapRef;

/// Every block of a buffer is aligned to this many bytes at least.
const ALIGN: usize = 16;

/// The most bytes a buffer's block can have: what a `u32` counts (less on 32-bit systems, where an
/// allocation ends at `isize::MAX`), in whole multiples of `ALIGN`.
pub(crate) const MAX_CAPACITY: usize = {
    let header_limit = u32::MAX as usize;
    let layout_limit = isize::MAX as usize;
    let limit = if header_limit < layout_limit { header_limit } else { layout_limit };
    limit - limit % ALIGN
};

/// The first block of a buffer that grows on its own holds at least this many bytes: who appends
/// one byte appends more, and below one cache line a smaller block saves nothing.
const SMALLEST_GROWN: usize = 64;

/// The size of a buffer's block in bytes, zero standing for "no block"; its alignment; and a mark: for a buffer, that the block was split among
/// owners, for shared bytes, that it holds the owner of foreign memory.
///
/// ```text
/// | bytes, a multiple of 16 (bits 4 to 31) | mark (bit 3) | alignment (bits 0 to 2): 16, or 32 << number |
/// ```
///
/// One word, so that a buffer is no larger for what few buffers need; a plain block's is its size. At most [`MAX_CAPACITY`] bytes
/// (U5), so a layout can be made of it unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSize(u32);

const ALIGNMENT: u32 = 0b0111;
const MARK: u32 = 0b1000;

impl BlockSize {
    /// No block is held.
    pub(crate) const NONE: Self = BlockSize(0);

    /// The full size of the block that serves `bytes`: its size class's, so that nothing of the
    /// block is wasted. What is larger than every class is rounded to the alignment alone.
    #[inline]
    pub(crate) fn holding<C: SizeClasses>(bytes: usize) -> Result<Self, AllocError> {
        Self::holding_at::<C>(ALIGN, Self::NONE, bytes)
    }

    /// That of a plain block of `class`.
    #[inline(always)]
    pub(crate) const fn of_class<C: SizeClasses>(class: Class<C>) -> Self {
        BlockSize(narrow(class.block_size()))
    }

    /// The first byte of a new block of this size, or `DANGLING` for none.
    #[cold]
    #[inline(never)]
    pub(super) fn allocate_in<H: HeapRef>(self, heap: &H) -> Result<NonNull<u8>, AllocError> {
        if self.exists() { heap.allocate(self.layout()) } else { Ok(DANGLING) }
    }

    /// As `allocate_in`, with zeros.
    pub(super) fn allocate_zeroed_in<H: HeapRef>(self, heap: &H) -> Result<NonNull<u8>, AllocError> {
        if self.exists() { heap.allocate_zeroed(self.layout()) } else { Ok(DANGLING) }
    }

    /// As `holding`, at the same alignment as this block.
    #[inline]
    pub(crate) fn holding_same<C: SizeClasses>(self, bytes: usize) -> Result<Self, AllocError> {
        Self::holding_at::<C>(self.align(), self.none(), bytes)
    }

    /// As `holding`, at the alignment `align`, which is that of `none`.
    #[inline]
    fn holding_at<C: SizeClasses>(align: usize, none: Self, bytes: usize) -> Result<Self, AllocError> {
        let limit = MAX_CAPACITY - MAX_CAPACITY % align;
        if bytes > limit {
            return Err(too_large(bytes, limit));
        }
        if bytes == 0 {
            return Ok(none);
        }
        let bytes = round_up::<C>(bytes, align).unwrap_or(bytes.next_multiple_of(align));
        Ok(BlockSize(narrow(bytes) | none.0))
    }

    /// No block, and the alignment of the one to come: a power of two up to 4096, at least 16, for which 0 stands. 32 is served as 64.
    pub(crate) fn aligned(align: usize) -> Result<Self, AllocError> {
        if align > MAX_ALIGN || align & align.wrapping_sub(1) != 0 {
            return Err(AllocError::Alignment { align, limit: MAX_ALIGN });
        }
        Ok(BlockSize(if align <= ALIGN { 0 } else { align.trailing_zeros().max(6) - 5 }))
    }

    /// No block, at the same alignment.
    #[inline]
    pub(crate) const fn none(self) -> Self {
        BlockSize(self.0 & ALIGNMENT)
    }

    /// The most bytes that a block of this alignment can have.
    #[inline]
    pub(super) const fn limit(self) -> usize {
        MAX_CAPACITY - MAX_CAPACITY % self.align()
    }

    /// The block to move to when this one cannot hold `wanted` bytes: at least twice as large, so
    /// that appending costs O(1) a byte in the long run.
    #[inline]
    pub(super) fn grown<C: SizeClasses>(self, wanted: usize) -> Result<Self, AllocError> {
        self.holding_same::<C>(self.room_grown(self.limit(), wanted))
    }

    /// As `grown`, of a plain block or none.
    #[inline]
    pub(super) fn grown_plain<C: SizeClasses>(self, wanted: usize) -> Result<Self, AllocError> {
        Self::holding::<C>(self.room_grown(MAX_CAPACITY, wanted))
    }

    /// The bytes to ask for in place of `wanted`.
    #[inline]
    fn room_grown(self, limit: usize, wanted: usize) -> usize {
        wanted.max((self.bytes() as usize).saturating_mul(2).min(limit)).max(SMALLEST_GROWN)
    }

    /// This block, if it is plain or none, in such a way that the compiler knows it.
    #[inline]
    pub(super) const fn as_plain(self) -> Option<Self> {
        if self.0 & (ALIGNMENT | MARK) == 0 { Some(BlockSize(self.bytes())) } else { None }
    }

    /// The size in bytes.
    #[inline]
    pub(crate) const fn bytes(self) -> u32 {
        self.0 & !(ALIGNMENT | MARK)
    }

    /// The alignment in bytes.
    #[inline]
    pub(super) const fn align(self) -> usize {
        match self.0 & ALIGNMENT {
            0 => ALIGN,
            number => 32 << number,
        }
    }

    /// Whether there is a block.
    #[inline]
    pub(crate) const fn exists(self) -> bool {
        self.bytes() != 0
    }

    /// Whether the block has had several owners, and the buffer owns only a part of it.
    #[inline]
    pub(super) const fn is_split(self) -> bool {
        self.0 & MARK != 0
    }

    /// The same block, shared out among several owners.
    #[inline]
    pub(super) const fn split(self) -> Self {
        BlockSize(self.0 | MARK)
    }

    /// The same block, a single owner's again; or shared bytes', which need not be told.
    #[inline]
    pub(crate) const fn whole(self) -> Self {
        BlockSize(self.0 & !MARK)
    }

    /// Whether these are shared bytes' and what their block holds is the owner of foreign memory.
    #[inline]
    pub(crate) const fn is_foreign(self) -> bool {
        self.0 & MARK != 0
    }

    /// The same block, of shared bytes, with the owner of foreign memory in it.
    #[inline]
    pub(crate) const fn foreign(self) -> Self {
        BlockSize(self.0 | MARK)
    }

    /// The layout a block of this size is allocated and given back with.
    #[inline]
    pub(crate) fn layout(self) -> Layout {
        // SAFETY: U5: `align` is a power of two, and the bytes are a multiple of it below
        // `isize::MAX`, so that no rounding overflows.
        unsafe { Layout::from_size_align_unchecked(self.bytes() as usize, self.align()) }
    }

    /// The layout of a plain block or of none, known to the compiler but for the size.
    #[inline]
    pub(super) fn plain_layout(self) -> Layout {
        debug_assert!(self.as_plain().is_some());
        // SAFETY: U5: as in `layout`; a plain block's word is its size, and that of none is zero.
        unsafe { Layout::from_size_align_unchecked(self.0 as usize, ALIGN) }
    }
}

/// A number of bytes as a buffer's header stores it.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "no part of a block is larger than MAX_CAPACITY, which a u32 holds"
)]
pub(crate) const fn narrow(bytes: usize) -> u32 {
    debug_assert!(bytes <= MAX_CAPACITY);
    bytes as u32
}

#[cold]
fn too_large(bytes: usize, limit: usize) -> AllocError {
    AllocError::TooLarge { size: bytes, limit }
}

/// Where no block is held, `start` dangles here: aligned as a real block is.
pub(crate) const DANGLING: NonNull<u8> = {
    #[repr(align(16))]
    struct Aligned;
    const { assert!(align_of::<Aligned>() == ALIGN) };
    NonNull::<Aligned>::dangling().cast()
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
        assert_eq!(grown(16, MAX_CAPACITY + 1), Err(too_large(MAX_CAPACITY + 1, MAX_CAPACITY)));
    }

    #[test]
    fn size_alignment_and_split_share_a_word_and_do_not_disturb_each_other() {
        for (asked, align) in [(0, 16), (1, 16), (16, 16), (32, 64), (64, 64), (128, 128), (512, 512), (4096, 4096)] {
            let none = BlockSize::aligned(asked).unwrap();
            assert_eq!((none.exists(), none.align(), none.as_plain().is_some()), (false, align, align == 16));
            let block = none.holding_same::<Linear<8>>(100).unwrap();
            assert_eq!(
                (block.bytes() as usize % align, block.align(), block.as_plain().is_some()),
                (0, align, align == 16)
            );
            let split = block.split();
            assert_eq!((split.is_split(), split.layout(), split.as_plain()), (true, block.layout(), None));
            assert_eq!((split.whole(), split.none()), (block, none));
            assert_eq!(split.grown::<Linear<8>>(5000).unwrap().align(), align);
        }
        assert_eq!(BlockSize::aligned(8192), Err(AllocError::Alignment { align: 8192, limit: 4096 }));
        assert_eq!(BlockSize::aligned(48), Err(AllocError::Alignment { align: 48, limit: 4096 }));
        let pages = BlockSize::aligned(4096).unwrap();
        assert_eq!(pages.holding_same::<Linear<8>>(MAX_CAPACITY), Err(too_large(MAX_CAPACITY, MAX_CAPACITY - 4080)));
    }
}
