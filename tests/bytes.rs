//! `SmBytes` and split buffers: one test for each way a shared block can be lost, freed early, freed twice or written under a reader.

#![expect(unsafe_code, reason = "implements the heap the buffers are tested on")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use common::{CountingHeap, POISON, panic_text};
use smarena::{AllocError, Exhausted, Heap, Linear, SmBuf, SmBytes, SmChain};

fn bytes_of(content: &[u8], heap: &CountingHeap) -> SmBytes<CountingHeap> {
    SmBytes::copy_from_slice_in(content, heap.clone())
}

// --- reading ---

#[test]
fn reading_takes_from_the_front_of_these_bytes_alone() {
    use std::io::{BufRead, Read};

    let heap = CountingHeap::new();
    let bytes = bytes_of(b"one\ntwo\n", &heap);
    let mut reader = bytes.clone();
    let mut line = String::new();
    assert_eq!((reader.read_line(&mut line).unwrap(), &line[..], &reader[..]), (4, "one\n", &b"two\n"[..]));
    let mut some = [0; 3];
    assert_eq!((reader.read(&mut some).unwrap(), &some, &reader[..]), (3, b"two", &b"\n"[..]));
    assert_eq!((reader.read(&mut some).unwrap(), reader.read(&mut some).unwrap()), (1, 0));
    assert_eq!((&some, &bytes[..]), (b"\nwo", &b"one\ntwo\n"[..]));
    assert_eq!(panic_text(|| reader.consume(1)), "cannot advance by 1 bytes: there are 0");
    drop((reader, bytes));
    heap.settle();
}

// --- sharing ---

#[test]
fn freezing_cloning_and_slicing_ask_the_heap_for_nothing() {
    let heap = CountingHeap::new();
    let buf = SmBuf::copy_from_slice_in(b"0123456789", heap.clone());
    let (asked, address) = (heap.asked(), buf.as_ptr());
    let bytes = buf.freeze();
    let clones = [bytes.clone(), bytes.slice(..), bytes.slice(3..=6), bytes.slice_ref(&bytes[9..])];
    assert_eq!(clones, [&b"0123456789"[..], b"0123456789", b"3456", b"9"]);
    assert_eq!(clones.each_ref().map(|clone| clone.as_ptr()), [0, 0, 3, 9].map(|at| address.wrapping_add(at)));
    drop(bytes);
    assert_eq!((heap.asked(), heap.live()), (asked, 1));
    drop(clones);
    heap.settle();
}

#[test]
fn the_block_comes_back_once_with_its_layout_whoever_is_last() {
    let heap = CountingHeap::new();
    for last in 0..4 {
        for align in [16, 512] {
            let mut buf = SmBuf::with_alignment_in(100, align, heap.clone());
            buf.extend_from_slice(b"headpayloadtail");
            let rest = buf.split_off(11);
            let payload = buf.split_off(4);
            let mut owners = vec![buf.freeze(), payload.freeze(), rest.freeze()];
            owners.push(owners[1].clone());
            let kept = owners.swap_remove(last);
            drop(owners);
            assert_eq!(heap.live(), 1);
            assert!(kept.is_unique());
            drop(kept);
            heap.settle();
        }
    }
}

#[test]
fn blocks_of_the_bucket_of_the_next_one_and_of_the_system_behave_the_same() {
    let heap = Heap::<Linear<8>>::new(4096).unwrap();
    let mut kept = Vec::new();
    // More than the bucket of 128-byte blocks has, so that some overflow; and sizes no bucket serves.
    for size in [128; 100].into_iter().chain([129, 5000, 1 << 20]) {
        let bytes = SmBytes::copy_from_slice_in(&vec![7; size], &heap);
        assert!(bytes.is_unique());
        let others = [bytes.clone(), bytes.slice(1..)];
        assert!(!bytes.is_unique());
        let bytes = bytes.try_into_mut().unwrap_err();
        drop(others);
        let mut buf = bytes.try_into_mut().unwrap();
        buf.extend_from_slice(&[8; 200]);
        let front = buf.split_to(10).freeze();
        drop(buf);
        assert!(front.is_unique());
        kept.push(front);
        kept.push(SmBytes::copy_from_slice_in(&vec![9; size], &heap));
    }
    assert!(heap.stats().buckets()[7].overflowed > 0 && heap.stats().fallback_live > 50, "the bucket did not overflow");
}

#[test]
fn every_block_has_a_count_of_its_own() {
    let heap = Heap::<Linear<8>>::new(4096).unwrap();
    // All blocks of every bucket, and some of the system's.
    let sizes = (1..=8).flat_map(|class| std::iter::repeat_n(16 * class, 4096 / (16 * class)));
    let all: Vec<_> = sizes.chain([200; 3]).map(|size| SmBytes::copy_from_slice_in(&vec![0; size], &heap)).collect();
    assert_eq!(heap.stats().fallback_live, 3);
    let mut clones = Vec::new();
    for bytes in &all {
        assert!(bytes.is_unique());
        clones.push(bytes.clone());
    }
    drop(clones);
    assert!(all.iter().all(SmBytes::is_unique));
}

