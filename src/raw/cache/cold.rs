//! The cold half of a lane: what happens when a chunk runs out.
//!
//! ```text
//!            pop                                push
//!             ▲                                   ▼
//!       alloc chunk  ◄───────── swap ────────►  free chunk
//!             ▲                                   ▼
//!             └─────── stack of full chunks ◄─────┘
//!                             ▲   │
//!    refill: several chunks ──┘   └──► spill: the older half
//!                         bucket
//! ```
//!
//! Chunks change their role, blocks stay where they are: moving a chunk to or from the stack exchanges two numbers. Blocks
//! cross the border to the bucket several chunks at a time, because its words are shared: while one thread refills
//! and another spills, each crossing costs both of them cache misses.

use core::ptr::NonNull;

use super::back::give_back;
use super::lane::{Crossing, LONGEST_CHUNK, Lane, SLOTS, Slot};
use crate::raw::buckets::bitmap::Runs;
use crate::raw::buckets::bucket::Bucket;
use crate::raw::testing::poison;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::fixed::{AtomicU16, AtomicUsize};

/// The most blocks that a refill fills chunks with.
const MOST: usize = 4 * LONGEST_CHUNK;
/// The most blocks that a thread's first refill puts into the alloc chunk: those of many threads that want a few each lie close together.
const FIRST: usize = 15;
/// The largest blocks, in bytes, that a thread which only ever gives makes its processor's own. Of larger ones the line that is written to would be one of
/// many, and perhaps the first byte of a page that anybody touches.
const SMALL: usize = 256;

impl Lane {
    /// Called when `pop` found nothing: a block out of this cache, if it has one.
    #[inline(never)]
    pub(crate) fn refill_from_stack(&self) -> Option<NonNull<u8>> {
        debug_assert!(self.alloc_len() == 0, "only an empty chunk is exchanged");
        let (full, chunk) = (self.full.load(Relaxed), self.chunk_len());
        // An exchange for the few blocks of a free chunk that is nearly empty would bring us back here after as many pops.
        if self.free_len() * 2 > chunk {
            self.swap();
        } else if full > 0 {
            let place = self.order(full - 1);
            // SAFETY: I5: `full` is at most the length of the order.
            let number = unsafe { place.replace(self.number(self.alloc.load(Relaxed))) };
            self.full.store(full - 1, Relaxed);
            self.make_alloc(self.chunk(number), chunk, chunk);
        } else {
            return None;
        }
        self.pop()
    }

    /// Called when the stack has nothing either: a block, and the alloc chunk filled for the next ones.
    pub(crate) fn refill(&self, bucket: &Bucket) -> Option<NonNull<u8>> {
        if self.chunk_len() == 0 {
            return bucket.withdraw_one();
        }
        self.withdraw(bucket).or_else(|| {
            // The bucket has none. The free chunk may have a few, fewer than were worth an exchange before.
            self.swap();
            self.pop()
        })
    }

    /// Takes blocks from the bucket: the lowest for the caller, the next ones into the alloc chunk, whole chunks of the rest
    /// onto the stack. Both are empty. The first time only a few are fetched, since many threads never want more.
    fn withdraw(&self, bucket: &Bucket) -> Option<NonNull<u8>> {
        let first = self.crossed.replace(Crossing::Refill) == Crossing::Never;
        let lowest = if self.single.get() {
            bucket.withdraw(1, &self.start)?.first_block()
        } else {
            let chunk = self.chunk_len();
            let ahead = usize::from(self.spare.get()).div_ceil(2).min(MOST / chunk - 1);
            let want = 1 + if first { chunk.min(FIRST) } else { chunk * (1 + ahead) };
            let mut runs = bucket.withdraw_many(want, &self.start);
            let lowest = runs.take_first()?;
            self.park_fetched(bucket, &runs);
            lowest
        };
        count(&self.refills, &bucket.refills);
        let block = bucket.block(lowest);
        poison::handed_out(block, self.block_size());
        Some(block)
    }

    /// Parks fetched blocks in the stack's chunks and the alloc chunk, all of which are empty. The highest come first: what is parked last is popped first,
    /// and low addresses shall be. So the alloc chunk is filled last, perhaps not to its end.
    fn park_fetched(&self, bucket: &Bucket, runs: &Runs) {
        let (chunk, alloc, parked) = (self.chunk_len(), self.alloc.load(Relaxed), runs.len());
        #[expect(clippy::cast_possible_truncation, reason = "no more than the lane has chunks, which a u16 counts")]
        let full = (parked.saturating_sub(1) / chunk) as u16;
        let in_alloc = parked - usize::from(full) * chunk;
        let (mut begun, mut place, mut room) = (0, alloc, 0);
        for stretch in runs.stretches() {
            let mut end = stretch.end;
            while end > stretch.start {
                if room == 0 {
                    (place, room) = (alloc.wrapping_add(1), in_alloc);
                    if begun < full {
                        // SAFETY: I5: no more chunks than `withdraw` asked blocks for.
                        let number = unsafe { self.order(begun).read() };
                        (place, room) = (self.first(self.chunk(number)), chunk);
                        begun += 1;
                    }
                }
                let len = room.min(end - stretch.start);
                for (index, block) in bucket.descending(end - len..end).enumerate() {
                    // SAFETY: I7: a slot of an empty chunk, of those that it uses.
                    unsafe { place.wrapping_add(index).write(block) };
                }
                (place, room, end) = (place.wrapping_add(len), room - len, end - len);
            }
        }
        self.full.store(full, Relaxed);
        self.alloc.store(alloc.wrapping_add(in_alloc), Relaxed);
    }

