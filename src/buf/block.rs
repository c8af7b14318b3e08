//! The buffer's block: finding it, moving it, growing it, sharing it out, giving it back.

use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use super::{BlockSize, SmBuf, narrow, refused};
use crate::class::SizeClasses;
use crate::error::AllocError;
use crate::heap::{HeapRef, ShareCount};

/// A split buffer that moves to a block of its own asks for one as large as that it leaves, up to this many bytes: who splits
/// packets off what was read reads on.
const LARGEST_KEPT: u32 = 64 << 10;

/// What a buffer and shared bytes have in common: some initialised bytes in a block that the parts' holder is an owner of.
pub(crate) struct Parts<H> {
    pub(crate) start: NonNull<u8>,
    /// The block's first byte; `start`, if there is no block.
    pub(crate) first: NonNull<u8>,
    pub(crate) len: u32,
    pub(crate) block: BlockSize,
    pub(crate) heap: H,
}

/// What growth changes of a buffer: it is whole then, and owns the block from `head` on.
struct Grown<H> {
    start: NonNull<u8>,
    cap: u32,
    block: BlockSize,
    heap: ManuallyDrop<H>,
}

/// The count of the owners of the block whose first byte is `first`.
///
/// # Safety
/// `block` exists and is that block's; the caller is one of its owners for as long as `heap` is borrowed.
#[inline]
pub(crate) unsafe fn share_count<H: HeapRef>(heap: &H, first: NonNull<u8>, block: BlockSize) -> &ShareCount {
    // SAFETY: U1, or S1 for shared bytes: a live block of this heap with this layout.
    let count = unsafe { heap.share_count(first, block.layout()) };
    // SAFETY: U4: in place while the caller is an owner.
    unsafe { count.as_ref() }
}

/// Gives the block of a buffer back to its `heap`, or the buffer's share of it, if there is one.
///
/// # Safety
/// U1: `first` and `block` are those of a buffer of this heap, or of one that is no more and did not give its block back; nobody
/// uses it through that buffer afterwards.
#[inline]
pub(crate) unsafe fn give_block_back<H: HeapRef>(first: NonNull<u8>, block: BlockSize, heap: &H) {
    if let Some(plain) = block.as_plain() {
        if plain.exists() {
            // SAFETY: U1, U4: the block is the buffer's alone, and this is its layout.
            unsafe { heap.deallocate_by_address(first, plain.plain_layout()) };
        }
    } else if block.exists() {
        // SAFETY: as the caller promises.
        unsafe { give_split_or_aligned_back(first, block, heap) };
    }
}

/// A block for `new`, with the content of the one at `first`, if there is one: a block for `old`.
///
/// # Safety
/// U1: if one `exists`, it is of this heap and this layout, and the caller's alone, who gives it up for the one returned.
#[inline(always)]
unsafe fn reallocate<H: HeapRef>(
    heap: &H,
    first: NonNull<u8>,
    exists: bool,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    if !exists {
        return heap.allocate(new);
    }
    // SAFETY: U1: as the caller promises.
    unsafe { heap.reallocate(first, old, new) }
}

/// Whether less than half of a block is `len` bytes of content.
#[inline]
fn is_little(len: u32, block: BlockSize) -> bool {
    len < block.bytes() / 2
}

/// As `give_block_back`, for a block that almost no buffer has.
///
/// # Safety
/// As there; and there is a block.
#[cold]
#[inline(never)]
unsafe fn give_split_or_aligned_back<H: HeapRef>(first: NonNull<u8>, block: BlockSize, heap: &H) {
    // SAFETY: U1: a live block of this heap, and the buffer's share of it is there until here.
    if !block.is_split() || unsafe { share_count(heap, first, block) }.give_up() {
        // SAFETY: U1, U4: the buffer's alone; of those who shared it, it is the last.
        unsafe { heap.deallocate_by_address(first, block.layout()) };
    }
}

/// As `give_block_back`: a call, by value, the heap reference there and back.
///
/// So a buffer's drop is short enough to be compiled into every place where it happens, those that only a panic reaches included, and none of
/// them takes the buffer's address: it stays in registers. In memory, moving a buffer that was just written to waits for that write.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn call_give_block_back<H: HeapRef>(
    first: NonNull<u8>,
    block: BlockSize,
    heap: ManuallyDrop<H>,
) -> ManuallyDrop<H> {
    // SAFETY: as the caller promises.
    unsafe { give_block_back(first, block, &*heap) };
    heap
}