#[test]
fn a_block_that_was_shared_is_as_new_for_its_next_owner() {
    let heap = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).build().unwrap();
    for size in [64, 100_000] {
        let mut seen = HashMap::<usize, usize>::new();
        for _ in 0..100 {
            let bytes = SmBytes::copy_from_slice_in(&vec![1; size], &heap);
            assert!(bytes.is_unique());
            *seen.entry(bytes.as_ptr().addr()).or_default() += 1;
            let clones = [bytes.clone(), bytes.clone()];
            drop(bytes);
            drop(clones);
        }
        // When the system allocator uses a block again is its own business.
        assert!(size > 128 || seen.len() < 100, "no block was used again, so nothing was tested");
    }
}

#[test]
fn the_last_owner_on_any_thread_gives_the_block_back() {
    let heap =
        Arc::new(Heap::<Linear<8>>::builder().on_exhausted(Exhausted::Refuse).bucket_bytes(4096).build().unwrap());
    for round in 0..200_u8 {
        let bytes = SmBytes::copy_from_slice_in(&[round; 100], heap.clone());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let bytes = bytes.clone();
                thread::spawn(move || {
                    let parts = [bytes.clone(), bytes.slice(10..20)];
                    drop(bytes);
                    parts.iter().all(|part| part.iter().all(|&byte| byte == round))
                })
            })
            .collect();
        // As soon as it is ours alone it is written: a thread that still reads would see that.
        let mut bytes = bytes;
        let mut buf = loop {
            match bytes.try_into_mut() {
                Ok(buf) => break buf,
                Err(shared) => bytes = shared,
            }
            thread::yield_now();
        };
        buf.fill(255);
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    }
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn bytes_and_buffers_outlive_the_other_handles_to_their_heap() {
    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let mut buf = SmBuf::copy_from_slice_in(b"headpayload", heap);
    let payload = buf.split_off(4).freeze();
    drop(buf);
    assert_eq!(thread::spawn(move || payload.to_vec()).join().unwrap(), b"payload");
}

// --- back to a buffer ---

#[test]
fn only_sole_bytes_become_a_buffer_and_it_has_the_whole_block() {
    let heap = CountingHeap::new();
    let mut bytes = bytes_of(&[1; 100], &heap);
    let front = bytes.split_to(60);
    let bytes = bytes.try_into_mut().unwrap_err();
    let front = front.try_into_mut().unwrap_err();
    drop(front);
    let mut buf = bytes.try_into_mut().unwrap();
    assert_eq!((buf.len(), buf.headroom(), buf.capacity()), (40, 60, 52));
    let asked = heap.asked();
    buf.prepend(&[2; 60]);
    buf.extend_from_slice(&[3; 12]);
    assert_eq!(heap.asked(), asked);
    drop(buf);
    heap.settle();
}

#[test]
fn a_buffer_beside_frozen_bytes_does_not_write_them() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::copy_from_slice_in(b"frozen", heap.clone());
    let bytes = buf.split().freeze();
    // To the end of the block, over it, and to the front.
    buf.resize(buf.capacity(), 1);
    assert_eq!(buf.headroom(), 0);
    buf.prepend(b"front");
    buf.extend_from_slice(&[2; 100]);
    buf.clear();
    buf.resize(buf.capacity(), 3);
    assert_eq!(bytes, b"frozen");
    drop((buf, bytes));
    heap.settle();
}

#[test]
fn static_and_empty_bytes_have_no_block_and_nobody_writes_them() {
    static TEXT: &[u8] = b"static text";
    let heap = CountingHeap::new();
    let mut bytes = SmBytes::from_static_in(TEXT, heap.clone());
    assert_eq!(bytes.as_ptr(), TEXT.as_ptr());
    let parts = [bytes.clone(), bytes.slice(7..), bytes.split_to(6), bytes.split_off(1)];
    assert_eq!(parts, [&b"static text"[..], b"text", b"static", b"text"]);
    assert!(!bytes.is_unique() && !bytes.compact());
    assert_eq!(bytes.try_into_mut().unwrap_err(), b" ");
    assert_eq!(SmBytes::from_static(b"").try_into_mut().unwrap().capacity(), 0);
    assert_eq!(SmBuf::with_alignment(100, 512).freeze().try_into_mut().unwrap().alignment(), 512);
    drop(parts);
    assert_eq!(heap.asked(), 0);
    let copy = SmBuf::from(SmBytes::from_static(TEXT));
    assert_ne!(copy.as_ptr(), TEXT.as_ptr());
}

