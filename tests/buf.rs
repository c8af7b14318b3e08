//! `SmBuf`: one test for each way a buffer can lose bytes, show what was never written, or misplace its block.

#![expect(unsafe_code, reason = "writes spare room, and implements the heap the buffers are tested on")]

mod common;

use std::alloc::Layout;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::BuildHasher;
use std::io::{self, BufRead, IoSlice, Read, Write};

use common::{CountingHeap, POISON, panic_text};
use smarena::{AllocError, Exhausted, Global, Heap, HeapRef, Linear, SmBuf};

const MAX: usize = SmBuf::MAX_CAPACITY;

smarena::static_heap! {
    struct Named: Linear<8> { bucket_bytes: 1 << 20 }
}

// As large as a `Vec`, for any heap that a type names, and an `Option` takes no more.
const _: () = assert!(size_of::<SmBuf<Named>>() <= 24);
const _: () = assert!(size_of::<Option<SmBuf<Named>>>() == size_of::<SmBuf<Named>>());

fn buf_of(bytes: &[u8], heap: &CountingHeap) -> SmBuf<CountingHeap> {
    SmBuf::copy_from_slice_in(bytes, heap.clone())
}

// --- the content ---

#[test]
fn what_stands_behind_an_edited_part_moves_and_nothing_else_does() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"0123456789", &heap);
    buf.consume(1);
    buf.replace_range(2..4, b"");
    buf.replace_range(..1, b"abc");
    buf.replace_range(9.., b"xyz");
    assert_eq!(buf, b"abc2567 89xyz".iter().copied().filter(|byte| *byte != b' ').collect::<Vec<_>>());
    for (edit, text) in [
        ((|buf| buf.insert(13, 0)) as fn(&mut SmBuf<CountingHeap>), "cannot insert at byte 13: there are 12 bytes"),
        (|buf| buf.replace_range(3..14, b""), "no slice from byte 3 to 14: there are 12 bytes"),
        (|buf| _ = buf.remove(12), "index out of bounds: the len is 12 but the index is 12"),
    ] {
        assert_eq!(panic_text(|| edit(&mut buf)), text);
    }
    assert_eq!(buf.len(), 12);
    let text = panic_text(|| buf.retain(|byte| if *byte == b'7' { panic!("in the middle") } else { false }));
    assert_eq!((&text[..], buf.len()), ("in the middle", 12));
    drop(buf);
    heap.settle();
}

#[test]
fn bytes_show_as_hexadecimal_digits() {
    let buf = SmBuf::from(b"\x00\x9f\xA0");
    assert_eq!((format!("{buf:x}"), format!("{buf:X}")), ("009fa0".to_owned(), "009FA0".to_owned()));
    let bytes = buf.freeze();
    assert_eq!((format!("{bytes:#x}"), format!("{bytes:#X}")), ("0x009fa0".to_owned(), "0x009FA0".to_owned()));
    assert_eq!(format!("{:x}", SmBuf::new()), "");
}

// --- the block ---

#[test]
fn a_new_buffer_allocates_nothing() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    buf.extend_from_slice(b"");
    buf.resize(0, 1);
    buf.reserve(0);
    buf.truncate(0);
    buf.clear();
    buf.shrink_to_fit();
    assert_eq!(buf.read(&mut [0; 4]).unwrap(), 0);
    assert_eq!((buf.len(), buf.capacity(), buf.spare_capacity_mut().len()), (0, 0, 0));
    drop((buf.clone(), SmBuf::with_capacity_in(0, heap.clone()), buf));
    assert_eq!(heap.asked(), 0);
}

#[test]
fn the_capacity_is_the_whole_block_that_was_asked_for() {
    let heap = CountingHeap::new();
    for (asked, block) in [(1, 16), (16, 16), (17, 32), (129, 160), (2048, 2048), (2049, 2560), (32768, 32768)] {
        let buf = SmBuf::with_capacity_in(asked, heap.clone());
        assert_eq!((buf.capacity(), heap.last_asked().size(), heap.last_asked().align()), (block, block, 16));
    }
    // Larger than every class: only rounded to the alignment.
    let buf = SmBuf::with_capacity_in(100_001, heap.clone());
    assert_eq!((buf.capacity(), heap.last_asked().size()), (100_016, 100_016));
    drop(buf);
    heap.settle();
}

#[test]
fn the_block_comes_back_with_its_layout_whatever_was_read() {
    let heap = CountingHeap::new();
    for read in [0, 1, 99, 100] {
        let mut buf = buf_of(&[7; 100], &heap);
        buf.consume(read);
        assert_eq!(buf.len(), 100 - read);
    }
    heap.settle();
}

#[test]
fn the_heap_outlives_the_block_it_is_given_back_to() {
    // The books complain if they are dropped with a block in them.
    let heap = CountingHeap::new();
    let buf = buf_of(b"abc", &heap);
    drop(heap);
    drop(buf);
}

