#!/usr/bin/env bash
# smartstring 1.0.1 asks its allocator at every character that is pushed, and hipstr 0.8.0 gives up its capacity when it is cleared; three others do as String does.
#
# A guess: each is a String that keeps short texts in itself: it grows by doubling, so that 100000 characters take some twenty requests, and cleared it keeps its
# capacity for the next text.
# Seen: a SmartString on the heap calls realloc for each character, with the size that it has, 99977 times for 100000. A HipStr that is cleared gives its memory back
# and begins anew, twice in each round. compact_str 0.9.1, lean_string 0.6.1 and ecow 0.2.6 do as guessed.
# Why it matters here: in an arena a realloc of the same size is a copy or a lock, and for a counting allocator an event; a text that is kept and cleared, so that
# nothing is allocated in a loop, is the simplest pool there is.
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
compact_str = "=0.9.1"
ecow = "=0.2.6"
hipstr = "=0.8.0"
lean_string = "=0.6.1"
smartstring = "=1.0.1"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static ASKED: AtomicUsize = AtomicUsize::new(0);
static SAME: AtomicUsize = AtomicUsize::new(0);

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.fetch_add(1, Relaxed);
        SAME.fetch_add((size == layout.size()) as usize, Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(work: impl FnOnce()) -> (usize, usize) {
    let before = (ASKED.load(Relaxed), SAME.load(Relaxed));
    work();
    (ASKED.load(Relaxed) - before.0, SAME.load(Relaxed) - before.1)
}

// No trait has `push` and `clear` for all of them.
macro_rules! show {
    ($name:expr, $text:ty) => {{
        let mut text = <$text>::default();
        let (asked, same) = count(|| (0..100_000).for_each(|_| text.push('x')));
        let words = if asked < 50 { "a few requests".to_string() } else { format!("{} thousand requests, {} thousand for the same size", asked / 1000, same / 1000) };
        let rounds = count(|| {
            for _ in 0..100 {
                text.clear();
                text.push_str(&"y".repeat(1000));
            }
        });
        println!("{}: {words}; cleared and filled a hundred times: {}", $name, rounds.0 - 100);
    }};
}

fn main() {
    show!("String", String);
    show!("compact_str", compact_str::CompactString);
    show!("ecow", ecow::EcoString);
    show!("lean_string", lean_string::LeanString);
    show!("smartstring", smartstring::SmartString<smartstring::LazyCompact>);
    show!("hipstr", hipstr::HipStr<'static>);
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
String: a few requests; cleared and filled a hundred times: 0
compact_str: a few requests; cleared and filled a hundred times: 0
ecow: a few requests; cleared and filled a hundred times: 0
lean_string: a few requests; cleared and filled a hundred times: 0
smartstring: 99 thousand requests, 99 thousand for the same size; cleared and filled a hundred times: 100
hipstr: a few requests; cleared and filled a hundred times: 200
END
cmp -s wanted seen || { echo "changed"; exit 1; }