#[test]
fn empty_parts_keep_no_block_and_are_where_they_were() {
    let heap = CountingHeap::new();
    let mut bytes = bytes_of(b"abc", &heap);
    let place = bytes.as_ptr().addr();
    let empty = [bytes.slice(1..1), bytes.split_to(0), bytes.split_off(3), bytes.slice_ref(&bytes[2..2])];
    assert!(bytes.is_unique());
    assert_eq!(empty.map(|part| part.as_ptr().addr() - place), [1, 0, 3, 2]);
    let all = bytes.split_off(0);
    assert!(all.is_unique() && bytes.is_empty());
    drop(all);
    heap.settle();
}

#[test]
fn whatever_empties_bytes_gives_their_share_of_the_block_up() {
    let heap = CountingHeap::new();
    type Way = fn(&mut SmBytes<CountingHeap>);
    let ways: [(Way, usize); 7] = [
        (|bytes| bytes.clear(), 0),
        (|bytes| bytes.truncate(0), 0),
        (|bytes| std::io::BufRead::consume(bytes, 3), 3),
        (|bytes| std::io::Read::read_exact(bytes, &mut [0; 3]).unwrap(), 3),
        (|bytes| drop(bytes.split_to(3)), 3),
        (|bytes| drop(bytes.split_off(0)), 0),
        (|bytes| drop(std::mem::replace(bytes, bytes.slice(2..2))), 2),
    ];
    for (way, at) in ways {
        let mut bytes = bytes_of(b"abc", &heap);
        let place = bytes.as_ptr().addr();
        let clone = bytes.clone();
        way(&mut bytes);
        assert!(clone.is_unique());
        assert_eq!((bytes.len(), bytes.as_ptr().addr() - place), (0, at));
        drop(clone);
        heap.settle();
    }
    let buf = SmBuf::with_capacity_in(100, heap.clone());
    let frozen = buf.freeze();
    heap.settle();
    drop(frozen);
}

#[test]
fn compact_moves_small_parts_only_and_stays_when_refused() {
    let heap = CountingHeap::new();
    let whole = bytes_of(&[1; 1024], &heap);
    for (len, moves) in [(1, true), (512, true), (513, false), (1024, false)] {
        let mut part = whole.slice(..len);
        assert_eq!(part.compact(), moves, "{len}");
        assert_eq!((part.is_unique(), &part[..]), (moves, &whole[..len]));
    }
    let mut part = whole.slice(..10);
    heap.refuse_after(0);
    assert!(!part.compact());
    heap.refuse_nothing();
    drop(whole);
    assert_eq!((heap.live(), &part[..]), (1, &[1; 10][..]));
    assert!(part.compact());
    drop(part);
    heap.settle();
}

// --- misuse ---

#[test]
fn ranges_that_are_not_there_are_refused_and_nothing_is_shared() {
    let bytes = SmBytes::copy_from_slice(b"abc");
    let text = |range: (usize, usize)| panic_text(|| drop(bytes.slice(range.0..range.1)));
    assert_eq!(text((2, 4)), "no slice from byte 2 to 4: there are 3 bytes");
    #[expect(clippy::reversed_empty_ranges, reason = "what is tested")]
    let reversed = panic_text(|| drop(bytes.slice(2..1)));
    assert_eq!(reversed, "no slice from byte 2 to 1: there are 3 bytes");
    assert_eq!(panic_text(|| drop(bytes.slice(..=usize::MAX))), text((0, usize::MAX)));
    assert!(panic_text(|| drop(bytes.slice_ref(b"b"))).contains("is not a part of the 3 bytes"));
    let long = &[bytes.as_slice(), b"d"].concat();
    assert!(panic_text(|| drop(bytes.slice_ref(long))).contains("is not a part"));
    let mut rest = bytes.slice(1..);
    // Of the same block, but not of these bytes.
    assert!(panic_text(|| drop(rest.slice_ref(&bytes[..1]))).contains("is not a part"));
    assert_eq!(panic_text(|| drop(rest.split_to(3))), "split_to out of bounds: at byte 3, there are 2");
    assert_eq!(panic_text(|| drop(rest.split_off(3))), "split_off out of bounds: at byte 3, there are 2");
    drop(rest);
    assert!(bytes.is_unique());
}