#[test]
fn a_leaked_buffer_keeps_its_bytes_and_its_heap() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"xabc", &heap);
    buf.consume(1);
    let bytes = buf.leak();
    assert_eq!((&bytes[..], heap.live(), heap.references()), (&b"abc"[..], 1, 2));
    // Taken back, so that the leak checker has nothing to say.
    let block = std::ptr::NonNull::from(bytes).cast::<u8>();
    // SAFETY: one byte was consumed: the block begins before the content.
    let block = unsafe { block.sub(1) };
    // SAFETY: a live block of this heap, of the smallest class, that nobody will use any more.
    unsafe { heap.deallocate(block, Layout::from_size_align(16, 16).unwrap()) };
    heap.settle();
    // SAFETY: the leaked buffer held one reference that nothing else will ever give back.
    unsafe { heap.forget_one_reference() };
}

#[test]
fn growing_costs_few_blocks() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    for i in 0..1_000_000u32 {
        buf.push(i.to_le_bytes()[0]);
    }
    assert!(buf.iter().zip(0..1_000_000u32).all(|(byte, i)| *byte == i.to_le_bytes()[0]));
    assert!(heap.asked() <= 16, "{} blocks for a megabyte", heap.asked());
    drop(buf);
    heap.settle();
}

/// A heap that moves a block copies all of it, which is much where little of it is content.
#[test]
fn of_a_buffer_with_little_content_growing_copies_no_more_than_that() {
    for (len, head, copies_all) in [(0, 0, false), (100, 0, false), (400, 0, false), (600, 0, true), (100, 50, false)] {
        let heap = CountingHeap::new();
        let mut buf = buf_of(&[7; 1024], &heap);
        buf.truncate(head + len);
        buf.consume(head);
        buf.reserve(2000);
        assert_eq!(buf, vec![7; len]);
        // SAFETY: the heap writes to each byte of a new block.
        let spare = unsafe { buf.spare_capacity_mut()[300].assume_init() };
        assert_eq!(spare, if copies_all { 7 } else { POISON }, "{len} bytes behind {head}");
        drop(buf);
        assert_eq!(heap.live(), 0);
    }
}

#[test]
fn growing_to_the_same_or_a_smaller_size_changes_nothing() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(&[1; 20], &heap);
    let (address, asked) = (buf.as_ptr(), heap.asked());
    buf.reserve(0);
    buf.reserve(12);
    buf.try_reserve(5).unwrap();
    buf.resize(32, 2);
    assert_eq!((buf.as_ptr(), buf.capacity(), heap.asked()), (address, 32, asked));
    buf.reserve(1);
    assert!(buf.capacity() >= 33 && heap.asked() == asked + 1);
    assert_eq!((&buf[..20], &buf[20..]), (&[1; 20][..], &[2; 12][..]));
}

#[test]
fn shrinking_to_the_same_or_a_smaller_size_keeps_the_content() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(&[1; 20], &heap);
    let asked = heap.asked();
    buf.shrink_to_fit();
    assert_eq!((heap.asked(), buf.capacity()), (asked, 32));
    buf.truncate(17);
    buf.shrink_to_fit();
    assert_eq!((heap.asked(), buf.capacity()), (asked, 32));
    buf.consume(2);
    buf.shrink_to_fit();
    assert_eq!((&buf[..], buf.capacity(), heap.live()), (&[1; 15][..], 16, 1));
    buf.clear();
    buf.shrink_to_fit();
    assert_eq!((buf.capacity(), heap.live()), (0, 0));
    buf.push(3);
    assert_eq!(buf, [3]);
    drop(buf);
    heap.settle();
}

#[test]
fn a_refused_smaller_block_leaves_the_larger_one() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(1024, heap.clone());
    buf.extend_from_slice(b"abc");
    heap.refuse_after(0);
    buf.shrink_to_fit();
    assert_eq!((&buf[..], buf.capacity(), heap.live()), (&b"abc"[..], 1024, 1));
    drop(buf);
    heap.settle();
}

#[test]
fn a_bounded_heap_is_asked_for_what_is_needed_when_twice_the_size_is_too_much() {
    let heap = CountingHeap::new();
    heap.refuse_above(2048);
    let mut buf = buf_of(&[1; 1536], &heap);
    buf.extend_from_slice(&[2; 500]);
    assert_eq!((buf.capacity(), buf.len()), (2048, 2036));
    assert_eq!((&buf[..1536], &buf[1536..]), (&[1; 1536][..], &[2; 500][..]));
    assert_eq!(buf.try_reserve(13), Err(AllocError::TooLarge { size: 2560, limit: 2048 }));
    // What was read is room as well, if nothing else is left.
    buf.consume(13);
    buf.try_reserve(25).unwrap();
    assert_eq!((buf.capacity(), buf.len(), buf[0]), (2048, 2023, 1));
    drop(buf);
    heap.settle();
}

#[test]
fn a_refused_growth_leaves_the_content() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"0123456789abcdef", &heap);
    buf.consume(1);
    heap.refuse_after(0);
    assert!(matches!(buf.try_reserve(100), Err(AllocError::Exhausted { .. })));
    assert!(panic_text(|| buf.extend_from_slice(&[0; 100])).contains("exhausted"));
    let error = buf.write(&[0; 100]).unwrap_err();
    assert!(error.kind() == io::ErrorKind::OutOfMemory && error.to_string().contains("exhausted"));
    assert!(buf.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(&[0; 100])]).is_err());
    assert!(buf.write_str("a text that is too long for the block").is_err());
    assert_eq!(buf, b"123456789abcdef");
    drop(buf);
    heap.settle();
}

