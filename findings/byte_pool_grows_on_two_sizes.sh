#!/usr/bin/env bash
# byte-pool 0.2.4: buffers of two sizes, one at a time, in no order: after 100000 of them the pool holds 50 thousand.
#
# A guess: a buffer that came back serves the next request of its size, so the pool holds as many of each size as were ever in use at a time, here one; it is there "for
# efficient memory usage".
# Seen: a request looks at one free buffer, the one that came back longest ago (there are two queues, below and from 4096 bytes). Is it of another size it goes to the end of
# the queue, a new buffer is made, and both stay. So every second request of two sizes in no order makes one, for ever, and with ten sizes nine of ten. With one size, or
# with two by turns, it is as guessed. Nothing is freed before the pool is.
# Why it matters here: sizes of messages are in no order, and a program holds one at a time; what is to save allocations makes nearly as many as there are requests, and keeps them.
# 64 bits.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
byte-pool = "=0.2.4"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use byte_pool::BytePool;

/// Blocks of the sizes below, and no others.
static BUFFERS: AtomicUsize = AtomicUsize::new(0);

fn is_buffer(layout: Layout) -> bool {
    layout.align() == 1 && (1000..1010).contains(&layout.size())
}

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BUFFERS.fetch_add(is_buffer(layout) as usize, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BUFFERS.fetch_sub(is_buffer(layout) as usize, Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn show(name: &str, mut size: impl FnMut(usize) -> usize) {
    let pool = BytePool::<Vec<u8>>::new();
    for n in 0..100_000 {
        drop(pool.alloc(size(n)));
    }
    let held = BUFFERS.load(Relaxed);
    println!("{name}: {}", if held < 100 { format!("{held} held") } else { format!("{} thousand held", (held + 500) / 1000) });
    drop(pool);
    assert_eq!(BUFFERS.load(Relaxed), 0);
}

fn main() {
    // xorshift
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % below
    };
    show("one size", |_| 1000);
    show("two by turns", |n| 1000 + n % 2);
    show("two in no order", |_| 1000 + random(2));
    show("ten in no order", |_| 1000 + random(10));
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "one size: 1 held" "two by turns: 2 held" "two in no order: 50 thousand held" "ten in no order: 90 thousand held" | cmp -s - seen || { echo "changed"; exit 1; }
