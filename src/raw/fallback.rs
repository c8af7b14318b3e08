//! The system allocator, for what no bucket serves: larger sizes, and what overflows.
//!
//! Each block has a header in front of it, since a free is told only the pointer; the headers form a list, so that a heap that
//! ends gives back what its caller forgot.

use core::alloc::Layout;
use core::cell::Cell;
use core::mem::size_of;
use core::ptr::{NonNull, null_mut};
use std::alloc::{GlobalAlloc, System};

use super::lock::Lock;

/// Shared; the cells belong to the lock.
pub(crate) struct Fallback {
    pub(crate) lock: Lock,
    first: Cell<*mut Header>,
    blocks: Cell<usize>,
    bytes: Cell<usize>,
}

// SAFETY: I9: the cells and the list are used under the lock alone.
unsafe impl Sync for Fallback {}
// SAFETY: as for `Sync`; the system allocator's blocks belong to no thread.
unsafe impl Send for Fallback {}

/// Directly in front of its block.
#[repr(C)]
struct Header {
    next: *mut Header,
    previous: *mut Header,
    size: usize,
    /// Bytes from the start of the system's block to ours; also its alignment.
    pad: usize,
}

impl Fallback {
    pub(crate) fn new() -> Self {
        Self { lock: Lock::new(), first: Cell::new(null_mut()), blocks: Cell::new(0), bytes: Cell::new(0) }
    }

    /// A block of `size` bytes at a multiple of `align`, a power of two. `None` when the system has no memory.
    pub(crate) fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = padded(size, pad_for(align))?;
        // SAFETY: I9: the layout has room for a header: its size is not zero.
        let start = NonNull::new(unsafe { System.alloc(layout) })?;
        Some(self.adopt(start, size, layout.align()))
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    pub(crate) unsafe fn deallocate(&self, block: NonNull<u8>) {
        // SAFETY: I9, I10.
        let (start, layout) = unsafe { self.disown(block) };
        // SAFETY: I9: allocated by `allocate` or `reallocate` with this layout.
        unsafe { System.dealloc(start.as_ptr(), layout) }
    }

    /// Changes the size of a block, keeping the content up to the smaller size and an alignment of at least `align`. On `None` the block is as it was.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    pub(crate) unsafe fn reallocate(&self, block: NonNull<u8>, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: I9, I10.
        let old = unsafe { self.size(block) };
        // SAFETY: I9, I10.
        let pad = unsafe { (*header(block)).pad };
        if pad_for(align) > pad {
            let new = self.allocate(size, align)?;
            // SAFETY: I4: both blocks are the caller's, apart from each other, and large enough.
            unsafe { new.copy_from_nonoverlapping(block, old.min(size)) };
            // SAFETY: I10.
            unsafe { self.deallocate(block) };
            return Some(new);
        }
        let layout = padded(size, pad)?;
        // Off the list while the system may move it.
        // SAFETY: I9, I10.
        let (start, old_layout) = unsafe { self.disown(block) };
        // SAFETY: I9: `start` was allocated with `old_layout`; the new size is not zero and was checked by `padded`.
        match NonNull::new(unsafe { System.realloc(start.as_ptr(), old_layout, layout.size()) }) {
            Some(start) => Some(self.adopt(start, size, pad)),
            None => {
                self.adopt(start, old, pad);
                None
            }
        }
    }

    /// The size that `block` was allocated with.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    pub(crate) unsafe fn size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: I9, I10.
        unsafe { (*header(block)).size }
    }

    /// Whether `block` is a live block of this fallback, found without touching it. Linear in their number.
    pub(crate) fn contains(&self, block: NonNull<u8>) -> bool {
        self.lock.with(|| {
            // Wrapping: any address may be asked about, and below the first header there is none.
            let wanted = block.addr().get().wrapping_sub(size_of::<Header>());
            let mut next = self.first.get();
            while !next.is_null() {
                if next.addr() == wanted {
                    return true;
                }
                // SAFETY: I9: a listed header is a live block's.
                next = unsafe { (*next).next };
            }
            false
        })
    }

    /// Live blocks and their bytes.
    pub(crate) fn live(&self) -> (usize, usize) {
        self.lock.with(|| (self.blocks.get(), self.bytes.get()))
    }

    /// Writes the header of the system's block at `start` and lists it.
    fn adopt(&self, start: NonNull<u8>, size: usize, pad: usize) -> NonNull<u8> {
        // SAFETY: I9: the system's block has `pad + size` bytes.
        let block = unsafe { start.add(pad) };
        let this = header(block);
        self.lock.with(|| {
            let next = self.first.get();
            // SAFETY: I9: `pad` is at least a header and a multiple of its alignment; the block is ours.
            unsafe { this.write(Header { next, previous: null_mut(), size, pad }) };
            if !next.is_null() {
                // SAFETY: I9: a listed header is a live block's.
                unsafe { (*next).previous = this };
            }
            self.first.set(this);
            self.blocks.set(self.blocks.get() + 1);
            self.bytes.set(self.bytes.get() + size);
        });
        block
    }

    /// Takes a block off the list; returns the system's block and its layout.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    unsafe fn disown(&self, block: NonNull<u8>) -> (NonNull<u8>, Layout) {
        let this = header(block);
        let (size, pad) = self.lock.with(|| {
            // SAFETY: I9, I10.
            let Header { next, previous, size, pad } = unsafe { this.read() };
            if previous.is_null() {
                self.first.set(next);
            } else {
                // SAFETY: I9: a listed header is a live block's.
                unsafe { (*previous).next = next };
            }
            if !next.is_null() {
                // SAFETY: I9: a listed header is a live block's.
                unsafe { (*next).previous = previous };
            }
            self.blocks.set(self.blocks.get() - 1);
            self.bytes.set(self.bytes.get() - size);
            (size, pad)
        });
        // SAFETY: I9: `adopt` put the block `pad` bytes behind the start.
        let start = unsafe { block.sub(pad) };
        // SAFETY: I9: this layout was valid when the block was allocated.
        (start, unsafe { Layout::from_size_align_unchecked(pad + size, pad) })
    }
}