/// Growth moves the content to the block's front before it asks for another block; refused, it must have moved it back.
#[test]
fn a_panicking_growth_leaves_the_content() {
    let heap = CountingHeap::new();
    for head in [1, 30, 60] {
        let mut buf = SmBuf::with_capacity_in(64, heap.clone());
        buf.extend_from_slice(&[(); 64].map(|()| 7));
        buf.consume(head);
        buf.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number);
        heap.refuse_after(0);
        assert!(panic_text(|| buf.extend_from_slice(&[0; 100])).contains("exhausted"));
        heap.refuse_after(usize::MAX);
        assert_eq!(buf.len(), 64 - head);
        assert!(buf.iter().zip(0..).all(|(&byte, number)| byte == number), "head {head}: {buf:?}");
        buf.extend_from_slice(&[9; 100]);
        assert_eq!((buf.len(), buf[0], buf[164 - head - 1]), (164 - head, 0, 9));
    }
    heap.settle();
}

#[test]
fn capacity_overflow_is_refused_with_value_and_limit() {
    let heap = CountingHeap::new();
    heap.refuse_above(1 << 20);
    let mut buf = buf_of(b"0123456789", &heap);
    let too_large = |size| AllocError::TooLarge { size, limit: MAX };
    let asked = heap.asked();
    assert_eq!(buf.try_reserve(usize::MAX), Err(too_large(usize::MAX)));
    assert_eq!(buf.try_reserve(usize::MAX - 9), Err(too_large(usize::MAX)));
    assert_eq!(buf.try_reserve(MAX - 9), Err(too_large(MAX + 1)));
    // Where a count of 32 bits would have wrapped.
    #[cfg(target_pointer_width = "64")]
    assert_eq!(buf.try_reserve(1 << 32), Err(too_large((1 << 32) + 10)));
    assert_eq!(SmBuf::try_with_capacity_in(MAX + 1, heap.clone()).err(), Some(too_large(MAX + 1)));
    assert_eq!(heap.asked(), asked, "the heap is not even asked");
    for text in [
        panic_text(|| buf.reserve(usize::MAX)),
        panic_text(|| buf.resize(usize::MAX, 0)),
        panic_text(|| drop(SmBuf::with_capacity(usize::MAX))),
    ] {
        assert!(text.contains(&usize::MAX.to_string()) && text.contains(&MAX.to_string()), "{text}");
    }
    // The largest there can be is passed on as it is.
    assert!(buf.try_reserve(MAX - 10).is_err());
    assert_eq!(heap.last_asked().size(), MAX);
    assert!(SmBuf::try_with_capacity_in(MAX, heap.clone()).is_err());
    assert_eq!(heap.last_asked().size(), MAX);
    assert_eq!(buf, b"0123456789");
}

#[test]
fn a_queue_lives_in_one_block() {
    let heap = CountingHeap::new();
    let mut queue = SmBuf::new_in(heap.clone());
    let mut oldest = 0u8;
    for i in 0..100_000u32 {
        queue.push(i.to_le_bytes()[0]);
        if queue.len() > 40 {
            let mut byte = [0];
            queue.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [oldest]);
            oldest = oldest.wrapping_add(1);
        }
    }
    assert!(queue.capacity() <= 256 && heap.asked() <= 3, "{} after {}", queue.capacity(), heap.asked());
    drop(queue);
    heap.settle();
}

#[test]
fn a_full_queue_moves_to_a_larger_block_and_not_by_one_byte_each_time() {
    let heap = CountingHeap::new();
    let mut queue = buf_of(&[1; 1024], &heap);
    queue.consume(2);
    let asked = heap.asked();
    queue.extend_from_slice(b"ab");
    assert_eq!((heap.asked(), queue.capacity(), queue.len()), (asked + 1, 2048, 1024));
    // Where as much was read as is left, the block is kept.
    queue.consume(600);
    queue.extend_from_slice(&[2; 1500]);
    assert_eq!((heap.asked(), queue.capacity(), queue.len()), (asked + 1, 2048, 1924));
    assert_eq!((&queue[422..424], &queue[424..]), (&b"ab"[..], &[2; 1500][..]));
    drop(queue);
    heap.settle();
}

#[test]
fn what_was_read_is_room_when_the_heap_refuses() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(&[1; 20], &heap);
    buf.consume(2);
    heap.refuse_after(0);
    buf.try_reserve(14).unwrap();
    assert_eq!((buf.capacity(), &buf[..]), (32, &[1; 18][..]));
    assert!(buf.try_reserve(15).is_err());
    drop(buf);
    heap.settle();
}

// --- the content ---

#[test]
fn no_byte_is_shown_before_it_is_written() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    assert!(buf.is_empty());
    buf.resize(10, 0);
    buf.extend([0; 10]);
    buf.write_all(&[0; 10]).unwrap();
    buf.resize(300, 0);
    assert!(!buf.contains(&POISON) && buf.len() == 300);
    // Nor is old content shown again.
    buf.fill(0xEE);
    buf.truncate(3);
    buf.resize(200, 0);
    assert_eq!((&buf[..3], &buf[3..]), (&[0xEE; 3][..], &[0; 197][..]));
}

