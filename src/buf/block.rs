//! The buffer's block: finding it, moving it, growing it, giving it back.

use core::ptr::{self, NonNull};

use super::{BlockSize, SmBuf, refused};
use crate::error::AllocError;
use crate::heap::HeapRef;

impl<H: HeapRef> SmBuf<H> {
    /// The size of the block held.
    #[inline]
    pub(super) fn block(&self) -> BlockSize {
        // SAFETY: U1.
        unsafe { BlockSize::from_parts(self.head, self.cap) }
    }

    /// The block's first byte; meaningless when no block is held.
    #[inline]
    fn first_byte(&self) -> NonNull<u8> {
        // SAFETY: U1: `start` lies `head` bytes behind the first byte of one block (or `head` is 0).
        unsafe { self.start.sub(self.head as usize) }
    }

    /// Leaves the buffer empty, the whole block being spare.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.start = self.first_byte();
        self.cap += self.head;
        self.head = 0;
        self.len = 0;
    }

    /// Moves the content to the block's first byte, so that all the spare room lies behind it.
    pub(super) fn slide_to_front(&mut self) {
        if self.head == 0 {
            return;
        }
        let first = self.first_byte();
        // SAFETY: U1, U2: both ranges of `len` bytes lie in the one block held; they may overlap.
        unsafe { ptr::copy(self.start.as_ptr(), first.as_ptr(), self.len as usize) };
        self.start = first;
        self.cap += self.head;
        self.head = 0;
    }

    /// Moves the content, which starts at the block's first byte and fits, to a block of `size`.
    /// On failure nothing has changed.
    pub(super) fn move_to_block(&mut self, size: BlockSize) -> Result<(), AllocError> {
        debug_assert!(self.head == 0 && self.len <= size.bytes() && size != BlockSize::NONE);
        let held = self.block();
        let start = if held == BlockSize::NONE {
            self.heap.allocate(size.layout())?
        } else {
            // SAFETY: U1: with `head` being 0, `start` is the block's first byte, and this is its
            // layout. On success the old block is forgotten below.
            unsafe { self.heap.reallocate(self.start, held.layout(), size.layout())? }
        };
        self.start = start;
        self.cap = size.bytes();
        Ok(())
    }

    /// The slow half of `reserve`.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&mut self, additional: usize) {
        if let Err(error) = self.try_grow(additional) {
            refused(error, self.len().saturating_add(additional));
        }
    }

    /// The slow half of `try_reserve`: the room behind the content is less than `additional`.
    #[cold]
    pub(super) fn try_grow(&mut self, additional: usize) -> Result<(), AllocError> {
        let wanted = self.len().saturating_add(additional);
        let grown = self.block().grown::<H::Classes>(wanted)?;
        // Sliding pays only if at least as many bytes were read as must be moved: then each byte
        // moves once for each byte read, however small the steps are.
        let slide_is_cheap = self.head >= self.len;
        self.slide_to_front();
        if slide_is_cheap && wanted <= self.capacity() {
            return Ok(());
        }
        self.move_to_block(grown).or_else(|refusal| {
            if wanted <= self.capacity() {
                return Ok(());
            }
            // Twice the size may be more than a bounded heap has; what is needed may be not.
            let exact = BlockSize::holding::<H::Classes>(wanted)?;
            if exact == grown { Err(refusal) } else { self.move_to_block(exact) }
        })
    }

    /// Moves the content to a block of `size`, which is smaller and fits; stays where it is if the heap has none.
    pub(super) fn copy_to_block(&mut self, size: BlockSize) {
        debug_assert!(self.len <= size.bytes() && size != BlockSize::NONE);
        // Not `reallocate`: to a heap that is a reason to move only if the block is too small.
        let Ok(start) = self.heap.allocate(size.layout()) else { return };
        // SAFETY: U2, U3: `len` bytes are there to be read, and the new block is another one with room for them.
        unsafe { start.copy_from_nonoverlapping(self.start, self.len as usize) };
        self.release_block();
        (self.start, self.head, self.cap) = (start, 0, size.bytes());
    }

    /// Gives the block back, if there is one. What is left must not be used, only overwritten.
    #[inline]
    pub(super) fn release_block(&mut self) {
        let block = self.block();
        if block != BlockSize::NONE {
            // SAFETY: U1: the block is ours and this is its layout; no caller uses it afterwards.
            // U4: the heap reference still exists, being a field.
            unsafe { self.heap.deallocate(self.first_byte(), block.layout()) };
        }
    }
}
