//! A lane: one bucket's part of a thread cache. The hot half; cold.rs is the other.
//!
//! `pop` takes from the alloc chunk, `push` adds to the free chunk. Two chunks, because in a tight allocate/free pair the next
//! pop would otherwise wait for the pointer that the last push has just stored. Behind both stands a stack of full chunks.
//!
//! ```text
//! alloc chunk   | - b b b b - - - - - - - |   the cursor points at the last block: at the chunk's start when empty
//! free chunk    | - - - - - - b b b b . . |   the cursor points at the next slot: at the chunk's end when full
//! ```
//!
//! A chunk starts at a multiple of its size, so both checks are one test of the cursor's low bits against a constant. A lane
//! that shall keep few blocks uses the low end of its alloc chunk and the high end of all others; a chunk that becomes the alloc
//! chunk has its blocks moved down. With all slots in use, as small blocks have it, both ends are the same place.

use core::cell::Cell;
use core::mem::size_of;
use core::ptr::{NonNull, null_mut};

use crate::raw::buckets::bitmap::Start;
use crate::raw::testing::poison;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::{AtomicPtr, AtomicU8, AtomicU16};

pub(super) const SLOT: usize = size_of::<NonNull<u8>>();
/// A chunk holds about this many bytes' worth of blocks, so that what circulates through it stays in the first-level cache: where caches are as a heap
/// makes them, four chunks, and of blocks of up to 256 bytes all slots, so that none is moved when a chunk changes its role.
const CHUNK_WORTH: usize = 16384;
/// Slots of a chunk; the first one is never used.
pub(super) const SLOTS: usize = 64;
pub(super) const LONGEST_CHUNK: usize = SLOTS - 1;
const SHORTEST_CHUNK: usize = 15;
/// Up to so many blocks a lane keeps in its alloc chunk alone: chunks of one or two blocks would change their roles all the time, and that costs more than
/// a free that is never fast.
const FEW: usize = 5;
/// Bytes of a chunk: what it starts at a multiple of.
const CHUNK_BYTES: usize = SLOTS * SLOT;
/// The bits of a cursor that are zero at a chunk's start and at its end.
const LOW_BITS: usize = CHUNK_BYTES - 1;

/// The place of a block pointer in a chunk.
pub(super) type Slot = NonNull<u8>;

/// One thread's, one cache line; zero bytes are empty and full. The cells are the thread's alone; others may peek at the atomics,
/// which are only ever loaded and stored.
#[repr(C, align(64))]
pub(crate) struct Lane {
    /// The alloc chunk's last block; the chunk's start when empty (I7).
    pub(super) alloc: AtomicPtr<Slot>,
    /// The free chunk's next slot; the chunk's end when full (I7).
    pub(super) free: AtomicPtr<Slot>,
    /// Blocks a chunk takes: `L` of I7.
    chunk: AtomicU8,
    /// Where refills begin to look.
    pub(super) start: Start,
    /// Blocks that its alloc chunk takes where it has no other chunk; zero where it has, and `chunk` where it has not.
    few: AtomicU8,
    /// Which way blocks crossed the border to the bucket last.
    pub(super) crossed: Cell<Crossing>,
    /// Refills and spills that the bucket was not told of yet. Counted here, since a line that all threads count in would be waited for.
    pub(super) refills: AtomicU16,
    pub(super) spills: AtomicU16,
    /// The pointer to the bucket's first block, from which those to all others are made.
    base: Cell<*mut u8>,
    /// How many bytes of blocks lie there, for a free that expects this bucket. Zero: no address is inside.
    bytes: Cell<usize>,
    /// All chunks side by side.
    chunks: Cell<*mut Slot>,
    /// The chunks that are neither alloc nor free chunk, by number: the full ones, oldest first, then the empty ones. Null until the first
    /// of them is needed: most lanes never need one, and writing the numbers of all would take a page of memory for each.
    order: Cell<*mut u16>,
    /// How many of these are full.
    pub(super) full: AtomicU16,
    /// How many there are.
    pub(super) spare: Cell<u16>,
    /// Bytes of a block.
    block_size: Cell<u32>,
}

/// A refill or a spill, or neither yet; zero is neither, since a lane is zero bytes at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Crossing {
    Never = 0,
    Refill,
    Spill,
}

/// How a number of cached blocks is divided into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LanePlan {
    /// Blocks a chunk takes, or 0 for no cache.
    pub(super) chunk: u8,
    /// Chunks beside the alloc chunk and the free chunk.
    pub(super) spare: u16,
    /// Blocks that the alloc chunk takes where it is the only one.
    pub(super) few: u8,
}

impl LanePlan {
    /// No cache.
    pub(crate) const NONE: Self = Self { chunk: 0, spare: 0, few: 0 };

