//! A recording's events on a heap, and whether it does with them what was foretold.
#![allow(dead_code, reason = "each program that has this needs some of it")]

use std::collections::HashMap;

use smarena::record::{Event, Recording};
use smarena::{Heap, SizeClasses};

/// What a heap does with a recording's events: waste as a share of what was asked for, the share that overflowed, the most bytes live.
pub(crate) fn replay<C: SizeClasses>(recording: &Recording, heap: &Heap<C>) -> (f64, f64, usize) {
    let (mut asked, mut held, mut bytes, mut peak, mut blocks) = (0, 0, 0, 0, 0_usize);
    let mut live = HashMap::new();
    for &Event { block, size, align, freed, .. } in recording.events() {
        if freed {
            if let Some(block) = live.remove(&block) {
                // SAFETY: live, from this heap; it was in the table once.
                let size = unsafe { heap.usable_size(block) };
                bytes -= heap.bucket_of(block).map_or(0, |_| size);
                // SAFETY: as above, and it is gone from the table.
                unsafe { heap.free(block) };
            }
            continue;
        }
        blocks += 1;
        let new = heap.malloc(size, align).unwrap();
        if let Some(bucket) = heap.bucket_of(new) {
            asked += size;
            held += C::BLOCK_SIZES[bucket];
            bytes += C::BLOCK_SIZES[bucket];
            peak = peak.max(bytes);
        }
        assert!(live.insert(block, new).is_none(), "a block was handed out twice");
    }
    let overflowed: usize = heap.stats().buckets().iter().map(|bucket| bucket.overflowed).sum();
    // SAFETY: live, from this heap, each once.
    live.into_values().for_each(|block| unsafe { heap.free(block) });
    ((held - asked) as f64 / asked as f64, overflowed as f64 / blocks as f64, peak)
}

/// Within 3 %.
fn near(foretold: f64, seen: f64) -> bool {
    (foretold - seen).abs() <= 0.03 * seen
}

/// This heap, in which nothing overflows, wastes so much and has so many bytes live at most.
pub(crate) fn is_as_foretold<C: SizeClasses>(recording: &Recording, heap: &Heap<C>, waste: f64, peak: u64) {
    let (seen, overflow, most) = replay(recording, heap);
    assert!(near(waste, seen) && near(peak as f64, most as f64), "{waste} and {peak}, but {seen} and {most}");
    assert_eq!(overflow, 0.0);
}

/// The forecast for the table `C` and a replay of the events agree within 3 %.
pub(crate) fn comes_true<C: SizeClasses>(recording: &Recording) {
    let plenty = C::BLOCK_SIZES.iter().map(|_| 1 << 20).collect::<Vec<_>>();
    let forecast = recording.forecast(C::BLOCK_SIZES, &plenty);
    let heap = Heap::<C>::builder().bucket_bytes(256 << 20).no_thread_cache().build().unwrap();
    let (waste, overflow, peak) = replay(recording, &heap);
    assert!(
        near(forecast.waste, waste) && near(forecast.peak_bytes as f64, peak as f64),
        "{forecast:?}, but {waste} and {peak}"
    );
    assert_eq!((forecast.overflow, overflow), (0.0, 0.0));
    // With half of what the fullest bucket needs.
    let fullest = (0..C::BLOCK_SIZES.len()).max_by_key(|&class| forecast.classes[class].peak).unwrap();
    let mut few = plenty;
    few[fullest] = forecast.classes[fullest].peak as usize / 2;
    let forecast = recording.forecast(C::BLOCK_SIZES, &few);
    let size = C::BLOCK_SIZES[fullest];
    let heap = Heap::<C>::builder()
        .bucket_bytes(256 << 20)
        .bucket_bytes_of(size, few[fullest] * size)
        .no_thread_cache()
        .build()
        .unwrap();
    let (_, overflow, _) = replay(recording, &heap);
    assert!(overflow > 0.0 && near(forecast.overflow, overflow), "{} predicted, {overflow} seen", forecast.overflow);
}