#[test]
fn uninitialised_memory_is_not_given_to_read() {
    /// Looks at what it is to overwrite, as a safe `Read` may.
    struct Curious;
    impl Read for Curious {
        fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
            assert!(!target.contains(&POISON), "a block's old content was given away");
            target.fill(1);
            Ok(target.len())
        }
    }

    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(4000, heap.clone());
    io::copy(&mut Curious.take(10_000), &mut buf).unwrap();
    assert_eq!((buf.len(), buf.iter().all(|byte| *byte == 1)), (10_000, true));
    buf.clear();
    buf.resize(2000, 0);
    Curious.read_exact(&mut buf).unwrap();
    drop(buf);
    heap.settle();
}

#[test]
fn spare_room_is_written_first_and_counted_then() {
    let mut buf = SmBuf::with_capacity(16);
    buf.extend_from_slice(b"ab");
    let spare = buf.spare_capacity_mut();
    assert_eq!(spare.len(), 14);
    spare.iter_mut().zip(b"cd").for_each(|(slot, byte)| _ = slot.write(*byte));
    // SAFETY: four bytes are written, of 16 that are there.
    unsafe { buf.set_len(4) };
    assert_eq!(buf, b"abcd");
    assert_eq!(buf.pop(), Some(b'd'));
    assert_eq!(buf, b"abc");
}

/// Says `hint`, gives `bytes`.
struct Liar<'a> {
    hint: (usize, Option<usize>),
    bytes: std::slice::Iter<'a, u8>,
}

impl Iterator for Liar<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hint
    }
}

#[test]
fn a_lying_size_hint_is_not_believed() {
    let heap = CountingHeap::new();
    let content = [7; 300];
    for hint in [(0, Some(0)), (5000, None), (300, Some(1)), (0, None), (1, Some(usize::MAX))] {
        let mut buf = buf_of(b"x", &heap);
        buf.extend(Liar { hint, bytes: content.iter() });
        assert_eq!((buf[0], &buf[1..]), (b'x', &content[..]));
    }
    let mut buf = buf_of(b"x", &heap);
    let text = panic_text(|| buf.extend(Liar { hint: (usize::MAX, None), bytes: content.iter() }));
    assert!(text.contains(&MAX.to_string()), "{text}");
    assert_eq!(buf, b"x");
    drop(buf);
    heap.settle();
    // Room that a heap has not got is no matter until a byte wants it.
    let small = Heap::<Linear<8>>::builder().bucket_bytes(1 << 10).on_exhausted(Exhausted::Refuse).build().unwrap();
    let mut buf = SmBuf::new_in(&small);
    buf.extend(Liar { hint: (1 << 30, None), bytes: content[..100].iter() });
    assert_eq!(buf, content[..100]);
    let text = panic_text(|| buf.extend(Liar { hint: (0, None), bytes: content.iter() }));
    assert!(text.contains("128"), "{text}");
    assert_eq!(buf, [7; 128]);
}

#[test]
fn panic_in_an_iterator_keeps_what_came_before() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"x", &heap);
    let bytes = (0..200u8).map(|i| if i < 150 { i } else { panic!("no more") });
    assert_eq!(panic_text(|| buf.extend(bytes)), "no more");
    assert!(buf.len() == 151 && buf[1..].iter().zip(0u8..).all(|(byte, i)| *byte == i));
    drop(buf);
    assert_eq!(panic_text(|| drop((0..9).map(|_| -> u8 { panic!("at once") }).collect::<SmBuf>())), "at once");
    heap.settle();
}

#[test]
fn reading_takes_from_the_front_and_moves_nothing() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"headbody", &heap);
    let address = buf.as_ptr();
    let mut head = [0; 4];
    buf.read_exact(&mut head).unwrap();
    assert_eq!((&head, &buf[..], buf.as_ptr(), buf.capacity()), (b"head", &b"body"[..], address.wrapping_add(4), 12));
    buf.extend_from_slice(b" and more of it than there is room");
    assert_eq!(buf, b"body and more of it than there is room");
    let mut rest = Vec::new();
    assert_eq!(buf.read_to_end(&mut rest).unwrap(), 38);
    assert_eq!((&rest[..4], buf.len()), (&b"body"[..], 0));
    assert!(buf.read_exact(&mut head).is_err());
    drop(buf);
    heap.settle();
}

#[test]
fn an_emptied_buffer_has_its_whole_block_again() {
    let heap = CountingHeap::new();
    for empty in [|buf: &mut SmBuf<_>| buf.consume(30), |buf: &mut SmBuf<_>| buf.clear()] {
        let mut buf = buf_of(&[1; 32], &heap);
        buf.consume(2);
        assert_eq!(buf.capacity(), 30);
        empty(&mut buf);
        assert_eq!((buf.len(), buf.capacity()), (0, 32));
    }
    heap.settle();
}

#[test]
fn consuming_more_than_there_is_panics_and_changes_nothing() {
    let mut buf = SmBuf::from(b"abc");
    assert_eq!(panic_text(|| buf.consume(4)), "cannot advance by 4 bytes: the buffer has 3");
    assert_eq!(
        panic_text(|| buf.consume(usize::MAX)),
        format!("cannot advance by {} bytes: the buffer has 3", usize::MAX)
    );
    assert_eq!(buf, b"abc");
}