#[test]
fn equality_order_hash_and_text_are_the_contents() {
    let bytes = SmBytes::copy_from_slice(b"ab\n");
    assert_eq!(bytes, SmBuf::from(b"ab\n"));
    assert!(bytes < SmBytes::from_static(b"b") && bytes > b"ab"[..]);
    assert_eq!(format!("{bytes:?}"), r#"b"ab\n""#);
    let map = HashMap::from([(bytes, 1)]);
    assert_eq!(map.get(&b"ab\n"[..]), Some(&1));
}

// --- splitting buffers ---

#[test]
fn parts_of_a_split_buffer_are_written_apart() {
    let heap = CountingHeap::new();
    let mut rear = SmBuf::copy_from_slice_in(b"aaabbbccc", heap.clone());
    let mut front = rear.split_to(3);
    let mut end = rear.split_off(3);
    assert_eq!((front.capacity(), rear.capacity(), end.capacity()), (3, 3, 10));
    front.fill(b'1');
    rear.fill(b'2');
    end.fill(b'3');
    assert_eq!((&front[..], &rear[..], &end[..]), (&b"111"[..], &b"222"[..], &b"333"[..]));
    assert_eq!(heap.live(), 1);
    // The middle one grows, and must move to do so; the last fills the block.
    rear.extend_from_slice(b"222");
    end.resize(10, b'3');
    assert_eq!((heap.live(), &front[..], &rear[..]), (2, &b"111"[..], &b"222222"[..]));
    assert_eq!(end, [b'3'; 10]);
    drop((rear, front));
    assert_eq!(heap.live(), 1);
    drop(end);
    heap.settle();
}

#[test]
fn a_part_that_is_left_alone_has_the_whole_block_again() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(1024, heap.clone());
    for frame in 0..100_u8 {
        buf.reserve(100);
        buf.extend_from_slice(&[frame; 100]);
        assert_eq!(buf.split_to(100), [frame; 100]);
    }
    assert_eq!((heap.asked(), buf.len()), (1, 0));
    // With a frame kept, the next block is as large as the one it is in.
    buf.extend_from_slice(b"kept");
    let kept = buf.split();
    buf.reserve(1024);
    assert_eq!((heap.asked(), buf.capacity(), &kept[..]), (2, 1024, &b"kept"[..]));
    drop((buf, kept));
    heap.settle();
}

#[test]
fn a_split_part_that_is_refused_a_block_stays_as_it_was() {
    let heap = CountingHeap::new();
    let mut rear = SmBuf::copy_from_slice_in(b"frontrear", heap.clone());
    let front = rear.split_to(5);
    heap.refuse_after(0);
    assert!(rear.try_reserve(1000).is_err());
    assert!(rear.try_reserve_front(1).is_err());
    heap.refuse_nothing();
    assert_eq!((&front[..], &rear[..]), (&b"front"[..], &b"rear"[..]));
    drop((front, rear));
    heap.settle();
}

#[test]
fn neighbours_unite_in_place_and_strangers_by_copying() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::copy_from_slice_in(b"aabbcc", heap.clone());
    let (mut end, address) = (buf.split_off(4), buf.as_ptr());
    let middle = buf.split_off(2);
    let asked = heap.asked();
    buf.unsplit(middle);
    buf.unsplit(end.split_to(1));
    buf.unsplit(end);
    assert_eq!((heap.asked(), &buf[..], buf.as_ptr(), buf.capacity()), (asked, &b"aabbcc"[..], address, 16));
    buf.extend_from_slice(b"0123456789");
    assert_eq!(heap.asked(), asked);

    // Not a neighbour: too early, another block, or room between.
    let rear = buf.split_off(8);
    let mut late = rear;
    let early = late.split_to(4);
    buf.unsplit(late);
    buf.unsplit(early);
    assert_eq!(buf, b"aabbcc0167892345");
    let mut gap = SmBuf::with_capacity_in(64, heap.clone());
    gap.extend_from_slice(b"ab");
    let mut rear = gap.split_off(32);
    rear.extend_from_slice(b"cd");
    gap.unsplit(rear);
    assert_eq!(gap, b"abcd");
    let mut none = SmBuf::new_in(heap.clone());
    none.unsplit(gap);
    assert_eq!(none, b"abcd");
    drop((buf, none));
    heap.settle();
}

#[test]
fn a_split_needs_bytes_to_split_at() {
    let mut buf = SmBuf::from(b"abc");
    assert_eq!(panic_text(|| drop(buf.split_to(4))), "split_to out of bounds: at byte 4, the buffer has 3");
    assert_eq!(
        panic_text(|| drop(buf.split_off(17))),
        "split_off out of bounds: at byte 17, the buffer has room for 16"
    );
    // The room behind can be split off, and is no content.
    let mut room = buf.split_off(10);
    assert_eq!((room.len(), room.capacity(), room.spare_capacity_mut().len(), buf.capacity()), (0, 6, 6, 10));
}

#[test]
fn reading_a_part_to_its_end_leaves_it_its_own_bytes_alone() {
    let heap = CountingHeap::new();
    let mut rear = SmBuf::copy_from_slice_in(b"frontrear", heap.clone());
    let front = rear.split_to(5);
    std::io::BufRead::consume(&mut rear, 2);
    rear.clear();
    rear.resize(rear.capacity(), b'x');
    assert_eq!((&front[..], rear.len()), (&b"front"[..], 9));
    rear.shrink_to_fit();
    rear.truncate(0);
    rear.shrink_to_fit();
    assert_eq!((rear.capacity(), &front[..]), (0, &b"front"[..]));
    drop(front);
    heap.settle();
}

// --- the front, alignment, readers ---

