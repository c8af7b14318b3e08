//! What a heap's statistics say, against what was done with the heap.
#![expect(unsafe_code, reason = "raw calls")]

use smarena::{BucketStats, CacheWarmup, Heap, Linear, SizeClasses};

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
    let seen = change.buckets().iter().map(|b| (b.block_size, b.live, b.free, b.cached, b.used, b.overflowed));
    assert_eq!(seen.collect::<Vec<_>>(), [(16, -5, 5, 0, 0, 0), (32, 10, 0, 0, 10, 2)]);
    let table = change.to_string();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1].len(), lines[2].len() + 1, "a heading has two words");
    assert_eq!(lines[2], ["16", "-5", "+5", "+0", "+0", "+0", "+0", "+0"]);
    assert_eq!(lines[3], ["32", "+10", "+0", "+0", "+10", "+2", "+0", "+0"]);
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
    let earlier = r#"{"name": "old", "buckets": [{"block_size": 16, "live": 7}]}"#;
    let read: smarena::HeapStats = serde_json::from_str(earlier).unwrap();
    assert_eq!((&*read.name, read.live(), read.buckets()[0].refills, read.buckets()[0].rounding), ("old", 7, 0, None));
    // SAFETY: live, from this heap, not used any more.
    unsafe { heap.free(block) };
}
