//! Maps of heaps, against what is known to be live.

use proptest::prelude::*;
use smarena::{CacheWarmup, Heap, Linear, SmBox};

/// A box of `N` numbers, or none any more, for each block in turn.
type Boxes<'h, const N: usize> = Vec<Option<SmBox<[u64; N], &'h Heap<Linear<4>>>>>;

fn filled<const N: usize>(heap: &Heap<Linear<4>>, blocks: usize) -> Boxes<'_, N> {
    (0..blocks).map(|n| Some(SmBox::new_in([n as u64; N], heap))).collect()
}

fn uncached() -> Heap<Linear<4>> {
    Heap::builder().bucket_bytes(1 << 20).no_thread_cache().name("map").build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn each_patch_has_the_blocks_that_are_live_there(
        live in prop::collection::vec(prop::bool::weighted(0.7), 1..700),
        columns in prop_oneof![1..20_usize, 60..70_usize, 0..800_usize],
    ) {
        let heap = uncached();
        let mut boxes: Boxes<'_, 2> = filled(&heap, live.len());
        // Block for block as they lie in the bucket.
        boxes.sort_by_key(|boxed| boxed.as_ref().map(|boxed| boxed.as_ptr().addr()));
        for (boxed, live) in boxes.iter_mut().zip(&live) {
            if !live {
                *boxed = None;
            }
        }
        let map = heap.map(columns);
        let bucket = &map.buckets()[0];
        prop_assert!(bucket.patches().len() <= columns.max(1));
        prop_assert!(bucket.patches().len() * 2 >= columns.min(live.len()), "coarser than it need be");
        let seen: Vec<_> = bucket.patches().iter().map(|patch| (patch.blocks, patch.taken)).collect();
        let count = |part: &[bool]| (part.len(), part.iter().filter(|live| **live).count());
        prop_assert_eq!(seen, live.chunks(bucket.patch_blocks).map(count).collect::<Vec<_>>());
        prop_assert!(map.buckets()[1..].iter().all(|bucket| bucket.patches().is_empty()));
    }
}

#[test]
fn what_a_thread_keeps_for_itself_is_taken() {
    let heap = Heap::<Linear<4>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
    let cache = heap.thread_cache(1 << 10, CacheWarmup::Cold);
    drop(SmBox::new_in(7_u64, &heap));
    let stats = heap.stats().buckets()[0];
    assert!(stats.live == 0 && stats.cached > 1);
    let taken =
        |heap: &Heap<Linear<4>>| heap.map(10).buckets()[0].patches().iter().map(|patch| patch.taken).sum::<usize>();
    assert_eq!(taken(&heap), stats.cached);
    drop(cache);
    assert_eq!(taken(&heap), 0);
}

#[test]
fn a_terminal_shows_each_used_bucket_on_a_line() {
    let heap = uncached();
    let mut small: Boxes<'_, 2> = filled(&heap, 90);
    let large: Boxes<'_, 8> = filled(&heap, 3);
    // Of nine patches of ten blocks: one with one block left, one with none, one with all but one, two with a half.
    small[10..19].fill_with(|| None);
    small[20..30].fill_with(|| None);
    small[30] = None;
    small[45..55].fill_with(|| None);
    let text = heap.map(9).to_string();
    let expected = [
        "heap \"map\": blocks taken, from none (·) to all (█)",
        "        16 █░·▓▒▒███  10 blocks each",
        "        64 ███        1 block each",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    drop(large);
}

#[cfg(feature = "pictures")]
#[test]
fn a_picture_has_a_square_for_each_patch_and_any_name() {
    let heap = Heap::<Linear<4>>::builder().bucket_bytes(1 << 20).no_thread_cache().name("<R&D>").build().unwrap();
    let mut small: Boxes<'_, 2> = filled(&heap, 5000);
    let large: Boxes<'_, 8> = filled(&heap, 300);
    small.iter_mut().enumerate().filter(|(n, _)| n * n % 5000 > 9 * n % 5000).for_each(|(_, boxed)| *boxed = None);
    small[2000..2100].fill_with(|| None);
    let map = heap.map(100);
    let picture = map.picture();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    assert!(picture.contains("heap “&lt;R&amp;D&gt;”") && picture.contains("50 blocks each"));
    let patches: usize = map.buckets().iter().map(|bucket| bucket.patches().len()).sum();
    assert_eq!((picture.matches("</title></rect>").count(), patches), (patches, 200));
    let others = ["the ground", "around the legend", "around a row", "around the other"].len();
    assert_eq!(picture.matches("<rect ").count(), picture.matches("</rect>").count() + others);
    assert!(picture.contains("<title>blocks 2000 to 2049: 0 of 50 taken</title>"));
    drop(large);
}

#[cfg(feature = "pictures")]
#[test]
fn a_name_with_characters_that_xml_forbids_is_drawn_without_them() {
    let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 10).name("a\0\u{1b}b\tc\u{ffff}").build().unwrap();
    assert!(heap.map(80).picture().contains("heap “a\u{fffd}\u{fffd}b\tc\u{fffd}”"));
}