    /// Called when `push` found no room: parks `block`, if that can be done without the bucket.
    #[inline]
    pub(crate) fn spill_to_stack(&self, block: NonNull<u8>) -> bool {
        let full = self.full.load(Relaxed);
        if self.chunk_len() == 0 || self.single.get() {
            return false;
        }
        debug_assert!(self.free_len() == self.chunk_len(), "only a full chunk goes to the stack");
        if self.alloc_len() == 0 {
            self.swap();
        } else if full < self.spare.get() {
            let place = self.order(full);
            let filled = self.free.load(Relaxed).wrapping_sub(SLOTS);
            // SAFETY: I5: `full` is less than the length of the order.
            let number = unsafe { place.replace(self.number(filled)) };
            self.free.store(self.first(self.chunk(number)), Relaxed);
            self.full.store(full + 1, Relaxed);
        } else {
            return false;
        }
        self.push(block)
    }

    /// Called when the stack has no room either: parks `block` after putting others back into the bucket.
    pub(crate) fn spill(&self, bucket: &Bucket, block: NonNull<u8>) {
        if self.chunk_len() == 0 {
            return bucket.deposit_one(block);
        }
        count(&self.spills, &bucket.spills);
        let before = self.crossed.replace(Crossing::Spill);
        if self.spare.get() == 0 {
            self.deposit_free(bucket);
        } else {
            let oldest = self.full.load(Relaxed).div_ceil(2);
            if before == Crossing::Spill {
                self.own_lines(oldest);
            }
            self.deposit_oldest(bucket, oldest);
        }
        let parked = self.push(block) || self.spill_to_stack(block);
        debug_assert!(parked, "room was just made");
    }

    /// Puts the free chunk's blocks back into the bucket.
    fn deposit_free(&self, bucket: &Bucket) {
        let count = self.free_len();
        if count == 0 {
            return;
        }
        let start = self.free.load(Relaxed).wrapping_sub(count);
        // SAFETY: I7: `count` parked blocks lie there, and are parked no more when this returns.
        give_back(bucket, [unsafe { parked(start, count) }], &self.free, start);
    }

    /// Puts the alloc chunk's blocks back into the bucket.
    fn deposit_alloc(&self, bucket: &Bucket) {
        let (last, count) = (self.alloc.load(Relaxed), self.alloc_len());
        if count == 0 {
            return;
        }
        let start = last.wrapping_sub(count);
        // SAFETY: I7: `count` parked blocks lie there, and are parked no more when this returns.
        give_back(bucket, [unsafe { parked(start.wrapping_add(1), count) }], &self.alloc, start);
    }

    /// Writes to the blocks of the `count` oldest full chunks, if they are small, so that this processor alone has their lines.
    ///
    /// For a thread that gives and does not take: what it frees others allocate, and perhaps it has only read it. Then both processors share the line, and
    /// each store of the next owner waits for this one's consent; a line that was written to goes over as a whole, and is fetched ahead. See
    /// docs/BENCHMARKS.md.
    #[cold]
    fn own_lines(&self, count: u16) {
        // What a tool poisoned nobody touches.
        if self.block_size() > SMALL || poison::ON {
            return;
        }
        for index in 0..count {
            // SAFETY: I5: `count` is at most `full`, which is at most the length of the order.
            let start = self.chunk(unsafe { self.order(index).read() });
            // SAFETY: I7: a full chunk.
            for &block in unsafe { parked(self.first(start), self.chunk_len()) } {
                // SAFETY: I3, I4: parked here, so this thread's; a block has 16 bytes at least, aligned to as many.
                unsafe { self.own(block).cast::<u64>().write(0) };
            }
        }
    }

    /// Puts the blocks of the `count` oldest full chunks back into the bucket.
    fn deposit_oldest(&self, bucket: &Bucket, count: u16) {
        if count == 0 {
            return;
        }
        let (full, spare) = (self.full.load(Relaxed), self.spare.get());
        let chunks = (0..count).map(|index| {
            // SAFETY: I5: `count <= full`, which is at most the length of the order.
            let start = self.chunk(unsafe { self.order(index).read() });
            // SAFETY: I7: a full chunk; it is on the stack no more when this returns.
            unsafe { parked(self.first(start), self.chunk_len()) }
        });
        give_back(bucket, chunks, &self.full, full - count);
        // SAFETY: I5: the order's whole length, and nobody else's.
        unsafe { core::slice::from_raw_parts_mut(self.order(0), spare.into()) }.rotate_left(count.into());
    }

