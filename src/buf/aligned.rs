//! Buffers whose block is aligned to more than 16 bytes: for direct I/O, DMA, page-sized reads.

use super::{BlockSize, SmBuf, refused};
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

impl SmBuf {
    /// An empty buffer of the [`Global`] heap that takes `capacity` bytes, the first of which lies at a multiple of `align`.
    ///
    /// # Panics
    /// As [`with_alignment_in`](SmBuf::with_alignment_in).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let sector = SmBuf::with_alignment(512, 512);
    /// assert_eq!((sector.as_ptr().addr() % 512, sector.capacity() % 512), (0, 0));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_alignment(capacity: usize, align: usize) -> Self {
        SmBuf::with_alignment_in(capacity, align, Global)
    }
}

impl<H: HeapRef> SmBuf<H> {
    /// An empty buffer of `heap` that takes `capacity` bytes, the first of which lies at a multiple of `align`; 0 stands for 16.
    ///
    /// Whatever block the buffer has later is aligned like that too, as are those of its clones, and a multiple of `align` bytes large.
    /// The content starts at the block's first byte unless some was taken, split off or
    /// prepended at its front.
    ///
    /// # Panics
    /// If `align` is no power of two up to 4096, `capacity` is above [`SmBuf::MAX_CAPACITY`], or the heap has no such block.
    ///
    /// ```
    /// # use smarena::{Global, SmBuf};
    /// let mut page = SmBuf::with_alignment_in(100, 4096, Global);
    /// page.resize(10_000, 0);
    /// assert_eq!((page.as_ptr().addr() % 4096, page.capacity()), (0, 12_288));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_alignment_in(capacity: usize, align: usize, heap: H) -> Self {
        match Self::try_with_alignment_in(capacity, align, heap) {
            Ok(buf) => buf,
            Err(error) => refused(error, capacity),
        }
    }

    /// [`with_alignment_in`](SmBuf::with_alignment_in), or the reason why not.
    ///
    /// # Errors
    /// [`AllocError::Alignment`] and [`AllocError::TooLarge`]; otherwise what the heap says.
    ///
    /// ```
    /// # use smarena::{AllocError, Global, SmBuf};
    /// let error = SmBuf::try_with_alignment_in(512, 48, Global).unwrap_err();
    /// assert_eq!(error, AllocError::Alignment { align: 48, limit: 4096 });
    /// ```
    pub fn try_with_alignment_in(capacity: usize, align: usize, heap: H) -> Result<Self, AllocError> {
        let size = BlockSize::aligned(align)?.holding_same::<H::Classes>(capacity)?;
        Self::try_with_block_in(size, None, heap)
    }

    /// The alignment of the buffer's block in bytes: 16, unless it was made with another.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// assert_eq!((SmBuf::new().alignment(), SmBuf::with_alignment(0, 4096).alignment()), (16, 4096));
    /// ```
    #[inline]
    #[must_use]
    pub const fn alignment(&self) -> usize {
        self.block.align()
    }
}
