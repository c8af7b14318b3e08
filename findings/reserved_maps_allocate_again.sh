#!/usr/bin/env bash
# Rust 1.95's HashMap, hashbrown 0.17 and indexmap 2.14: a map made for 448 entries that never has more than 300 allocates a second table, twice as large.
#
# A guess: `with_capacity` reserves, "without reallocating" in its own words, and a map that stays at two thirds of it, one entry going for each that comes, never
# asks for memory again.
# Seen: an entry that is removed from among many others leaves a mark that takes room until the table is made anew. When the marks have used up what was
# reserved, it is made anew in its place only if no more than half of it is live; otherwise with twice the room. With 200 entries nothing is allocated in a million
# replacements, with 300 once. A map of 448 from which all were removed says that it has room for fewer than 224.
# Why it matters here: tables of connections and of handles have a bound, are reserved at the start, and change without end; a heap with a bound
# sees a table of twice the size long after, while the old one is still there. Twice as much reserved, for good, is what it takes.
# Needs rustup.
set -euo pipefail
version=1.95.0
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
hashbrown = "=0.17.2"
indexmap = "=2.14.2"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const CAPACITY: usize = 448;
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Replaces entries one at a time, a million times, and says how often that allocated.
macro_rules! show {
    ($map:ty, $remove:ident, $live:literal) => {
        let mut map = <$map>::with_capacity(CAPACITY);
        assert_eq!(map.capacity(), CAPACITY);
        let mut keys: Vec<u64> = (0..$live).collect();
        map.extend(keys.iter().map(|&key| (key, key)));
        let before = ALLOCATIONS.load(Relaxed);
        for new in $live..1_000_000_u64 {
            // Any order without a pattern.
            let place = (new.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as usize % keys.len();
            let old = std::mem::replace(&mut keys[place], new);
            map.$remove(&old);
            map.insert(new, new);
            assert!(map.len() < CAPACITY);
        }
        println!("{}, {} entries: {}", stringify!($map), $live, ALLOCATIONS.load(Relaxed) - before);
    };
}

fn main() {
    type Std = std::collections::HashMap<u64, u64>;
    type Hashbrown = hashbrown::HashMap<u64, u64>;
    type Indexmap = indexmap::IndexMap<u64, u64>;
    show!(Std, remove, 200);
    show!(Std, remove, 300);
    show!(Hashbrown, remove, 200);
    show!(Hashbrown, remove, 300);
    show!(Indexmap, swap_remove, 200);
    show!(Indexmap, swap_remove, 300);
    let mut map = Std::with_capacity(CAPACITY);
    map.extend((0..CAPACITY as u64).map(|key| (key, key)));
    (0..CAPACITY as u64).for_each(|key| drop(map.remove(&key)));
    println!("emptied: {} entries, room for {}", map.len(), if map.capacity() < CAPACITY / 2 { "less than half" } else { "half or more" });
}
R
cargo "+$version" -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "Std, 200 entries: 0" "Std, 300 entries: 1" "Hashbrown, 200 entries: 0" "Hashbrown, 300 entries: 1" "Indexmap, 200 entries: 0" "Indexmap, 300 entries: 1" \
    "emptied: 0 entries, room for less than half" | cmp -s - seen || { echo "changed"; exit 1; }