impl<H: HeapRef> SmBuf<H> {
    /// The block's first byte; meaningless when no block is held.
    #[inline]
    pub(super) fn first_byte(&self) -> NonNull<u8> {
        // SAFETY: U1: `start` lies `head` bytes behind the first byte of one block (or `head` is 0).
        unsafe { self.start.sub(self.head as usize) }
    }

    /// The count of the owners of the block, which is there.
    #[inline]
    pub(super) fn share_count(&self) -> &ShareCount {
        // SAFETY: U1: an owner as long as `self` is borrowed.
        unsafe { share_count(&self.heap, self.first_byte(), self.block) }
    }

    /// Whether the whole block is this buffer's own, now that all the owners it was split among may be gone.
    pub(super) fn reclaim(&mut self) -> bool {
        if !self.block.is_split() {
            return true;
        }
        if !self.share_count().is_sole() {
            return false;
        }
        // U1: nobody else is left to own the rest of it.
        self.block = self.block.whole();
        self.cap = self.block.bytes() - self.head;
        true
    }

    /// The layout of the block, if there is one.
    pub(crate) fn block_layout(&self) -> Layout {
        self.block.layout()
    }

    /// Whether there is a block, and nobody else owns any of it.
    pub(crate) fn is_sole_owner(&mut self) -> bool {
        self.block.exists() && self.reclaim()
    }

    /// Leaves the block to its other owners, if there are any, and has none then; otherwise it has all of the block. Says whether it has one.
    /// Of several that leave at once, exactly one is the last, and has it.
    #[cfg(feature = "zeroize")]
    pub(crate) fn leave_or_own(&mut self) -> bool {
        if !self.block.is_split() {
            return self.block.exists();
        }
        if self.share_count().give_up() {
            // The count is as new, that of one owner: this one.
            return self.reclaim();
        }
        // U1: what it owned of the block went with its share.
        (self.head, self.len, self.cap, self.block) = (0, 0, 0, self.block.none());
        false
    }

