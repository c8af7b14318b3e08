//! Recordings, what is said of them, and what is recommended.
#![cfg(feature = "record")]
#![expect(unsafe_code, reason = "raw calls, to replay what was recorded")]
#![expect(clippy::cast_possible_truncation, reason = "small counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::ErrorKind;
use std::ptr::null_mut;
use std::sync::Arc;

use replay::replay;
use smarena::record::{Goal, Log, Recorder, Recording};
use smarena::{BufPool, Exhausted, Global, Heap, HeapRef, Linear, SizeClasses, SmBox, SmBuf};

#[path = "common/replay.rs"]
mod replay;

smarena::size_classes! { Seen: [32, 208, 1008] }
smarena::size_classes! { Chance: [288, 32_000] }

#[test]
fn a_recommended_heap_holds_what_was_recorded() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..50).map(|_| SmBox::new_in([0_u8; 200], recorder.clone())).collect();
    let large: Vec<_> = (0..5).map(|_| SmBox::new_in([0_u8; 1000], recorder.clone())).collect();
    let words: Vec<_> = (0..7_u128).map(|n| SmBox::new_in((n, n), recorder.clone())).collect();
    let recording = recorder.recording();
    let tuned = recording.recommend(&Goal { headroom: 0.0, ..Goal::default() });
    assert_eq!(tuned.block_sizes(), Seen::BLOCK_SIZES);
    assert!(tuned.to_string().contains(".purge(smarena::Purge::Never)"), "it only grows: {tuned}");
    let mut builder = Heap::<Seen>::builder()
        .on_exhausted(Exhausted::Refuse)
        .thread_cache(tuned.cache_bytes(), smarena::CacheWarmup::Cold);
    for (&size, &blocks) in tuned.block_sizes().iter().zip(tuned.blocks()) {
        builder = builder.bucket_bytes_of(size, blocks * size);
    }
    let (waste, overflow, peak) = replay(&recording, &builder.build().unwrap());
    assert_eq!((waste, overflow, peak as u64), (tuned.forecast().waste, 0.0, tuned.forecast().peak_bytes));
    drop((boxes, large, words));
}

/// Not the blocks that they have for it, which are of 1280 and 1536 bytes here.
#[test]
fn of_buffers_and_leases_is_noted_what_was_asked_for() {
    let recorder = Recorder::new(Global);
    let buf = SmBuf::with_capacity_in(1100, recorder.clone());
    let pool = BufPool::builder().buf_size(1300).headroom(40).build_in(recorder.clone()).unwrap();
    let lease = pool.try_acquire().unwrap();
    assert_eq!((buf.capacity(), lease.capacity() + lease.headroom()), (1280, 1536));
    let recording = recorder.recording();
    let noted: Vec<_> = recording.sizes().iter().map(|cell| (cell.most, cell.count, cell.bytes)).collect();
    assert_eq!(noted, [(1104, 1, 1100), (1344, 1, 1340)]);
    drop((buf, lease));
    assert_eq!(recorder.recording().lifetimes().freed, 2);
    let tuned = recording.recommend(&Goal { headroom: 0.0, ..Goal::default() });
    assert_eq!(tuned.block_sizes(), [1104, 1344]);
    // Of clones, too.
    let recorder = Recorder::new(Global);
    drop(SmBuf::copy_from_slice_in(&[1; 1100], recorder.clone()).clone());
    let recording = recorder.recording();
    let noted: Vec<_> = recording.sizes().iter().map(|cell| (cell.most, cell.count, cell.bytes)).collect();
    assert_eq!(noted, [(1104, 2, 2200)]);
}

#[test]
fn a_bound_of_memory_is_kept_and_what_overflows_then_is_said() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..1000).map(|_| SmBox::new_in([0_u8; 64], recorder.clone())).collect();
    let tuned = recorder.recording().recommend(&Goal { headroom: 0.0, memory: Some(32 << 10), ..Goal::default() });
    assert!(tuned.blocks()[0] * 64 <= 32 << 10);
    assert!((0.45..0.6).contains(&tuned.forecast().overflow), "{tuned}");
    drop(boxes);
}

