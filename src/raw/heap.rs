//! `RawHeap`: an untyped heap. The fast paths are here, each beside the slow one it falls into.

mod asked;
mod checked;
mod held;
mod zeroed;

use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

use crate::class::MAX_ALIGN;
use crate::config::Config;
use crate::error::{ConfigError, Plainly};
pub use crate::raw::buckets::share::ShareCount;
pub(crate) use crate::raw::cache::Cache;
use crate::raw::fallback::Fallback;
pub(crate) use crate::raw::fallback::MOST_ALIGN;
use crate::raw::fault;
use crate::raw::os;
pub(crate) use crate::raw::os::PAGE;
use crate::raw::published::Published;
use crate::raw::state::State;
pub(crate) use crate::raw::threads::shortcut::RawShortcut;
use crate::raw::threads::thread;
pub(crate) use crate::raw::threads::thread::NATIVE;
use crate::sync::fixed::AtomicPtr;

/// Shared. What every call needs of a heap in a few words; the rest is behind `state`.
pub(crate) struct RawHeap {
    /// The first cache of the table, and the state: both null until the heap is built.
    published: Published<AtomicPtr<Cache>, AtomicPtr<State>>,
    /// Whether the heap is hardened. The fast paths need not know: none of them succeeds on a heap without caches.
    checked: bool,
    /// What a static heap is built from when it is first needed.
    on_demand: Option<&'static Config>,
}

/// A call of a heap, and the shortcut that it brings along, if it does.
#[derive(Clone, Copy)]
pub(crate) struct RawCall<'h> {
    heap: &'h RawHeap,
    shortcut: Option<&'h RawShortcut>,
}

impl RawHeap {
    /// A heap that builds itself at its first slow path. Until somebody has called `state`, calls bring a shortcut along (I6).
    pub(crate) const fn on_demand(config: &'static Config) -> Self {
        Self { published: nothing(), checked: config.hardened, on_demand: Some(config) }
    }

    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let heap = Self { published: nothing(), checked: config.hardened, on_demand: None };
        let (table, state) = parts(State::build(config)?);
        heap.published.publish(table, state);
        Ok(heap)
    }

    /// Whether the heap is hardened: then `relocate` is not called, but `relocate_checked`.
    #[inline]
    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// Everything behind the fast paths.
    #[inline]
    pub(crate) fn state(&self) -> &State {
        match self.published.state() {
            // SAFETY: I8: valid from when it was published until this heap is dropped.
            Some(state) => unsafe { state.as_ref() },
            None => self.build_now(),
        }
    }

    #[cold]
    fn build_now(&self) -> &State {
        thread::prepare();
        if let Some(config) = self.on_demand {
            self.published.publish_once(&thread::REGISTRY.building, || parts(build_static(config)));
        }
        self.state()
    }

    /// This thread's cache, or one that is empty and full.
    #[inline(always)]
    pub(crate) fn cache(&self) -> &Cache {
        self.cache_at(thread::offset())
    }

    /// As `cache`, for functions that a shared library exports.
    #[cfg(feature = "capi")]
    #[inline(always)]
    pub(crate) fn library_cache(&self) -> &Cache {
        self.cache_at(thread::library_offset())
    }

    #[inline(always)]
    fn cache_at(&self, offset: usize) -> &Cache {
        let first = self.published.table();
        debug_assert!(!first.is_null(), "nobody has a reference to a heap that is not built");
        // SAFETY: I1, I6: the heap is built; its table has `SLOTS` caches, and this is the distance of one of them from the first.
        let cache = unsafe { first.byte_add(offset) };
        // SAFETY: I1, I5, I6: as above; the cache is this thread's, or nobody writes it.
        unsafe { &*cache }
    }

    /// A call that brings `shortcut` along, if it does.
    #[inline(always)]
    pub(crate) fn by<'h>(&'h self, shortcut: Option<&'h RawShortcut>) -> RawCall<'h> {
        RawCall { heap: self, shortcut }
    }
}

