//! `ListedHeap`: a heap whose block sizes are a list that is known when the program runs. What the C interface hands out.

use core::ptr::NonNull;

use super::noted::{Note, Noted};
use crate::class::table::late::LateTable;
use crate::config::{CacheWarmup, Config};
use crate::error::ConfigError;
use crate::raw::heap::{RawHeap, checked_align};

/// A thread that was given no cache of its own size has one of at most a bucket's bytes over this. It is what other threads may miss
/// of a bucket, so small buckets are not cached at all.
const CACHED_PART: usize = 256;

/// What such a heap shall be, but for its block sizes and its name.
pub(crate) type Wishes = Config;

impl Wishes {
    /// Buckets of `bucket_bytes` bytes each.
    pub(crate) fn of_buckets(bucket_bytes: usize) -> Self {
        let mut wishes = Self::new(&[], bucket_bytes);
        wishes.cache_bytes = wishes.cache_bytes.min(bucket_bytes / CACHED_PART);
        wishes
    }
}

/// Shared. As `Heap<C>` with a `C` that is not known to the compiler.
pub(crate) struct ListedHeap {
    raw: RawHeap,
    /// Such a heap has no caches, so that every call comes by a slow path, and the fast ones need not know.
    note: Option<Note>,
    // Behind the heap, which refers to both, so that they go last.
    table: LateTable,
    _name: Option<Box<str>>,
}

impl ListedHeap {
    /// A heap as it is wished for, perhaps under a name of its own.
    pub(crate) fn new(
        wishes: &Wishes,
        table: LateTable,
        name: Option<Box<str>>,
        note: Option<Note>,
    ) -> Result<Self, ConfigError> {
        let mut wishes = *wishes;
        wishes.automatic_cache &= note.is_none();
        // SAFETY: I13: they stay where they lie as long as this heap has its table, and nobody keeps them longer.
        wishes.block_sizes = unsafe { NonNull::from(table.block_sizes()).as_ref() };
        if let Some(name) = &name {
            // SAFETY: I13: the heap shows its name as long as it lives, and nobody keeps that longer but to end the process.
            wishes.name = unsafe { NonNull::from(&**name).as_ref() };
        }
        Ok(Self { raw: RawHeap::new(&wishes)?, note, table, _name: name })
    }

    /// As `Heap::malloc`.
    #[inline(always)]
    pub(crate) fn malloc(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        if let Some(class) = self.table.class_of_small(size, align) {
            // Behind the last class is a lane of zero bytes: nothing to pop (I7).
            if let Some(block) = self.raw.library_cache().lane(class).pop() {
                return Some(block);
            }
        }
        self.malloc_slow(size, align)
    }

    /// Does not unwind, as its type says, so that the fast path needs no stack frame.
    #[cold]
    #[inline(never)]
    extern "C" fn malloc_slow(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let class = self.class(size, align);
        // What is not small, or has an alignment of its own, was not looked for yet.
        let cached = class.and_then(|class| self.raw.library_cache().lane(class).pop());
        let align = checked_align(align)?;
        let block = cached.or_else(|| self.raw.by(None).allocate_slow(class, size, align));
        if let (Some(note), Some(block)) = (self.note, block) {
            note(block, size, align, Noted::HandedOut);
        }
        block
    }

    /// The class that serves a layout, if any does.
    fn class(&self, size: usize, align: usize) -> Option<usize> {
        self.table.class_for(size, checked_align(align)?)
    }

    /// As `Heap::free`.
    ///
    /// # Safety
    /// `block` was returned by this heap, is live, and is not used any more.
    #[inline(always)]
    pub(crate) unsafe fn free(&self, block: NonNull<u8>) {
        if !self.raw.library_cache().push(block) {
            // SAFETY: I10: the caller's contract is the same.
            unsafe { self.free_slow(block) }
        }
    }

    /// # Safety
    /// As `free`.
    #[cold]
    #[inline(never)]
    unsafe extern "C" fn free_slow(&self, block: NonNull<u8>) {
        if let Some(note) = self.note {
            note(block, 0, 1, Noted::TakenBack);
        }
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw.by(None).deallocate_slow(block) }
    }

    /// As `Heap::free_sized`.
    ///
    /// # Safety
    /// As `free`; `size` and `align` are what the block was last asked for with.
    #[inline(always)]
    pub(crate) unsafe fn free_sized(&self, block: NonNull<u8>, size: usize, align: usize) {
        if let Some(class) = self.table.class_of_small(size, align) {
            // Behind the last class is a lane of zero bytes: no address is inside (I7).
            if self.raw.library_cache().lane(class).push_if_inside(block) {
                return;
            }
        }
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.free_sized_slow(block, size) }
    }

    /// # Safety
    /// As `free_sized`.
    #[cold]
    #[inline(never)]
    unsafe extern "C" fn free_sized_slow(&self, block: NonNull<u8>, size: usize) {
        if let Some(note) = self.note {
            note(block, size, 1, Noted::TakenBack);
        }
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw.by(None).deallocate_sized_slow(block, size) }
    }

    /// As `Heap::realloc`.
    ///
    /// # Safety
    /// As `free` if a block is returned, unless it is the same one.
    pub(crate) unsafe fn realloc(&self, block: NonNull<u8>, size: usize, align: usize) -> Option<NonNull<u8>> {
        if let Some(note) = self.note {
            // Noted before the call: afterwards the block may be another thread's.
            note(block, 0, 1, Noted::TakenBack);
        }
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.raw.by(None).reallocate(block, self.class(size, align), size, align) };
        if let Some(note) = self.note {
            match moved {
                Some(moved) => note(moved, size, checked_align(align).unwrap_or(align), Noted::HandedOut),
                None => note(block, 0, 1, Noted::Kept),
            }
        }
        moved
    }

    /// As `Heap::usable_size`.
    ///
    /// # Safety
    /// `block` was returned by this heap and is live.
    pub(crate) unsafe fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw.usable_size(block) }
    }

    /// As `Heap::bucket_of`.
    pub(crate) fn bucket_of(&self, block: NonNull<u8>) -> Option<usize> {
        self.raw.bucket_of(block)
    }

    /// Gives this thread a cache of up to `blocks` blocks of each bucket, until it closes it or ends.
    pub(crate) fn open_cache(&self, blocks: usize, warmup: CacheWarmup) {
        if self.note.is_none() {
            self.raw.reopen_cache(&|block_size| block_size.saturating_mul(blocks), warmup);
        }
    }

    /// Gives back what this thread has cached, and lets it have its cache.
    pub(crate) fn reset_cache(&self) {
        self.raw.state().drain_own_cache();
    }

    /// As `Heap::trim`.
    pub(crate) fn trim(&self) -> usize {
        self.raw.state().trim()
    }

    pub(crate) fn raw(&self) -> &RawHeap {
        &self.raw
    }

    /// Gives back what this thread has cached; it caches nothing until it opens a cache again.
    pub(crate) fn close_cache(&self) {
        self.raw.forgo_cache();
    }
}