#[test]
fn a_bound_that_no_table_keeps_is_said() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..1000).map(|_| SmBox::new_in([0_u8; 64], recorder.clone())).collect();
    let large = SmBox::new_in([0_u8; 4000], recorder.clone());
    let recording = recorder.recording();
    let tuned = |memory| recording.recommend(&Goal { memory: Some(memory), ..Goal::default() });
    let (least, too_little) = (tuned(64 + 4000), tuned(64 + 3999));
    assert_eq!((least.blocks(), least.cache_bytes()), (&[1, 1][..], 0));
    assert_eq!(least.blocks(), too_little.blocks());
    assert!(
        !least.to_string().contains("more than the goal allows") && least.to_string().contains(".no_thread_cache()")
    );
    assert!(too_little.to_string().contains("more than the goal allows: 3 KiB"), "{too_little}");
    drop((boxes, large));
}

#[test]
fn nothing_and_one_size_get_a_table_and_goals_that_are_none_are_named() {
    let nothing = Recording::default().recommend(&Goal::default());
    assert_eq!((nothing.block_sizes(), nothing.blocks(), nothing.forecast().waste), (&[16][..], &[1][..], 0.0));
    assert_eq!(nothing.cache_bytes(), 256, "no larger one is worth it");
    let recorder = Recorder::new(Global);
    drop(SmBox::new_in([0_u8; 100], recorder.clone()));
    let recording = recorder.recording();
    for goal in [
        Goal { classes: 1, waste: 0.0, overflow: 1.0, headroom: 0.0, memory: Some(0) },
        Goal { classes: 64, waste: 1000.0, overflow: 0.0, headroom: 1000.0, memory: Some(usize::MAX) },
    ] {
        assert_eq!(recording.recommend(&goal).block_sizes(), [112]);
        assert!(recording.recommend(&goal).cache_bytes() <= 256);
    }
    let named = |goal: Goal| {
        let panic = std::panic::catch_unwind(|| recording.recommend(&goal)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert!(named(Goal { classes: 0, ..Goal::default() }).contains("a goal of 0 block sizes"));
    assert!(named(Goal { waste: f64::NAN, ..Goal::default() }).contains("NaN for `waste`, which is from 0 to 1000"));
    assert!(named(Goal { overflow: 1.5, ..Goal::default() }).contains("1.5 for `overflow`, which is from 0 to 1"));
    assert!(named(Goal { headroom: -1.0, ..Goal::default() }).contains("-1 for `headroom`"));
    assert!(named(Goal { headroom: f64::INFINITY, ..Goal::default() }).contains("inf for `headroom`"));
}

#[test]
fn layouts_whose_alignment_a_large_size_serves_by_chance_get_their_own_and_what_is_lost_otherwise_is_told() {
    let recorder = Recorder::new(Global);
    let layout = |size, align| Layout::from_size_align(size, align).unwrap();
    // 32000 happens to be a multiple of 128.
    let layouts: Vec<_> =
        [(32_000, 8), (288, 8)].into_iter().chain([(256, 128); 100]).map(|(s, a)| layout(s, a)).collect();
    let blocks: Vec<_> = layouts.iter().map(|&layout| recorder.allocate(layout).unwrap()).collect();
    let recording = recorder.recording();
    let tuned = recording.recommend(&Goal::default());
    assert_eq!(tuned.block_sizes(), [256, 288, 32_000]);
    assert_eq!((tuned.forecast().waste, tuned.forecast().classes[0].allocations), (0.0, 100));

    let forecast = recording.forecast(&[288, 32_000], &[usize::MAX; 2]);
    let heap = Heap::<Chance>::builder().bucket_bytes(4 << 20).build().unwrap();
    assert_eq!(forecast.classes.iter().map(|class| class.allocations).collect::<Vec<_>>(), [1, 101]);
    assert_eq!(forecast.waste, replay(&recording, &heap).0);
    let nowhere = recording.forecast(&[288], &[usize::MAX]);
    assert_eq!((nowhere.waste, nowhere.misaligned, nowhere.classes[0].allocations), (0.0, 100, 1));
    for (block, layout) in blocks.into_iter().zip(layouts) {
        // SAFETY: live, of this recorder's heap, with its layout.
        unsafe { recorder.deallocate(block, layout) };
    }
}

#[test]
fn a_block_size_of_just_what_is_asked_for_serves_it_however_large() {
    let recorder = Recorder::new(Global);
    let layout = Layout::from_size_align(70_000, 16).unwrap();
    let block = recorder.allocate(layout).unwrap();
    let forecast = |size| recorder.recording().forecast(&[size], &[1]);
    let served =
        |size| (forecast(size).classes[0].allocations, forecast(size).classes[0].peak, forecast(size).too_large);
    assert_eq!([69_984, 70_000, 70_016].map(served), [(0, 0, 1), (1, 1, 0), (1, 1, 0)]);
    // SAFETY: live, of this recorder's heap, with its layout.
    unsafe { recorder.deallocate(block, layout) };
}

#[test]
fn a_forecast_is_of_whatever_block_sizes() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..3).map(|n| SmBox::new_in(n, recorder.clone())).collect();
    let forecast = recorder.recording().forecast(&[usize::MAX], &[usize::MAX]);
    assert_eq!((forecast.peak_bytes, forecast.classes[0].peak), (u64::MAX, 3));
    drop(boxes);
}

