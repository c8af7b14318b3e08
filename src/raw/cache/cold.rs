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
use super::lane::{Crossing, LONGEST_CHUNK, Lane, SLOTS, Slot, move_slots};
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
        if self.room() == 0 {
            return bucket.withdraw_one();
        }
        self.withdraw(bucket).or_else(|| {
            // The bucket has none. The free chunk may have a few, fewer than were worth an exchange before.
            if self.free_len() > 0 {
                self.swap();
            }
            self.pop()
        })
    }

    /// Takes blocks from the bucket: the lowest for the caller, the next ones into the alloc chunk, whole chunks of the rest
    /// onto the stack. Both are empty. The first time only a few are fetched, since many threads never want more; and where there is one chunk
    /// alone, half of what it takes, since frees want room there.
    fn withdraw(&self, bucket: &Bucket) -> Option<NonNull<u8>> {
        let first = self.crossed.replace(Crossing::Refill) == Crossing::Never;
        let (chunk, few) = (self.alloc_room(), self.few());
        let ahead = usize::from(self.spare.get()).div_ceil(2).min(MOST / chunk - 1);
        let parked = if few > 0 {
            few / 2
        } else if first {
            chunk.min(FIRST)
        } else {
            chunk * (1 + ahead)
        };
        let lowest = if parked == 0 {
            bucket.withdraw(1, &self.start)?.first_block()
        } else {
            let mut runs = bucket.withdraw_many(1 + parked, &self.start);
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
        let (chunk, alloc, parked) = (self.alloc_room(), self.alloc.load(Relaxed), runs.len());
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

    /// Called when `push` found no room, or no free chunk: parks `block`, if that can be done without the bucket.
    #[inline]
    pub(crate) fn spill_to_stack(&self, block: NonNull<u8>) -> bool {
        let full = self.full.load(Relaxed);
        if self.chunk_len() == 0 {
            return self.push_to_alloc(block);
        }
        if self.alloc_len() == 0 {
            self.swap();
        } else if full < self.spare.get() {
            let place = self.order(full);
            let filled = self.free.load(Relaxed).wrapping_sub(SLOTS);
            // SAFETY: I5: `full` is less than the length of the order.
            let number = unsafe { place.replace(self.number(filled)) };
            self.free.store(self.first(self.chunk(number)), Relaxed);
            self.full.store(full + 1, Relaxed);
        } else if full == 0 {
            self.even_out();
        } else {
            return false;
        }
        self.push(block)
    }

    /// Moves the youngest blocks of the free chunk, which is full, to the alloc chunk, half of it or as many as find room. Where there is no stack, whoever takes and
    /// gives a few at a time would cross the border to the bucket otherwise whenever the one chunk is full before the other is empty. Where there is one, that
    /// seldom happens, and blocks shall go back: the bucket hands out the lowest.
    fn even_out(&self) {
        let (alloc, chunk) = (self.alloc.load(Relaxed), self.chunk_len());
        let count = chunk.div_ceil(2).min(chunk - self.alloc_len());
        let start = self.free.load(Relaxed).wrapping_sub(count);
        // SAFETY: I7: parked blocks, and slots of another chunk.
        unsafe { move_slots(start, alloc.wrapping_add(1), count) };
        self.free.store(start, Relaxed);
        self.alloc.store(alloc.wrapping_add(count), Relaxed);
    }

    /// Parks `block` in the alloc chunk, if that is the only one and has room.
    #[inline]
    fn push_to_alloc(&self, block: NonNull<u8>) -> bool {
        if self.alloc_len() >= self.few() {
            return false;
        }
        let place = self.alloc.load(Relaxed).wrapping_add(1);
        // SAFETY: I7: a slot of the chunk, behind its last block.
        unsafe { place.write(block) };
        self.alloc.store(place, Relaxed);
        poison::given_back(block, self.block_size());
        true
    }

    /// Called when the stack has no room either: parks `block` after putting others back into the bucket.
    pub(crate) fn spill(&self, bucket: &Bucket, block: NonNull<u8>) {
        if self.room() == 0 {
            return bucket.deposit_one(block);
        }
        count(&self.spills, &bucket.spills);
        let before = self.crossed.replace(Crossing::Spill);
        if self.spare.get() == 0 {
            self.deposit_free(bucket);
            self.deposit_alloc(bucket, self.few().div_ceil(2));
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

    /// Puts the `count` oldest blocks of the alloc chunk back into the bucket.
    fn deposit_alloc(&self, bucket: &Bucket, count: usize) {
        if count == 0 {
            return;
        }
        let (last, left) = (self.alloc.load(Relaxed), self.alloc_len() - count);
        let first = last.wrapping_sub(left + count).wrapping_add(1);
        // SAFETY: I7: `count` parked blocks lie there, and are parked no more when this returns.
        give_back(bucket, [unsafe { parked(first, count) }], &self.alloc, last.wrapping_sub(count));
        // SAFETY: I7: behind those lie the others of the chunk.
        unsafe { move_slots(first.wrapping_add(count), first, left) };
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
        self.deposit_oldest(bucket, self.full.load(Relaxed));
        self.deposit_free(bucket);
        self.deposit_alloc(bucket, self.alloc_len());
        tell(&self.refills, &bucket.refills);
        tell(&self.spills, &bucket.spills);
    }

    /// Fills the lane to `halves` halves of what it may hold, from the bucket. The free chunk stays empty, or half of the only one: the first frees
    /// want room.
    pub(crate) fn warm(&self, bucket: &Bucket, halves: usize) {
        let room = (self.room() * halves / 2).min(self.room() - self.chunk_len() - self.few() / 2);
        while self.cached() < room {
            let Some(run) = bucket.withdraw(room - self.cached(), &self.start) else { return };
            for index in run.descending() {
                // As if it had been freed: the chunks fill in turn.
                let block = bucket.block(index);
                let parked = self.push(block) || self.spill_to_stack(block);
                debug_assert!(parked, "there is room");
            }
        }
        if self.alloc_len() == 0 && self.chunk_len() > 0 {
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
    use crate::class::{Geometric, Linear, SizeClasses};
    use crate::config::{CacheWarmup, Purge};
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

    fn free<C: SizeClasses>(heap: &Heap<C>, block: NonNull<u8>) {
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

    /// A thread that takes and gives a few blocks at a time stays with what it has, however many of them and wherever it begins; also where its cache has room for a
    /// few large blocks alone.
    #[test]
    fn a_few_at_a_time_need_no_bucket() {
        const KIB: usize = 1 << 10;
        for (size, most) in
            [(40 * KIB, 1), (24 * KIB, 1), (16 * KIB, 2), (10 * KIB, 3), (8 * KIB, 4), (4 * KIB, 8), (2 * KIB, 15)]
        {
            for (count, extra) in (1..=most).flat_map(|count| (0..=most).map(move |extra| (count, extra))) {
                let heap = Heap::<Geometric<44>>::builder().purge(Purge::Never).bucket_bytes(4 << 20).build().unwrap();
                let bucket = heap.bucket_of(heap.malloc(size, 0).unwrap()).unwrap();
                let crossings = || {
                    let stats = heap.stats();
                    [stats.buckets()[bucket].refills, stats.buckets()[bucket].spills]
                };
                let mut live: Vec<_> = (0..40 + extra).map(|_| heap.malloc(size, 0).unwrap()).collect();
                let mut turns = |turns| {
                    for _ in 0..turns {
                        live.drain(..count).for_each(|block| free(&heap, block));
                        live.extend((0..count).map(|_| heap.malloc(size, 0).unwrap()));
                    }
                };
                turns(10);
                let before = crossings();
                turns(10);
                assert_eq!(crossings(), before, "{count} blocks of {size} bytes at a time, from {extra} on");
            }
        }
    }

    #[test]
    fn of_a_few_blocks_the_youngest_stay() {
        for held in 1..=5 {
            let heap = Heap::<Linear<1>>::builder().purge(Purge::Never).thread_cache(16 * held, CacheWarmup::Cold);
            let heap = heap.build().unwrap();
            let blocks: Vec<_> = (0..20).map(|_| heap.malloc(16, 0).unwrap()).collect();
            blocks.iter().for_each(|&block| free(&heap, block));
            let cached = heap.stats().buckets()[0].cached;
            assert!((1..=held).contains(&cached), "{cached} of {held}");
            for &block in blocks.iter().rev().take(cached) {
                assert_eq!(heap.malloc(16, 0).unwrap(), block, "of {held}");
            }
        }
    }
}
