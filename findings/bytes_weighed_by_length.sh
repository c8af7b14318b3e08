#!/usr/bin/env bash
# get-size2 0.11.1: a BytesMut with room for a MiB is said to own 10 bytes, a slice that keeps a MiB alive 10, and a static one a MiB.
#
# A guess: unused capacity counts, as the crate's page says and does for Vec and String; what shares memory counts whole, and once under a tracker, as it says of
# Arc and of slices of an ArcStr; what is static counts nothing. In sum a lower bound, since only what the allocator adds is left out.
# Seen: for both types of the crate bytes the number is the length, whatever is behind it; a tracker that knows ten clones of an Arc<Vec> for one counts a
# Bytes ten times. So a hundred views of one buffer may be told as a hundredth of it, or as a hundred of it.
# Why it matters here: caches and budgets of network programs hold their bytes in these types; the bound on memory that such a number keeps is none, in either direction.
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
bytes = "=1.12.2"
get-size2 = { version = "=0.11.1", features = ["bytes"] }
T
cat >src/main.rs <<'R'
use bytes::{Bytes, BytesMut};
use get_size2::{GetSize, StandardTracker};
use std::alloc::{GlobalAlloc, Layout, System};
use std::array::from_fn;
use std::sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}};

const MEBIBYTE: usize = 1 << 20;
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

/// Both numbers in tens of bytes below a KiB, in KiB from there: what Bytes adds for sharing is of no concern.
fn show<T: GetSize>(name: &str, make: impl FnOnce() -> T) {
    let before = IN_USE.load(Relaxed);
    let value = make();
    let real = IN_USE.load(Relaxed) - before;
    let (told, _) = value.get_heap_size_with_tracker(StandardTracker::new());
    let rounded = |size: usize| if size < 1024 { format!("{} bytes", size / 10 * 10) } else { format!("{} KiB", size / 1024) };
    println!("{name}: {}, told {}", rounded(real), rounded(told));
}

fn main() {
    static ZEROS: [u8; MEBIBYTE] = [0; MEBIBYTE];
    let ten = b"0123456789";
    show("Vec with 10 bytes", || { let mut v = Vec::with_capacity(MEBIBYTE); v.extend_from_slice(ten); v });
    show("BytesMut with 10 bytes", || { let mut b = BytesMut::with_capacity(MEBIBYTE); b.extend_from_slice(ten); b });
    show("Bytes, a slice of 10 bytes", || Bytes::from(vec![1; MEBIBYTE]).slice(..10));
    show("Bytes, static", || Bytes::from_static(&ZEROS));
    show("Arc, ten clones", || { let a = Arc::new(vec![1_u8; MEBIBYTE]); from_fn::<_, 10, _>(|_| a.clone()) });
    show("Bytes, ten clones", || { let b = Bytes::from(vec![1; MEBIBYTE]); from_fn::<_, 10, _>(|_| b.clone()) });
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "Vec with 10 bytes: 1024 KiB, told 1024 KiB" "BytesMut with 10 bytes: 1024 KiB, told 10 bytes" "Bytes, a slice of 10 bytes: 1024 KiB, told 10 bytes" \
    "Bytes, static: 0 bytes, told 1024 KiB" "Arc, ten clones: 1024 KiB, told 1024 KiB" "Bytes, ten clones: 1024 KiB, told 10240 KiB" |
    cmp -s - seen || { echo "changed"; exit 1; }