impl<'h> RawCall<'h> {
    /// This thread's cache, found by the shortcut, or else in the table.
    #[inline(always)]
    pub(crate) fn cache(self) -> &'h Cache {
        match self.shortcut {
            Some(shortcut) => shortcut.cache(),
            None => self.heap.cache(),
        }
    }

    /// A block for `size` bytes at a multiple of `align`; `class` is the class that serves them, if any does.
    ///
    /// `align` is a power of two. `None` when there is no block to be had: `Heap` finds out why.
    #[inline(always)]
    pub(crate) fn allocate(self, class: Option<usize>, size: usize, align: usize) -> Option<NonNull<u8>> {
        if let Some(class) = class {
            if let Some(block) = self.cache().lane(class).pop() {
                return Some(block);
            }
        }
        self.allocate_slow(class, size, align)
    }

    /// The alloc chunk is empty, or there is no cache: first what this thread has of its own.
    #[cold]
    #[inline(never)]
    pub(crate) fn allocate_slow(self, class: Option<usize>, size: usize, align: usize) -> Option<NonNull<u8>> {
        if let Some(class) = class {
            if let Some(block) = self.cache().lane(class).refill_from_stack() {
                return Some(block);
            }
        }
        self.allocate_shared(class, size, align)
    }

    /// What this thread has of its own is used up: from the bucket, or from elsewhere.
    #[cold]
    #[inline(never)]
    fn allocate_shared(self, class: Option<usize>, size: usize, align: usize) -> Option<NonNull<u8>> {
        let state = self.heap.state();
        let Some(class) = class else {
            return state.beyond(size, align, Fallback::allocate);
        };
        let cache = state.own_cache(self.shortcut);
        let block = state.take_own(cache, class).or_else(|| state.elsewhere(cache, class, size, align))?;
        if self.heap.checked {
            state.hand_out(block, size);
        }
        Some(block)
    }

    /// Takes back a block of `size` bytes that was probably served by the bucket of `class`.
    ///
    /// # Safety
    /// `block` is a live block of this heap, asked for with `size`; the caller owns it and gives it up.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_of(self, class: Option<usize>, block: NonNull<u8>, size: usize) {
        if let Some(class) = class {
            if self.cache().lane(class).push_if_inside(block) {
                return;
            }
        }
        // SAFETY: I10: passed on.
        unsafe { self.deallocate_sized_slow(block, size) }
    }

    /// Takes back a block of whichever bucket, or of the fallback.
    ///
    /// # Safety
    /// `block` is a live block of this heap; the caller owns it and gives it up.
    #[inline(always)]
    pub(crate) unsafe fn deallocate(self, block: NonNull<u8>) {
        if !self.cache().push(block) {
            // SAFETY: I10: passed on.
            unsafe { self.deallocate_slow(block) }
        }
    }

    /// As `deallocate`, told the size that the block was asked for with.
    ///
    /// # Safety
    /// As `deallocate_of`.
    #[inline(always)]
    pub(crate) unsafe fn deallocate_told(self, block: NonNull<u8>, size: usize) {
        if !self.cache().push(block) {
            // SAFETY: I10: passed on.
            unsafe { self.deallocate_sized_slow(block, size) }
        }
    }

    /// The free chunk is full, or there is no cache, or the block is no bucket's: first what this thread has room for.
    ///
    /// # Safety
    /// As `deallocate`.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn deallocate_slow(self, block: NonNull<u8>) {
        if let Some(lane) = self.cache().lane_of(block) {
            // The free that failed may have asked another lane: a block that overflowed is not of its layout's bucket.
            if lane.push(block) || lane.spill_to_stack(block) {
                return;
            }
        }
        // SAFETY: I10: passed on.
        unsafe { self.deallocate_shared(block) }
    }

    /// What this thread has room for is full: to the bucket, or to wherever the block came from.
    ///
    /// # Safety
    /// As `deallocate`.
    #[cold]
    #[inline(never)]
    unsafe fn deallocate_shared(self, block: NonNull<u8>) {
        let state = self.heap.state();
        if let Some(class) = state.locate(block) {
            return state.give(state.own_cache(self.shortcut), class, block);
        }
        state.take_back_from_elsewhere(block);
    }

    /// A block of `size` bytes with the content of `block` up to the smaller size. The same block if it is large enough and
    /// aligned. On `None` the old block is as it was.
    ///
    /// # Safety
    /// `block` is a live block of this heap; the caller owns it, and on `Some` gives it up for the one returned.
    #[inline]
    pub(crate) unsafe fn reallocate(
        self,
        block: NonNull<u8>,
        class: Option<usize>,
        size: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        let cache = self.cache();
        if let (Some(class), Some(lane)) = (class, cache.lane_of(block)) {
            let usable = lane.block_size();
            let block = lane.own(block);
            if size <= usable && block.addr().get() & (align.max(1) - 1) == 0 {
                return Some(block);
            }
            if let Some(new) = cache.lane(class).pop() {
                // SAFETY: I4: both blocks are the caller's, apart from each other, and at least this large.
                unsafe { new.copy_from_nonoverlapping(block, usable.min(size)) };
                if !lane.push(block) {
                    // SAFETY: I10: the caller gives it up.
                    unsafe { self.deallocate_slow(block) };
                }
                return Some(new);
            }
        }
        // SAFETY: I10: passed on.
        unsafe { self.reallocate_slow(block, class, size, align) }
    }

    /// One of the two is not a block of this thread's cache.
    ///
    /// # Safety
    /// As `reallocate`.
    #[cold]
    #[inline(never)]
    unsafe fn reallocate_slow(
        self,
        block: NonNull<u8>,
        class: Option<usize>,
        size: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        // Refused after a look at the block: what is none is noticed whatever it is to become.
        let align = checked_align(align);
        if self.heap.checked {
            // SAFETY: I10: passed on.
            return unsafe { self.heap.reallocate_checked(block, None, (class, size, align)) };
        }
        let (block, usable) = self.heap.state().measured(block);
        let align = align?;
        if size <= usable && block.addr().get() % align == 0 {
            return Some(block);
        }
        if class.is_none() && self.heap.state().locate(block).is_none() {
            // SAFETY: I10: in no bucket, so the fallback's.
            return unsafe { self.heap.state().resize_elsewhere(block, size, align) };
        }
        let new = self.allocate(class, size, align)?;
        // SAFETY: I4: both blocks are the caller's, apart from each other, and at least this large.
        unsafe { new.copy_from_nonoverlapping(block, usable.min(size)) };
        // SAFETY: I10: the caller gives it up.
        unsafe { self.deallocate(block) };
        Some(new)
    }

    /// As `reallocate`, told both layouts and their classes: moves to a block of another class, a smaller one too, if there is one, and copies no
    /// more than there is.
    ///
    /// # Safety
    /// As `reallocate`; the block was allocated with the first layout.
    #[inline(always)]
    pub(crate) unsafe fn relocate(
        self,
        block: NonNull<u8>,
        from: Option<usize>,
        old: Layout,
        to: Option<usize>,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        if let Some(lane) = to.map(|class| self.cache().lane(class)) {
            // Every block of the class is as aligned as its layouts.
            if lane.is_inside(block) {
                return Some(lane.own(block));
            }
            if let Some(moved) = (from != to).then(|| lane.pop()).flatten() {
                // SAFETY: I10: passed on.
                unsafe { self.move_to(moved, block, (from, old), new) };
                return Some(moved);
            }
        }
        // SAFETY: I10: passed on.
        unsafe { self.relocate_slow(block, (from, old), (to, new)) }
    }

    /// As `relocate`, of a block of another cache's or of none, or to what this thread's cache has none of.
    ///
    /// Where the block fits it stays, unless its own class has one for it: nobody is refused what is smaller, nor sent to another bucket or
    /// to the system by way of a copy.
    ///
    /// # Safety
    /// As `relocate`.
    #[cold]
    #[inline(never)]
    unsafe fn relocate_slow(
        self,
        block: NonNull<u8>,
        (from, old): (Option<usize>, Layout),
        (to, new): (Option<usize>, Layout),
    ) -> Option<NonNull<u8>> {
        let state = self.heap.state();
        let home = state.locate(block);
        if home.is_none() && to.is_none() {
            // SAFETY: I10: in no bucket, so the fallback's.
            return unsafe { state.resize_elsewhere(block, new.size(), new.align()) };
        }
        let (block, usable) = state.measured(block);
        let fits = new.size() <= usable && block.addr().get() % new.align() == 0;
        if fits && (from == to || home == to) {
            return Some(block);
        }
        let moved = match to {
            Some(class) if fits => state.take_own(state.own_cache(self.shortcut), class),
            None if fits => None,
            _ => self.allocate_shared(to, new.size(), new.align()),
        };
        let Some(moved) = moved else {
            // SAFETY: I10: passed on.
            return fits.then(|| unsafe { state.keep(block, to, new.size(), new.align()) });
        };
        // SAFETY: I10: passed on.
        unsafe { self.move_to(moved, block, (from, old), new) };
        Some(moved)
    }

    /// Copies what both layouts have of `block` to `moved`, and gives it up.
    ///
    /// # Safety
    /// As `relocate`; `moved` is a block for the new layout that nobody else has.
    #[inline]
    unsafe fn move_to(self, moved: NonNull<u8>, block: NonNull<u8>, (from, old): (Option<usize>, Layout), new: Layout) {
        // SAFETY: I4: both blocks are the caller's, apart from each other, and at least this large.
        unsafe { moved.copy_from_nonoverlapping(block, old.size().min(new.size())) };
        // SAFETY: I10: the caller gives it up.
        unsafe { self.deallocate_of(from, block, old.size()) };
    }
}