#[test]
fn layouts_whose_alignment_no_size_serves_get_one_or_are_counted() {
    let recorder = Recorder::new(Global);
    for (size, align) in [(100, 8), (100, 64), (40, 64), (90, 32), (200, 16), (200, 1 << 13)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        let block = recorder.allocate(layout).unwrap();
        // SAFETY: live, of this recorder's heap, with its layout.
        unsafe { recorder.deallocate(block, layout) };
    }
    let tuned = |classes| recorder.recording().recommend(&Goal { classes, waste: 0.0, ..Goal::default() });
    // Without alignments 48, 96, 112, 208; of which 96 serves what is aligned to 32, and nothing what is aligned to 64: 128 does, and 64 with less.
    assert_eq!((tuned(64).block_sizes(), tuned(64).forecast().misaligned), (&[48, 64, 96, 112, 128, 208][..], 1));
    assert_eq!((tuned(5).block_sizes(), tuned(5).forecast().misaligned), (&[48, 96, 112, 128, 208][..], 1));
    assert_eq!((tuned(4).block_sizes(), tuned(4).forecast().misaligned), (&[48, 96, 112, 208][..], 3));
    assert!(tuned(4).to_string().contains(" 3 are for the system"));
}

#[test]
fn a_file_with_an_aligned_layout_without_bytes_gets_a_block_for_it() {
    // No recorder notes one. One mark, one event: block 1, aligned to 64, of no bytes, by thread 1.
    let words = [0, 0, 1, 1, 0, 1 << 63 | 6 << 52 | 1, 1 << 48];
    let file: Vec<u8> = b"smarec01".iter().copied().chain(words.into_iter().flat_map(u64::to_le_bytes)).collect();
    let tuned = Recording::load(&file[..]).unwrap().recommend(&Goal::default());
    assert_eq!((tuned.block_sizes(), tuned.forecast().misaligned), (&[16, 64][..], 0));
}

#[test]
fn advice_names_no_log_that_there_cannot_be() {
    // Of one block in two; 16 bytes were asked for so often.
    let file = |count: u64| {
        let words = [1, 1, 0, 0, 16, count, count * 16];
        let file: Vec<u8> = b"smarec01".iter().copied().chain(words.into_iter().flat_map(u64::to_le_bytes)).collect();
        Recording::load(&file[..]).unwrap().advice().join(" ")
    };
    assert!(file(1 << 29).contains("`Log::with_events(1073741824)` would have kept them all."), "{}", file(1 << 29));
    assert!(!file((1 << 29) + 1).contains("with_events"), "{}", file((1 << 29) + 1));
}

