//! The system allocator, for what no bucket serves: larger sizes, and what overflows.
//!
//! Each block has a header in front of it, since a free is told only the pointer; the headers form a list, so that a heap that
//! ends gives back what its caller forgot.

use core::alloc::Layout;
use core::cell::Cell;
use core::mem::size_of;
use core::ptr::{NonNull, null_mut};
use std::alloc::{GlobalAlloc, System};

use super::canary::Canary;
use super::lock::Lock;
use super::refusal;
use super::share::ShareCount;

/// Bytes of a canary.
const TAIL: usize = 16;

/// Shared; the cells belong to the lock.
pub(crate) struct Fallback {
    pub(crate) lock: Lock,
    first: Cell<*mut Header>,
    blocks: Cell<usize>,
    bytes: Cell<usize>,
    canary: Option<Canary>,
    zero_on_free: bool,
}

// SAFETY: I9: the cells and the list are used under the lock alone.
unsafe impl Sync for Fallback {}
// SAFETY: as for `Sync`; the system allocator's blocks belong to no thread.
unsafe impl Send for Fallback {}

/// Directly in front of its block. Shared, under the heap's lock, but for the size (I9).
#[repr(C)]
struct Header {
    next: *mut Header,
    previous: *mut Header,
    size: usize,
    /// The logarithm of the bytes from the start of the system's block to ours, which are also its alignment.
    pad_shift: u32,
    shares: ShareCount,
}

/// What an address is to a fallback.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A live block of so many bytes.
    Block {
        size: usize,
    },
    /// It lies `bytes` bytes into a live block of `size`.
    Inside {
        bytes: usize,
        size: usize,
    },
    Nothing,
}

impl Fallback {
    /// With a canary, every block has one behind it. With `zero_on_free`, every block is overwritten before the system gets it.
    pub(crate) fn new(canary: Option<Canary>, zero_on_free: bool) -> Self {
        let (first, blocks, bytes) = (Cell::new(null_mut()), Cell::new(0), Cell::new(0));
        Self { lock: Lock::new(), first, blocks, bytes, canary, zero_on_free }
    }

