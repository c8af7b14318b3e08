//! What a heap's statistics say, against what was done with the heap.
#![expect(unsafe_code, reason = "raw calls")]

use smarena::{BucketStats, CacheWarmup, Heap, Linear, Purge, SizeClasses};

fn only_bucket<C: SizeClasses>(heap: &Heap<C>) -> BucketStats {
    heap.stats().buckets()[0]
}

/// Blocks that a bucket has let go: whoever takes some from it has refilled, whoever puts some back has spilled.
fn outside(bucket: &BucketStats) -> usize {
    bucket.watermark - bucket.free
}

#[test]
fn every_time_that_blocks_cross_the_border_of_a_bucket_is_counted() {
    for cache_bytes in [16, 100, 1000] {
        let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        let cache = heap.thread_cache(cache_bytes, CacheWarmup::Cold);
        let (mut held, mut expected) = (Vec::new(), [0; 2]);
        for step in 0..1200 {
            let before = only_bucket(&heap);
            // Up and down by more than the cache holds, and up again.
            if step % 600 < 300 || held.is_empty() {
                held.push(cache.alloc(16, 0).unwrap());
            } else {
                // SAFETY: live, from this heap, not used any more.
                unsafe { cache.free(held.pop().unwrap()) };
            }
            let after = only_bucket(&heap);
            expected[0] += usize::from(outside(&after) > outside(&before));
            expected[1] += usize::from(outside(&after) < outside(&before));
            assert_eq!([after.refills, after.spills], expected, "step {step} with {cache_bytes} bytes");
        }
        assert!(expected[0] > 1 && expected[1] > 1, "the cache is too large for this test");
        drop(cache);
        let after = only_bucket(&heap);
        assert_eq!([after.refills, after.spills], expected, "with the cache its counts are gone");
        // SAFETY: as above.
        held.into_iter().for_each(|block| unsafe { heap.free(block) });
    }
}

#[test]
fn more_crossings_than_a_cache_has_room_to_count_are_counted_and_survive_its_thread() {
    const ROUNDS: usize = 100_000;
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // One block: the second of two is always from the bucket, and one of the two always goes back there.
            let cache = heap.thread_cache(16, CacheWarmup::Cold);
            let first = cache.alloc(16, 0).unwrap();
            for _ in 0..ROUNDS {
                let pair = [cache.alloc(16, 0).unwrap(), cache.alloc(16, 0).unwrap()];
                // SAFETY: live, from this heap, not used any more.
                pair.into_iter().for_each(|block| unsafe { cache.free(block) });
            }
            // SAFETY: as above.
            unsafe { cache.free(first) };
        });
        thread.join().unwrap();
    });
    // The first two refills found nothing parked; the last free found one parked.
    let bucket = only_bucket(&heap);
    assert_eq!([bucket.refills, bucket.spills], [ROUNDS + 2, ROUNDS + 1]);
}

#[test]
fn a_table_shows_refills_and_spills() {
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let cache = heap.thread_cache(16, CacheWarmup::Cold);
    let blocks = [(); 5].map(|()| cache.alloc(16, 0).unwrap());
    // SAFETY: live, from this heap, not used any more.
    blocks.into_iter().for_each(|block| unsafe { cache.free(block) });
    let table = heap.stats().to_string();
    let numbers: Vec<&str> = table.lines().nth(2).unwrap().split_whitespace().collect();
    let headings: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        (&headings[headings.len() - 2..], &numbers[numbers.len() - 2..]),
        (&["refills", "spills"][..], &["5", "4"][..])
    );
}

#[test]
fn what_is_lost_to_rounding_is_known_where_book_is_kept() {
    let heap = Heap::<Linear<4>>::builder().bucket_bytes(1 << 20).hardened(true).build().unwrap();
    let blocks = [1, 16, 17, 40, 64].map(|size| heap.malloc(size, 0).unwrap());
    let stats = heap.stats();
    let rounding: Vec<_> = stats.buckets().iter().map(|bucket| bucket.rounding).collect();
    assert_eq!(rounding, [Some(15), Some(15), Some(8), Some(0)]);
    assert_eq!(stats.rounding(), Some(38));
    assert!(stats.to_string().lines().next().unwrap().ends_with("from the system, 38 bytes lost to rounding"));
    // SAFETY: live, from this heap, not used any more.
    blocks.into_iter().for_each(|block| unsafe { heap.free(block) });
    assert_eq!(heap.stats().rounding(), Some(0));
    let other = Heap::<Linear<4>>::new(1 << 20).unwrap().stats();
    assert_eq!(other.rounding(), None);
    assert!(!other.to_string().contains("rounding"));
}

