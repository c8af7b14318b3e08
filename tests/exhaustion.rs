//! What a heap does when a bucket has no block left, policy by policy, and where realloc moves blocks then.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]
#![expect(clippy::cast_possible_truncation, reason = "fill bytes may be any byte")]

use std::alloc::Layout;
use std::io::BufRead;
use std::ptr::NonNull;

use smarena::{AllocError, CacheWarmup, Exhausted, Heap, HeapRef, Linear, Piecewise, SizeClasses, SmBox, SmBuf};

fn drain<C: SizeClasses>(heap: &Heap<C>, size: usize, bucket: usize) -> Vec<NonNull<u8>> {
    let mut blocks = Vec::new();
    loop {
        let block = heap.malloc(size, 0).unwrap();
        blocks.push(block);
        if heap.bucket_of(block) != Some(bucket) {
            return blocks;
        }
    }
}

#[test]
fn the_next_buckets_serve_in_order_then_the_system() {
    let heap = Heap::<Linear<4>>::new(4096).unwrap();
    let mut served = Vec::new();
    let mut held = Vec::new();
    loop {
        let block = heap.malloc(16, 0).unwrap();
        held.push(block);
        match heap.bucket_of(block) {
            Some(bucket) => served.push(bucket),
            None => break,
        }
    }
    let expected: Vec<usize> = (0..4).flat_map(|bucket| vec![bucket; 4096 / (16 * (bucket + 1))]).collect();
    assert_eq!(served, expected);
    assert_eq!(heap.stats().buckets()[0].overflowed, held.len() - 256);
    // A block that overflowed goes home, whatever its layout says.
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&held) };
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn buckets_that_are_not_aligned_well_enough_are_skipped() {
    let heap = Heap::<Linear<8>>::new(4096).unwrap();
    let from = |block| heap.bucket_of(block);
    for _ in 0..4096 / 32 {
        assert_eq!(from(heap.malloc(20, 32).unwrap()), Some(1));
    }
    // 48 is no multiple of 32; 64 is.
    assert_eq!(from(heap.malloc(20, 32).unwrap()), Some(3));
}

