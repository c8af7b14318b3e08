//! The original allocator's defects, one test for each, by their numbers in docs/SAFETY.md.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]
#![expect(clippy::cast_possible_truncation, reason = "fill bytes may be any byte")]

use std::collections::HashSet;
use std::ptr::NonNull;

use smarena::{AllocError, CacheWarmup, ConfigError, Exhausted, Heap, Linear, SizeClasses};

type Eight = Heap<Linear<8>>;

fn heap() -> Eight {
    Heap::new(1 << 20).unwrap()
}

fn fill(block: NonNull<u8>, bytes: usize, seed: usize) {
    for offset in 0..bytes {
        // SAFETY: the callers own `bytes` bytes.
        let byte = unsafe { block.add(offset) };
        // SAFETY: as above.
        unsafe { byte.write((seed * 31 + offset) as u8) };
    }
}

fn assert_filled(block: NonNull<u8>, bytes: usize, seed: usize) {
    for offset in 0..bytes {
        // SAFETY: the callers own `bytes` bytes, and wrote them.
        let byte = unsafe { block.add(offset) };
        // SAFETY: as above.
        assert_eq!(unsafe { byte.read() }, (seed * 31 + offset) as u8, "byte {offset}");
    }
}

#[test]
fn defect_2_a_realloc_that_fits_returns_the_block_untouched() {
    let heap = heap();
    let block = heap.malloc(20, 0).unwrap();
    fill(block, 32, 1);
    for size in [32, 1, 0, 20] {
        // SAFETY: live; the same block comes back.
        assert_eq!(unsafe { heap.realloc(block, size, 0) }, Ok(block));
    }
    assert_filled(block, 32, 1);
    // Live, so nobody else gets it.
    assert_ne!(heap.malloc(20, 0), Ok(block));
    assert_eq!(heap.stats().live(), 2);
}

#[test]
fn defect_3_every_bucket_has_a_thread_cache() {
    let heap = heap();
    let cache = heap.thread_cache(4096, CacheWarmup::Hot);
    for bucket in heap.stats().buckets() {
        assert!(bucket.cached > 0, "{} byte blocks are not cached", bucket.block_size);
        assert!(bucket.cached * bucket.block_size <= 4096);
    }
    drop(cache);
    assert!(heap.stats().buckets().iter().all(|bucket| bucket.cached == 0 && bucket.free == bucket.watermark));
}

#[test]
fn defect_4_a_heap_never_serves_another_heaps_block() {
    let (one, two) = (heap(), heap());
    let block = one.malloc(64, 0).unwrap();
    // SAFETY: live, from this heap.
    unsafe { one.free(block) };
    for _ in 0..1000 {
        let other = two.malloc(64, 0).unwrap();
        assert_eq!((one.bucket_of(other), two.bucket_of(other)), (None, Some(3)));
    }
}

#[test]
fn defect_5_a_heap_dropped_with_cached_blocks_leaves_nothing_behind() {
    for _ in 0..100 {
        let heap = heap();
        let blocks: Vec<_> = (0..100).map(|_| heap.malloc(64, 0).unwrap()).collect();
        // SAFETY: all live, from this heap.
        unsafe { heap.free_batch(&blocks) };
        assert!(heap.stats().buckets()[3].cached > 0);
        drop(heap);
        let next = self::heap();
        let block = next.malloc(64, 0).unwrap();
        assert_eq!(next.bucket_of(block), Some(3));
        fill(block, 64, 3);
        assert_filled(block, 64, 3);
    }
}

#[test]
fn defect_6_a_thread_that_ends_gives_its_cached_blocks_back() {
    let heap = heap();
    joined(1, |_| {
        let blocks: Vec<_> = (1..=128).map(|size| heap.malloc(size, 0).unwrap()).collect();
        // SAFETY: all live, from this heap.
        unsafe { heap.free_batch(&blocks) };
        assert!(heap.stats().buckets().iter().all(|bucket| bucket.cached > 0));
    });
    let stats = heap.stats();
    assert_eq!(stats.caches, 0);
    assert!(stats.buckets().iter().all(|bucket| bucket.cached == 0 && bucket.free == bucket.watermark));
}

#[test]
fn defect_7_a_second_cache_keeps_the_first_ones_blocks() {
    let heap = heap();
    let first = heap.thread_cache(64 << 10, CacheWarmup::Hot);
    let used = heap.stats().buckets()[0].watermark;
    let second = heap.thread_cache(4 << 10, CacheWarmup::Hot);
    let stats = heap.stats();
    assert_eq!(stats.live(), 0);
    assert_eq!(stats.buckets()[0].watermark, used, "the first cache's blocks are used again");
    assert_eq!(stats.caches, 1);
    // Both guards work, whichever goes first.
    drop(first);
    let block = second.alloc(16, 0).unwrap();
    // SAFETY: live, from this heap.
    unsafe { second.free(block) };
    drop(second);
    assert_eq!((heap.stats().caches, heap.stats().live()), (0, 0));
}