    /// For at most `bytes` bytes of blocks of `block_size`, and never more blocks than the bucket has.
    ///
    /// Less than one block means no cache for this bucket.
    pub(crate) fn new(bytes: usize, block_size: usize, blocks: usize) -> Self {
        let held = (bytes / block_size).min(blocks);
        if held <= FEW {
            #[expect(clippy::cast_possible_truncation, reason = "a few")]
            return Self { few: held as u8, ..Self::NONE };
        }
        let worth = (CHUNK_WORTH / block_size).clamp(SHORTEST_CHUNK, LONGEST_CHUNK);
        let chunk = worth.min(held / 2);
        let spare = (held.saturating_sub(2 * chunk) / chunk).min(u16::MAX as usize - 2);
        #[expect(clippy::cast_possible_truncation, reason = "63 and two less than the most at most")]
        let (chunk, spare) = (chunk as u8, spare as u16);
        Self { chunk, spare, few: 0 }
    }

    /// Bytes of memory that the lane's chunks and their order take.
    pub(crate) fn bytes(self) -> usize {
        CHUNK_BYTES * self.chunks() + order_bytes(self.spare)
    }

    fn chunks(self) -> usize {
        if self.chunk == 0 { usize::from(self.few > 0) } else { usize::from(self.spare) + 2 }
    }
}

impl Lane {
    pub(super) const fn empty() -> Self {
        Self {
            alloc: AtomicPtr::new(null_mut()),
            free: AtomicPtr::new(null_mut()),
            chunk: AtomicU8::new(0),
            start: Start::lowest(),
            few: AtomicU8::new(0),
            refills: AtomicU16::new(0),
            spills: AtomicU16::new(0),
            base: Cell::new(null_mut()),
            bytes: Cell::new(0),
            chunks: Cell::new(null_mut()),
            order: Cell::new(null_mut()),
            full: AtomicU16::new(0),
            spare: Cell::new(0),
            crossed: Cell::new(Crossing::Never),
            block_size: Cell::new(0),
        }
    }