#[test]
fn lines_are_read_one_by_one() {
    let buf = SmBuf::from("one\ntwo\n\nfour");
    assert_eq!(buf.lines().map(Result::unwrap).collect::<Vec<_>>(), ["one", "two", "", "four"]);
}

#[test]
fn writing_appends() {
    let mut buf = SmBuf::from(b"1:");
    assert_eq!(buf.write(b"ab").unwrap(), 2);
    assert_eq!(buf.write_vectored(&[IoSlice::new(b"cd"), IoSlice::new(b""), IoSlice::new(b"e")]).unwrap(), 3);
    Write::write_fmt(&mut buf, format_args!("{:02}", 7)).unwrap();
    fmt_write(&mut buf);
    buf.flush().unwrap();
    assert_eq!(buf, b"1:abcde07!");

    fn fmt_write(buf: &mut SmBuf) {
        std::fmt::Write::write_char(buf, '!').unwrap();
    }
}

// --- what a buffer is to others ---

#[test]
fn a_clone_shares_nothing() {
    let heap = CountingHeap::new();
    let mut first = buf_of(b"abc", &heap);
    first.reserve(500);
    first.consume(1);
    let mut second = first.clone();
    second[0] = b'X';
    assert_eq!((&first[..], &second[..], second.capacity(), heap.live()), (&b"bc"[..], &b"Xc"[..], 16, 2));
    let asked = heap.asked();
    first.clone_from(&second);
    assert_eq!((&first[..], heap.asked()), (&b"Xc"[..], asked));
    drop((first, second));
    heap.settle();
}

#[test]
fn a_refused_clone_leaks_nothing() {
    let heap = CountingHeap::new();
    let buf = buf_of(b"abc", &heap);
    heap.refuse_after(0);
    assert!(panic_text(|| drop(buf.clone())).contains("exhausted"));
    assert_eq!((heap.live(), heap.references()), (1, 2));
    drop(buf);
    heap.settle();
}

#[test]
fn buffers_are_made_of_bytes_of_every_kind() {
    assert_eq!(SmBuf::from(&b"abc"[..]), "abc");
    assert_eq!(SmBuf::from(b"abc"), "abc");
    assert_eq!(SmBuf::from("abc"), "abc");
    assert_eq!(SmBuf::from(b"abc".to_vec()), "abc");
    assert_eq!(b"abc".iter().collect::<SmBuf>(), "abc");
    assert_eq!((b'a'..=b'c').collect::<SmBuf>(), "abc");
    assert_eq!(SmBuf::<Global>::default(), "");
    let mut buf = SmBuf::new();
    buf.extend(b"ab");
    buf.extend(vec![b'c']);
    assert_eq!(buf, "abc");
    (&mut buf).into_iter().for_each(|byte| *byte += 1);
    assert_eq!((&buf).into_iter().copied().collect::<Vec<_>>(), b"bcd");
    buf.as_mut()[0] = b'x';
    assert_eq!((&buf[1..], buf.as_ref().first()), (&b"cd"[..], Some(&b'x')));
}

#[test]
fn buffers_compare_by_content_with_bytes_of_every_kind() {
    /// Both ways round, as smaller, equal and larger.
    #[track_caller]
    fn compares<T>(buf: &SmBuf, smaller: &T, equal: &T, larger: &T)
    where
        T: ?Sized + PartialOrd<SmBuf>,
        SmBuf: PartialOrd<T>,
    {
        use std::cmp::Ordering::{Equal, Greater, Less};
        for (other, order) in [(smaller, Greater), (equal, Equal), (larger, Less)] {
            assert_eq!((buf.partial_cmp(other), other.partial_cmp(buf)), (Some(order), Some(order.reverse())));
            assert_eq!((buf == other, other == buf), (order == Equal, order == Equal));
        }
    }

    let buf = SmBuf::from(b"bcd");
    compares::<SmBuf>(&buf, &SmBuf::from(b"bc"), &SmBuf::from(b"bcd"), &SmBuf::from(b"ca"));
    compares::<[u8]>(&buf, b"bc", b"bcd", b"ca");
    compares::<&[u8]>(&buf, &&b"bc"[..], &&b"bcd"[..], &&b"ca"[..]);
    compares::<[u8; 3]>(&buf, b"abc", b"bcd", b"cab");
    compares::<&[u8; 3]>(&buf, &b"abc", &b"bcd", &b"cab");
    compares::<Vec<u8>>(&buf, &b"bc".to_vec(), &b"bcd".to_vec(), &b"ca".to_vec());
    compares::<str>(&buf, "bc", "bcd", "ca");
    compares::<&str>(&buf, &"bc", &"bcd", &"ca");
    compares::<String>(&buf, &"bc".into(), &"bcd".into(), &"ca".into());
    let elsewhere = buf_of(b"bce", &CountingHeap::new());
    assert!(buf < elsewhere && buf != elsewhere);
    assert_eq!([SmBuf::from("b"), SmBuf::from("c"), buf].into_iter().max().unwrap(), "c");
}

