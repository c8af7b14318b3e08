//! `ListedHeap`: a heap whose block sizes are a list that is known when the program runs. What the C interface hands out.

use core::ptr::NonNull;

use super::noted::{Note, Noted};
use crate::class::table::GRAIN;
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
        // The alignment that most callers name, by one test.
        if align & !GRAIN != 0 {
            return self.malloc_aligned(size, align);
        }
        self.pop(size).or_else(|| self.malloc_slow(size, align))
    }

    /// A cached block for a small size, at the alignment that every block has.
    #[inline(always)]
    fn pop(&self, size: usize) -> Option<NonNull<u8>> {
        // Behind the last class is a lane of zero bytes: nothing to pop (I7).
        self.raw.library_cache().lane(self.table.class_of_small(size)?).pop()
    }

    /// Of another alignment, though perhaps one that every block has. Does not unwind, as its type says, so that the fast path needs no stack frame.
    #[inline(never)]
    extern "C" fn malloc_aligned(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let cached = if align < GRAIN && align.is_power_of_two() { self.pop(size) } else { None };
        cached.or_else(|| self.malloc_slow(size, align))
    }

    /// The alloc chunk is empty, or there is no cache, or the layout is not small. Does not unwind, as above.
    #[cold]
    #[inline(never)]
    extern "C" fn malloc_slow(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let align = checked_align(align)?;
        if let (Some(class), true) = (self.table.class_of_small(size), align <= GRAIN) {
            if let Some(block) = self.raw.library_cache().lane(class).refill_from_stack() {
                return Some(block);
            }
        }
        self.malloc_shared(size, align)
    }

    /// What is small has nothing in this thread's cache.
    #[cold]
    #[inline(never)]
    fn malloc_shared(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let block = self.raw.by(None).allocate(self.table.class_for(size, align), size, align);
        if let (Some(note), Some(block)) = (self.note, block) {
            note(block, size, align, Noted::HandedOut);
        }
        block
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
    /// As `free`; `size` is what the block was last asked for with.
    #[inline(always)]
    pub(crate) unsafe fn free_sized(&self, block: NonNull<u8>, size: usize) {
        if let Some(class) = self.table.class_of_small(size) {
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
        let class = checked_align(align).and_then(|align| self.table.class_for(size, align));
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.raw.by(None).reallocate(block, class, size, align) };
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