#[test]
fn prepending_uses_the_headroom_and_then_makes_some() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_headroom_in(100, 60, heap.clone());
    assert_eq!((buf.headroom(), buf.capacity()), (60, 100));
    buf.extend_from_slice(b"body");
    let mut model = b"body".to_vec();
    for byte in 0..200_u8 {
        buf.prepend(&[byte, byte]);
        buf.push(byte);
        model.splice(..0, [byte, byte]);
        model.push(byte);
        assert_eq!(buf, model);
    }
    assert!(heap.asked() < 6, "{} blocks for 600 bytes", heap.asked());
    drop(buf);
    heap.settle();
}

#[test]
fn alternating_at_both_ends_moves_each_byte_seldom() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    for _ in 0..10_000 {
        buf.prepend(b"a");
        buf.push(b"b"[0]);
    }
    assert_eq!((buf.len(), buf[9_999], buf[10_000]), (20_000, b'a', b'b'));
    assert!(heap.asked() < 20, "{}", heap.asked());
    drop(buf);
    heap.settle();
}

#[test]
fn an_empty_buffer_gets_exactly_the_headroom_it_is_asked_for() {
    let mut buf = SmBuf::with_capacity(2048);
    buf.reserve_front(64);
    assert_eq!((buf.headroom(), buf.capacity()), (64, 1984));
    buf.clear();
    assert_eq!((buf.headroom(), buf.capacity()), (0, 2048));
    assert!(panic_text(|| SmBuf::from(b"x").reserve_front(usize::MAX)).contains("bytes"));
}

#[test]
fn aligned_buffers_stay_aligned_through_growth_clones_and_splits() {
    let heap = CountingHeap::new();
    for align in [64, 512, 4096] {
        let mut buf = SmBuf::with_alignment_in(10, align, heap.clone());
        for len in [10, align, align + 1, 5 * align, 100_000] {
            buf.resize(len, 7);
            assert_eq!((buf.as_ptr().addr() % align, buf.capacity() % align), (0, 0));
            assert_eq!((heap.last_asked().align(), heap.last_asked().size() % align), (align, 0));
            assert_eq!(buf.clone().as_ptr().addr() % align, 0);
        }
        buf.truncate(3);
        buf.shrink_to_fit();
        assert_eq!((buf.capacity(), buf.as_ptr().addr() % align, &buf[..]), (align, 0, &[7; 3][..]));
        buf.clear();
        buf.shrink_to_fit();
        buf.push(1);
        assert_eq!(buf.as_ptr().addr() % align, 0);
        let mut bytes = buf.freeze();
        bytes.compact();
        let copy = SmBuf::from(bytes.clone());
        assert_eq!((copy.alignment(), copy.as_ptr().addr() % align, &copy[..]), (align, 0, &bytes[..]));
        assert_eq!(bytes.try_into_mut().unwrap().alignment(), align);
    }
    heap.settle();
    let global = SmBuf::with_alignment(1, 4096);
    assert_eq!((global.as_ptr().addr() % 4096, global.capacity()), (0, 4096));
}

#[cfg(unix)]
#[test]
fn reading_from_a_socket_appends_what_came_and_no_more() {
    use std::io::Write;
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let heap = CountingHeap::new();
    let mut buf = SmBuf::copy_from_slice_in(b"said: ", heap.clone());
    ours.write_all(b"hello there, this is more than the room").unwrap();
    assert_eq!(buf.read_from_fd(&theirs).unwrap(), 10);
    assert_eq!(buf, b"said: hello ther");
    assert_eq!(buf.read_from_fd(&theirs).unwrap(), 29);
    assert_eq!(buf, b"said: hello there, this is more than the room");
    drop(ours);
    assert_eq!((buf.read_from_fd(&theirs).unwrap(), buf.len()), (0, 45));
    assert!(buf.read_from_fd(std::fs::File::open("/").unwrap()).is_err());
    heap.refuse_above(64);
    let mut full = SmBuf::copy_from_slice_in(&[0; 64], heap.clone());
    assert_eq!(full.read_from_fd(&theirs).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    drop((buf, full));
    heap.settle();
}

#[test]
fn readers_see_no_old_bytes_and_cannot_claim_more_than_they_had() {
    /// Looks at the bytes it is given, writes none, claims so many.
    struct Liar(usize);
    impl std::io::Read for Liar {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            assert!(!target.contains(&POISON), "uninitialised bytes reached a reader");
            Ok(target.len() + self.0)
        }
    }
    struct Panics;
    impl std::io::Read for Panics {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            target.fill(1);
            panic!("in the reader")
        }
    }
    let mut buf = SmBuf::with_capacity_in(16, CountingHeap::new());
    buf.push(5);
    assert_eq!(buf.read_from(&mut Liar(1)).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(buf.read_from(&mut Liar(usize::MAX - 15)).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(panic_text(|| drop(buf.read_from(&mut Panics))), "in the reader");
    assert_eq!(buf, [5]);
    assert_eq!(buf.read_from(&mut Liar(0)).unwrap(), 15);
    assert_eq!(buf[1..], [0; 15]);
}

// --- foreign memory ---

/// Notes its drop, and may panic there or when asked for its bytes.
struct Owner {
    bytes: Vec<u8>,
    drops: Arc<AtomicUsize>,
    asks: AtomicUsize,
    panics: Option<&'static str>,
}

impl Owner {
    fn new(bytes: &[u8], drops: &Arc<AtomicUsize>, panics: Option<&'static str>) -> Self {
        Owner { bytes: bytes.to_vec(), drops: drops.clone(), asks: AtomicUsize::new(0), panics }
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        assert_eq!(self.asks.fetch_add(1, Relaxed), 0, "asked twice");
        assert_ne!(self.panics, Some("asked"), "when asked");
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Relaxed);
        if self.panics == Some("dropped") {
            panic!("when dropped");
        }
    }
}