#[test]
fn appending_a_buffer_empties_it_and_leaves_it_its_block() {
    let heap = CountingHeap::new();
    let (mut buf, mut other) = (SmBuf::from(b"ab"), buf_of(b"cd", &heap));
    let capacity = other.capacity();
    buf.append(&mut other);
    assert_eq!((&buf[..], other.len(), other.capacity()), (&b"abcd"[..], 0, capacity));
    buf.append(&mut other);
    assert_eq!(buf, b"abcd");
    drop(other);
    heap.settle();
}

#[test]
fn bytes_are_taken_out_from_both_ends_and_the_block_goes_back() {
    let heap = CountingHeap::new();
    let mut bytes = buf_of(b"abcd", &heap).into_iter();
    assert_eq!((bytes.next(), bytes.next_back(), bytes.len()), (Some(b'a'), Some(b'd'), 2));
    let rest = buf_of(b"abcd", &heap).freeze().into_iter().rev().collect::<Vec<_>>();
    assert_eq!((rest, bytes.collect::<Vec<_>>()), (b"dcba".to_vec(), b"bc".to_vec()));
    heap.settle();
}

#[test]
fn what_lies_within_is_appended_also_into_a_new_block() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"0123456789abcdef", &heap);
    buf.extend_from_within(10..);
    buf.extend_from_within(..=1);
    buf.extend_from_within(3..3);
    assert_eq!(buf, b"0123456789abcdefabcdef01");
    for range in [(0, 25), (7, 6), (usize::MAX, usize::MAX)] {
        let text = panic_text(|| buf.extend_from_within(range.0..range.1));
        assert_eq!(text, format!("no slice from byte {} to {}: there are 24 bytes", range.0, range.1));
    }
    assert_eq!(buf.len(), 24);
    drop(buf);
    heap.settle();
}

#[test]
fn room_is_reclaimed_only_where_there_is_some_and_nothing_is_asked_of_the_heap() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(&[7; 64], &heap);
    let asked = heap.asked();
    assert!(buf.try_reclaim(0) && !buf.try_reclaim(1));
    buf.read_exact(&mut [0; 60]).unwrap();
    assert!(!buf.try_reclaim(61) && !buf.try_reclaim(usize::MAX));
    assert_eq!((buf.capacity(), buf.try_reclaim(60), buf.capacity(), &buf[..]), (4, true, 64, &[7; 4][..]));
    // A part gets the rest of the block when the other is gone, and not before.
    let front = buf.split_to(2);
    assert!(!buf.try_reclaim(62));
    drop(front);
    assert!(buf.try_reclaim(62));
    assert_eq!((heap.asked(), buf.capacity(), &buf[..]), (asked, 64, &[7; 2][..]));
    assert!(!SmBuf::new().try_reclaim(1) && SmBuf::new().try_reclaim(0));
    drop(buf);
    heap.settle();
}

#[test]
fn a_map_of_buffers_is_asked_with_a_slice() {
    let map = HashMap::from([(SmBuf::from("key"), 1)]);
    assert_eq!(map.get(&b"key"[..]), Some(&1));
    let state = RandomState::new();
    assert_eq!(state.hash_one(SmBuf::from("key")), state.hash_one(&b"key"[..]));
}