#[test]
fn between_two_snapshots_lies_what_was_done() {
    let heap = Heap::<Linear<2>>::builder().bucket_bytes(320).no_thread_cache().build().unwrap();
    let kept = [(); 5].map(|()| heap.malloc(16, 0).unwrap());
    let earlier = heap.stats();
    assert_eq!(heap.stats().since(&earlier).to_string().lines().count(), 2, "nothing has happened to any bucket");
    // SAFETY: live, from this heap, not used any more.
    kept.into_iter().for_each(|block| unsafe { heap.free(block) });
    // The second bucket has ten blocks; two are served by the system.
    let blocks = [(); 12].map(|()| heap.malloc(32, 0).unwrap());
    let change = heap.stats().since(&earlier);
    assert_eq!((change.live, change.fallback_live, change.fallback_bytes, change.caches), (12 - 5, 2, 64, 0));
    assert_eq!(change.fallbacks.exhausted, 2);
    let seen = change.buckets().iter().map(|b| (b.block_size, b.live, b.free, b.cached, b.used, b.overflowed));
    assert_eq!(seen.collect::<Vec<_>>(), [(16, -5, 5, 0, 0, 0), (32, 10, 0, 0, 10, 2)]);
    let table = change.to_string();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1].len(), lines[2].len() + 1, "a heading has two words");
    assert_eq!(lines[2], ["16", "-5", "+5", "+0", "+0", "+0", "+0", "+0", "+0"]);
    assert_eq!(lines[3], ["32", "+10", "+0", "+0", "+10", "+0", "+2", "+0", "+0"]);
    let back = earlier.since(&heap.stats());
    assert_eq!((back.live, back.buckets()[1].used), (5 - 12, 0));
    // SAFETY: as above.
    blocks.into_iter().for_each(|block| unsafe { heap.free(block) });
}

#[test]
fn crossings_and_caches_are_among_what_was_done() {
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let earlier = heap.stats();
    let cache = heap.thread_cache(16, CacheWarmup::Cold);
    let blocks = [(); 5].map(|()| cache.alloc(16, 0).unwrap());
    // SAFETY: live, from this heap, not used any more.
    blocks.into_iter().for_each(|block| unsafe { cache.free(block) });
    let change = heap.stats().since(&earlier);
    let bucket = change.buckets()[0];
    assert_eq!((change.caches, bucket.refills, bucket.spills, bucket.cached, bucket.free), (1, 5, 4, 1, 4));
    assert!(change.resident > 0);
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_comes_back_from_a_file_and_one_of_an_earlier_version_too() {
    let heap = Heap::<Linear<3>>::builder().bucket_bytes(1 << 20).name("saved").build().unwrap();
    let block = heap.malloc(20, 0).unwrap();
    let stats = heap.stats();
    let text = serde_json::to_string(&stats).unwrap();
    let read: smarena::HeapStats = serde_json::from_str(&text).unwrap();
    assert_eq!(read, stats);
    assert_eq!(read.since(&stats), stats.since(&read));
    let change = serde_json::to_value(heap.stats().since(&smarena::HeapStats::default())).unwrap();
    let map = serde_json::to_value(heap.map(1)).unwrap();
    assert_eq!((&change["live"], &change["buckets"][1]["live"]), (&1.into(), &1.into()));
    assert_eq!((&map["name"], &map["buckets"][1]["patches"].as_array().map(Vec::len)), (&"saved".into(), &Some(1)));
    let earlier = r#"{"name": "old", "buckets": [{"block_size": 16, "live": 7}]}"#;
    let read: smarena::HeapStats = serde_json::from_str(earlier).unwrap();
    assert_eq!((&*read.name, read.live(), read.buckets()[0].refills, read.buckets()[0].rounding), ("old", 7, 0, None));
    // SAFETY: live, from this heap, not used any more.
    unsafe { heap.free(block) };
}

#[test]
fn the_watermark_is_the_most_that_was_ever_outside_of_a_bucket() {
    for cache_bytes in [0, 16, 1000] {
        // A pass, on a machine so slow that it comes to one, uses the rest of a page up.
        let builder = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).purge(Purge::Never);
        let heap = builder.no_thread_cache().build().unwrap();
        let cache = heap.thread_cache(cache_bytes, CacheWarmup::Cold);
        let (mut held, mut most, mut seed) = (Vec::new(), 0, 1_u64);
        for step in 0..800 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Up, down, and further up.
            let is_up = (seed >> 60) < if step % 400 < 200 { 11 } else { 3 };
            if is_up || held.is_empty() {
                held.push(cache.alloc(16, 0).unwrap());
            } else {
                let place = usize::try_from(seed >> 33).unwrap() % held.len();
                // SAFETY: live, from this heap, not used any more.
                unsafe { cache.free(held.swap_remove(place)) };
            }
            let bucket = only_bucket(&heap);
            most = most.max(outside(&bucket));
            assert_eq!(bucket.watermark, most, "step {step} with {cache_bytes} bytes");
        }
        assert!(outside(&only_bucket(&heap)) * 2 < most, "it never fell");
        // SAFETY: as above.
        held.into_iter().for_each(|block| unsafe { cache.free(block) });
    }
}

