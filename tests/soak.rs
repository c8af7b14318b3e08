//! Soak: eight threads allocate, move, pass on and give back blocks of all sizes, as often as is asked for, and read every byte they wrote.
//!
//! `SOAK_OPERATIONS=1000000000 cargo test --release --test soak -- --nocapture` is the full form; without the variable it is a short one.
//! There is no clock in it: what a thread does follows from its number, and it ends after so many operations.

#![expect(unsafe_code, reason = "the raw calls are what is tested")]

use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

use proptest::prelude::RngCore;
use proptest::test_runner::{RngAlgorithm, TestRng};
use smarena::{AllocError, CacheWarmup, Exhausted, Heap, HeapBuilder, Linear};

type Eight = Heap<Linear<8>>;

const THREADS: usize = 8;
/// Operations of one thread before it ends and another takes its place.
const LIFE: usize = 1 << 20;
/// Blocks a thread holds before it rather frees: so that together they want more than some buckets have.
const HELD: usize = 400;
/// Blocks a thread collects before it passes them on.
const PARCEL: usize = 32;
/// Nothing is larger.
const LARGEST: usize = 20_000;

/// What blocks are filled from: each with the bytes from some place on.
static PATTERN: [u8; LARGEST + 256] = pattern();

const fn pattern() -> [u8; LARGEST + 256] {
    let (mut bytes, mut at, mut state) = ([0; LARGEST + 256], 0, 1_u32);
    while at < bytes.len() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes[at] = state.to_be_bytes()[0];
        at += 1;
    }
    bytes
}

/// A live block, filled with the pattern from `place` on.
struct Held {
    block: NonNull<u8>,
    size: usize,
    place: usize,
}

// SAFETY: any thread may own and free a block.
unsafe impl Send for Held {}

impl Held {
    fn new(block: NonNull<u8>, size: usize, place: usize) -> Self {
        // SAFETY: live, `size` bytes, and no part of the pattern.
        unsafe { block.copy_from_nonoverlapping(NonNull::from(&PATTERN[place]), size) };
        Self { block, size, place }
    }

    /// Whether the first `bytes` bytes are still what was written.
    fn check(&self, bytes: usize) {
        // SAFETY: live, at least `bytes` bytes, written.
        let content = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), bytes) };
        assert!(content == &PATTERN[self.place..][..bytes], "the content of {:?} is lost", self.block);
    }
}

/// What happened, so that a soak that avoids something is noticed.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    operations: usize,
    from_system: usize,
    moved: usize,
    passed_on: usize,
    refused: usize,
}

struct Worker<'h> {
    heap: &'h Eight,
    mail: &'h [Mutex<Vec<Held>>; THREADS],
    random: TestRng,
    held: Vec<Held>,
    parcel: Vec<Held>,
    tally: Tally,
}

impl Worker<'_> {
    fn below(&mut self, limit: usize) -> usize {
        self.random.next_u32() as usize % limit
    }

    /// Mostly what buckets have, often the largest of it, and now and then what they have not.
    fn size(&mut self) -> usize {
        match self.below(64) {
            0 => self.below(LARGEST),
            1..8 => self.below(600),
            _ => self.below(129),
        }
    }

    fn align(&mut self) -> usize {
        if self.below(8) == 0 { 1 << self.below(13) } else { 0 }
    }

    fn refused(&mut self, error: AllocError) {
        let refusal =
            matches!(error, AllocError::Exhausted { .. } | AllocError::TooLarge { .. } | AllocError::NoBucket { .. });
        assert!(refusal, "{error}");
        self.tally.refused += 1;
    }

    fn allocate(&mut self) {
        let (size, align, place) = (self.size(), self.align(), self.below(256));
        match self.heap.malloc(size, align) {
            Ok(block) => {
                assert_eq!(block.addr().get() % align.max(1), 0, "{block:?} is not aligned to {align}");
                self.tally.from_system += usize::from(self.heap.bucket_of(block).is_none());
                self.held.push(Held::new(block, size, place));
            }
            Err(error) => self.refused(error),
        }
    }

    fn reallocate(&mut self) {
        let which = self.below(self.held.len());
        let old = self.held.swap_remove(which);
        let (size, align, place) = (self.size(), self.align(), self.below(256));
        // SAFETY: live, from this heap; given up if another one comes back.
        match unsafe { self.heap.realloc(old.block, size, align) } {
            Ok(block) => {
                self.tally.moved += usize::from(block != old.block);
                Held { block, ..old }.check(size.min(old.size));
                self.held.push(Held::new(block, size, place));
            }
            Err(error) => {
                self.refused(error);
                self.held.push(old);
            }
        }
    }

    /// Frees one block, or leaves it to another thread to free.
    fn part_with_one(&mut self) {
        let which = self.below(self.held.len());
        let gone = self.held.swap_remove(which);
        if self.below(4) > 0 {
            return free(self.heap, gone);
        }
        self.parcel.push(gone);
        if self.parcel.len() == PARCEL {
            self.tally.passed_on += PARCEL;
            let to = self.below(THREADS);
            lock(&self.mail[to]).append(&mut self.parcel);
        }
    }

    fn live(mut self, thread: usize, operations: usize) -> Tally {
        // Of half of the threads the cache is one that was asked for.
        let _cache = (thread % 2 == 1).then(|| self.heap.thread_cache(16 << 10, CacheWarmup::Warm));
        for number in 0..operations {
            if number % 64 == 0 {
                self.held.append(&mut lock(&self.mail[thread]));
            }
            if number % (1 << 16) == 1 << 15 {
                self.heap.trim();
            }
            let room = HELD.saturating_sub(self.held.len());
            match self.below(8) {
                0 if !self.held.is_empty() => self.reallocate(),
                _ if self.below(HELD) < room => self.allocate(),
                _ if !self.held.is_empty() => self.part_with_one(),
                _ => self.allocate(),
            }
        }
        // What it holds at its end is the next thread's.
        let mut mail = lock(&self.mail[thread]);
        mail.append(&mut self.held);
        mail.append(&mut self.parcel);
        self.tally.operations = operations;
        self.tally
    }
}

