#!/usr/bin/env bash
# datasize 0.2.15: a BinaryHeap with room for a million entries and one of them in it is estimated at 8 bytes, of 8 million; Vec, VecDeque, HashMap and HashSet are right.
#
# A guess: a BinaryHeap is a Vec in another order and has the same `capacity`, so it counts as one, with what is reserved, as all of the standard library's other
# collections with a capacity do here.
# Seen: of these five it alone counts its length. Filled it is right, so nothing shows until it has been emptied. get-size2 0.11.1 and mem_dbg 0.4.4 count the capacity.
# Why it matters here: heaps are the queues of timers and of schedulers, which grow once and then are nearly empty for ever; what they keep is what such an estimate is asked for.
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
datasize = "=0.2.15"
get-size2 = "=0.11.1"
mem_dbg = "=0.4.4"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use datasize::DataSize;
use get_size2::GetSize;
use mem_dbg::{MemSize, SizeFlags};

const MANY: usize = 1_000_000;
static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What was made, and the KiB that it took.
fn taken<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = IN_USE.load(Relaxed);
    let value = make();
    (value, (IN_USE.load(Relaxed) - before) >> 10)
}

fn main() {
    macro_rules! show {
        ($name:expr, $make:expr) => {{
            let (value, real) = taken(|| $make);
            println!("{}: {real} KiB, datasize {}", $name, value.estimate_heap_size() >> 10);
            value
        }};
    }
    show!("Vec", { let mut v = Vec::with_capacity(MANY); v.push(1_u64); v });
    show!("VecDeque", { let mut v = VecDeque::with_capacity(MANY); v.push_back(1_u64); v });
    show!("HashMap", { let mut v = HashMap::with_capacity(MANY); v.insert(1_u64, 1_u64); v });
    show!("HashSet", { let mut v = HashSet::with_capacity(MANY); v.insert(1_u64); v });
    show!("BinaryHeap, full", (0..MANY as u64).collect::<BinaryHeap<_>>());
    let heap = show!("BinaryHeap", { let mut v = BinaryHeap::with_capacity(MANY); v.push(1_u64); v });
    let all = heap.mem_size(SizeFlags::CAPACITY) - size_of_val(&heap);
    println!("in bytes: datasize {}, get-size2 {}, mem_dbg {all}", heap.estimate_heap_size(), heap.get_heap_size());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
Vec: 7812 KiB, datasize 7812
VecDeque: 7812 KiB, datasize 7812
HashMap: 34816 KiB, datasize 34816
HashSet: 18432 KiB, datasize 18432
BinaryHeap, full: 7812 KiB, datasize 7812
BinaryHeap: 7812 KiB, datasize 0
in bytes: datasize 8, get-size2 8000000, mem_dbg 8000000
END
cmp -s wanted seen || { echo "changed"; exit 1; }