#[test]
fn a_peak_is_what_snapshots_have_seen() {
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let rise_and_fall = |blocks, looks: bool| {
        let blocks: Vec<_> = (0..blocks).map(|_| heap.malloc(16, 0).unwrap()).collect();
        let seen = looks.then(|| only_bucket(&heap).peak);
        // SAFETY: live, from this heap, not used any more.
        blocks.into_iter().for_each(|block| unsafe { heap.free(block) });
        seen
    };
    assert_eq!(rise_and_fall(100, true), Some(100));
    assert_eq!(rise_and_fall(300, false), None);
    let bucket = only_bucket(&heap);
    assert_eq!((bucket.peak, bucket.watermark, bucket.live), (100, 300, 0));
    assert_eq!(rise_and_fall(200, true), Some(200));
    assert_eq!(heap.stats().total().peak, 200 * 16);
}

smarena::size_classes! { Odd: [16, 8208] }

#[test]
fn the_system_is_said_to_have_served_for_a_reason() {
    let heap = Heap::<Odd>::builder().bucket_bytes(8208).no_thread_cache().build().unwrap();
    let counts = || {
        let smarena::Fallbacks { size, alignment, exhausted, .. } = heap.stats().fallbacks;
        [size, alignment, exhausted]
    };
    let mut blocks = vec![heap.malloc(8208, 0).unwrap()];
    assert_eq!(counts(), [0, 0, 0], "the largest block");
    blocks.push(heap.malloc(8209, 0).unwrap());
    blocks.push(heap.malloc_zeroed(9000, 0).unwrap());
    assert_eq!(counts(), [2, 0, 0]);
    blocks.push(heap.malloc(8000, 32).unwrap());
    blocks.push(heap.malloc_zeroed(8000, 32).unwrap());
    assert_eq!(counts(), [2, 2, 0]);
    // The largest bucket has one block, and none is behind it.
    blocks.push(heap.malloc(8208, 0).unwrap());
    blocks.push(heap.malloc_zeroed(8208, 0).unwrap());
    assert_eq!(counts(), [2, 2, 2]);
    assert!(heap.malloc(usize::MAX / 4, 0).is_err() && heap.malloc(10, 8192).is_err());
    assert_eq!(counts(), [2, 2, 2], "nobody served");
    let table = heap.stats().to_string();
    assert!(table.contains("served 2 times for the size, 2 for the alignment, 2 because"), "{table}");
    // SAFETY: live, from this heap, not used any more.
    blocks.into_iter().for_each(|block| unsafe { heap.free(block) });
    let refuses = smarena::Exhausted::Refuse;
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).on_exhausted(refuses).build().unwrap();
    assert!(heap.malloc(17, 0).is_err() && heap.malloc(16, 32).is_err());
    assert_eq!(heap.stats().fallbacks, smarena::Fallbacks::default());
}

#[cfg(all(any(unix, windows), not(smarena_portable)))]
#[test]
fn what_trim_gives_back_is_counted_for_each_bucket() {
    let builder = Heap::<Linear<2>>::builder().purge(Purge::Never);
    let heap = builder.bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    for round in 1..=2 {
        let blocks: Vec<_> = (0..10_000).map(|_| heap.malloc(32, 0).unwrap()).collect();
        for block in blocks {
            // SAFETY: live, from this heap, 32 bytes; then not used any more.
            unsafe { block.write_bytes(1, 32) };
            // SAFETY: as above.
            unsafe { heap.free(block) };
        }
        let before = heap.stats();
        let bytes = heap.trim();
        assert!(bytes > 0);
        let after = heap.stats();
        assert_eq!(after.since(&before).buckets().iter().map(|b| b.purged).collect::<Vec<_>>(), [0, bytes]);
        assert_eq!((after.buckets()[0].purged, after.total().purged), (0, bytes * round));
    }
}

/// A stretch of free blocks may be a single page, and no more.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(smarena_portable)))]
#[test]
fn a_free_page_between_two_used_ones_goes_back() {
    let builder = Heap::<smarena::Piecewise<21>>::builder().purge(Purge::Never);
    let heap = builder.bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let (mut used, mut free) = (Vec::new(), Vec::new());
    for block in 0..16 {
        let kept = if block % 2 == 0 { &mut used } else { &mut free };
        kept.push(heap.malloc(4096, 0).unwrap());
        // SAFETY: live, from this heap, 4096 bytes.
        unsafe { kept[block / 2].write_bytes(1, 4096) };
    }
    // SAFETY: live, from this heap, not used any more.
    free.drain(..).for_each(|block| unsafe { heap.free(block) });
    assert!(heap.trim() >= 8 * 4096);
    // SAFETY: as above.
    used.drain(..).for_each(|block| unsafe { heap.free(block) });
}

