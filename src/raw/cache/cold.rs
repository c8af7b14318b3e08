//! The cold half of a thread cache: what happens when a chunk runs out.
//!
//! ```text
//!            pop                                push
//!             ▲                                   ▼
//!       alloc chunk  ◄───────── swap ────────►  free chunk
//!             ▲                                   ▼
//!             └── a chunk's worth ── stack ◄── a chunk's worth
//!                                    ▲   │
//!    refill: several chunks' worth ──┘   └──► spill: its older half
//!                              bucket
//! ```
//!
//! Blocks cross the border to the bucket many at a time, because its words are shared: while one thread refills
//! and another spills, each crossing costs both of them cache misses.

use core::ptr::{self, NonNull};

use super::{Cache, Depot, LanePlan, SLOT};
use crate::raw::bitmap::Run;
use crate::raw::bucket::Bucket;
use crate::sync::Ordering::Relaxed;

/// How many chunks' worth of blocks a refill puts on the stack beside the one it fills.
const AHEAD: usize = 3;
/// How many runs one refill may gather from a fragmented bucket.
const MOST_RUNS: usize = 16;

impl Cache {
    /// Called when `pop` found nothing: a block of `class`, and the alloc chunk filled for the next ones.
    pub(crate) fn refill(&self, class: usize, bucket: &Bucket) -> Option<NonNull<u8>> {
        let depot = &self.depots[class];
        let chunk = depot.chunk.load(Relaxed);
        if chunk == 0 {
            return bucket.withdraw_one();
        }
        // With only a few blocks in the free chunk a swap would bring us back here after as many pops.
        if self.free_len(class) * 2 >= chunk {
            self.swap(class);
        } else if depot.len.load(Relaxed) > 0 {
            self.unstack(class, chunk);
        } else if let Some(block) = self.withdraw(class, bucket) {
            return Some(block);
        } else {
            self.swap(class);
        }
        self.pop(class)
    }

    /// Moves the top of the stack, up to a chunk's worth, into the alloc chunk, which is empty.
    fn unstack(&self, class: usize, chunk: usize) {
        let (lane, depot) = (&self.lanes[class], &self.depots[class]);
        let len = depot.len.load(Relaxed);
        let moved = len.min(chunk);
        let cursor = lane.alloc.load(Relaxed);
        let to = self.place(cursor + SLOT);
        // SAFETY: I5, I7: `moved` parked blocks end the stack, and as many slots follow an empty alloc cursor.
        unsafe { ptr::copy_nonoverlapping(depot.place(len - moved), to, moved) };
        lane.alloc.store(cursor + moved * SLOT, Relaxed);
        depot.len.store(len - moved, Relaxed);
    }

    /// Takes blocks from the bucket: the lowest for the caller, then those for the alloc chunk, then those for the stack;
    /// both are empty.
    fn withdraw(&self, class: usize, bucket: &Bucket) -> Option<NonNull<u8>> {
        let (lane, depot) = (&self.lanes[class], &self.depots[class]);
        let chunk = depot.chunk.load(Relaxed);
        let want = 1 + chunk + depot.depth.load(Relaxed).min(AHEAD * chunk);
        let mut runs = [Run { first: 0, bits: 0 }; MOST_RUNS];
        let (mut count, mut got) = (0, 0);
        while count < MOST_RUNS && got * 2 < want {
            let Some(run) = bucket.withdraw(want - got) else { break };
            runs[count] = run;
            count += 1;
            got += run.len();
        }
        // Highest first, so that each of the three pops its lowest first.
        let mut blocks = runs[..count].iter().rev().flat_map(|run| run.descending()).map(|index| bucket.block(index));
        let stacked = got.saturating_sub(1 + chunk);
        for (index, block) in blocks.by_ref().take(stacked).enumerate() {
            // SAFETY: I5: `stacked` is at most the stack's depth.
            unsafe { depot.place(index).write(block.as_ptr()) };
        }
        depot.len.store(stacked, Relaxed);
        let mut cursor = lane.alloc.load(Relaxed);
        for block in blocks.by_ref().take(got.saturating_sub(1 + stacked)) {
            cursor += SLOT;
            self.slot(cursor).store(block.as_ptr(), Relaxed);
        }
        lane.alloc.store(cursor, Relaxed);
        blocks.next()
    }