impl Drop for Fallback {
    fn drop(&mut self) {
        while let Some(first) = NonNull::new(self.first.get()) {
            // SAFETY: I9: the block lies behind its header.
            let block = unsafe { first.add(1) }.cast::<u8>();
            // SAFETY: I9: listed, so live; the heap ends, so nobody may use it any more.
            unsafe { self.deallocate(block) };
        }
    }
}

/// The header lies directly in front of its block.
fn header(block: NonNull<u8>) -> *mut Header {
    block.as_ptr().cast::<Header>().wrapping_sub(1)
}

fn pad_for(align: usize) -> usize {
    align.max(size_of::<Header>())
}

/// `size` bytes behind `pad`, at a multiple of `pad`.
fn padded(size: usize, pad: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(pad)?, pad).ok()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_listed_and_given_back_at_the_end() {
        let fallback = Fallback::new();
        for align in [1, 16, 32, 64, 4096] {
            let block = fallback.allocate(100, align).unwrap();
            assert_eq!(block.addr().get() % align.max(16), 0);
            assert!(fallback.contains(block));
            // SAFETY: I9: live, ours.
            assert_eq!(unsafe { fallback.size(block) }, 100);
        }
        assert_eq!(fallback.live(), (5, 500));
    }

    #[test]
    fn realloc_keeps_content_alignment_and_the_list() {
        let fallback = Fallback::new();
        let block = fallback.allocate(10, 16).unwrap();
        let neighbour = fallback.allocate(1, 16).unwrap();
        // SAFETY: I9: live, ours, 10 bytes.
        unsafe { block.copy_from_nonoverlapping(NonNull::from(b"0123456789").cast(), 10) };
        // SAFETY: I9: live, ours.
        let block = unsafe { fallback.reallocate(block, 1 << 20, 16) }.unwrap();
        // SAFETY: I9: live, ours.
        let block = unsafe { fallback.reallocate(block, 20, 4096) }.unwrap();
        assert_eq!(block.addr().get() % 4096, 0);
        // SAFETY: I9: live, ours, at least 10 bytes written.
        assert_eq!(unsafe { core::slice::from_raw_parts(block.as_ptr(), 10) }, b"0123456789");
        assert_eq!(fallback.live(), (2, 21));
        // SAFETY: I9: live, ours.
        assert_eq!(unsafe { fallback.reallocate(block, isize::MAX as usize, 16) }, None);
        assert!(fallback.contains(block));
        for block in [block, neighbour] {
            // SAFETY: I9: live, ours.
            unsafe { fallback.deallocate(block) };
        }
        assert_eq!(fallback.live(), (0, 0));
    }
}