#[cfg(feature = "pictures")]
#[test]
fn a_chart_has_no_more_lines_and_columns_than_a_terminal() {
    let recorder = Recorder::new(Global);
    drop(SmBox::new_in([0_u8; 40], recorder.clone()));
    let recording = recorder.recording();
    assert_eq!(recording.chart_of_memory(usize::MAX, usize::MAX).lines().count(), 4097);
    assert_eq!(recording.chart_of_sizes(&[48], usize::MAX).chars().filter(|&c| c == '█').count(), 4076);
}

#[test]
fn a_full_log_keeps_whole_blocks_of_a_sample_and_all_sizes() {
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(1000)));
    let layout = |n: usize| Layout::from_size_align(1 + n % 100, 1).unwrap();
    let all: Vec<_> = (0..20_000).map(|n| recorder.allocate(layout(n)).unwrap()).collect();
    let half = recorder.recording();
    // SAFETY: each is live and goes back once, with its layout.
    all.into_iter().enumerate().for_each(|(n, block)| unsafe { recorder.deallocate(block, layout(n)) });
    let recording = recorder.recording();
    assert_eq!(recording.allocations(), 20_000);
    assert_eq!(recording.sizes().iter().map(|cell| cell.bytes).sum::<u64>(), 200 * (1..=100).sum::<u64>());
    assert!(recording.one_in() >= 32 && recording.events().len() <= 1000);
    let off = half.peak_bytes() as f64 / 1_010_000.0;
    assert!((0.8..1.2).contains(&off), "estimated {off} of what was live");
    let overflow = |blocks| half.forecast(&[112], &[blocks]).overflow;
    assert_eq!((overflow(1), overflow(40_000)), (1.0, 0.0));
    assert!((0.3..0.7).contains(&overflow(10_000)), "{}", overflow(10_000));
    let lifetimes = recording.lifetimes();
    assert_eq!(lifetimes.freed as usize * 2, recording.events().len(), "each block of the sample has both its events");
    assert_eq!(lifetimes.remote, 0);
}

#[test]
fn a_log_of_few_blocks_forgets_what_is_over_and_not_the_blocks() {
    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let recorder = Recorder::with_log(heap, Arc::new(Log::with_events(1000)));
    let kept: Vec<_> = (0..7_u8).map(|n| SmBox::new_in([n; 100], recorder.clone())).collect();
    for n in 0..20_000_u64 {
        drop([n, n + 1, n + 2].map(|n| SmBox::new_in(n, recorder.clone())));
    }
    let recording = recorder.recording();
    assert_eq!((recording.one_in(), recording.allocations()), (1, 7 + 3 * 20_000));
    assert!(recording.events().len() > 400, "{}", recording.events().len());
    // Whatever was forgotten, what is live is right at every event.
    let live: Vec<u64> = recording.live_bytes().map(|(_, bytes)| bytes).skip(7).collect();
    assert!(live.iter().all(|bytes| (700..=724).contains(bytes)), "{live:?}");
    assert_eq!((live.last(), recording.peak_bytes()), (Some(&700), 724));
    assert_eq!(recording.lifetimes().freed as usize * 2, recording.events().len() - 7);
    assert!(recording.advice().iter().any(|one| one.contains("blocks are left, of 60007")), "{:?}", recording.advice());
    drop(kept);
}

#[test]
fn threads_are_told_apart_and_reallocations_are_a_block_less_and_one_more() {
    let recorder = Recorder::new(Global);
    let mut buf = SmBuf::with_capacity_in(10, recorder.clone());
    buf.resize(100_000, 7);
    std::thread::scope(|scope| {
        scope.spawn(move || drop(buf));
    });
    let recording = recorder.recording();
    let events: Vec<_> = recording.events().iter().map(|event| (event.freed, event.size)).collect();
    assert!(matches!(events[..], [(false, 10), (true, 16), .., (false, _), (true, _)]), "{events:?}");
    let lifetimes = recording.lifetimes();
    assert_eq!((lifetimes.remote, events.len()), (1, 2 * recording.allocations() as usize));
}