    /// Called when `push` found no room: parks `block`, which belongs to `class`, and makes room for the next ones.
    pub(crate) fn spill(&self, class: usize, bucket: &Bucket, block: NonNull<u8>) {
        let depot = &self.depots[class];
        let (chunk, depth) = (depot.chunk.load(Relaxed), depot.depth.load(Relaxed));
        if chunk == 0 {
            return bucket.deposit([block]);
        }
        if self.alloc_len(class) == 0 {
            self.swap(class);
        } else if depth < chunk {
            self.deposit_free(class, bucket);
        } else {
            let len = depot.len.load(Relaxed);
            // The older half; of a stack little deeper than a chunk, what the chunk needs.
            let surplus = (len + chunk).saturating_sub(depth);
            if surplus > 0 {
                depot.deposit(bucket, surplus.max(len.div_ceil(2)));
            }
            self.stack_free(class);
        }
        let parked = self.push_in(class, block);
        debug_assert!(parked, "room was just made");
    }

    /// Moves the free chunk's blocks onto the stack, which has room for them.
    fn stack_free(&self, class: usize) {
        let (lane, depot) = (&self.lanes[class], &self.depots[class]);
        let (len, moved) = (depot.len.load(Relaxed), self.free_len(class));
        let start = lane.free.load(Relaxed) - moved * SLOT;
        // SAFETY: I5, I7: `moved` parked blocks end at the free cursor, and the stack has room.
        unsafe { ptr::copy_nonoverlapping(self.place(start), depot.place(len), moved) };
        depot.len.store(len + moved, Relaxed);
        lane.free.store(start, Relaxed);
    }

    /// Puts the free chunk's blocks back into the bucket.
    fn deposit_free(&self, class: usize, bucket: &Bucket) {
        let lane = &self.lanes[class];
        let end = lane.free.load(Relaxed);
        let start = end - self.free_len(class) * SLOT;
        bucket.deposit((start..end).step_by(SLOT).filter_map(|cursor| NonNull::new(self.slot(cursor).load(Relaxed))));
        lane.free.store(start, Relaxed);
    }

    /// Puts every cached block of `class` back into the bucket.
    pub(crate) fn drain(&self, class: usize, bucket: &Bucket) {
        let depot = &self.depots[class];
        if depot.chunk.load(Relaxed) > 0 {
            self.deposit_free(class, bucket);
            bucket.deposit(core::iter::from_fn(|| self.pop(class)));
            depot.deposit(bucket, depot.len.load(Relaxed));
        }
    }

    /// Fills the lane to `halves` halves of what it may hold, from the bucket. The free chunk stays empty: the first frees want room.
    pub(crate) fn warm(&self, class: usize, bucket: &Bucket, halves: usize) {
        let (lane, depot) = (&self.lanes[class], &self.depots[class]);
        let plan = LanePlan { chunk: depot.chunk.load(Relaxed), depth: depot.depth.load(Relaxed) };
        let room = (plan.capacity() * halves / 2).min(plan.chunk + plan.depth);
        while self.cached(class) < room {
            let Some(run) = bucket.withdraw(room - self.cached(class)) else { return };
            for index in run.descending() {
                let block = bucket.block(index).as_ptr();
                if self.alloc_len(class) < plan.chunk {
                    let cursor = lane.alloc.load(Relaxed) + SLOT;
                    self.slot(cursor).store(block, Relaxed);
                    lane.alloc.store(cursor, Relaxed);
                } else {
                    let len = depot.len.load(Relaxed);
                    // SAFETY: I5: fewer than `depth` blocks are on the stack.
                    unsafe { depot.place(len).write(block) };
                    depot.len.store(len + 1, Relaxed);
                }
            }
        }
    }

    /// The chunk slots from a cursor on, for moving many blocks at once. No peek looks at slots, only at cursors.
    fn place(&self, cursor: usize) -> *mut *mut u8 {
        self.slots(cursor).cast::<*mut u8>().cast_mut()
    }
}

impl Depot {
    /// The stack from `index` on.
    fn place(&self, index: usize) -> *mut *mut u8 {
        debug_assert!(index <= self.depth.load(Relaxed));
        self.stack.load(Relaxed).wrapping_add(index)
    }

    /// Puts the `count` oldest blocks of the stack back into the bucket and moves the rest down.
    fn deposit(&self, bucket: &Bucket, count: usize) {
        let len = self.len.load(Relaxed);
        bucket.deposit((0..count).filter_map(|index| {
            // SAFETY: I5, I7: the first `len` places hold parked blocks.
            NonNull::new(unsafe { self.place(index).read() })
        }));
        // SAFETY: I5: both ranges are inside the stack.
        unsafe { ptr::copy(self.place(count), self.place(0), len - count) };
        self.len.store(len - count, Relaxed);
    }
}
