//! One thread's cache of free blocks: for each bucket an alloc chunk, a free chunk and a stack behind both.
//!
//! `pop` takes from the alloc chunk, `push` adds to the free chunk. Two chunks, because in a tight allocate/free pair the next
//! pop would otherwise wait for the pointer that the last push has just stored. When one of them runs out, the lane's cold
//! half (cold.rs) swaps the two, moves blocks from or to the stack, refills from the bucket or spills to it.
//!
//! Cursors are offsets from the cache's own first byte, and the cache's first word is a null pointer that is never
//! written. So a cache of zero bytes needs no check: its alloc cursors (0) find the null pointer, "empty"; its free
//! cursors (0) have no low bits, "full" (I6).

mod cold;

use core::mem::{offset_of, size_of};
use core::ptr::{NonNull, null_mut};

use crate::class::MAX_CLASSES;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::{AtomicPtr, AtomicUsize};

/// Bytes of a chunk: 64 pointers, the first of which is never used.
const CHUNK_BYTES: usize = 512;
const SLOT: usize = size_of::<usize>();
const SLOTS: usize = CHUNK_BYTES / SLOT;
/// A chunk holds about this many bytes' worth of blocks, so that what circulates through it stays in the first-level cache.
const CHUNK_WORTH: usize = 4096;
const SHORTEST_CHUNK: usize = 8;
const LONGEST_CHUNK: usize = SLOTS - 1;

/// One thread's; others may peek at the cursors for statistics.
///
/// What others peek at is atomic, but only ever loaded and stored (relaxed): plain moves, and no peek is a race.
#[repr(C, align(4096))]
pub(crate) struct Cache {
    /// What an alloc cursor of 0 finds. Never written.
    null: AtomicPtr<u8>,
    /// What `free` needs of the heap: where the spans lie. Zero: no address is inside.
    base: AtomicUsize,
    shift: AtomicUsize,
    spans: AtomicUsize,
    /// Whether a thread uses this cache.
    open: AtomicUsize,
    /// The mapping behind all stacks: address and bytes. `raw::table` owns it; it outlasts the cache's closing.
    pub(crate) stacks: AtomicPtr<u8>,
    pub(crate) stacks_bytes: AtomicUsize,
    /// `ThreadCache` guards of this heap that its thread holds.
    pub(crate) guards: AtomicUsize,
    lanes: [Lane; MAX_CLASSES],
    depots: [Depot; MAX_CLASSES],
    chunks: Chunks,
}

/// The hot half of one bucket's part of a cache.
#[repr(C)]
struct Lane {
    /// Offset of the alloc chunk's last block; at the null slot below the first when empty (I7).
    alloc: AtomicUsize,
    /// Offset of the free chunk's next slot; at the chunk's end when full (I7).
    free: AtomicUsize,
    /// The addresses of the bucket's blocks, for a free that expects this bucket. Zero: no address is inside.
    start: AtomicUsize,
    bytes: AtomicUsize,
}

/// The cold half: the stack, and how many blocks a chunk takes.
#[repr(C)]
struct Depot {
    stack: AtomicPtr<*mut u8>,
    /// Blocks on the stack.
    len: AtomicUsize,
    /// Blocks it has room for.
    depth: AtomicUsize,
    /// Blocks a chunk takes: `L` of I7.
    chunk: AtomicUsize,
}

#[repr(C, align(512))]
struct Chunks([AtomicPtr<u8>; SLOTS * 2 * MAX_CLASSES]);

// A free cursor is full when its low bits are zero, so chunks start at multiples of their size.
const _: () = assert!(offset_of!(Cache, chunks) % CHUNK_BYTES == 0);
const _: () = assert!(offset_of!(Cache, null) == 0);

/// Where one lane's blocks lie and how many it may keep.
pub(crate) struct LaneSetup {
    pub(crate) start: usize,
    pub(crate) bytes: usize,
    pub(crate) plan: LanePlan,
}

/// How a number of cached blocks is divided between chunks and stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanePlan {
    pub(crate) chunk: usize,
    pub(crate) depth: usize,
}

