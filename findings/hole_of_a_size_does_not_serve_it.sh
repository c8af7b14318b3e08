#!/usr/bin/env bash
# offset-allocator 0.2.0: a space that is full of blocks of 1000 has no room for one of 1000 when one was freed; nor has an empty space of 1000.
#
# A guess: what was freed serves the next of the same size, whatever that is, and a new space serves one block of all of it; what sizes are rounded to costs some space, an
# eighth at most, as the description says.
# Seen: free regions lie in bins by size, eight for each doubling, and what is asked for is looked for in the bin whose every region is large enough: for 1000 that is the one
# from 1024, in which a hole of 1000 never is. So each place that is freed is lost to its own size until a neighbour is free, too; blocks of 900 fit there. Sizes that begin a bin,
# like 960 and 1024, serve again and again. largest_free_region says 960 of the hole, and of an empty space of 1000.
# Why it matters here: what such spaces are cut into is mostly of one size, structures and textures; that size must be one of the bins', which the documentation does not
# name, or the space is used up although half of it is free.
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
offset-allocator = "=0.2.0"
T
cat >src/main.rs <<'R'
use offset_allocator::{Allocation, Allocator};

fn main() {
    let mut space: Allocator = Allocator::new(1000);
    let largest = space.storage_report().largest_free_region;
    println!("an empty space of 1000: largest {largest}; 1000: {}", space.allocate(1000).is_some());
    for size in [900, 960, 1000, 1024, 1100] {
        let mut space: Allocator = Allocator::new(1 << 20);
        let mut blocks: Vec<Allocation> = std::iter::from_fn(|| space.allocate(size)).collect();
        let full = blocks.len();
        // Every other one, so that no two free ones lie side by side.
        let mut odd = false;
        blocks.retain(|&block| {
            odd = !odd;
            if odd {
                space.free(block);
            }
            !odd
        });
        let free = space.storage_report().total_free_space;
        let again = std::iter::from_fn(|| space.allocate(size)).count();
        println!("{full} blocks of {size}; every other freed, {} % of the space free, and room for {again}", free / ((1 << 20) / 100));
    }
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
an empty space of 1000: largest 960; 1000: false
1165 blocks of 900; every other freed, 50 % of the space free, and room for 1
1092 blocks of 960; every other freed, 50 % of the space free, and room for 546
1048 blocks of 1000; every other freed, 50 % of the space free, and room for 0
1024 blocks of 1024; every other freed, 50 % of the space free, and room for 512
953 blocks of 1100; every other freed, 50 % of the space free, and room for 1
END
cmp -s wanted seen || { echo "changed"; exit 1; }
