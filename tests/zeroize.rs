//! Secrets are overwritten wherever their owner may still write: byte by byte of the whole block, as the heap sees it.

#![expect(unsafe_code, reason = "looks at blocks as their heap does")]

mod common;

use std::io::Read;

use common::{CountingHeap, POISON};
use smarena::{BufPool, SmBox, SmBuf, SmBytes, SmChain};
use zeroize::{Zeroize, Zeroizing};

const SECRET: &[u8] = &[b's'; 64];

type Buf = SmBuf<CountingHeap>;
type Way = fn(Buf) -> Buf;

/// A buffer that fills its block with secrets, and where the block is.
fn secret(heap: &CountingHeap) -> (Buf, *const u8) {
    let buf = SmBuf::copy_from_slice_in(SECRET, heap.clone());
    let block = buf.as_ptr();
    assert_eq!(buf.capacity(), SECRET.len());
    (buf, block)
}

/// How many bytes of the block, which is live, are not overwritten.
fn left(heap: &CountingHeap, block: *const u8) -> usize {
    assert_eq!(heap.block_around(block), Some(block.addr()), "the block is gone");
    // SAFETY: a live block of so many bytes, all of which were written.
    let bytes = unsafe { std::slice::from_raw_parts(block, SECRET.len()) };
    bytes.iter().filter(|byte| **byte != 0).count()
}

#[test]
fn all_of_a_buffers_block_is_overwritten_whatever_was_done_with_it() {
    let ways: [(&str, Way); 12] = [
        ("nothing", |buf| buf),
        ("truncated", |mut buf| {
            buf.truncate(10);
            buf
        }),
        ("cleared", |mut buf| {
            buf.clear();
            buf
        }),
        ("read", |mut buf| {
            buf.read_exact(&mut [0; 10]).unwrap();
            buf
        }),
        ("read to the end", |mut buf| {
            buf.read_exact(&mut [0; 64]).unwrap();
            buf
        }),
        ("the front split off and dropped", |mut buf| {
            drop(buf.split_to(10));
            buf
        }),
        ("the rear split off and dropped", |mut buf| {
            drop(buf.split_off(10));
            buf
        }),
        ("the front is left, read", |mut buf| {
            let mut front = buf.split_to(40);
            drop(buf);
            front.read_exact(&mut [0; 10]).unwrap();
            front
        }),
        ("the middle is left, read and cut", |mut buf| {
            let mut middle = buf.split_to(40).split_off(10);
            drop(buf);
            middle.read_exact(&mut [0; 10]).unwrap();
            middle.truncate(3);
            middle
        }),
        ("a part read, then the others dropped", |mut buf| {
            let front = buf.split_to(10);
            buf.read_exact(&mut [0; 54]).unwrap();
            drop(front);
            buf
        }),
        ("frozen and back", |buf| {
            let mut bytes = buf.freeze();
            drop(bytes.split_to(20));
            bytes.try_into_mut().unwrap()
        }),
        ("a part united with its neighbour", |mut buf| {
            let rear = buf.split_off(10);
            buf.unsplit(rear);
            buf.truncate(5);
            buf
        }),
    ];
    for (way, done) in ways {
        let heap = CountingHeap::new();
        let (buf, block) = secret(&heap);
        let mut buf = done(buf);
        buf.zeroize();
        assert_eq!((left(&heap, block), buf.len(), buf.capacity()), (0, 0, SECRET.len()), "{way}");
        drop(buf);
        heap.settle();
    }
}

/// Room that was never written, too: it may be the heap's last owner's.
#[test]
fn spare_room_is_overwritten() {
    let mut buf = SmBuf::with_capacity_in(64, CountingHeap::new());
    buf.zeroize();
    // SAFETY: all 64 bytes were just zeroed.
    unsafe { buf.set_len(64) };
    assert!(POISON != 0 && buf == [0; 64]);
}