    /// Puts every cached block back into the bucket.
    pub(crate) fn drain(&self, bucket: &Bucket) {
        if self.chunk_len() > 0 {
            self.deposit_oldest(bucket, self.full.load(Relaxed));
            self.deposit_free(bucket);
            self.deposit_alloc(bucket);
            tell(&self.refills, &bucket.refills);
            tell(&self.spills, &bucket.spills);
        }
    }

    /// Fills the lane to `halves` halves of what it may hold, from the bucket. The free chunk stays empty: the first frees want room.
    pub(crate) fn warm(&self, bucket: &Bucket, halves: usize) {
        // A lane of one block has no other place for it.
        let room = (self.room() * halves / 2).min((self.room() - self.chunk_len()).max(1));
        while self.cached() < room {
            let Some(run) = bucket.withdraw(room - self.cached(), &self.start) else { return };
            for index in run.descending() {
                // As if it had been freed: the chunks fill in turn.
                let block = bucket.block(index);
                let parked = self.push(block) || self.spill_to_stack(block);
                debug_assert!(parked, "there is room");
            }
        }
        if self.alloc_len() == 0 && self.chunk_len() > 0 && !self.single.get() {
            self.swap();
        }
    }
}

/// Counts one in a lane; when it has no room for more, the bucket is told.
fn count(own: &AtomicU16, of_bucket: &AtomicUsize) {
    let before = own.load(Relaxed);
    if before == u16::MAX {
        tell(own, of_bucket);
    }
    own.store(before.checked_add(1).unwrap_or(1), Relaxed);
}

/// Moves a lane's count to the bucket.
fn tell(own: &AtomicU16, of_bucket: &AtomicUsize) {
    let count = own.load(Relaxed);
    if count > 0 {
        own.store(0, Relaxed);
        // Release pairs with `Bucket::crossings`: who sees the sum, and looks at the lane then, sees that it has nothing more to add.
        of_bucket.fetch_add(count.into(), Release);
    }
}

/// The `count` blocks in the slots from `first` on.
///
/// # Safety
/// They are parked there, and the caller owns the lane for as long as it uses the slice.
unsafe fn parked<'c>(first: *mut Slot, count: usize) -> &'c [Slot] {
    // SAFETY: I10: the caller's contract.
    unsafe { core::slice::from_raw_parts(first, count) }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use core::ptr::NonNull;

    use super::SMALL;
    use crate::class::Linear;
    use crate::config::Purge;
    use crate::heap::Heap;

    type Many = Heap<Linear<32>>;
    /// Enough for several spills, of the smallest blocks too.
    const BLOCKS: usize = 16_000;

    fn heap() -> Many {
        Many::builder().purge(Purge::Never).build().unwrap()
    }

    /// Blocks without a zero byte.
    fn filled(heap: &Many, size: usize) -> impl Iterator<Item = NonNull<u8>> {
        core::iter::repeat_with(move || {
            let block = heap.malloc(size, 0).unwrap();
            // SAFETY: the block has `size` bytes.
            unsafe { block.write_bytes(1, size) };
            block
        })
    }

    fn free(heap: &Many, block: NonNull<u8>) {
        // SAFETY: each block is freed once.
        unsafe { heap.free(block) };
    }

    /// How many of these freed blocks were written to since.
    fn written(blocks: &[NonNull<u8>]) -> usize {
        // SAFETY: blocks of a heap that is still there, and no other thread has it.
        blocks.iter().filter(|block| unsafe { block.cast::<u64>().read_volatile() } == 0).count()
    }

    #[test]
    #[cfg_attr(
        any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind"),
        ignore = "what a tool poisoned nobody touches"
    )]
    fn who_gives_again_and_again_writes_to_small_blocks() {
        for (size, is_written) in [(16, true), (64, true), (SMALL, true), (SMALL + 16, false), (512, false)] {
            let heap = heap();
            let blocks: Vec<_> = filled(&heap, size).take(BLOCKS).collect();
            blocks.iter().for_each(|&block| free(&heap, block));
            let written = written(&blocks);
            assert_eq!(written > 0, is_written, "{written} blocks of {size} bytes");
            assert!(written < BLOCKS, "not those that are still parked, nor those of the first spill");
        }
    }

    #[test]
    #[cfg_attr(
        any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind"),
        ignore = "what a tool poisoned nobody touches"
    )]
    fn who_takes_between_two_spills_writes_to_nothing() {
        let heap = heap();
        let crossings = || {
            let stats = heap.stats();
            let bucket = &stats.buckets()[3];
            [bucket.refills, bucket.spills]
        };
        let mut fresh = filled(&heap, 64);
        let mut live: Vec<_> = fresh.by_ref().take(BLOCKS).collect();
        for _ in 0..3 {
            let ([_, spills], mut freed) = (crossings(), Vec::new());
            while crossings()[1] == spills {
                freed.push(live.pop().unwrap());
                free(&heap, freed[freed.len() - 1]);
            }
            assert_eq!(written(&freed), 0);
            let [refills, _] = crossings();
            while crossings()[0] == refills {
                live.push(fresh.next().unwrap());
            }
        }
    }
}