#[test]
fn defect_8_9_no_block_is_handed_out_twice_under_contention() {
    // Few blocks and no caches: every call meets the others in the same words.
    let heap = Heap::<Linear<1>>::builder()
        .bucket_bytes(16 * 100)
        .no_thread_cache()
        .on_exhausted(Exhausted::Refuse)
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let heap = &heap;
            scope.spawn(move || {
                let mut held = Vec::new();
                for round in 0..50_000_usize {
                    if held.len() < 30 && !round.is_multiple_of(3) {
                        if let Ok(block) = heap.malloc(16, 0) {
                            fill(block, 16, thread);
                            held.push(block);
                        }
                    } else if let Some(block) = held.pop() {
                        assert_filled(block, 16, thread);
                        // SAFETY: live, from this heap.
                        unsafe { heap.free(block) };
                    }
                }
                // SAFETY: all live, from this heap.
                unsafe { heap.free_batch(&held) };
            });
        }
    });
    assert_eq!(heap.stats().live(), 0);
}

#[test]
#[cfg(all(target_pointer_width = "64", target_os = "linux", not(any(smarena_portable, miri))))]
fn defect_10_a_bucket_of_more_than_4_gib_has_as_many_distinct_blocks() {
    const BLOCK: usize = 2 << 20;
    smarena::size_classes! { Large: [2 << 20] }
    let heap = Heap::<Large>::builder()
        .bucket_bytes(5 << 30)
        .thread_cache(64 << 20, CacheWarmup::Cold)
        .on_exhausted(Exhausted::Refuse)
        .huge_pages(smarena::HugePages::Never)
        .build()
        .unwrap();
    let blocks: HashSet<_> = core::iter::from_fn(|| heap.malloc(BLOCK, 0).ok()).collect();
    assert_eq!(blocks.len(), (5 << 30) / BLOCK);
    assert!(blocks.iter().all(|block| heap.bucket_of(*block) == Some(0)));
    for block in blocks {
        // SAFETY: live, from this heap.
        unsafe { heap.free(block) };
    }
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn defect_11_alignment_holds_for_every_size_also_after_overflow() {
    let heap = Heap::<Linear<16>>::new(1024).unwrap();
    for power in 0..=12 {
        let align = 1 << power;
        for size in (0..=300).chain([4096, 10_000]) {
            let block = heap.malloc(size, align).unwrap();
            assert_eq!(block.addr().get() % align.max(16), 0, "({size}, {align})");
            // SAFETY: live.
            assert!(unsafe { heap.usable_size(block) } >= size);
            fill(block, size, size);
        }
    }
    assert!(heap.stats().buckets().iter().all(|bucket| bucket.overflowed > 0));
    assert!(heap.stats().fallback_live > 0);
}

#[test]
fn defect_12_realloc_honours_the_alignment() {
    let heap = heap();
    let mut block = heap.malloc(48, 16).unwrap();
    fill(block, 48, 5);
    for align in [32, 64, 128, 1024, 4096, 16, 4096] {
        // SAFETY: live; the old pointer is used no more.
        block = unsafe { heap.realloc(block, 48, align) }.unwrap();
        assert_eq!(block.addr().get() % align, 0);
        assert_filled(block, 48, 5);
    }
    assert_eq!(heap.stats().live(), 1);
}

#[test]
fn defect_13_every_cache_size_works() {
    let heap = heap();
    for bytes in [0, 1, 15, 16, 17, 31, 32, 128, 129, 4096, 1 << 20, isize::MAX as usize, usize::MAX] {
        for warmup in [CacheWarmup::Cold, CacheWarmup::Warm, CacheWarmup::Hot] {
            let cache = heap.thread_cache(bytes, warmup);
            for bucket in heap.stats().buckets() {
                assert!(bucket.cached <= bucket.capacity && bucket.cached * bucket.block_size <= bytes.max(4 << 20));
            }
            let blocks: Vec<_> = (0..500).map(|index| cache.alloc(index % 129, 0).unwrap()).collect();
            assert_eq!(blocks.iter().collect::<HashSet<_>>().len(), 500);
            for block in blocks {
                // SAFETY: live, from this heap.
                unsafe { cache.free(block) };
            }
            drop(cache);
            assert_eq!(heap.stats().live(), 0, "{bytes} {warmup:?}");
        }
    }
}

#[test]
fn defect_13_every_cache_keeps_within_its_own_memory() {
    let heap = heap();
    for held in 0..=260 {
        // As many blocks of every bucket as of the one with 64 bytes: stacks of all depths, side by side.
        let cache = heap.thread_cache(held * 64, CacheWarmup::Cold);
        let blocks: Vec<_> = (0..8 * 400).map(|index| cache.alloc(1 + index % 128, 0).unwrap()).collect();
        for block in blocks {
            // SAFETY: live, from this heap.
            unsafe { cache.free(block) };
        }
        // A pointer that strayed into another bucket's stack is no block of that one, and ends the process here.
        drop(cache);
        assert_eq!(heap.stats().live(), 0, "{held} blocks");
    }
}

/// 1 TiB; 1 GiB where addresses have 32 bits.
const LONGEST_SPAN: usize = (usize::MAX >> if cfg!(target_pointer_width = "64") { 24 } else { 2 }) + 1;

#[test]
fn defect_14_impossible_configurations_are_errors_that_name_value_and_limit() {
    let text = |result: Result<Eight, ConfigError>| result.unwrap_err().to_string();
    assert_eq!(text(Heap::new(0)), "bucket 0 of 16-byte blocks was given 0 bytes; it needs at least 16");
    assert_eq!(text(Heap::new(100)), "bucket 6 of 112-byte blocks was given 100 bytes; it needs at least 112");
    assert_eq!(
        text(Heap::new(usize::MAX)),
        format!("bucket 0 of 16-byte blocks was given {} bytes; a span holds at most {LONGEST_SPAN}", usize::MAX)
    );
    assert_eq!(
        text(Heap::builder().bucket_bytes_of(24, 1 << 20).build()),
        "no bucket has blocks of 24 bytes; the table's sizes are [16, 32, 48, 64, 80, 96, 112, 128]"
    );
    assert!(matches!(
        Heap::<Linear<64>>::new(LONGEST_SPAN),
        Err(ConfigError::AddressSpace { buckets: 64, .. } | ConfigError::Refused { .. })
    ));
}

/// The most bytes of one block: what a layout has room for, behind a header and what the alignment takes.
fn largest(align: usize) -> usize {
    isize::MAX as usize + 1 - 32 - align.max(16)
}

#[test]
fn defect_16_a_failed_realloc_leaves_the_block_alone() {
    let heap = heap();
    for size in [64, 1000] {
        let block = heap.malloc(size, 0).unwrap();
        fill(block, size, 9);
        for (wanted, align) in [(usize::MAX, 16), (isize::MAX as usize, 16), (isize::MAX as usize - 4096, 4096)] {
            // SAFETY: live; on failure still live.
            let error = unsafe { heap.realloc(block, wanted, align) }.unwrap_err();
            let limit = largest(align);
            let too_large = AllocError::TooLarge { size: wanted, limit };
            assert_eq!(
                error,
                if wanted > limit { too_large } else { AllocError::OutOfMemory { heap: "heap", size: wanted, align } }
            );
        }
        // SAFETY: live; on failure still live.
        let error = unsafe { heap.realloc(block, size * 2, 3) }.unwrap_err();
        assert_eq!(error, AllocError::Alignment { align: 3, limit: 4096 });
        assert_filled(block, size, 9);
        // SAFETY: live, from this heap.
        unsafe { heap.free(block) };
    }
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn defect_17_sizes_near_the_end_of_the_address_space_are_refused() {
    let heap = heap();
    for size in [usize::MAX, usize::MAX - 15, usize::MAX - 4095, isize::MAX as usize, isize::MAX as usize + 1] {
        for align in [0, 1, 16, 4096] {
            let limit = largest(align);
            assert_eq!(heap.malloc(size, align), Err(AllocError::TooLarge { size, limit }));
            assert_eq!(heap.malloc_zeroed(size, align), Err(AllocError::TooLarge { size, limit }));
        }
    }
}

#[test]
fn the_limit_that_an_error_names_is_where_the_system_begins_to_be_asked() {
    let with_canary = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).canary(true).build().unwrap();
    for (heap, behind) in [(heap(), 0), (with_canary, 16)] {
        for align in [16, 64, 4096] {
            let limit = largest(align) - behind;
            assert_eq!(heap.malloc(limit + 1, align), Err(AllocError::TooLarge { size: limit + 1, limit }));
            assert_eq!(heap.malloc(limit, align), Err(AllocError::OutOfMemory { heap: "heap", size: limit, align }));
            assert_eq!(
                heap.malloc_zeroed(limit, align),
                Err(AllocError::OutOfMemory { heap: "heap", size: limit, align })
            );
        }
    }
}

#[test]
fn defect_18_size_zero_can_be_freed_reallocated_and_measured() {
    let heap = heap();
    for align in [0, 1, 16, 64, 4096] {
        let block = heap.malloc(0, align).unwrap();
        // SAFETY: live.
        assert!(unsafe { heap.usable_size(block) } < 8192);
        // SAFETY: live; the old pointer is used no more.
        let block = unsafe { heap.realloc(block, 0, align) }.unwrap();
        // SAFETY: live; the old pointer is used no more.
        let block = unsafe { heap.realloc(block, 100, align) }.unwrap();
        // SAFETY: live, from this heap.
        unsafe { heap.free(block) };
    }
    assert_eq!(heap.stats().live(), 0);
    for align in [3, 24, 65536, usize::MAX, 1 << (usize::BITS - 1)] {
        assert_eq!(heap.malloc(0, align), Err(AllocError::Alignment { align, limit: 4096 }));
    }
}

#[test]
#[cfg(all(any(target_os = "linux", windows), not(any(smarena_portable, miri))))]
fn defect_19_creation_touches_next_to_nothing_and_trim_gives_memory_back() {
    // Without huge pages: of one that reaches beyond the watermark the kernel may make a whole one again, whenever it likes.
    let heap =
        Heap::<Linear<8>>::builder().bucket_bytes(16 << 20).huge_pages(smarena::HugePages::Never).build().unwrap();
    assert_eq!(heap.stats().resident(), 0);
    let blocks: Vec<_> = (0..100_000).map(|_| heap.malloc_zeroed(128, 0).unwrap()).collect();
    // Without this thread's cache, which stays open.
    let spans = || heap.stats().buckets().iter().filter_map(|bucket| bucket.resident).sum::<usize>();
    let full = spans();
    assert!(full >= 100_000 * 128);
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
    // All but the page that the watermark lies in.
    assert!(heap.trim() >= full - 4096);
    assert!(spans() <= 4096);
    let again: Vec<_> = (0..100_000).map(|_| heap.malloc_zeroed(128, 0).unwrap()).collect();
    assert_eq!(again.iter().collect::<HashSet<_>>().len(), 100_000);
}

#[test]
fn a_pointer_has_a_bucket_once_its_block_was_handed_out() {
    let heap = Heap::<Linear<8>>::builder().no_thread_cache().build().unwrap();
    let first = heap.malloc(64, 0).unwrap();
    let at = |bytes| NonNull::new(first.as_ptr().wrapping_add(bytes)).unwrap();
    assert_eq!([0, 16, 64].map(|bytes| heap.bucket_of(at(bytes))), [Some(3), None, None]);
    assert_eq!(heap.malloc(64, 0).unwrap(), at(64));
    assert_eq!([0, 16, 64, 80].map(|bytes| heap.bucket_of(at(bytes))), [Some(3), None, Some(3), None]);
}

#[test]
fn exactly_as_many_blocks_as_fit_come_from_each_bucket() {
    for bytes in [256, 4096, 100_000] {
        for cache in [Some(0), Some(4096), Some(1 << 20), None] {
            let builder = Heap::<Linear<16>>::builder().bucket_bytes(bytes).on_exhausted(Exhausted::Refuse);
            let heap = match cache {
                Some(cached) => builder.thread_cache(cached, CacheWarmup::Cold),
                None => builder.no_thread_cache(),
            };
            let heap = heap.build().unwrap();
            for _ in 0..3 {
                let mut held = Vec::new();
                for (bucket, &size) in Linear::<16>::BLOCK_SIZES.iter().enumerate() {
                    let blocks: HashSet<_> = core::iter::from_fn(|| heap.malloc(size, 0).ok()).collect();
                    assert_eq!(blocks.len(), bytes / size, "{size} bytes, cache {cache:?}");
                    assert!(blocks.iter().all(|block| heap.bucket_of(*block) == Some(bucket)));
                    let error = heap.malloc(size, 0).unwrap_err();
                    let name = heap.name();
                    let expected = AllocError::Exhausted { heap: name, bucket, block_size: size, blocks: bytes / size };
                    assert_eq!(error, expected);
                    held.extend(blocks);
                }
                // SAFETY: all live, from this heap.
                unsafe { heap.free_batch(&held) };
                assert_eq!(heap.stats().live(), 0);
                hammer(&heap);
            }
        }
    }
}

/// Eight threads use the heap and end.
fn hammer(heap: &Heap<Linear<16>>) {
    let before = heap.stats().caches;
    joined(8, |seed| {
        let mut held = Vec::new();
        for round in 0..2000 {
            let size = (round * 7 + seed * 13) % 257;
            if let Ok(block) = heap.malloc(size, 0) {
                held.push(block);
            }
            if round % 3 == 0 && !held.is_empty() {
                let block = held.swap_remove(round % held.len());
                // SAFETY: live, from this heap.
                unsafe { heap.free(block) };
            }
        }
        // SAFETY: all live, from this heap.
        unsafe { heap.free_batch(&held) };
    });
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, before));
}

/// Runs `work` on `threads` threads and waits until they have ended, thread-locals and all: a scope alone does not wait for that.
fn joined(threads: usize, work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        running.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