    /// A block of `size` bytes at a multiple of `align`, a power of two. `None` when the system has no memory.
    pub(crate) fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = self.padded(size, pad_for(align)).filter(|_| !refusal::due())?;
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
        let start = self.lock.with(|| unsafe { self.disown(block) });
        // SAFETY: I9: off the list, so nobody else's.
        unsafe { self.release(block, start) }
    }

    /// Gives a block back, if it is one: finding it and taking it off the list is one step, so of two who free it one is told.
    /// The bytes it had are shown to `check` in between.
    pub(crate) fn deallocate_if_live(&self, block: NonNull<u8>, check: impl FnOnce(usize)) -> Result<(), Found> {
        let found = self.lock.with(|| match self.find_locked(block) {
            // SAFETY: I9: on the list, so live.
            Found::Block { size } => Ok((size, unsafe { self.disown(block) })),
            other => Err(other),
        });
        let (size, start) = found?;
        check(size);
        // SAFETY: I9: off the list, so nobody else's.
        unsafe { self.release(block, start) };
        Ok(())
    }

    /// Changes the size of a block, keeping the content up to the smaller size and an alignment of at least `align`. On `None` the block is as it was.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    pub(crate) unsafe fn reallocate(&self, block: NonNull<u8>, size: usize, align: usize) -> Option<NonNull<u8>> {
        // SAFETY: I9, I10.
        let old = unsafe { self.size(block) };
        // SAFETY: I9, I10.
        let pad = 1 << unsafe { (*header(block)).pad_shift };
        // The system would leave what it moves where it was.
        if pad_for(align) > pad || self.zero_on_free {
            let new = self.allocate(size, align)?;
            // SAFETY: I4: both blocks are the caller's, apart from each other, and large enough.
            unsafe { new.copy_from_nonoverlapping(block, old.min(size)) };
            // SAFETY: I10.
            unsafe { self.deallocate(block) };
            return Some(new);
        }
        let layout = self.padded(size, pad)?;
        // Off the list while the system may move it.
        // SAFETY: I9, I10.
        let (start, old_layout) = self.lock.with(|| unsafe { self.disown(block) });
        let moved = if refusal::due() {
            null_mut()
        } else {
            // SAFETY: I9: `start` was allocated with `old_layout`; the new size is not zero and was checked by `padded`.
            unsafe { System.realloc(start.as_ptr(), old_layout, layout.size()) }
        };
        match NonNull::new(moved) {
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

    /// The count of the block's owners.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller is one of its owners.
    pub(crate) unsafe fn share_count(&self, block: NonNull<u8>) -> NonNull<ShareCount> {
        // SAFETY: I9, I10, I11: the header of a live block is in place; the count is an atomic.
        NonNull::from(unsafe { &(*header(block)).shares })
    }

    /// What `address` is, found without touching it. Linear in the number of live blocks.
    pub(crate) fn find(&self, address: NonNull<u8>) -> Found {
        self.lock.with(|| self.find_locked(address))
    }

    /// As `find`; the caller holds the lock.
    fn find_locked(&self, address: NonNull<u8>) -> Found {
        let mut next = self.first.get();
        while let Some(header) = NonNull::new(next) {
            let first = header.addr().get() + size_of::<Header>();
            // Not the whole header: its block's owners may be counting themselves.
            // SAFETY: I9: a listed header is a live block's; the list and the size belong to the lock.
            let size = unsafe { (*header.as_ptr()).size };
            // SAFETY: I9: as above.
            let following = unsafe { (*header.as_ptr()).next };
            match address.addr().get().wrapping_sub(first) {
                0 => return Found::Block { size },
                bytes if bytes < size => return Found::Inside { bytes, size },
                _ => next = following,
            }
        }
        Found::Nothing
    }

    /// The first byte behind a block that was written, if its canary was changed.
    ///
    /// # Safety
    /// `block` is a block of this fallback with `size` bytes; the caller owns it.
    pub(crate) unsafe fn overrun(&self, block: NonNull<u8>, size: usize) -> Option<usize> {
        // SAFETY: I9, I10: `adopt` wrote the canary behind the block's bytes.
        unsafe { self.canary?.changed(block, size, size + self.tail()) }
    }

    /// Live blocks and their bytes.
    pub(crate) fn live(&self) -> (usize, usize) {
        self.lock.with(|| (self.blocks.get(), self.bytes.get()))
    }

    /// Writes the header of the system's block at `start` and lists it.
    fn adopt(&self, start: NonNull<u8>, size: usize, pad: usize) -> NonNull<u8> {
        // SAFETY: I9: the system's block has `pad + size` bytes.
        let block = unsafe { start.add(pad) };
        if let Some(canary) = self.canary {
            // SAFETY: I4: the system's block has as many bytes more, and it is ours.
            unsafe { canary.write(block, size, size + self.tail()) };
        }
        let this = header(block);
        self.lock.with(|| {
            let next = self.first.get();
            let pad_shift = pad.trailing_zeros();
            let new = Header { next, previous: null_mut(), size, pad_shift, shares: ShareCount::new() };
            // SAFETY: I9: `pad` is at least a header and a multiple of its alignment; the block is ours.
            unsafe { this.write(new) };
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

    /// Takes a block off the list; returns the system's block and its layout. The caller holds the lock.
    ///
    /// # Safety
    /// `block` is a live block of this fallback; the caller owns it.
    unsafe fn disown(&self, block: NonNull<u8>) -> (NonNull<u8>, Layout) {
        // SAFETY: I9, I10.
        let Header { next, previous, size, pad_shift, .. } = unsafe { header(block).read() };
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
        let pad = 1 << pad_shift;
        // SAFETY: I9: `adopt` put the block `pad` bytes behind the start.
        let start = unsafe { block.sub(pad) };
        // SAFETY: I9: this layout was valid when the block was allocated.
        (start, unsafe { Layout::from_size_align_unchecked(pad + size + self.tail(), pad) })
    }

    /// Lets the system have what `disown` returned.
    ///
    /// # Safety
    /// The two parts come from `disown` of this `block`, once.
    unsafe fn release(&self, block: NonNull<u8>, (start, layout): (NonNull<u8>, Layout)) {
        if self.zero_on_free {
            // SAFETY: I4, I10: the block is ours, all its bytes but the pad.
            unsafe { block.write_bytes(0, layout.size() - layout.align()) };
            // A compiler may leave out what is written just before a free, unless somebody might look at it.
            core::hint::black_box(block);
        }
        // SAFETY: I9: allocated by `allocate` or `reallocate` with this layout.
        unsafe { System.dealloc(start.as_ptr(), layout) }
    }

    /// Bytes behind each block.
    fn tail(&self) -> usize {
        if self.canary.is_some() { TAIL } else { 0 }
    }

    /// `size` bytes behind `pad`, at a multiple of `pad`, and what comes behind.
    fn padded(&self, size: usize, pad: usize) -> Option<Layout> {
        Layout::from_size_align(size.checked_add(pad)?.checked_add(self.tail())?, pad).ok()
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
    align.max(size_of::<Header>().next_power_of_two())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_listed_and_given_back_at_the_end() {
        let fallback = Fallback::new(None, false);
        for align in [1, 16, 32, 64, 4096] {
            let block = fallback.allocate(100, align).unwrap();
            assert_eq!(block.addr().get() % align.max(16), 0);
            assert_eq!(fallback.find(block), Found::Block { size: 100 });
            // SAFETY: I9: live, ours.
            assert_eq!(unsafe { fallback.size(block) }, 100);
        }
        assert_eq!(fallback.live(), (5, 500));
    }

    #[test]
    fn realloc_keeps_content_alignment_and_the_list() {
        let fallback = Fallback::new(None, false);
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
        assert_eq!(fallback.find(block), Found::Block { size: 20 });
        for block in [block, neighbour] {
            // SAFETY: I9: live, ours.
            unsafe { fallback.deallocate(block) };
        }
        assert_eq!(fallback.live(), (0, 0));
    }
}