#[test]
fn foreign_bytes_are_shared_and_end_as_all_others() {
    let (heap, drops) = (CountingHeap::new(), Arc::default());
    let owner = Owner::new(b"foreign memory", &drops, None);
    let address = owner.bytes.as_ptr();
    let mut bytes = SmBytes::from_owner_in(owner, heap.clone());
    assert_eq!((bytes.as_ptr(), &bytes[..], heap.live()), (address, &b"foreign memory"[..], 1));
    let mut memory = bytes.split_off(8);
    assert_eq!((memory.as_ptr(), &memory[..]), (address.wrapping_add(8), &b"memory"[..]));
    // Nobody else, but no buffer either: it is not ours to write.
    drop(bytes);
    assert!(!memory.is_unique());
    memory = memory.try_into_mut().unwrap_err();
    assert_eq!(
        (SmBuf::from(memory.slice(..3)), drops.load(Relaxed)),
        (SmBuf::copy_from_slice_in(b"mem", heap.clone()), 0)
    );
    let clone = memory.clone();
    assert!(memory.compact());
    assert_eq!((&memory[..], drops.load(Relaxed)), (&b"memory"[..], 0));
    thread::spawn(move || drop(clone)).join().unwrap();
    assert_eq!((drops.load(Relaxed), heap.live()), (1, 1));
    drop(memory);
    heap.settle();
}

#[test]
fn foreign_bytes_that_become_empty_let_the_owner_go() {
    let (heap, drops) = (CountingHeap::new(), Arc::default());
    let mut bytes = SmBytes::from_owner_in(Owner::new(b"abc", &drops, None), heap.clone());
    std::io::BufRead::consume(&mut bytes, 3);
    assert_eq!(drops.load(Relaxed), 1);
    drop(SmBytes::from_owner_in(Owner::new(b"", &drops, None), heap.clone()));
    assert_eq!(drops.load(Relaxed), 2);
    heap.settle();
}

#[test]
fn an_owner_that_panics_is_dropped_once_and_its_block_given_back() {
    let (heap, drops) = (CountingHeap::new(), Arc::default());
    let owner = |panics| Owner::new(b"abc", &drops, Some(panics));
    let text = panic_text(|| drop(SmBytes::from_owner_in(owner("asked"), heap.clone())));
    assert!(text.contains("when asked"), "{text}");
    assert_eq!(drops.load(Relaxed), 1);
    let bytes = SmBytes::from_owner_in(owner("dropped"), heap.clone());
    assert_eq!((panic_text(|| drop(bytes)), drops.load(Relaxed)), ("when dropped".to_owned(), 2));
    let mut bytes = SmBytes::from_owner_in(owner("dropped"), heap.clone());
    assert_eq!((panic_text(|| bytes.clear()), drops.load(Relaxed)), ("when dropped".to_owned(), 3));
    assert!(bytes.is_empty());
    drop(bytes);
    heap.settle();
}

#[test]
fn a_copy_is_not_lost_with_an_owner_that_panics() {
    let (heap, drops) = (CountingHeap::new(), Arc::default());
    let bytes = || SmBytes::from_owner_in(Owner::new(b"abc", &drops, Some("dropped")), heap.clone());
    assert_eq!(panic_text(|| drop(SmBuf::from(bytes()))), "when dropped");
    assert_eq!(panic_text(|| drop(Vec::from(bytes()))), "when dropped");
    assert_eq!(panic_text(|| drop(Vec::from(SmChain::from(bytes())))), "when dropped");
    assert_eq!(drops.load(Relaxed), 3);
    heap.settle();
}