/// A bucket that has more than the reserve keeps it; but if all have, none can grow.
#[test]
fn a_reserve_that_lets_no_bucket_grow_is_refused() {
    let with = |reserve| {
        Heap::<Linear<2>>::builder()
            .bucket_bytes(4096)
            .bucket_bytes_of(32, 8192)
            .on_exhausted(Exhausted::Grow { reserve })
    };
    assert!(with(4096 + 16).build().is_ok());
    for reserve in [4095, 4096, 4096 + 15] {
        let error = with(reserve).build().unwrap_err();
        assert_eq!(error, smarena::ConfigError::ReserveTooSmall { reserve, least: 4096 });
    }
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_reserve_that_is_too_large_is_told_as_one() {
    let reserve = 2 << 40;
    let error = Heap::<Linear<2>>::builder().on_exhausted(Exhausted::Grow { reserve }).build().unwrap_err();
    assert!(matches!(error, smarena::ConfigError::ReserveTooLarge { reserve: 0x200_0000_0000, .. }), "{error}");
}

#[test]
fn a_growing_bucket_serves_its_whole_reserve_and_then_overflows() {
    let reserve = 1 << 16;
    let heap =
        Heap::<Linear<2>>::builder().bucket_bytes(4096).on_exhausted(Exhausted::Grow { reserve }).build().unwrap();
    assert_eq!(heap.stats().buckets()[0].capacity, 256);
    let blocks = drain(&heap, 16, 0);
    assert_eq!(blocks.len(), reserve / 16 + 1);
    assert_eq!(heap.stats().buckets()[0].capacity, reserve / 16);
    for block in &blocks {
        // SAFETY: live, 16 bytes: grown memory is there.
        unsafe { block.write_bytes(1, 16) };
    }
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_refusing_heap_refuses_what_no_bucket_serves_and_says_why() {
    let heap = Heap::<Linear<8>>::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse).build().unwrap();
    assert_eq!(heap.malloc(129, 0), Err(AllocError::TooLarge { size: 129, limit: 128 }));
    assert_eq!(heap.malloc(16, 256), Err(AllocError::NoBucket { heap: "heap", size: 16, align: 256 }));
    assert_eq!(heap.malloc(16, 3), Err(AllocError::Alignment { align: 3, limit: 4096 }));
    let text = heap.malloc(129, 0).unwrap_err().to_string();
    assert_eq!(text, "129 bytes are more than can be had at once; the limit is 128");
    let text = heap.malloc(16, 256).unwrap_err().to_string();
    assert!(text.starts_with("no bucket of heap `heap` has blocks for 16 bytes aligned to 256"), "{text}");
    assert_eq!(heap.stats().live(), 0);
}

/// Sizes on either side of every border a realloc can cross, with content checked on the way.
#[test]
fn realloc_moves_between_all_places_and_keeps_the_content() {
    let heap = Heap::<Piecewise<15>>::new(1 << 16).unwrap();
    let sizes = [0, 1, 16, 17, 128, 129, 1024, 1025, 5000, 100_000];
    for &from in &sizes {
        for &to in &sizes {
            for (align_from, align_to) in [(16, 16), (16, 64), (4096, 16), (64, 4096)] {
                let block = heap.malloc(from, align_from).unwrap();
                for offset in 0..from {
                    // SAFETY: live, `from` bytes.
                    let byte = unsafe { block.add(offset) };
                    // SAFETY: as above.
                    unsafe { byte.write(offset as u8) };
                }
                // SAFETY: live; the old pointer is used no more.
                let block = unsafe { heap.realloc(block, to, align_to) }.unwrap();
                assert_eq!(block.addr().get() % align_to, 0);
                // SAFETY: live.
                assert!(unsafe { heap.usable_size(block) } >= to);
                for offset in 0..from.min(to) {
                    // SAFETY: live, at least this large, and copied.
                    let byte = unsafe { block.add(offset) };
                    // SAFETY: as above.
                    assert_eq!(unsafe { byte.read() }, offset as u8, "{from} -> {to}");
                }
                // SAFETY: live, from this heap.
                unsafe { heap.free(block) };
            }
        }
    }
    assert_eq!(heap.stats().live(), 0);
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

/// A heap whose buckets of 16, 32 and 48 bytes are exhausted, and what they have served.
fn out_of_small_blocks(exhausted: Exhausted, hardened: bool) -> Heap<Linear<8>> {
    // The last one has less, so that it can grow to what the others have, where buckets grow.
    let builder = Heap::<Linear<8>>::builder().bucket_bytes(1024).bucket_bytes_of(128, 512);
    let heap = builder.on_exhausted(exhausted).hardened(hardened).build().unwrap();
    for bucket in 0..3 {
        let size = 16 * (bucket + 1);
        for _ in 0..1024 / size {
            assert_eq!(heap.bucket_of(heap.malloc(size, 0).unwrap()), Some(bucket));
        }
    }
    heap
}

#[test]
fn a_block_that_becomes_smaller_stays_where_its_new_bucket_is_exhausted() {
    for exhausted in [Exhausted::NextBucketThenFallback, Exhausted::Grow { reserve: 1024 }, Exhausted::Refuse] {
        for hardened in [false, true] {
            let heap = out_of_small_blocks(exhausted, hardened);
            let block = (&heap).allocate(layout(100)).unwrap();
            // SAFETY: live, of this layout; the same one, then of the other.
            let smaller = unsafe { (&heap).reallocate(block, layout(100), layout(10)) }.unwrap();
            assert_eq!(smaller, block, "{exhausted:?}");
            assert_eq!(heap.stats().buckets()[0].overflowed, 1);
            // SAFETY: live, of this layout.
            unsafe { (&heap).deallocate(smaller, layout(10)) };

            let mut buf = SmBuf::with_capacity_in(100, &heap);
            buf.extend_from_slice(b"headline and three more words");
            buf.consume(20);
            let before = heap.stats();
            buf.shrink_to_fit();
            assert_eq!((&buf[..], buf.capacity()), (&b"ore words"[..], 16));
            assert!(heap.stats().buckets().iter().zip(before.buckets()).all(|(now, then)| now.live == then.live));
            drop(buf);
            assert_eq!(heap.stats().buckets()[6].live, 0);
        }
    }
}

#[test]
fn a_block_that_becomes_larger_stays_where_it_fits_and_its_new_bucket_is_exhausted() {
    for hardened in [false, true] {
        let heap = out_of_small_blocks(Exhausted::NextBucketThenFallback, hardened);
        let block = (&heap).allocate(layout(0)).unwrap();
        assert_eq!(heap.bucket_of(block), Some(3), "it overflowed");
        let mut now = 0;
        for size in [10, 20, 40, 64] {
            // SAFETY: live, of this layout.
            assert_eq!(unsafe { (&heap).reallocate(block, layout(now), layout(size)) }, Ok(block));
            now = size;
        }
        // SAFETY: live, of this layout.
        let larger = unsafe { (&heap).reallocate(block, layout(now), layout(65)) }.unwrap();
        assert_eq!(heap.bucket_of(larger), Some(4));
        // SAFETY: live, of this layout.
        unsafe { (&heap).deallocate(larger, layout(65)) };
    }
}

#[test]
fn what_becomes_smaller_in_a_block_of_the_systems_is_cut_there() {
    for hardened in [false, true] {
        let heap = out_of_small_blocks(Exhausted::NextBucketThenFallback, hardened);
        let block = (&heap).allocate(layout(1 << 20)).unwrap();
        // SAFETY: live, so many bytes.
        unsafe { block.write_bytes(7, 10) };
        // SAFETY: live, of this layout.
        let smaller = unsafe { (&heap).reallocate(block, layout(1 << 20), layout(10)) }.unwrap();
        // SAFETY: live, so many bytes.
        assert_eq!(unsafe { std::slice::from_raw_parts(smaller.as_ptr(), 10) }, [7; 10]);
        let stats = heap.stats();
        assert_eq!((heap.bucket_of(smaller), stats.fallback_bytes), (None, if hardened { 10 } else { 16 }));
        assert!(stats.buckets()[3..].iter().all(|bucket| bucket.live == 0), "{stats}");
        // SAFETY: live, of this layout.
        unsafe { (&heap).deallocate(smaller, layout(10)) };
    }
}

#[test]
fn a_dropped_heap_gives_forgotten_fallback_blocks_back() {
    // LeakSanitizer sees it if not; here, that nothing goes wrong.
    let heap = Heap::<Linear<1>>::new(4096).unwrap();
    for size in [17, 100, 10_000] {
        heap.malloc(size, 0).unwrap();
    }
    assert_eq!((heap.stats().fallback_live, heap.stats().fallback_bytes), (3, 10_117));
}

/// An owner frees by its own layout; a block that overflowed lies in another bucket than that says.
#[test]
fn boxes_that_overflowed_go_home() {
    let heap = Heap::<Linear<2>>::new(64 << 10).unwrap();
    let room = 4096 + 2048;
    for round in 0..4 {
        let mut boxes: Vec<_> = (0..room as u128).map(|value| SmBox::new_in(value, &heap)).collect();
        assert_eq!(heap.stats().fallback_live, 0);
        assert_eq!(heap.stats().live(), room);
        assert!(boxes.iter().enumerate().all(|(value, boxed)| **boxed == value as u128), "two boxes share a block");
        if round % 2 == 0 {
            boxes.reverse();
        }
        drop(boxes);
        assert_eq!(heap.stats().live(), 0);
    }
}

/// Whoever knows its layouts grows inside a class without a move, wherever the block lies.
#[test]
fn a_block_that_overflowed_to_the_system_is_as_large_as_its_class() {
    let heap = &Heap::<Linear<4>>::new(4096).unwrap();
    let held = core::iter::from_fn(|| heap.malloc(64, 0).ok()).take_while(|block| heap.bucket_of(*block).is_some());
    assert_eq!(held.count(), 4096 / 64);
    let layout = |size| Layout::from_size_align(size, 16).unwrap();
    let block = HeapRef::allocate(&heap, layout(50)).unwrap();
    assert_eq!(heap.bucket_of(block), None);
    // SAFETY: live, with this layout; the old pointer is used no more.
    let block = unsafe { HeapRef::reallocate(&heap, block, layout(50), layout(64)) }.unwrap();
    // SAFETY: live, from this heap.
    assert!(unsafe { heap.usable_size(block) } >= 64);
}

/// A reader has room for 4 KiB made, and `chunk_mut` for 64 bytes: not where the heap's largest block is smaller.
#[test]
fn room_to_read_into_is_as_large_as_the_heap_has_it() {
    let heap = &Heap::<Linear<2>>::builder().on_exhausted(Exhausted::Refuse).build().unwrap();
    let mut buf = SmBuf::new_in(heap);
    assert_eq!(buf.read_from(&mut &[1; 100][..]).unwrap(), 16);
    assert_eq!(buf.read_from(&mut &[2; 100][..]).unwrap(), 16);
    assert_eq!((buf.len(), buf.capacity()), (32, 32));
    let error = buf.read_from(&mut &[3; 100][..]).unwrap_err();
    assert_eq!((error.kind(), buf.len()), (std::io::ErrorKind::InvalidInput, 32));
}

/// As above.
#[cfg(feature = "bytes")]
#[test]
fn a_chunk_to_write_to_is_as_large_as_the_heap_has_it() {
    use bytes::BufMut;

    let heap = &Heap::<Linear<2>>::builder().on_exhausted(Exhausted::Refuse).build().unwrap();
    let mut buf = SmBuf::new_in(heap);
    assert_eq!(buf.chunk_mut().len(), 16);
    buf.put_bytes(1, 16);
    assert_eq!(buf.chunk_mut().len(), 16);
    buf.put_bytes(2, 16);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| buf.chunk_mut().len())).is_err());
    assert_eq!(buf.len(), 32);
}

