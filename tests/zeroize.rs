//! Secrets are overwritten wherever their owner may still write.

#![expect(unsafe_code, reason = "looks at spare room that was written")]

mod common;

use common::{CountingHeap, POISON};
use smarena::{BufPool, SmBox, SmBuf};
use std::io::Read;
use zeroize::Zeroize;

#[test]
fn all_of_a_buffers_block_is_overwritten() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.extend_from_slice(&[POISON; 64]);
    buf.truncate(40);
    buf.read_exact(&mut [0; 10]).unwrap();
    buf.zeroize();
    assert_eq!((buf.len(), buf.capacity()), (0, 64));
    // SAFETY: all 64 bytes were written above, and zeroed since.
    unsafe { buf.set_len(64) };
    assert_eq!(buf, [0; 64]);
    drop(buf);
    heap.settle();
}

#[test]
fn a_part_of_a_split_buffer_leaves_the_other_alone() {
    let heap = CountingHeap::new();
    let mut front = SmBuf::copy_from_slice_in(b"secretpublic", heap.clone());
    let rear = front.split_off(6);
    front.zeroize();
    assert_eq!((front.len(), &rear[..]), (0, &b"public"[..]));
    drop(front);
    drop(rear);
    heap.settle();
}

#[test]
fn boxes_and_leases_are_overwritten_where_they_are() {
    let mut key = SmBox::new([7_u8; 32]);
    key.zeroize();
    assert_eq!(*key, [0; 32]);
    let mut lease = BufPool::builder().buf_size(16).build().unwrap().try_acquire().unwrap();
    lease.resize(16, 7);
    let (address, capacity) = (lease.as_ptr(), lease.capacity());
    lease.zeroize();
    assert_eq!((lease.as_ptr(), lease.len(), lease.capacity()), (address, 0, capacity));
}