impl LanePlan {
    /// For at most `bytes` bytes of blocks of `block_size`, and never more blocks than the bucket has.
    ///
    /// Less than one block means no cache for this bucket; one block means one each way.
    pub(crate) fn new(bytes: usize, block_size: usize, blocks: usize) -> Self {
        let held = (bytes / block_size).min(blocks);
        let chunk = (CHUNK_WORTH / block_size).clamp(SHORTEST_CHUNK, LONGEST_CHUNK).min(held.div_ceil(2));
        Self { chunk, depth: held.saturating_sub(2 * chunk) }
    }

    /// The most blocks the lane holds.
    fn capacity(self) -> usize {
        2 * self.chunk + self.depth
    }
}

impl Cache {
    /// Distance between two threads' caches in a table.
    pub(crate) const STRIDE: usize = size_of::<Self>();
    /// What a heap without a table shows its threads: empty and full for ever (I6).
    pub(crate) const fn empty() -> Self {
        Self {
            null: AtomicPtr::new(null_mut()),
            base: AtomicUsize::new(0),
            shift: AtomicUsize::new(0),
            spans: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            stacks: AtomicPtr::new(null_mut()),
            stacks_bytes: AtomicUsize::new(0),
            guards: AtomicUsize::new(0),
            lanes: [const { Lane::empty() }; MAX_CLASSES],
            depots: [const { Depot::empty() }; MAX_CLASSES],
            chunks: Chunks([const { AtomicPtr::new(null_mut()) }; SLOTS * 2 * MAX_CLASSES]),
        }
    }

    /// A cached block of `class`.
    #[inline(always)]
    pub(crate) fn pop(&self, class: usize) -> Option<NonNull<u8>> {
        let lane = &self.lanes[class];
        let cursor = lane.alloc.load(Relaxed);
        let block = NonNull::new(self.slot(cursor).load(Relaxed))?;
        lane.alloc.store(cursor - SLOT, Relaxed);
        Some(block)
    }

    /// Parks `block`, which the caller owns, if it is one of the bucket of `class` and the free chunk has room.
    #[inline(always)]
    pub(crate) fn push_of(&self, class: usize, block: NonNull<u8>) -> bool {
        let lane = &self.lanes[class];
        let offset = block.addr().get().wrapping_sub(lane.start.load(Relaxed));
        offset < lane.bytes.load(Relaxed) && self.push_to(lane, block)
    }

    /// As `push_of`, for whichever bucket `block` came from.
    #[inline(always)]
    pub(crate) fn push(&self, block: NonNull<u8>) -> bool {
        let span = block.addr().get().wrapping_sub(self.base.load(Relaxed)) >> (self.shift.load(Relaxed) & 63);
        if span >= self.spans.load(Relaxed) {
            return false;
        }
        // SAFETY: I7: an open cache has at most as many spans as lanes.
        let lane = unsafe { self.lanes.get_unchecked(span) };
        self.push_to(lane, block)
    }

    /// Parks `block`, known to belong to `class`, if the free chunk has room.
    pub(crate) fn push_in(&self, class: usize, block: NonNull<u8>) -> bool {
        self.push_to(&self.lanes[class], block)
    }

    #[inline(always)]
    fn push_to(&self, lane: &Lane, block: NonNull<u8>) -> bool {
        let cursor = lane.free.load(Relaxed);
        if cursor % CHUNK_BYTES == 0 {
            return false;
        }
        self.slot(cursor).store(block.as_ptr(), Relaxed);
        lane.free.store(cursor + SLOT, Relaxed);
        true
    }

    /// The chunk slot at a cursor.
    #[inline(always)]
    fn slot(&self, cursor: usize) -> &AtomicPtr<u8> {
        // SAFETY: I7, I6: a slot of our own chunks, or the null word; the cache outlives the borrow.
        unsafe { &*self.slots(cursor) }
    }