#[test]
fn debug_is_a_byte_string() {
    let text = format!("{:?}", SmBuf::from(b"GET \"\\\r\n\0\xff'"));
    assert_eq!(text, r#"b"GET \"\\\r\n\0\xff'""#);
    #[cfg(feature = "bytes")]
    for byte in 0..=255 {
        let ours = SmBuf::from(&[byte, b'0']);
        assert_eq!(format!("{ours:?}"), format!("{:?}", bytes::Bytes::copy_from_slice(&ours)));
    }
}

#[test]
fn bounds_are_those_of_the_heap() {
    fn crosses<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe + 'static>() {}
    crosses::<SmBuf>();
    let heap = CountingHeap::new();
    let buf = buf_of(b"abc", &heap);
    std::thread::spawn(move || drop(buf)).join().unwrap();
    heap.settle();
}

#[cfg(feature = "bytes")]
mod with_bytes {
    use super::*;
    use bytes::{Buf, BufMut, Bytes, BytesMut};

    #[test]
    fn buffers_and_bytes_compare_with_those_of_the_bytes_crate() {
        let (buf, bytes) = (SmBuf::from(b"bcd"), smarena::SmBytes::from(b"bcd"));
        for (text, equal, less) in [("bc", false, false), ("bcd", true, false), ("ca", false, true)] {
            let (theirs, mutable) = (Bytes::from(text), BytesMut::from(text));
            assert_eq!([buf == theirs, theirs == buf, buf == mutable, mutable == buf], [equal; 4]);
            assert_eq!([bytes == theirs, theirs == bytes, bytes == mutable, mutable == bytes], [equal; 4]);
            assert_eq!([buf < theirs, theirs > buf, bytes < mutable, mutable > bytes], [less; 4]);
        }
    }

    #[test]
    fn a_buffer_goes_to_the_bytes_crate_uncopied() {
        let buf = SmBuf::from(b"payload");
        let address = buf.as_ptr();
        let theirs = Bytes::from(buf);
        assert_eq!((&theirs[..], theirs.as_ptr()), (&b"payload"[..], address));
    }

    #[test]
    fn numbers_go_in_and_come_out() {
        let mut buf = SmBuf::new();
        buf.put_u8(1);
        buf.put_u32(0xDEAD_BEEF);
        buf.put_f64_le(1.5);
        buf.put_bytes(9, 3);
        buf.put(&b"tail"[..]);
        assert_eq!((buf.get_u8(), buf.get_u32(), buf.get_f64_le()), (1, 0xDEAD_BEEF, 1.5));
        assert_eq!((buf.remaining(), buf.chunk()), (7, &b"\x09\x09\x09tail"[..]));
        let tail = buf.copy_to_bytes(7);
        assert_eq!((&tail[3..], buf.has_remaining()), (&b"tail"[..], false));
    }

    #[test]
    fn a_chunk_is_the_room_there_is_and_never_none() {
        let heap = CountingHeap::new();
        let mut buf = SmBuf::new_in(heap.clone());
        assert_eq!((buf.remaining_mut(), buf.chunk_mut().len()), (MAX, 64));
        buf.chunk_mut()[..3].copy_from_slice(b"abc");
        // SAFETY: written in the line above.
        unsafe { buf.advance_mut(3) };
        assert_eq!((buf.len(), buf.chunk_mut().len(), buf.remaining_mut()), (3, 61, MAX - 3));
        buf.resize(64, 0);
        assert!(buf.chunk_mut().len() >= 64 && heap.asked() == 2);
        assert_eq!(buf.len(), 64);
        drop(buf);
        heap.settle();
    }

    #[test]
    fn advancing_beyond_the_room_or_the_content_panics() {
        let mut buf = SmBuf::with_capacity(16);
        // SAFETY: never returns, as is checked here.
        let text = panic_text(|| unsafe { buf.advance_mut(17) });
        assert_eq!(text, "cannot advance by 17 bytes: there is room for 16");
        assert_eq!(panic_text(|| buf.advance(1)), "cannot advance by 1 bytes: the buffer has 0");
        buf.put_u8(7);
        assert!(panic_text(|| buf.put_bytes(0, usize::MAX)).contains(&MAX.to_string()));
        assert_eq!((&buf[..], buf.capacity()), (&[7][..], 16));
    }

    /// A `Buf` that gives `chunks`, then panics; whatever `remaining` says.
    struct Hostile {
        remaining: usize,
        chunks: Vec<&'static [u8]>,
    }

    impl Buf for Hostile {
        fn remaining(&self) -> usize {
            self.remaining
        }

        fn chunk(&self) -> &[u8] {
            self.chunks.last().expect("nothing was left")
        }

        fn advance(&mut self, count: usize) {
            assert_eq!(self.chunks.pop().map(<[u8]>::len), Some(count));
            self.remaining = self.remaining.saturating_sub(count);
        }
    }

    #[test]
    fn a_lying_or_panicking_buf_breaks_nothing() {
        let heap = CountingHeap::new();
        let mut buf = buf_of(b"x", &heap);
        // Says more than it has: what it has is there.
        let text = panic_text(|| buf.put(Hostile { remaining: usize::MAX, chunks: vec![b"cd", b"ab"] }));
        assert_eq!((&text[..], &buf[..]), ("nothing was left", &b"xabcd"[..]));
        // Says less than its chunk has: the chunk is copied as it is.
        buf.put(Hostile { remaining: 1, chunks: vec![b"never", &[7; 500]] });
        assert_eq!((buf.len(), buf[504]), (505, 7));
        buf.put(Hostile { remaining: 0, chunks: vec![] });
        assert_eq!(buf.len(), 505);
        drop(buf);
        heap.settle();
    }
}

// --- what a block is used for again ---

#[test]
fn the_rest_of_a_block_is_used_again_when_its_other_owners_are_gone() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.extend_from_slice(b"0123456789");
    drop(buf.split_off(20));
    let (asked, start) = (heap.asked(), buf.as_ptr());
    buf.reserve(40);
    assert!(buf.capacity() >= 50);
    assert_eq!((heap.asked(), buf.as_ptr(), &buf[..]), (asked, start, &b"0123456789"[..]));
    // In front as well.
    drop(buf.split_to(4));
    buf.prepend(b"abcd");
    assert_eq!((heap.asked(), buf.as_ptr(), &buf[..]), (asked, start, &b"abcd456789"[..]));
    drop(buf);
    heap.settle();
}

#[test]
fn a_part_grows_into_a_block_like_the_whole_one_or_one_that_just_holds_it() {
    let heap = CountingHeap::new();
    for (largest, capacity) in [(4096, 1024), (512, 128)] {
        heap.refuse_above(4096);
        let mut buf = SmBuf::with_capacity_in(1024, heap.clone());
        buf.extend_from_slice(&[7; 100]);
        let rear = buf.split_off(100);
        heap.refuse_above(largest);
        buf.reserve(20);
        assert_eq!((buf.capacity(), &buf[..]), (capacity, &[7; 100][..]));
        drop((buf, rear));
    }
    heap.settle();
}

#[test]
fn room_in_front_is_made_without_a_new_block_where_there_is_half_of_one() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.reserve_front(64);
    assert_eq!((buf.headroom(), heap.asked()), (64, 1));
    buf.prepend(b"0123456789");
    drop(buf);

    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.extend_from_slice(b"0123456789");
    buf.prepend(b"abcdefghij");
    assert_eq!((&buf[..], heap.asked()), (&b"abcdefghij0123456789"[..], 2));
    // What room there is behind stays.
    let behind = buf.capacity() - buf.len();
    buf.prepend(&[7; 60]);
    assert_eq!((buf.capacity() - buf.len(), heap.asked()), (behind, 3));
    drop(buf);
    heap.settle();
}

