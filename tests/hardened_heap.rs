//! What a hardened heap still does: it serves every block, on every thread, and lets freed ones wait as long as it was told.
//!
//! That it changes no answer of a correct program is in heap_model.rs.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]

use std::alloc::Layout;
use std::collections::HashSet;
use std::ptr::NonNull;

use smarena::{AllocError, CacheWarmup, Exhausted, Heap, HeapBuilder, HeapRef, Linear, SizeClasses};

type Eight = Heap<Linear<8>>;

/// Every mixture of what a hardened heap can be told.
fn told(settings: u8, builder: HeapBuilder<Linear<8>>) -> HeapBuilder<Linear<8>> {
    let on = |bit: u8| settings & (1 << bit) != 0;
    builder.hardened(true).zero_on_free(on(0)).canary(on(1)).delayed_reuse(if on(2) { 5 } else { 0 })
}

/// A live block and what it was filled with.
struct Held {
    block: NonNull<u8>,
    size: usize,
    fill: u8,
}

impl Held {
    fn new(block: NonNull<u8>, size: usize, fill: u8) -> Self {
        // SAFETY: live, at least `size` bytes.
        unsafe { block.write_bytes(fill, size) };
        Self { block, size, fill }
    }

    fn check(&self, bytes: usize) {
        // SAFETY: live, at least `size` bytes, written.
        let content = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), bytes) };
        assert!(content.iter().all(|byte| *byte == self.fill), "a block was written by another");
    }
}

#[test]
fn every_block_is_served_and_no_thread_has_a_cache() {
    for settings in 0..8 {
        every_block_is_served(
            &told(settings, Eight::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse)).build().unwrap(),
        );
    }
}

fn every_block_is_served(heap: &Eight) {
    let _cache = heap.thread_cache(4096, CacheWarmup::Hot);
    for (bucket, &size) in Linear::<8>::BLOCK_SIZES.iter().enumerate() {
        for block in (0..10).map(|_| heap.malloc(size, 0).unwrap()).collect::<Vec<_>>() {
            // SAFETY: live, from this heap.
            unsafe { heap.free(block) };
        }
        // Those too that were freed a moment ago and wait.
        let blocks: HashSet<_> = core::iter::from_fn(|| heap.malloc(size, 0).ok()).collect();
        assert_eq!(blocks.len(), 4096 / size);
        let exhausted = AllocError::Exhausted { heap: heap.name(), bucket, block_size: size, blocks: 4096 / size };
        assert_eq!(heap.malloc(size, 0), Err(exhausted));
        for block in blocks {
            // SAFETY: live, from this heap.
            unsafe { heap.free(block) };
        }
    }
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
}

#[test]
fn threads_share_a_hardened_heap() {
    let heap = &told(7, Eight::builder().bucket_bytes(1 << 20)).build().unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for round in 0..20_000_usize {
                        if round % 3 == 2 {
                            let gone: Held = held.swap_remove(round % held.len());
                            gone.check(gone.size);
                            // SAFETY: live, from this heap.
                            unsafe { heap.free(gone.block) };
                        } else if held.len() < 1000 {
                            let size = round % 129;
                            held.push(Held::new(heap.malloc(size, 0).unwrap(), size, thread));
                        }
                    }
                    for gone in held {
                        gone.check(gone.size);
                        // SAFETY: live, from this heap.
                        unsafe { heap.free(gone.block) };
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(heap.stats().live(), 0);
}

/// A refusal is true: with as many blocks as threads that hold one at most, nobody is ever refused.
#[test]
fn a_bound_holds_while_threads_free_and_blocks_wait() {
    let heap = Eight::builder().bucket_bytes(4 * 128).delayed_reuse(4).on_exhausted(Exhausted::Refuse).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let block = heap.malloc(128, 0).expect("a block is free, or waits");
                    // SAFETY: live, from this heap.
                    unsafe { heap.free(block) };
                }
            });
        }
    });
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_freed_block_waits_as_long_as_it_was_told_and_comes_back() {
    let heap = Eight::builder().bucket_bytes(1 << 20).delayed_reuse(50).build().unwrap();
    let mut freed_at = std::collections::HashMap::new();
    let mut came_back = 0;
    for now in 0..2000 {
        let block = heap.malloc(64, 0).unwrap();
        if let Some(before) = freed_at.insert(block, now) {
            assert!(now - before > 50, "{} frees", now - before);
            came_back += 1;
        }
        // SAFETY: live, from this heap.
        unsafe { heap.free(block) };
    }
    assert!(came_back > 1000 && heap.stats().buckets()[3].watermark <= 101, "{}", heap.stats());
}

/// Also where other heaps would take it on the fast path.
#[test]
fn a_freed_block_is_zero_whichever_way_it_was_freed() {
    let heap = Eight::builder().bucket_bytes(1 << 20).zero_on_free(true).build().unwrap();
    let cache = heap.thread_cache(4096, CacheWarmup::Warm);
    let layout = Layout::from_size_align(64, 16).unwrap();
    for way in 0..3 {
        let held = Held::new(heap.malloc(64, 0).unwrap(), 64, 7);
        match way {
            // SAFETY: live, from this heap.
            0 => unsafe { heap.free(held.block) },
            // SAFETY: live, from this heap.
            1 => unsafe { cache.free(held.block) },
            // SAFETY: live, from this heap, of this layout.
            _ => unsafe { (&heap).deallocate(held.block, layout) },
        }
        Held { fill: 0, ..held }.check(64);
    }
}

/// The system's block is known by the bytes asked for, as its owner will say when it gives it back.
#[test]
fn a_block_that_overflowed_to_the_system_has_the_size_that_was_asked_for() {
    let heap = Eight::builder().bucket_bytes(128).hardened(true).build().unwrap();
    let blocks: Vec<_> = (0..30).map(|_| heap.malloc(50, 0).unwrap()).collect();
    let from_system = *blocks.iter().find(|block| heap.bucket_of(**block).is_none()).unwrap();
    // SAFETY: live, from this heap.
    assert_eq!(unsafe { heap.usable_size(from_system) }, 50);
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
}

#[test]
fn zeroing_reaches_the_old_block_of_a_move() {
    let heap = Eight::builder().bucket_bytes(1 << 20).zero_on_free(true).build().unwrap();
    let old = Held::new(heap.malloc(64, 0).unwrap(), 64, 7);
    // SAFETY: live, from this heap.
    let new = unsafe { heap.realloc(old.block, 100, 0) }.unwrap();
    Held { block: new, ..old }.check(64);
    // SAFETY: inside the heap's memory; nobody else uses it.
    let gone = unsafe { std::slice::from_raw_parts(old.block.as_ptr(), 64) };
    assert!(gone.iter().all(|byte| *byte == 0));
}