#[test]
fn a_part_of_a_split_buffer_leaves_the_other_alone() {
    let heap = CountingHeap::new();
    let (mut front, block) = secret(&heap);
    let rear = front.split_off(6);
    front.zeroize();
    assert_eq!((left(&heap, block), front.len(), &rear[..]), (58, 0, &SECRET[6..]));
    front.extend_from_slice(b"elsewhere");
    assert_eq!((&front[..], &rear[..]), (&b"elsewhere"[..], &SECRET[6..]));
    drop((front, rear));
    heap.settle();
}

#[test]
fn the_last_of_a_blocks_owners_overwrites_what_the_others_could_not() {
    let heap = CountingHeap::new();
    let (mut rear, block) = secret(&heap);
    let mut front = rear.split_to(20);
    // Nobody's: read by a part, beside others.
    rear.read_exact(&mut [0; 10]).unwrap();
    rear.zeroize();
    assert_eq!(left(&heap, block), 30);
    front.zeroize();
    assert_eq!(left(&heap, block), 0);
    drop((front, rear));
    heap.settle();
}

#[test]
fn shared_bytes_are_overwritten_by_their_last_owner() {
    let heap = CountingHeap::new();
    let (mut buf, block) = secret(&heap);
    let mut bytes = buf.split_to(50).freeze();
    let mut clone = bytes.slice(7..9);
    bytes.zeroize();
    assert_eq!((left(&heap, block), bytes.len(), &clone[..]), (64, 0, &b"ss"[..]));
    buf.zeroize();
    assert_eq!((left(&heap, block), &clone[..]), (50, &b"ss"[..]));
    clone.zeroize();
    assert_eq!(heap.came_back(), [0; 64]);
    heap.settle();
    SmBytes::from_static(SECRET).zeroize();
    SmBytes::new().zeroize();
}

/// The other owner goes between two steps of this one, as if on another thread. One of them must know that it was the last.
#[test]
fn owners_that_go_at_once_leave_nothing() {
    for step in 1..6 {
        for shared in [false, true] {
            let heap = CountingHeap::new();
            let (mut rear, _) = secret(&heap);
            let mut front = rear.split_to(20);
            rear.read_exact(&mut [0; 10]).unwrap();
            heap.at_look_up(step, move || drop(Zeroizing::new(rear)));
            if shared {
                drop(Zeroizing::new(front.freeze()));
            } else {
                front.zeroize();
                drop(front);
            }
            heap.at_last();
            assert_eq!(heap.came_back(), [0; 64], "at look-up {step}");
            heap.settle();
        }
    }
}

#[test]
fn boxes_leases_and_chains_are_overwritten_where_they_are() {
    let mut key = SmBox::new([7_u8; 32]);
    key.zeroize();
    assert_eq!(*key, [0; 32]);
    let pool = BufPool::builder().buf_size(16).build().unwrap();
    let mut lease = pool.try_acquire().unwrap();
    lease.resize(16, 7);
    let (address, capacity) = (lease.as_ptr(), lease.capacity());
    lease.zeroize();
    assert_eq!((lease.as_ptr(), lease.len(), lease.capacity()), (address, 0, capacity));
    // SAFETY: zeroed, as far as it goes.
    unsafe { lease.set_len(capacity) };
    assert!(lease.iter().all(|byte| *byte == 0));
    // With a part kept, the block is that part's alone from here on.
    let part = lease.split_to(4);
    lease.zeroize();
    assert_eq!((lease.room(), pool.in_flight()), (0, 1));
    drop(part);
    assert_eq!((lease.try_extend_from_slice(b"x").is_err(), pool.in_flight()), (true, 0));

    let heap = CountingHeap::new();
    let (buf, _) = secret(&heap);
    let bytes = buf.freeze();
    let mut chain =
        SmChain::from_iter([bytes.slice(..10), bytes.slice(5..), SmBytes::from_static_in(b"static", heap.clone())]);
    drop(bytes);
    chain.zeroize();
    assert!(chain.is_empty());
    assert_eq!(heap.came_back(), [0; 64]);
    heap.settle();
}