/// Where nothing goes back, as in the portable form, never-used blocks stay so.
#[test]
fn trimming_uses_no_block_and_makes_none_resident() {
    for huge_pages in [smarena::HugePages::Auto, smarena::HugePages::Always] {
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(4 << 20).huge_pages(huge_pages);
        let heap = builder.purge(Purge::Never).no_thread_cache().build().unwrap();
        let block = heap.malloc_zeroed(100, 0).unwrap();
        // SAFETY: live, from this heap, not used any more.
        unsafe { heap.free(block) };
        let before = heap.stats();
        let bytes = heap.trim();
        let after = heap.stats();
        assert_eq!(after.resident(), before.resident() - bytes);
        if bytes == 0 {
            assert_eq!(after.total().watermark, before.total().watermark);
        }
    }
}

#[test]
fn what_is_cached_is_told_apart_by_threads() {
    let heap = Heap::<Linear<3>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let caches = [160, 480].map(|bytes| (bytes, std::sync::mpsc::channel::<()>()));
    std::thread::scope(|scope| {
        let (ready, all_ready) = std::sync::mpsc::channel();
        let mut ends = Vec::new();
        for (bytes, (end, wait)) in caches {
            ends.push(end);
            let (heap, ready) = (&heap, ready.clone());
            scope.spawn(move || {
                let _cache = heap.thread_cache(bytes, CacheWarmup::Hot);
                ready.send(()).unwrap();
                // Until nobody holds the other end.
                let _ended = wait.recv();
            });
        }
        all_ready.recv().unwrap();
        all_ready.recv().unwrap();
        let stats = heap.stats();
        let mut by_thread: Vec<_> = stats.cached_by_thread().collect();
        by_thread.sort_unstable();
        assert_eq!(by_thread, [[5, 3, 2], [15, 7, 5]]);
        let sums: Vec<_> = stats.buckets().iter().map(|bucket| bucket.cached).collect();
        assert_eq!(sums, [20, 10, 7]);
        assert_eq!(stats.total().cached, 20 * 16 + 10 * 32 + 7 * 48);
        drop(ends);
    });
}

#[cfg(feature = "serde")]
#[test]
fn whatever_stands_in_a_file_can_be_worked_with() {
    let most = usize::MAX;
    let bucket = format!(
        r#"{{"block_size": {most}, "capacity": {most}, "live": {most}, "free": {most}, "cached": {most}, "watermark": {most}, "peak": {most},
            "resident": {most}, "purged": {most}, "overflowed": {most}, "refills": {most}, "spills": {most}, "rounding": {most}}}"#
    );
    for (buckets, parked) in
        [("".to_owned(), "1, 2"), (format!("{bucket}, {bucket}"), "1, 2, 3"), ("{}".to_owned(), "")]
    {
        let text = format!(
            r#"{{"fallback_live": {most}, "fallback_bytes": {most}, "caches": {most}, "cache_resident": {most}, "buckets": [{buckets}], "parked": [{parked}]}}"#
        );
        let stats: smarena::HeapStats = serde_json::from_str(&text).unwrap();
        assert_eq!((stats.live(), stats.resident()), (most, most));
        let empty = smarena::HeapStats::default();
        assert!(stats.to_string().contains("in all, of ") && !stats.advice().is_empty());
        assert!(stats.since(&empty).to_string().lines().count() >= 2 && empty.since(&stats).buckets().is_empty());
        assert!(stats.cached_by_thread().all(|blocks| blocks.len() == stats.buckets().len().max(1)));
        assert_eq!(stats.total().live, if buckets.len() > 2 { most } else { 0 });
    }
}

#[cfg(all(any(target_os = "linux", windows), not(smarena_portable)))]
#[test]
fn advice_to_trim_is_followed_once() {
    let heap =
        Heap::<Linear<4>>::builder().bucket_bytes(4 << 20).no_thread_cache().purge(Purge::Never).build().unwrap();
    drop((0..50_000_u64).map(|n| smarena::SmBox::new_in([n; 8], &heap)).collect::<Vec<_>>());
    let says_so = || heap.stats().advice().iter().any(|sentence| sentence.contains("`trim()` gives what it can back"));
    assert!(says_so());
    assert!(heap.trim() > 3_000_000);
    assert!(!says_so(), "{:?}", heap.stats().advice());
}