    /// A cached block.
    ///
    /// What lies in the slot has come from a caller, who may have had the right to a part of the block alone. What goes out is made anew from
    /// the bucket's own pointer; it has the same address, so no instruction is left of that.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<NonNull<u8>> {
        let cursor = self.alloc.load(Relaxed);
        if cursor.addr() & LOW_BITS == 0 {
            return None;
        }
        // SAFETY: I7: a cursor off its chunk's start points at a parked block.
        let block = unsafe { cursor.read() };
        self.alloc.store(cursor.wrapping_sub(1), Relaxed);
        let block = self.own(block);
        poison::handed_out(block, self.block_size());
        Some(block)
    }

    /// Parks `block`, which the caller owns and which belongs to this bucket, if the free chunk has room.
    #[inline(always)]
    pub(crate) fn push(&self, block: NonNull<u8>) -> bool {
        let cursor = self.free.load(Relaxed);
        if cursor.addr() & LOW_BITS == 0 {
            return false;
        }
        // SAFETY: I7: a cursor off its chunk's end points at a slot of the chunk.
        unsafe { cursor.write(block) };
        self.free.store(cursor.wrapping_add(1), Relaxed);
        poison::given_back(block, self.block_size());
        true
    }

    /// As `push`, for a block that only probably belongs to this bucket.
    #[inline(always)]
    pub(crate) fn push_if_inside(&self, block: NonNull<u8>) -> bool {
        self.is_inside(block) && self.push(block)
    }

    /// Whether `block` is one of this bucket's. On a heap whose frees all take the slow path no address is.
    #[inline(always)]
    pub(crate) fn is_inside(&self, block: NonNull<u8>) -> bool {
        block.addr().get().wrapping_sub(self.base.get().addr()) < self.bytes.get()
    }

    /// The heap's own pointer to `block`, which is one of this bucket's.
    #[inline(always)]
    pub(crate) fn own(&self, block: NonNull<u8>) -> NonNull<u8> {
        let own = self.base.get().with_addr(block.addr().get());
        // SAFETY: I14: the address of a `NonNull`.
        unsafe { NonNull::new_unchecked(own) }
    }

    /// Bytes of a block of this bucket.
    #[inline]
    pub(crate) fn block_size(&self) -> usize {
        self.block_size.get() as usize
    }

    /// Blocks a chunk takes: `L` of I7.
    #[inline]
    pub(super) fn chunk_len(&self) -> usize {
        self.chunk.load(Relaxed).into()
    }

    /// Blocks that the alloc chunk takes.
    pub(super) fn alloc_room(&self) -> usize {
        self.chunk_len() + self.few()
    }

    /// Blocks that the alloc chunk takes where it is the only one.
    #[inline]
    pub(super) fn few(&self) -> usize {
        self.few.load(Relaxed).into()
    }

    /// The blocks that are parked here. Exact for the owning thread, a snapshot for others: perhaps of two moments, but never more
    /// than the lane has room for.
    pub(crate) fn cached(&self) -> usize {
        let chunk = self.chunk_len();
        self.alloc_len().min(self.alloc_room()) + self.free_len() + usize::from(self.full.load(Relaxed)) * chunk
    }

    /// The refills and spills that its bucket was not told of yet.
    pub(crate) fn crossings(&self) -> [usize; 2] {
        [&self.refills, &self.spills].map(|count| count.load(Relaxed).into())
    }

    /// Blocks it may hold, in all its chunks.
    pub(super) fn room(&self) -> usize {
        self.few() + self.chunk_len() * (usize::from(self.spare.get()) + 2)
    }

    #[inline]
    pub(super) fn alloc_len(&self) -> usize {
        (self.alloc.load(Relaxed).addr() & LOW_BITS) / SLOT
    }

    #[inline]
    pub(super) fn free_len(&self) -> usize {
        blocks_below(self.free.load(Relaxed), self.chunk_len())
    }

    /// The first, unused, slot of chunk `number`.
    #[inline]
    pub(super) fn chunk(&self, number: u16) -> *mut Slot {
        self.chunks.get().wrapping_add(usize::from(number) * SLOTS)
    }

    /// The first slot that the chunk starting at `start` uses while it is not the alloc chunk.
    #[inline]
    pub(super) fn first(&self, start: *mut Slot) -> *mut Slot {
        start.wrapping_add(SLOTS - self.chunk_len())
    }

    /// The number of the chunk that starts at `start`.
    #[inline]
    pub(super) fn number(&self, start: *mut Slot) -> u16 {
        let offset = start.addr() - self.chunks.get().addr();
        #[expect(clippy::cast_possible_truncation, reason = "a plan has no more chunks than a u16 counts")]
        let number = (offset / CHUNK_BYTES) as u16;
        number
    }

    /// The place of the `index`th number in the order.
    #[inline]
    pub(super) fn order(&self, index: u16) -> *mut u16 {
        debug_assert!(index <= self.spare.get());
        let order = self.order.get();
        let order = if order.is_null() { self.make_order() } else { order };
        order.wrapping_add(index.into())
    }

    /// Writes down the numbers of the spare chunks, all of them empty.
    #[cold]
    #[inline(never)]
    fn make_order(&self) -> *mut u16 {
        let spare = self.spare.get();
        let order = self.chunks.get().cast::<u8>().wrapping_sub(order_bytes(spare)).cast::<u16>();
        for index in 0..spare {
            // SAFETY: I5: the plan left room for the numbers of all spare chunks in front of the chunks.
            unsafe { order.wrapping_add(index.into()).write(index + 2) };
        }
        self.order.set(order);
        order
    }

    /// Exchanges the two chunks; the alloc chunk is empty.
    #[inline]
    pub(super) fn swap(&self) {
        let (alloc, free, chunk) = (self.alloc.load(Relaxed), self.free.load(Relaxed), self.chunk_len());
        let len = blocks_below(free, chunk);
        self.free.store(alloc.wrapping_add(SLOTS - chunk), Relaxed);
        self.make_alloc(free.wrapping_sub(len + SLOTS - chunk), len, chunk);
    }

    /// Makes the chunk that starts at `start` and has `len` blocks, of the `chunk` it takes, the alloc chunk.
    #[inline]
    pub(super) fn make_alloc(&self, start: *mut Slot, len: usize, chunk: usize) {
        if chunk < LONGEST_CHUNK {
            // SAFETY: I7: its blocks, and slots at its low end.
            unsafe { move_slots(self.first(start), start.wrapping_add(1), len) };
        }
        self.alloc.store(start.wrapping_add(len), Relaxed);
    }

    /// Makes a zero lane empty, with room. `base` is the pointer to the bucket's first block, and frees within `bytes` bytes from there may come here.
    pub(super) fn open(&self, base: NonNull<u8>, bytes: usize, block_size: u32, memory: *mut u8, plan: LanePlan) {
        self.base.set(base.as_ptr());
        self.bytes.set(bytes);
        self.block_size.set(block_size);
        if plan == LanePlan::NONE {
            return;
        }
        let chunks = memory.wrapping_add(order_bytes(plan.spare)).cast::<Slot>();
        debug_assert!(chunks.addr() % CHUNK_BYTES == 0);
        self.chunk.store(plan.chunk, Relaxed);
        self.few.store(plan.few, Relaxed);
        self.chunks.set(chunks);
        self.spare.set(plan.spare);
        self.alloc.store(self.chunk(0), Relaxed);
        if plan.chunk > 0 {
            self.free.store(self.first(self.chunk(1)), Relaxed);
        }
    }

    /// Makes a drained lane zero again.
    pub(super) fn close(&self) {
        self.alloc.store(null_mut(), Relaxed);
        self.free.store(null_mut(), Relaxed);
        self.chunk.store(0, Relaxed);
        self.start.go_back();
        self.few.store(0, Relaxed);
        self.base.set(null_mut());
        self.bytes.set(0);
        self.block_size.set(0);
        self.chunks.set(null_mut());
        self.order.set(null_mut());
        self.full.store(0, Relaxed);
        self.spare.set(0);
        self.crossed.set(Crossing::Never);
    }
}