fn lock(mail: &Mutex<Vec<Held>>) -> MutexGuard<'_, Vec<Held>> {
    mail.lock().expect("no thread panicked")
}

fn free(heap: &Eight, gone: Held) {
    gone.check(gone.size);
    // SAFETY: live, from this heap, given up.
    unsafe { heap.free(gone.block) };
}

/// Operations altogether, from the environment.
fn wanted() -> usize {
    match std::env::var("SOAK_OPERATIONS") {
        Ok(number) => number.parse().expect("SOAK_OPERATIONS is a number"),
        Err(_) => 1 << 20,
    }
}

/// Runs eight threads at a time until there were `operations`, and returns what happened.
fn soak(setting: &str, builder: HeapBuilder<Linear<8>>, operations: usize) -> Tally {
    let heap = &builder.build().expect("a small heap can be built");
    let mail = &[const { Mutex::new(Vec::new()) }; THREADS];
    let mut sum = Tally::default();
    let mut generation = 0_u8;
    while sum.operations < operations {
        let each = (operations - sum.operations).div_ceil(THREADS).min(LIFE);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let seed =
                        [generation, u8::try_from(thread).unwrap(), 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
                    let random = TestRng::from_seed(RngAlgorithm::XorShift, &seed);
                    let tally = Tally::default();
                    let worker = Worker { heap, mail, random, held: Vec::new(), parcel: Vec::new(), tally };
                    scope.spawn(move || worker.live(thread, each))
                })
                .collect();
            for thread in threads {
                let one = thread.join().expect("no thread panicked");
                sum.operations += one.operations;
                sum.from_system += one.from_system;
                sum.moved += one.moved;
                sum.passed_on += one.passed_on;
                sum.refused += one.refused;
            }
        });
        generation = generation.wrapping_add(1);
    }
    let overflowed: usize = heap.stats().buckets().iter().map(|bucket| bucket.overflowed).sum();
    let left: usize = mail.iter().map(|mail| lock(mail).len()).sum();
    assert_eq!(heap.stats().live(), left, "blocks were lost, or handed out twice");
    mail.iter().for_each(|mail| lock(mail).drain(..).for_each(|gone| free(heap, gone)));
    heap.trim();
    let stats = heap.stats();
    assert_eq!((stats.live(), stats.fallback_live, stats.fallback_bytes), (0, 0, 0), "{stats}");
    assert!(stats.caches <= 1, "more than this thread's own: {stats}");
    for bucket in stats.buckets() {
        assert_eq!(bucket.free + bucket.cached, bucket.watermark, "{stats}");
    }
    eprintln!("{setting}: {sum:?}, {overflowed} overflowed");
    let short = sum.refused + overflowed;
    assert!(sum.moved > 0 && sum.passed_on > 0 && short > 0, "the soak is too short: {sum:?}, {overflowed} overflowed");
    sum
}

/// Of the operations, `part` thousandths.
fn share(part: usize) -> usize {
    (wanted() / 1000 * part).max(100_000)
}

#[test]
fn no_block_is_lost_or_changed() {
    // Few blocks a bucket, so that some are often exhausted.
    let new = || Eight::builder().bucket_bytes(24 << 10);
    let sum = soak("by default", new(), share(480));
    assert!(sum.from_system > 0 && sum.refused == 0);
    let sum = soak("growing", new().on_exhausted(Exhausted::Grow { reserve: 36 << 10 }), share(190));
    assert!(sum.from_system > 0 && sum.refused == 0);
    let sum = soak("refusing", new().bucket_bytes(64 << 10).on_exhausted(Exhausted::Refuse), share(150));
    assert!(sum.from_system == 0 && sum.refused > 0);
    soak("without caches", new().no_thread_cache(), share(176));
    // Far fewer: such a heap walks along its blocks from the system, under a lock for which the other threads wait.
    soak("hardened", new().hardened(true), share(2));
    soak("hardened in every way", new().hardened(true).canary(true).delayed_reuse(8).zero_on_free(true), share(2));
}
