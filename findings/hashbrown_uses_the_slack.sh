#!/usr/bin/env bash
# hashbrown 0.16 fills whatever its allocator hands out; allocator-api2 0.2's Vec does not look.
#
# A guess: `allocate` is asked for a layout, the collection uses that many bytes, and `deallocate` is told the same layout later.
# Seen: from an allocator whose smallest block is 64 KiB, a map made for 10 entries has room for 1792, and gives its block back with a layout of
# 34832 bytes, which nobody ever asked for. (The trait allows it: any size between what was asked and what was returned.) A Vec made for 10 bytes
# of the same allocator has room for 10.
# Why it matters here: an allocator that returns its whole block must accept at `deallocate` every size that fits it; a check against the size
# asked for ends a correct program.
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
allocator-api2 = "=0.2.21"
hashbrown = { version = "=0.16.1", default-features = false, features = ["allocator-api2", "default-hasher"] }
T
cat >src/main.rs <<'R'
use allocator_api2::{alloc::{AllocError, Allocator}, vec::Vec};
use hashbrown::{DefaultHashBuilder, HashMap};
use std::{alloc::{GlobalAlloc, Layout, System}, ptr::NonNull};

const LEAST: usize = 64 << 10;
#[derive(Clone, Copy)]
struct Generous;
impl Generous {
    fn whole(layout: Layout) -> Layout {
        Layout::from_size_align(layout.size().max(LEAST), layout.align()).unwrap()
    }
}
// A block of at least LEAST bytes from the system, all of it shown to the caller.
unsafe impl Allocator for Generous {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        println!("  asked for {}", layout.size());
        let whole = Self::whole(layout);
        let block = NonNull::new(unsafe { System.alloc(whole) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, whole.size()))
    }
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        println!("  given back as {}", layout.size());
        unsafe { System.dealloc(block.as_ptr(), Self::whole(layout)) }
    }
}

fn main() {
    let map: HashMap<u64, u64, DefaultHashBuilder, _> = HashMap::with_capacity_in(10, Generous);
    println!("map: room for {}", map.capacity());
    drop(map);
    println!("vector: room for {}", Vec::<u8, _>::with_capacity_in(10, Generous).capacity());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "  asked for 288" "map: room for 1792" "  given back as 34832" "  asked for 10" "vector: room for 10" "  given back as 10" |
    cmp -s - seen || { echo "changed"; exit 1; }