/// Moves `len` blocks from the slots from `from` on to those from `to` on.
///
/// One by one, as they were parked: those that were parked last are on their way to memory still, and a load of several at once would wait for them.
///
/// # Safety
/// Parked blocks lie in the first slots, the others are slots of the same lane; `to` is not between the two ends of the first.
#[inline(never)]
pub(super) unsafe fn move_slots(from: *mut Slot, to: *mut Slot, len: usize) {
    for index in 0..len {
        // SAFETY: I7, I10: a parked block. Volatile, or the compiler would make one copy of all.
        let block = unsafe { from.wrapping_add(index).read_volatile() };
        // SAFETY: I7, I10: a slot of the lane, and none that is still to be read.
        unsafe { to.wrapping_add(index).write_volatile(block) };
    }
}

/// Bytes that the numbers of `spare` chunks take, in whole chunks. They come first, so that they share a page with the chunks that are used first.
fn order_bytes(spare: u16) -> usize {
    (usize::from(spare) * size_of::<u16>()).next_multiple_of(CHUNK_BYTES)
}

/// The blocks below the free cursor of a lane whose chunks take `chunk` blocks.
#[inline]
fn blocks_below(cursor: *mut Slot, chunk: usize) -> usize {
    // One slot lower, so that a full chunk's cursor is still inside it.
    let last = (cursor.addr().wrapping_sub(SLOT) & LOW_BITS) / SLOT;
    // Never below zero for the owner; another thread may see a cursor and a length of different moments.
    (last + chunk).saturating_sub(LONGEST_CHUNK)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_plan_holds_as_many_blocks_as_fit_into_its_bytes() {
        for bytes in [0, 1, 16, 31, 32, 47, 48, 100, 4096, 64 << 10, 2 << 20, isize::MAX as usize] {
            for block_size in [16, 48, 64, 128, 1024, 32 << 10] {
                for blocks in [1, 2, 3, 100, 1 << 20] {
                    let plan = LanePlan::new(bytes, block_size, blocks);
                    let held = (bytes / block_size).min(blocks);
                    let (chunk, spare) = (usize::from(plan.chunk), usize::from(plan.spare));
                    let capacity = usize::from(plan.few) + (spare + 2) * chunk;
                    assert!(chunk <= LONGEST_CHUNK);
                    assert_eq!(chunk == 0, held <= FEW);
                    assert!(capacity <= held, "{plan:?} for {held} blocks");
                    assert!(capacity + chunk.max(1) > held.min(1 << 16), "{plan:?} for {held} blocks");
                }
            }
        }
    }

    /// Another thread may see each word of a lane as it was at another moment: before the lane was opened, while it was used, after.
    #[test]
    fn whatever_moments_are_seen_no_more_is_counted_than_there_is_room_for() {
        #[repr(align(512))]
        struct Memory([u8; 16 << 10]);
        let mut memory = Memory([0; 16 << 10]);
        for (bytes, block_size) in [(64, 16), (4096, 16), (4096, 1024), (32, 16), (64 << 10, 4096)] {
            let plan = LanePlan::new(bytes, block_size, 1000);
            let lane = Lane::empty();
            lane.open(NonNull::dangling(), 0, 16, memory.0.as_mut_ptr(), plan);
            let (first, last) = (lane.chunk(0), lane.chunk(1).wrapping_add(SLOTS));
            let cursors = || (0..=2 * SLOTS).map(|slot| first.wrapping_add(slot)).chain([null_mut(), last]);
            for (alloc, free) in cursors().flat_map(|alloc| cursors().map(move |free| (alloc, free))) {
                let few = [0, plan.few].into_iter();
                let moments = few.flat_map(|few| {
                    [(0, 0), (0, plan.spare), (plan.chunk, 0), (plan.chunk, plan.spare)].map(|seen| (few, seen))
                });
                for (few, (chunk, full)) in moments {
                    lane.alloc.store(alloc, Relaxed);
                    lane.free.store(free, Relaxed);
                    lane.few.store(few, Relaxed);
                    lane.chunk.store(chunk, Relaxed);
                    lane.full.store(full, Relaxed);
                    let room = usize::from(plan.few) + usize::from(plan.chunk) * (usize::from(plan.spare) + 2);
                    assert!(lane.cached() <= room, "{plan:?}");
                }
            }
        }
    }
}