#[test]
fn a_cache_never_keeps_more_blocks_than_it_was_made_for() {
    for blocks in 1..=9 {
        for warmup in [CacheWarmup::Cold, CacheWarmup::Warm, CacheWarmup::Hot] {
            let builder = Heap::<Linear<1>>::builder().bucket_bytes(64 * 16).on_exhausted(Exhausted::Refuse);
            let heap = builder.thread_cache(blocks * 16, warmup).build().unwrap();
            let kept = || {
                let cached = heap.stats().buckets()[0].cached;
                assert!(cached <= blocks, "{cached} blocks in a cache for {blocks}, {warmup:?}");
                cached
            };
            let mut most = 0;
            for count in [1, 2, 3, 64, 5, 1] {
                let held: Vec<_> = (0..count).map(|_| (heap.malloc(16, 0).unwrap(), kept()).0).collect();
                for block in held {
                    // SAFETY: live, from this heap.
                    unsafe { heap.free(block) };
                    most = most.max(kept());
                }
            }
            assert!(most * 2 > blocks, "{most} blocks in a cache for {blocks}, {warmup:?}");
            // Another thread can have all others.
            let kept = kept();
            let had = std::thread::scope(|scope| {
                let all = || std::iter::from_fn(|| heap.malloc(16, 0).ok()).count();
                scope.spawn(all).join().unwrap()
            });
            assert_eq!(had, 64 - kept);
        }
    }
}