#[test]
fn a_file_comes_back_and_a_hostile_one_is_refused() {
    let recorder = Recorder::new(Global);
    drop(SmBox::new_in([1_u8; 500], recorder.clone()));
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    assert_eq!(Recording::load(&file[..]).unwrap(), recorder.recording());
    assert_eq!(Recording::load(&b"PNG"[..]).unwrap_err().kind(), ErrorKind::InvalidData);
    // What stands behind it is left there.
    let mut behind = &[&file[..], b"more"].concat()[..];
    assert_eq!((Recording::load(&mut behind).unwrap(), behind), (recorder.recording(), &b"more"[..]));
    for cut in 0..file.len() {
        let error = Recording::load(&file[..cut]).unwrap_err();
        assert!(error.kind() == ErrorKind::UnexpectedEof && error.to_string().contains("cut off"), "{error}, at {cut}");
    }
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 0xff;
        // An error, or another recording, but neither a panic nor a great allocation; and what is read can be worked with.
        if let Ok(recording) = Recording::load(&changed[..]) {
            work_with(&recording);
        }
    }
}

/// Asks a recording everything.
fn work_with(recording: &Recording) {
    drop((recording.lifetimes(), recording.peak_bytes(), recording.forecast(&[512], &[10])));
    let tuned = recording.recommend(&Goal::default());
    drop((recording.concurrency(), recording.alignments(), recording.advice(), tuned.to_string()));
    #[cfg(feature = "pictures")]
    {
        let pictures = [recording.picture_of_sizes(tuned.block_sizes()), recording.picture_of_memory()];
        assert!(pictures.iter().all(|picture| picture.ends_with("</svg>\n")));
        assert!(recording.chart_of_memory(80, 8).lines().count() == 9);
        assert!(recording.chart_of_sizes(tuned.block_sizes(), 80).lines().count() == tuned.block_sizes().len());
    }
}

#[test]
fn times_and_blocks_of_any_number_can_be_worked_with() {
    let recorder = Recorder::new(Global);
    let boxes: Vec<_> = (0..600).map(|n| SmBox::new_in(n, recorder.clone())).collect();
    drop(boxes);
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    // Behind 8 bytes and four numbers: one size, five notes of the time, and the events.
    for (at, word) in [(64 + 2 * 8, u64::MAX), (64 + 3 * 8, 7), (64 + 4 * 8, u64::MAX - 1), (64 + 5 * 8 + 8, u64::MAX)]
    {
        file[at..at + 8].copy_from_slice(&word.to_le_bytes());
        let recording = Recording::load(&file[..]).unwrap();
        work_with(&recording);
    }
    assert!(Recording::load(&file[..]).unwrap().lifetimes().in_micros.max() > u64::MAX / 2);
    // The rate: one block in two million.
    file[8] = 21;
    work_with(&Recording::load(&file[..]).unwrap());
}

#[test]
fn a_file_with_sizes_that_are_not_counted_so_is_refused() {
    let recorder = Recorder::new(Global);
    drop((SmBox::new_in([1_u8; 500], recorder.clone()), SmBox::new_in([1_u8; 90], recorder.clone())));
    let mut file = Vec::new();
    recorder.recording().save(&mut file).unwrap();
    // Behind 8 bytes and four numbers, three numbers a size: the most bytes, and how often.
    let with = |sizes: [u64; 2]| {
        let mut file = file.clone();
        for (at, size) in [40, 64].into_iter().zip(sizes) {
            file[at..at + 8].copy_from_slice(&size.to_le_bytes());
        }
        Recording::load(&file[..])
    };
    assert_eq!(with([96, 512]).unwrap(), recorder.recording());
    for sizes in [[512, 96], [96, 96], [0, 512], [90, 512], [96, 500], [96, 65_552]] {
        assert_eq!(with(sizes).unwrap_err().kind(), ErrorKind::InvalidData, "{sizes:?}");
    }
    assert!(with([96, u64::MAX]).is_ok());
    // The number behind them: the bytes of all of them.
    for (at, is_good) in [(56, true), (57, false), (62, false)] {
        let mut file = file.clone();
        file[at] ^= 1;
        assert_eq!(Recording::load(&file[..]).is_ok(), is_good, "{at}");
    }
}