#[test]
fn room_in_front_is_made_in_the_block_where_the_heap_has_no_other() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.extend_from_slice(&[7; 40]);
    heap.refuse_after(0);
    for byte in 0..24 {
        buf.prepend(&[byte]);
    }
    assert!(buf.try_reserve_front(1).is_err() && buf.try_reserve(1).is_err());
    assert!(buf[..24].iter().rev().copied().eq(0..24) && buf[24..] == [7; 40]);
    heap.refuse_nothing();
    drop(buf);
    heap.settle();
}

#[test]
fn a_buffer_that_was_split_at_its_end_has_its_block_again_when_the_part_is_gone() {
    let heap = CountingHeap::new();
    let new = || {
        let mut buf = SmBuf::with_headroom_in(40, 8, heap.clone());
        buf.resize(buf.capacity(), 7);
        buf
    };
    type Split = fn(&mut SmBuf<CountingHeap>) -> SmBuf<CountingHeap>;
    let splits: [Split; 5] = [
        |buf| buf.split(),
        |buf| buf.split_to(buf.len()),
        |buf| buf.split_off(0),
        |buf| {
            let all = buf.split_off(buf.len());
            std::mem::replace(buf, all)
        },
        |buf| {
            let nothing = buf.split_to(0);
            std::mem::replace(buf, nothing)
        },
    ];
    for (number, split) in splits.into_iter().enumerate() {
        let mut buf = new();
        let asked = heap.asked();
        let part = split(&mut buf);
        assert_eq!((part.len(), buf.len(), buf.capacity()), (40, 0, 0));
        assert!(!buf.try_reclaim(1));
        drop(part);
        assert!(buf.try_reclaim(48), "{number}");
        assert_eq!((buf.capacity(), heap.asked()), (48, asked));
        // While the part is kept, the next block is as large.
        let mut buf = new();
        let part = split(&mut buf);
        buf.reserve(1);
        assert_eq!((buf.capacity(), heap.asked(), part), (48, asked + 2, buf_of(&[7; 40], &heap)));
    }
    heap.settle();
}

#[test]
fn empty_parts_are_where_they_were_split() {
    let heap = CountingHeap::new();
    let mut buf = buf_of(b"0123456789", &heap);
    let place = buf.as_ptr().addr();
    let parts = [buf.split_to(0), buf.split_off(10), buf.split_off(16 - 6)];
    assert_eq!(parts.map(|part| (part.as_ptr().addr() - place, part.len())), [(0, 0), (10, 0), (10, 0)]);
    let all = SmBuf::split(&mut buf);
    assert_eq!((buf.as_ptr().addr() - place, all.as_ptr().addr() - place), (10, 0));
    assert_eq!(buf.freeze().as_ptr().addr() - place, 10);
    drop(all);
    heap.settle();
}

/// A part of one byte is kept for every kibibyte that is appended. What moves is counted by the blocks: each holds at least twice what moved there.
#[test]
fn appending_is_linear_while_parts_are_kept() {
    let heap = CountingHeap::new();
    let (mut buf, mut kept) = (SmBuf::new_in(heap.clone()), Vec::new());
    for _ in 0..2000 {
        buf.extend_from_slice(&[7; 1024]);
        kept.push(buf.split_to(1));
    }
    assert_eq!(buf.len(), 2000 * 1023);
    assert!(heap.asked() < 24, "{} blocks for 2 MiB", heap.asked());
    drop((buf, kept));
    heap.settle();
}

#[test]
fn uniting_keeps_the_alignment_that_was_asked_for() {
    let heap = CountingHeap::new();
    for content in [&b""[..], b"a"] {
        let mut aligned = SmBuf::with_alignment_in(0, 512, heap.clone());
        aligned.extend_from_slice(content);
        aligned.unsplit(buf_of(b"bcd", &heap));
        assert_eq!(
            (&aligned[content.len()..], aligned.alignment(), aligned.as_ptr().addr() % 512),
            (&b"bcd"[..], 512, 0)
        );
    }
    // Of two that ask for no more, an empty one takes the other's block.
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    let rear = buf_of(b"bcd", &heap);
    let address = rear.as_ptr();
    buf.unsplit(rear);
    assert_eq!((&buf[..], buf.as_ptr()), (&b"bcd"[..], address));
    drop(buf);
    heap.settle();
}

#[test]
fn parts_of_two_blocks_are_no_neighbours() {
    let heap = CountingHeap::new();
    let split = |fill| {
        let mut front = buf_of(&[fill; 32], &heap);
        let rear = front.split_off(16);
        (front, rear)
    };
    let ((mut front, of_first), (of_second, rear)) = (split(1), split(2));
    front.unsplit(rear);
    assert_eq!((&front[..16], &front[16..]), (&[1; 16][..], &[2; 16][..]));
    assert_eq!((&of_first[..], &of_second[..]), (&[1; 16][..], &[2; 16][..]));
    drop((front, of_first, of_second));
    heap.settle();
}