    /// Leaves the buffer empty, all that it owns of the block being spare.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.len = 0;
        if self.block.is_split() {
            return;
        }
        self.start = self.first_byte();
        self.cap += self.head;
        self.head = 0;
    }

    /// Moves the content so that it starts `head` bytes into the block, which is wholly this buffer's and long enough.
    pub(super) fn slide_to(&mut self, head: u32) {
        debug_assert!(!self.block.is_split() && head + self.len <= self.block.bytes());
        if head == self.head {
            return;
        }
        // SAFETY: U1: `head` bytes into the block, or at its end.
        let start = unsafe { self.first_byte().add(head as usize) };
        // SAFETY: U1, U2: both ranges of `len` bytes lie in the one block owned; they may overlap.
        unsafe { ptr::copy(self.start.as_ptr(), start.as_ptr(), self.len as usize) };
        (self.start, self.head, self.cap) = (start, head, self.block.bytes() - head);
    }

    /// Moves the content, which starts at the block's first byte and fits, to a block of `size`.
    /// On failure nothing has changed.
    #[inline]
    pub(super) fn move_to_block(&mut self, size: BlockSize) -> Result<(), AllocError> {
        debug_assert!(self.head == 0 && self.len <= size.bytes() && size.exists() && !self.block.is_split());
        // A heap copies the whole block, as it knows nothing of the content; larger blocks the system moves without a copy.
        let in_bucket = size.bytes() as usize <= H::Classes::LARGEST && self.block.bytes() < size.bytes();
        if in_bucket && is_little(self.len, self.block) && self.copy_to_block(size, 0).is_ok() {
            return Ok(());
        }
        // SAFETY: U1: with `head` being 0, `start` is the first byte of the block, if there is one, which is ours alone; these are the
        // layouts. On success the old block is forgotten below.
        let start =
            unsafe { reallocate(&self.heap, self.start, self.block.exists(), self.block.layout(), size.layout())? };
        (self.start, self.cap, self.block) = (start, size.bytes(), size);
        Ok(())
    }

    /// Copies the content to a block of `size`, `head` bytes into it, and leaves the old one. On failure nothing has changed.
    pub(super) fn copy_to_block(&mut self, size: BlockSize, head: u32) -> Result<(), AllocError> {
        debug_assert!(head + self.len <= size.bytes() && size.exists());
        // Not `reallocate`: others may share the block, and to a heap a smaller size is no reason to move.
        let first = self.heap.allocate(size.layout())?;
        // SAFETY: U1: `head` bytes into the new block.
        let start = unsafe { first.add(head as usize) };
        // SAFETY: U2, U3: `len` bytes are there to be read, and the new block is another one with room for them.
        unsafe { start.copy_from_nonoverlapping(self.start, self.len as usize) };
        self.release_block();
        (self.start, self.head, self.cap, self.block) = (start, head, size.bytes() - head, size);
        Ok(())
    }

    /// The slow half of `reserve`.
    ///
    /// The parts go by value, there and back, so that nobody takes the buffer's address: in a loop of pushes it stays in registers.
    /// And one by one: as a whole they would be stored in pieces and loaded at once, for which the processor waits.
    #[inline(always)]
    #[track_caller]
    pub(super) fn grow(&mut self, additional: usize) {
        // SAFETY: U4: the copy is written back two lines below; neither is dropped in between, for no heap unwinds.
        let heap = ManuallyDrop::new(unsafe { ptr::read(&raw const self.heap) });
        let grown = Self::grown(self.start, self.head, self.len, self.cap, self.block, heap, additional);
        // SAFETY: U4: what is overwritten was moved out above.
        unsafe { (&raw mut self.heap).write(ManuallyDrop::into_inner(grown.heap)) };
        (self.start, self.cap, self.block) = (grown.start, grown.cap, grown.block);
        // U1: grown, it owns its block to the end.
        self.head = self.block.bytes() - self.cap;
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn grown(
        start: NonNull<u8>,
        head: u32,
        len: u32,
        cap: u32,
        block: BlockSize,
        heap: ManuallyDrop<H>,
        additional: usize,
    ) -> Grown<H> {
        if let (0, Some(plain), false) = (head, block.as_plain(), is_little(len, block)) {
            let wanted = (len as usize).saturating_add(additional);
            // SAFETY: U1: `start` is the first byte of the block, if there is one.
            let larger = unsafe { Self::larger_plain(start, plain, &heap, wanted) };
            if let Some((start, block)) = larger {
                return Grown { start, cap: block.bytes(), block, heap };
            }
        }
        let mut buf = ManuallyDrop::new(SmBuf { start, head, len, cap, block, heap: ManuallyDrop::into_inner(heap) });
        if let Err(error) = buf.try_grow(additional) {
            // The caller's buffer is as good as this copy: nothing has changed.
            refused(error, (len as usize).saturating_add(additional));
        }
        let SmBuf { start, cap, block, .. } = *buf;
        // SAFETY: U4: moved out once, and `buf` is not used again.
        let heap = ManuallyDrop::new(unsafe { ptr::read(&raw const buf.heap) });
        Grown { start, cap, block, heap }
    }

    /// Where almost every growth goes: a plain block's content, from its first byte, or nothing, moves to a block twice as large, at least.
    /// `None` if there is none to be had, or the block of `start` is as it was.
    ///
    /// # Safety
    /// `plain` is none, or that of a block of this heap that begins at `start` and that the caller is the only owner of; it gives
    /// that up for the one returned.
    #[inline]
    unsafe fn larger_plain(
        start: NonNull<u8>,
        plain: BlockSize,
        heap: &H,
        wanted: usize,
    ) -> Option<(NonNull<u8>, BlockSize)> {
        let block = plain.grown_plain::<H::Classes>(wanted).ok()?;
        // SAFETY: U1: the caller's block, if there is one, and its layout.
        let moved = unsafe { reallocate(heap, start, plain.exists(), plain.plain_layout(), block.plain_layout()) };
        Some((moved.ok()?, block))
    }

    /// The slow half of `try_reserve`: the room behind the content is less than `additional`. On failure nothing has changed but that
    /// parts of the block whose owners are gone may have been taken back.
    #[cold]
    #[inline]
    pub(super) fn try_grow(&mut self, additional: usize) -> Result<(), AllocError> {
        let wanted = self.len().saturating_add(additional);
        if !self.reclaim() {
            let size = self.larger_block(wanted)?;
            let exact = self.block.holding_same::<H::Classes>(wanted)?;
            return self.copy_to_block(size, 0).or_else(|_| self.copy_to_block(exact, 0));
        }
        if wanted <= self.capacity() {
            return Ok(());
        }
        let grown = self.larger_block(wanted)?;
        // Sliding pays only if at least as many bytes were read as must be moved: then each byte
        // moves once for each byte read, however small the steps are.
        let (head, slide_is_cheap) = (self.head, self.head >= self.len);
        self.slide_to(0);
        if slide_is_cheap && wanted <= self.capacity() {
            return Ok(());
        }
        self.move_to_block(grown).or_else(|refusal| {
            if wanted <= self.capacity() {
                return Ok(());
            }
            // Twice the size may be more than a bounded heap has; what is needed may be not.
            let exact = self
                .block
                .holding_same::<H::Classes>(wanted)
                .and_then(|exact| if exact == grown { Err(refusal) } else { self.move_to_block(exact) });
            exact.inspect_err(|_| self.slide_to(head))
        })
    }

    /// The block to move to for `wanted` bytes.
    #[inline]
    pub(super) fn larger_block(&self, wanted: usize) -> Result<BlockSize, AllocError> {
        if !self.block.is_split() {
            return self.block.grown::<H::Classes>(wanted);
        }
        let kept = self.block.bytes().min(LARGEST_KEPT) as usize;
        // As much room again as is copied: each byte moves once for each byte appended, however many parts are kept.
        let doubled = self.len().saturating_mul(2).min(self.block.limit());
        self.block.holding_same::<H::Classes>(wanted.max(kept).max(doubled))
    }

    /// Gives the block back, or this buffer's share of it, if there is one. What is left must not be used, only overwritten; so it is for who is
    /// dropped, or has just had another block: a heap that hands out none but the first, a pool's, may unwind here, of a waker's panic.
    #[inline(always)]
    pub(super) fn release_block(&mut self) {
        // SAFETY: U4: the copy is written back two lines below; it is not dropped in between, also if the call unwinds.
        let heap = ManuallyDrop::new(unsafe { ptr::read(&raw const self.heap) });
        // SAFETY: U1: no caller uses the block afterwards.
        let heap = unsafe { call_give_block_back(self.first_byte(), self.block, heap) };
        // SAFETY: U4: what is overwritten was moved out above.
        unsafe { (&raw mut self.heap).write(ManuallyDrop::into_inner(heap)) };
    }

    /// Gives the block back, or this buffer's share of it, and is empty then, where it was.
    #[cold]
    pub(super) fn let_go(&mut self) {
        let (first, block) = (self.first_byte(), self.block);
        // Before: where a pool's permit goes with the block, a waker may panic.
        (self.head, self.len, self.cap, self.block) = (0, 0, 0, block.none());
        // SAFETY: U1: the buffer's block, or its share of it, until the line above.
        unsafe { give_block_back(first, block, &self.heap) };
    }

    /// Takes the buffer apart; its share of the block goes with the parts.
    #[inline]
    pub(crate) fn into_parts(self) -> Parts<H> {
        let this = ManuallyDrop::new(self);
        // SAFETY: U4: moved out once: `this` is never dropped or used again.
        let heap = unsafe { ptr::read(&raw const this.heap) };
        Parts { start: this.start, first: this.first_byte(), len: this.len, block: this.block, heap }
    }

    /// The same buffer with another reference to its heap.
    ///
    /// # Safety
    /// What `change` makes of the heap reference stands for the same heap: it may be given the block back, and has the same share count.
    #[inline(always)]
    pub(crate) unsafe fn with_heap<G: HeapRef>(self, change: impl FnOnce(H) -> G) -> SmBuf<G> {
        let this = ManuallyDrop::new(self);
        // SAFETY: U4: moved out once: `this` is never dropped or used again.
        let heap = change(unsafe { ptr::read(&raw const this.heap) });
        // U1 to U3 hold as before.
        SmBuf { start: this.start, head: this.head, len: this.len, cap: this.cap, block: this.block, heap }
    }

    /// A buffer of the whole block that the parts lie in, if there is one.
    ///
    /// # Safety
    /// The parts are the block's only owner, or empty and without one.
    #[inline]
    pub(crate) unsafe fn from_sole_parts(parts: Parts<H>) -> Self {
        let Parts { start, first, len, block, heap } = parts;
        let head = narrow(start.addr().get() - first.addr().get());
        // U1 to U3 hold: nobody else owns any of it, and only what was initialised counts as content.
        SmBuf { start, head, len, cap: block.bytes() - head, block: block.whole(), heap }
    }
}