#[cfg(feature = "bytes")]
#[test]
fn what_goes_to_other_crates_is_held_under_a_recorder_as_without_one() {
    use bytes::Buf;
    fn same<H: HeapRef>(heap: H) -> bool {
        let mut bytes = smarena::SmBytes::copy_from_slice_in(&[7; 100], heap);
        let address = bytes.as_ptr();
        bytes.copy_to_bytes(50).as_ptr() == address
    }
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    assert!(same(Global) && same(Recorder::new(Global)));
    assert!(!same(&heap) && !same(Recorder::new(&heap)));
}

#[test]
#[should_panic = "a log has room for 1 << 30 events at most"]
fn a_log_that_no_memory_holds_is_refused_when_it_is_made() {
    let _log = Log::with_events((1 << 30) + 1);
}

#[test]
fn lives_of_any_length_are_told_as_they_are() {
    let recorder = Recorder::new(Global);
    let long = SmBox::new_in(1, recorder.clone());
    (0..5000).for_each(|n| drop(SmBox::new_in(n, recorder.clone())));
    drop(long);
    let lifetimes = recorder.recording().lifetimes();
    assert_eq!(lifetimes.in_events.value_at_quantile(0.5), 1);
    assert!((10_001..10_200).contains(&lifetimes.in_events.max()), "{}", lifetimes.in_events.max());
}

#[test]
fn how_many_live_at_once_is_told_for_all_and_for_each_thread() {
    let recorder = Recorder::new(Global);
    let take = |count: u64| (0..count).map(|n| SmBox::new_in(n, recorder.clone())).collect::<Vec<_>>();
    let mut kept = take(1000);
    kept.truncate(400);
    let own = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let own = take(300);
            drop(kept);
            drop(take(50));
            own
        });
        other.join().unwrap()
    });
    let concurrency = recorder.recording().concurrency();
    assert!((1000..1010).contains(&concurrency.live.max()), "{}", concurrency.live.max());
    let told: Vec<_> = concurrency.threads.iter().map(|of| [of.taken, of.peak, of.given_back, of.of_others]).collect();
    assert_eq!(told, [[1000, 1000, 600, 0], [350, 350, 450, 400]]);
    drop(own);
}

/// What is said of a program's recording, by the words that matter.
fn said(program: impl FnOnce(&Recorder<Global>)) -> Vec<String> {
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(4000)));
    program(&recorder);
    recorder.recording().advice()
}

#[test]
fn a_recording_says_what_is_worth_knowing_and_else_nothing() {
    let take = |recorder: &Recorder<Global>, size, align| {
        let layout = Layout::from_size_align(size, align).unwrap();
        (recorder.allocate(layout).unwrap(), layout)
    };
    // SAFETY: live, of this recorder's heap, with its layout; each goes back once.
    let give = |recorder: &Recorder<Global>, (block, layout)| unsafe { recorder.deallocate(block, layout) };
    assert_eq!(said(|_| {}), [""; 0]);
    let plain = |recorder: &Recorder<Global>| (0..1000).for_each(|_| give(recorder, take(recorder, 100, 16)));
    assert_eq!(said(plain), [""; 0]);
    // A peak of 2 MiB that is over soon.
    let quiet = said(|recorder| {
        let blocks: Vec<_> = (0..200).map(|_| take(recorder, 10_000, 8)).collect();
        blocks.into_iter().for_each(|block| give(recorder, block));
        plain(recorder);
    });
    assert!(
        matches!(&quiet[..], [one] if one.starts_with("At the most 1953 KiB are live, and at 8") && one.contains("`trim()`")),
        "{quiet:?}"
    );
    // One that is not: it only grows.
    let grows = said(|recorder| {
        let blocks: Vec<_> = (0..200).map(|_| take(recorder, 10_000, 8)).collect();
        assert_eq!(recorder.recording().advice(), [""; 0]);
        blocks.into_iter().for_each(|block| give(recorder, block));
    });
    assert!(matches!(&grows[..], [one] if one.contains("at 25 in 100")), "{grows:?}");
    let aligned =
        said(|recorder| [16, 32, 64, 64].into_iter().for_each(|align| give(recorder, take(recorder, 64, align))));
    assert!(
        matches!(&aligned[..], [one] if one.starts_with("3 blocks are to be aligned to more than 16 bytes, up to 64:")),
        "{aligned:?}"
    );
    let large = said(|recorder| give(recorder, take(recorder, 64 << 20, 16)));
    assert!(
        large.iter().any(|one| one.starts_with("1 blocks, of 65536 KiB in all, are larger than any block can be")),
        "{large:?}"
    );
    let sampled = said(|recorder| (0..4).for_each(|_| plain(recorder)));
    assert!(
        matches!(&sampled[..], [one] if one.starts_with("One block in 2 ") || one.contains("with_events(8000)")),
        "{sampled:?}"
    );
}