#[test]
fn an_owner_without_a_block_comes_back() {
    #[repr(align(8192))]
    struct Coarse;
    impl AsRef<[u8]> for Coarse {
        fn as_ref(&self) -> &[u8] {
            b"coarse"
        }
    }
    #[repr(align(256))]
    struct Fine([u8; 3]);
    impl AsRef<[u8]> for Fine {
        fn as_ref(&self) -> &[u8] {
            assert_eq!(std::ptr::from_ref(self).addr() % 256, 0);
            &self.0
        }
    }
    let (heap, drops) = (CountingHeap::new(), Arc::default());
    heap.refuse_after(0);
    let error = SmBytes::try_from_owner_in(Owner::new(b"abc", &drops, None), heap.clone()).unwrap_err();
    assert!(matches!(error.error, AllocError::Exhausted { .. }));
    assert_eq!((&error.into_value().bytes[..], drops.load(Relaxed)), (&b"abc"[..], 0));
    heap.refuse_nothing();
    // Zeros of the system's, none of which is ever touched.
    let error = SmBytes::try_from_owner_in(vec![0; SmBuf::MAX_CAPACITY + 1], heap.clone()).unwrap_err();
    assert_eq!(error.error, AllocError::TooLarge { size: SmBuf::MAX_CAPACITY + 1, limit: SmBuf::MAX_CAPACITY });
    let error = SmBytes::try_from_owner_in(Coarse, heap.clone()).unwrap_err();
    assert_eq!(error.error, AllocError::Alignment { align: 8192, limit: 4096 });
    assert_eq!(SmBytes::from_owner_in(Fine(*b"abc"), heap.clone()), b"abc");
    heap.settle();
}

#[cfg(feature = "zerocopy")]
#[test]
fn bytes_that_are_no_value_come_back_with_the_reason() {
    let heap = CountingHeap::new();
    let bytes = bytes_of(b"0123456789", &heap);
    let odd = bytes.slice(1..);
    let address = odd.as_ptr();
    let error = odd.parse_prefix::<u64>().unwrap_err();
    assert_eq!(error.to_string(), format!("a value aligned to 8 was asked for, and the bytes are at {address:p}"));
    assert_eq!(error.into_bytes().as_ptr(), address);
    let error = SmBuf::copy_from_slice_in(b"abc", heap.clone()).parse_prefix::<[u8; 4]>().unwrap_err();
    assert_eq!(format!("{error:?}"), "ParseError(a value of 4 bytes was asked for, and there are 3)");
    assert_eq!(error.into_bytes(), b"abc");
    drop(bytes);
    heap.settle();
}

// --- the crate `bytes` ---

#[cfg(feature = "bytes")]
#[test]
fn bytes_go_to_the_bytes_crate_uncopied_and_keep_their_block_until_it_is_done() {
    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let bytes = SmBytes::copy_from_slice_in(b"payload", heap.clone());
    let address = bytes.as_ptr();
    let theirs = bytes::Bytes::from(bytes);
    let clone = theirs.slice(3..);
    drop(theirs);
    assert_eq!((&clone[..], clone.as_ptr(), heap.stats().live()), (&b"load"[..], address.wrapping_add(3), 1));
    // And back.
    let ours = SmBytes::from(clone);
    assert_eq!((&ours[..], ours.as_ptr(), heap.stats().live()), (&b"load"[..], address.wrapping_add(3), 1));
    assert_eq!(ours.heap(), &smarena::Global);
    drop(ours);
    assert_eq!(heap.stats().live(), 0);
    static TEXT: &[u8] = b"static";
    assert_eq!(bytes::Bytes::from(SmBytes::from_static(TEXT)).as_ptr(), TEXT.as_ptr());
}

#[cfg(feature = "bytes")]
#[test]
fn copy_to_bytes_copies_nothing_where_a_bytes_can_hold_the_block() {
    use bytes::Buf;
    use smarena::{BufPool, HeapRef, SmChain};

    fn takes<H: HeapRef>(heap: H, held: bool) {
        let whole = SmBytes::copy_from_slice_in(b"0123456789", heap.clone());
        let mut bytes = whole.clone();
        let at = |at: usize| (whole.as_ptr().wrapping_add(at), held);
        let is = |part: &bytes::Bytes, address: *const u8| (address, part.as_ptr() == address);
        let part = bytes.copy_to_bytes(4);
        assert_eq!((&part[..], is(&part, at(0).0), &bytes[..]), (&b"0123"[..], at(0), &b"456789"[..]));
        let mut chain = SmChain::from_iter([whole.slice(1..5), whole.slice(7..)]);
        let part = chain.copy_to_bytes(3);
        assert_eq!((&part[..], is(&part, at(1).0)), (&b"123"[..], at(1)));
        assert_eq!((&chain.copy_to_bytes(3)[..], &chain.copy_to_bytes(0)[..], chain.len()), (&b"478"[..], &b""[..], 1));
        drop(chain);
        let mut buf = SmBuf::copy_from_slice_in(b"0123456789", heap);
        let address = buf.as_ptr();
        let part = buf.copy_to_bytes(4);
        assert_eq!((&part[..], part.as_ptr() == address, &buf[..]), (&b"0123"[..], held, &b"456789"[..]));
        // What was taken stays when the buffer is written.
        buf.resize(6, 0);
        buf.fill(7);
        assert_eq!(part, b"0123"[..]);
    }
    takes(smarena::Global, true);
    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    takes(heap.clone(), true);
    takes(&*heap, false);
    assert_eq!(heap.stats().live(), 0);

    let pool = BufPool::builder().limit(1).build().unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"0123456789");
    let mut frozen = lease.freeze();
    let address = frozen.as_ptr();
    let part = frozen.copy_to_bytes(10);
    assert_eq!((part.as_ptr(), pool.in_flight()), (address, 1));
    drop(part);
    assert_eq!(pool.in_flight(), 0);
    let text = panic_text(|| drop(SmChain::from(SmBytes::from_static(b"abc")).copy_to_bytes(4)));
    assert_eq!(text, "cannot copy 4 bytes: the chain has 3");
}

