//! For which part of a heap huge pages are asked for, as the system itself says it.
#![cfg(all(target_os = "linux", not(any(smarena_portable, miri))))]

use std::fs;

use smarena::{Heap, HugePages, Linear, SmBox};

const BUCKET: usize = 16 << 20;
const HUGE: usize = 2 << 20;

/// Whether huge pages were asked for at `address`.
fn asked_for(address: usize) -> bool {
    is_marked(address, "hg")
}

/// Whether the mapping at `address` has this mark.
fn is_marked(address: usize, mark: &str) -> bool {
    let mappings = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut here = false;
    for line in mappings.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let number = |hexadecimal| usize::from_str_radix(hexadecimal, 16);
        if let Some((Ok(first), Ok(end))) = range.map(|(first, end)| (number(first), number(end))) {
            here = (first..end).contains(&address);
        } else if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| here) {
            return flags.split(' ').any(|flag| flag == mark);
        }
    }
    panic!("nothing is mapped at {address:#x}");
}

/// Bytes of memory behind the addresses from `start` on, as the system counts them.
fn resident(start: usize, len: usize) -> usize {
    let mappings = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut here, mut sum) = (false, 0);
    for line in mappings.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let number = |hexadecimal| usize::from_str_radix(hexadecimal, 16);
        if let Some((Ok(first), Ok(_))) = range.map(|(first, end)| (number(first), number(end))) {
            here = (start..start + len).contains(&first);
        } else if let Some(kib) = line.strip_prefix("Rss:").filter(|_| here) {
            sum += kib.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10;
        }
    }
    sum
}

/// A heap, and where the span of its last bucket begins.
fn heap(huge_pages: HugePages) -> (Heap<Linear<8>>, usize) {
    let heap = Heap::<Linear<8>>::builder().bucket_bytes(BUCKET).huge_pages(huge_pages).build().unwrap();
    let first = heap.malloc(128, 0).unwrap().addr().get();
    (heap, first)
}

/// Uses the span up to byte `bytes`.
fn grow(heap: &Heap<Linear<8>>, bytes: usize) {
    for _ in 1..bytes / 128 {
        heap.malloc(128, 0).unwrap();
    }
}

#[test]
fn what_a_huge_page_has_beyond_the_blocks_is_counted_and_goes_back() {
    for huge_pages in [HugePages::Never, HugePages::Auto, HugePages::Always] {
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(BUCKET).huge_pages(huge_pages).no_thread_cache();
        let heap = builder.build().unwrap();
        // A few blocks of the second huge page, if there are such pages; else of a page.
        let boxes: Vec<_> = (0..HUGE / 128 + 3).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect();
        let start = core::ptr::from_ref(&*boxes[0]).addr();
        let known = || heap.stats().buckets()[7].resident.unwrap();
        assert_eq!(known(), resident(start, BUCKET), "{huge_pages:?}");
        assert!(known() > HUGE);
        let full = known();
        drop(boxes);
        assert_eq!(heap.trim(), full, "{huge_pages:?}");
        assert_eq!((known(), resident(start, BUCKET)), (0, 0));
        // And what was given back is there again.
        let boxes: Vec<_> = (0..BUCKET / 128).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect();
        assert!(boxes.iter().all(|boxed| **boxed == [1; 128]));
        assert_eq!((known(), resident(start, BUCKET)), (BUCKET, BUCKET));
    }
}

#[test]
fn a_span_asks_for_huge_pages_when_it_is_told_to_or_has_outgrown_the_small_ones() {
    if fs::metadata("/sys/kernel/mm/transparent_hugepage").is_err() {
        // This system has none to ask for.
        return;
    }
    let (_always, start) = heap(HugePages::Always);
    assert!(asked_for(start + 2 * HUGE) && asked_for(start + BUCKET - HUGE - 1));
    assert!(!asked_for(start + BUCKET));

    let (never, start) = heap(HugePages::Never);
    grow(&never, 2 * HUGE);
    assert!(is_marked(start, "nh") && is_marked(start + 2 * HUGE - 1, "nh"), "the system is told");

    let (auto, start) = heap(HugePages::Auto);
    // Refills run ahead.
    grow(&auto, HUGE / 2);
    assert!(!asked_for(start + 2 * HUGE));
    grow(&auto, HUGE);
    assert!(asked_for(start + HUGE) && asked_for(start + 2 * HUGE - 1));
    // Not before they are committed: a step at a time.
    assert!(!asked_for(start + BUCKET - 1));
    grow(&auto, BUCKET - 2 * HUGE);
    assert!(asked_for(start + 2 * HUGE) && asked_for(start + BUCKET - HUGE - 1));
    assert!(!asked_for(start + HUGE - 1) && !asked_for(start + BUCKET));
}

/// The last ones lie in this thread's cache, so none of them came back.
#[test]
fn what_a_huge_page_has_beyond_cached_blocks_is_not_wanted_any_more_than_free_ones() {
    let builder = Heap::<Linear<8>>::builder().bucket_bytes(BUCKET).huge_pages(HugePages::Auto);
    let heap = builder.build().unwrap();
    drop((0..100_000).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect::<Vec<_>>());
    (0..2).for_each(|_| _ = heap.purge());
    let bucket = heap.stats().buckets()[7];
    assert!(bucket.resident.unwrap() <= bucket.cached * 128 + 2 * 4096, "{bucket:?}");
}

/// Live ones from behind which all goes; and one that is taken again where all went, and makes a whole page.
#[test]
fn what_a_huge_page_has_around_used_blocks_goes_when_nobody_wants_it() {
    let builder = Heap::<Linear<8>>::builder().bucket_bytes(BUCKET).huge_pages(HugePages::Always).no_thread_cache();
    let heap = builder.build().unwrap();
    let resident = || heap.stats().buckets()[7].resident.unwrap();
    let twice = || heap.purge() + heap.purge();
    let boxes: Vec<_> = (0..20_000).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect();
    twice();
    assert_eq!(resident(), 20_000 * 128_usize);
    drop(boxes);
    twice();
    assert_eq!(resident(), 0);
    for _ in 0..3 {
        drop(SmBox::new_in([1_u8; 128], &heap));
        twice();
        assert_eq!(resident(), 0);
    }
}