impl Drop for RawHeap {
    fn drop(&mut self) {
        // When the process ends everything goes as it is.
        if let Some(state) = self.published.state().filter(|_| !os::is_last()) {
            // SAFETY: I8, I10: exclusive now; whoever borrowed from the heap is gone.
            unsafe { State::release(state) }
        }
    }
}

/// What is published of a heap that is not built.
const fn nothing() -> Published<AtomicPtr<Cache>, AtomicPtr<State>> {
    Published::nothing(AtomicPtr::new(null_mut()), AtomicPtr::new(null_mut()))
}

/// What is published of one that is built.
fn parts(state: NonNull<State>) -> (NonNull<Cache>, NonNull<State>) {
    // SAFETY: I8: just built.
    (unsafe { state.as_ref() }.table().first_cache(), state)
}

/// Builds a heap that nobody can be told an error of.
fn build_static(config: &Config) -> NonNull<State> {
    let mut config = *config;
    loop {
        match State::build(&config) {
            Ok(state) => return state,
            Err(ConfigError::Refused { .. }) if config.can_be_halved() => config = config.halved(),
            // Perhaps the global allocator, and its own lock is held.
            Err(error) => {
                fault::abort(format_args!("the static heap {:?} cannot be built: {}", config.name, Plainly(&error)))
            }
        }
    }
}

/// The alignment a layout asks for: 0 is 16. `None` if it is not a power of two up to 4096.
pub(crate) fn checked_align(align: usize) -> Option<usize> {
    match align {
        0 => Some(16),
        1..=MAX_ALIGN if align.is_power_of_two() => Some(align),
        _ => None,
    }
}