#[cfg(feature = "bytes")]
type Heaped = Arc<Heap<Linear<8>>>;
#[cfg(feature = "bytes")]
type Put = fn(&mut SmBuf<Heaped>, SmBytes<Heaped>);

#[cfg(feature = "bytes")]
#[test]
fn an_empty_buffer_takes_the_block_of_bytes_that_nobody_shares() {
    use bytes::BufMut;

    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let part = || SmBytes::copy_from_slice_in(b"0123456789", heap.clone());
    let new = || SmBuf::new_in(heap.clone());
    let taken = |put: Put, mut buf: SmBuf<Heaped>, part: SmBytes<Heaped>| {
        let (before, address) = (buf.len(), part.as_ptr());
        put(&mut buf, part);
        assert_eq!(&buf[before..], b"0123456789");
        buf.as_ptr() == address
    };
    let puts: [Put; 2] = [|buf, part| buf.put(part), |buf, part| buf.extend([part])];
    for put in puts {
        assert!(taken(put, new(), part()));
        // Not if others share it, if there is something in the buffer, or room enough.
        let shared = part();
        assert!(!taken(put, new(), shared.clone()));
        let mut buf = new();
        buf.push(1);
        assert!(!taken(put, buf, part()));
        assert!(!taken(put, SmBuf::with_capacity_in(10, heap.clone()), part()));
        assert!(!taken(put, SmBuf::with_alignment_in(0, 512, heap.clone()), part()));
    }
    // Another type, or another heap's, is copied.
    let mut buf = new();
    buf.put(SmBytes::copy_from_slice(b"abc"));
    let mut borrowed = SmBuf::new_in(&*heap);
    borrowed.put(SmBytes::copy_from_slice_in(b"abc", &*heap));
    buf.put(&b"def"[..]);
    assert_eq!((&buf[..], &borrowed[..]), (&b"abcdef"[..], &b"abc"[..]));
    drop((buf, borrowed));
    assert_eq!(heap.stats().live(), 0);
    a_buffer_stays_in_its_heap(&heap, &puts);
}

/// Whatever it is given: the heap bounds it.
#[cfg(feature = "bytes")]
fn a_buffer_stays_in_its_heap(heap: &Heaped, puts: &[Put]) {
    use smarena::BufPool;

    let other = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let is_in_heap = |buf: &SmBuf<_>| {
        assert_eq!(buf, b"0123456789");
        assert_eq!((heap.stats().live(), other.stats().live()), (1, 0));
        assert!(Arc::ptr_eq(buf.heap(), heap));
    };
    for put in puts {
        let mut buf = SmBuf::new_in(heap.clone());
        put(&mut buf, SmBytes::copy_from_slice_in(b"0123456789", other.clone()));
        is_in_heap(&buf);
    }
    let mut buf = SmBuf::new_in(heap.clone());
    buf.unsplit(SmBuf::copy_from_slice_in(b"0123456789", other.clone()));
    is_in_heap(&buf);
    let (heap, other) = (&**heap, &*other);
    let mut borrowed = SmBuf::new_in(heap);
    borrowed.extend([SmBytes::copy_from_slice_in(b"0123456789", other)]);
    borrowed.extend([SmBytes::copy_from_slice_in(b"ab", heap)]);
    assert_eq!((&borrowed[..], other.stats().live()), (&b"0123456789ab"[..], 0));

    // Nor does a lease leave its pool, which has no second block for it.
    let [pool, larger] = [16, 64].map(|size| BufPool::builder().buf_size(size).build().unwrap());
    let mut lease = larger.try_acquire().unwrap();
    lease.resize(60, 1);
    let bytes = lease.freeze();
    let mut lease = pool.try_acquire().unwrap();
    let text = panic_text(|| lease.extend([bytes]));
    assert!(text.contains("16"), "{text}");
    assert_eq!((pool.in_flight(), larger.in_flight()), (1, 0));
}

#[test]
fn a_byte_string_is_taken_as_it_is() {
    static TEXT: &[u8; 3] = b"abc";
    assert_eq!(SmBytes::from(TEXT).as_ptr(), TEXT.as_ptr());
}
