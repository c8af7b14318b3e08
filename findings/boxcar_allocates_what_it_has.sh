#!/usr/bin/env bash
# boxcar 0.2.14: a Vec made for 900000 entries allocates fourteen times on the way there, each bucket that it has a second time, and frees it at once.
#
# A guess: nothing is allocated between `with_capacity` and the last entry that it was made for, as its documentation promises in words and in an example.
# Seen: its buckets double, and near the end of each the next is made in advance, so that it is there in time. Whether it is there already is found out after it was
# allocated and zeroed: then it is freed. So each bucket is asked for twice, the largest, of half a million entries, too. What `reserve` made is treated alike; a Vec made
# without a capacity asks for the same buckets once.
# Why it matters here: such a Vec is made in advance so that threads never wait for the allocator, or are never refused; and its highest memory is half as much again as what it keeps.
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
boxcar = "=0.2.14"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static ASKED: AtomicUsize = AtomicUsize::new(0);
static IN_USE: AtomicUsize = AtomicUsize::new(0);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

// What is zeroed comes through `alloc`, too.
struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        HIGHEST.fetch_max(IN_USE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn show(name: &str, entries: usize, make: impl FnOnce() -> boxcar::Vec<u64>) {
    let base = IN_USE.load(Relaxed);
    let vec = make();
    let asked = ASKED.load(Relaxed);
    HIGHEST.store(IN_USE.load(Relaxed), Relaxed);
    for n in 0..entries {
        vec.push(n as u64);
    }
    let asked = ASKED.load(Relaxed) - asked;
    let [kept, highest] = [&IN_USE, &HIGHEST].map(|bytes| (bytes.load(Relaxed) - base) >> 10);
    println!("{name}: {asked} requests for {entries} entries, {kept} KiB kept, {highest} at the highest");
}

fn main() {
    for entries in [10, 900, 900_000] {
        show("made for them", entries, || boxcar::Vec::with_capacity(entries));
        show("reserved", entries, || {
            let vec = boxcar::Vec::new();
            vec.reserve(entries);
            vec
        });
        show("new", entries, boxcar::Vec::new);
    }
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
made for them: 0 requests for 10 entries, 0 KiB kept, 0 at the highest
reserved: 0 requests for 10 entries, 0 KiB kept, 0 at the highest
new: 1 requests for 10 entries, 0 KiB kept, 0 at the highest
made for them: 4 requests for 900 entries, 15 KiB kept, 23 at the highest
reserved: 4 requests for 900 entries, 15 KiB kept, 23 at the highest
new: 5 requests for 900 entries, 15 KiB kept, 15 at the highest
made for them: 14 requests for 900000 entries, 16383 KiB kept, 24575 at the highest
reserved: 14 requests for 900000 entries, 16383 KiB kept, 24575 at the highest
new: 15 requests for 900000 entries, 16383 KiB kept, 16383 at the highest
END
cmp -s wanted seen || { echo "changed"; exit 1; }