    /// The chunk slots from a cursor on.
    #[inline(always)]
    fn slots(&self, cursor: usize) -> *const AtomicPtr<u8> {
        let first: *const Self = self;
        // SAFETY: I7, I6: a cursor is 0 or the offset of a slot of our own chunks.
        unsafe { first.byte_add(cursor) }.cast()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed) != 0
    }

    /// Turns a zero cache into an empty one with room.
    ///
    /// `region` is the first span's address and the shift that leads to the others; without it no address is inside, so that
    /// every free takes the slow path. `stacks` has room for the depths of all `lanes` in order.
    pub(crate) fn open(
        &self,
        region: Option<(usize, u32)>,
        stacks: NonNull<u8>,
        lanes: impl ExactSizeIterator<Item = LaneSetup>,
    ) {
        debug_assert!(!self.is_open());
        if let Some((base, shift)) = region {
            self.base.store(base, Relaxed);
            self.shift.store(shift as usize, Relaxed);
            self.spans.store(lanes.len(), Relaxed);
        }
        let mut stack = stacks.as_ptr().cast::<*mut u8>();
        for (class, setup) in lanes.enumerate() {
            let LanePlan { chunk, depth } = setup.plan;
            self.depots[class].stack.store(stack, Relaxed);
            self.depots[class].depth.store(depth, Relaxed);
            self.depots[class].chunk.store(chunk, Relaxed);
            stack = stack.wrapping_add(depth);
            let lane = &self.lanes[class];
            if region.is_some() {
                lane.start.store(setup.start, Relaxed);
                lane.bytes.store(setup.bytes, Relaxed);
            }
            if chunk > 0 {
                let below = offset_of!(Cache, chunks) + class * 2 * CHUNK_BYTES + (SLOTS - 1 - chunk) * SLOT;
                // A longer chunk of an earlier owner may have used the slots that must be null now (I7).
                self.slot(below).store(null_mut(), Relaxed);
                self.slot(below + CHUNK_BYTES).store(null_mut(), Relaxed);
                lane.alloc.store(below, Relaxed);
                lane.free.store(below + CHUNK_BYTES + SLOT, Relaxed);
            }
        }
        self.open.store(1, Relaxed);
    }

    /// Turns an open cache, already drained, into a zero one again.
    pub(crate) fn close(&self) {
        self.open.store(0, Relaxed);
        self.base.store(0, Relaxed);
        self.shift.store(0, Relaxed);
        self.spans.store(0, Relaxed);
        for (lane, depot) in self.lanes.iter().zip(&self.depots) {
            lane.alloc.store(0, Relaxed);
            lane.free.store(0, Relaxed);
            lane.start.store(0, Relaxed);
            lane.bytes.store(0, Relaxed);
            depot.stack.store(null_mut(), Relaxed);
            depot.len.store(0, Relaxed);
            depot.depth.store(0, Relaxed);
            depot.chunk.store(0, Relaxed);
        }
    }

    /// The blocks of `class` that are parked here. Exact for the owning thread, a snapshot for others.
    pub(crate) fn cached(&self, class: usize) -> usize {
        self.alloc_len(class) + self.free_len(class) + self.depots[class].len.load(Relaxed)
    }

    /// Exchanges the two chunks.
    fn swap(&self, class: usize) {
        let lane = &self.lanes[class];
        let (alloc, free) = (lane.alloc.load(Relaxed), lane.free.load(Relaxed));
        lane.alloc.store(free - SLOT, Relaxed);
        lane.free.store(alloc + SLOT, Relaxed);
    }

    fn alloc_len(&self, class: usize) -> usize {
        let slot = self.lanes[class].alloc.load(Relaxed) % CHUNK_BYTES / SLOT;
        let chunk = self.depots[class].chunk.load(Relaxed);
        // Saturating: a peek from another thread may see half a change.
        if chunk == 0 { 0 } else { slot.saturating_sub(LONGEST_CHUNK - chunk) }
    }

    fn free_len(&self, class: usize) -> usize {
        // One slot lower, so that a full chunk's cursor is still inside it.
        let slot = self.lanes[class].free.load(Relaxed).wrapping_sub(SLOT) % CHUNK_BYTES / SLOT;
        let chunk = self.depots[class].chunk.load(Relaxed);
        if chunk == 0 { 0 } else { slot.saturating_sub(LONGEST_CHUNK - chunk) }
    }
}

impl Lane {
    const fn empty() -> Self {
        Self {
            alloc: AtomicUsize::new(0),
            free: AtomicUsize::new(0),
            start: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }
}

impl Depot {
    const fn empty() -> Self {
        Self {
            stack: AtomicPtr::new(null_mut()),
            len: AtomicUsize::new(0),
            depth: AtomicUsize::new(0),
            chunk: AtomicUsize::new(0),
        }
    }
}