/// A global allocator that refuses what is larger than 64 bytes, also to make a block smaller to that.
struct Small;

// SAFETY: those of the system's allocator, or none.
unsafe impl GlobalAlloc for Small {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > 64 {
            return null_mut();
        }
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn what_an_allocator_refuses_is_not_recorded() {
    let recorder = Recorder::<_, Arc<Log>>::new(Small);
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    // SAFETY: layouts of some bytes, and live blocks, each given back once with the layout that it had last.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one program")]
    unsafe {
        assert!(recorder.alloc(layout(65)).is_null() && recorder.alloc_zeroed(layout(65)).is_null());
        let first = recorder.alloc(layout(10));
        let second = recorder.alloc_zeroed(layout(20));
        assert!(recorder.realloc(first, layout(10), 65).is_null());
        assert!(recorder.realloc(first, layout(10), 1 << 20).is_null());
        let second = recorder.realloc(second, layout(20), 30);
        assert!(recorder.realloc(second, layout(30), 70).is_null());
        recorder.dealloc(first, layout(10));
        recorder.dealloc(second, layout(30));
    }
    let recording = recorder.recording();
    let events: Vec<_> = recording.events().iter().map(|event| (event.freed, event.size)).collect();
    assert_eq!(events, [(false, 10), (false, 20), (true, 20), (false, 30), (true, 10), (true, 30)]);
    assert_eq!(recording.allocations(), 3);
}

#[test]
fn what_a_heap_refuses_is_not_recorded() {
    let builder = Heap::<Linear<8>>::builder().bucket_bytes(256).on_exhausted(Exhausted::Refuse).no_thread_cache();
    let recorder = Recorder::new(Arc::new(builder.build().unwrap()));
    let layout = |size, align| Layout::from_size_align(size, align).unwrap();
    assert!(recorder.allocate(layout(129, 1)).is_err() && recorder.allocate_zeroed(layout(1, 8192)).is_err());
    let both = [(); 2].map(|()| recorder.allocate_zeroed(layout(128, 16)).unwrap());
    assert!(recorder.allocate_zeroed(layout(120, 16)).is_err(), "there are two");
    let small = recorder.allocate(layout(16, 1)).unwrap();
    // SAFETY: live blocks of the recorder's heap, with their layouts, each given back once.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one program")]
    unsafe {
        assert!(recorder.reallocate(small, layout(16, 1), layout(120, 1)).is_err());
        assert!(recorder.reallocate(both[0], layout(128, 16), layout(4000, 16)).is_err());
        let smaller = recorder.reallocate(both[0], layout(128, 16), layout(100, 16)).unwrap();
        recorder.deallocate(small, layout(16, 1));
        recorder.deallocate(both[1], layout(128, 16));
        recorder.deallocate(smaller, layout(100, 16));
    }
    let recording = recorder.recording();
    let events: Vec<_> = recording.events().iter().map(|event| (event.freed, event.size)).collect();
    let (given, back) = (false, true);
    assert_eq!(
        events,
        [(given, 128), (given, 128), (given, 16), (back, 128), (given, 100), (back, 16), (back, 128), (back, 100)]
    );
    assert_eq!((recording.lifetimes().freed, recording.allocations()), (4, 4));
}
