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
