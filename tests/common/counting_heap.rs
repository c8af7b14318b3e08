//! A heap for tests: knows every live block, refuses wrong layouts, and can fail the n-th allocation.

#![expect(unsafe_code, reason = "a heap reference is an unsafe trait")]

use std::alloc::Layout;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smarena::{AllocError, Geometric, HeapRef};

/// All clones are one heap. Blocks are filled with a pattern when they are given out and when they come back.
#[derive(Debug, Clone, Default)]
pub struct CountingHeap(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    live: HashMap<usize, Layout>,
    allocations: usize,
    fail_at: Option<usize>,
}

impl CountingHeap {
    pub fn new() -> Self {
        Self::default()
    }

    /// The allocation after `count` more succeed fails; later ones succeed again.
    pub fn fail_after(&self, count: usize) {
        let mut state = self.state();
        state.fail_at = Some(state.allocations + count);
    }

    /// Blocks that were given out and have not come back.
    pub fn live(&self) -> usize {
        self.state().live.len()
    }

    /// Blocks given out so far, and attempts that were made to fail.
    pub fn allocations(&self) -> usize {
        self.state().allocations
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layout the system is asked for: it serves no empty ones.
fn backing(layout: Layout) -> Layout {
    Layout::from_size_align(layout.size().max(1), layout.align()).unwrap()
}

// SAFETY: every block is a live block of the system allocator with the layout asked for, known to `live`.
unsafe impl HeapRef for CountingHeap {
    type Classes = Geometric<40>;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let mut state = self.state();
        let number = state.allocations;
        state.allocations += 1;
        let refused = AllocError::OutOfMemory {
            size: layout.size(),
            align: layout.align(),
        };
        if state.fail_at == Some(number) {
            return Err(refused);
        }
        // SAFETY: `backing` never gives an empty layout.
        let block = NonNull::new(unsafe { std::alloc::alloc(backing(layout)) }).ok_or(refused)?;
        // SAFETY: the block has at least the layout's size.
        unsafe { block.as_ptr().write_bytes(0xA5, layout.size()) };
        assert_eq!(state.live.insert(block.as_ptr() as usize, layout), None);
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let known = self.state().live.remove(&(block.as_ptr() as usize));
        assert_eq!(
            known,
            Some(layout),
            "a block came back twice, or with another layout"
        );
        // SAFETY: the block was live and has at least the layout's size.
        unsafe { block.as_ptr().write_bytes(0x5A, layout.size()) };
        // SAFETY: the block came from the system allocator with this layout.
        unsafe { std::alloc::dealloc(block.as_ptr(), backing(layout)) };
    }

    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let moved = self.allocate(new)?;
        let kept = old.size().min(new.size());
        // SAFETY: both blocks are live and hold that many bytes; a new block overlaps no live one.
        unsafe { block.as_ptr().copy_to_nonoverlapping(moved.as_ptr(), kept) };
        // SAFETY: the caller gives the old block up.
        unsafe { self.deallocate(block, old) };
        Ok(moved)
    }
}
