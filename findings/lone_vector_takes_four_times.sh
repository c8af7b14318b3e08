#!/usr/bin/env bash
# bumpalo 3.20 and bump-scope 2.4: a vector that is pushed to, alone in its arena, costs four times its capacity; begun with 1000 bytes instead of none, twice.
#
# A guess: as the last thing in the arena it grows into the room behind it (both have a case for that), and where its chunk ends it moves to one of twice the size: at
# most twice its capacity in all, whatever it begins with.
# Seen: chunks are powers of two less a few bytes for allocator and footer. A vector whose capacity is one never fits the chunk of its size: it gets the next larger,
# and doubled it misses the end of that by those few bytes. So every doubling takes a new chunk, half of each is for nothing, and no vector ever grows in place.
# A capacity of 1000 times a power of two fits the smaller chunk; it has a chunk for each doubling as well, but of half the size.
# Why it matters here: that sum is what the arena holds, what its limit is held against and what reset keeps half of; an arena is judged by it. (Of large chunks the
# untouched half is not resident.) Powers of two are what every vector grows by.
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
bump-scope = "=2.4.1"
bumpalo = { version = "=3.20.4", features = ["collections"] }
T
cat >src/main.rs <<'R'
const LENGTH: usize = 1_000_000;

/// Pushes, and says how often the capacity changed although the arena stayed as large as it was, and what both are at the end.
macro_rules! show {
    ($name:literal, $first:literal, $arena:expr, $vector:expr, $size:expr) => {
        let (mut without, mut with) = (0, 0);
        let (mut capacity, mut size) = ($vector.capacity(), $size);
        for i in 0..LENGTH {
            $vector.push(i as u8);
            if $vector.capacity() != capacity && capacity >= 1000 {
                *(if $size == size { &mut without } else { &mut with }) += 1;
            }
            (capacity, size) = ($vector.capacity(), $size);
        }
        println!("{}, begun with {}: {with} new chunks, {without} times without, {:.1} times the capacity", $name, $first, size as f64 / capacity as f64);
    };
}

fn main() {
    let arena = bumpalo::Bump::new();
    let mut vector = bumpalo::collections::Vec::new_in(&arena);
    show!("bumpalo", 0, arena, vector, arena.allocated_bytes());
    let arena = bumpalo::Bump::new();
    let mut vector = bumpalo::collections::Vec::with_capacity_in(1000, &arena);
    show!("bumpalo", 1000, arena, vector, arena.allocated_bytes());
    let arena: bump_scope::Bump = bump_scope::Bump::new();
    let mut vector = bump_scope::BumpVec::new_in(&arena);
    show!("bump-scope", 0, arena, vector, arena.stats().size());
    let arena: bump_scope::Bump = bump_scope::Bump::new();
    let mut vector = bump_scope::BumpVec::with_capacity_in(1000, &arena);
    show!("bump-scope", 1000, arena, vector, arena.stats().size());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "bumpalo, begun with 0: 10 new chunks, 0 times without, 4.0 times the capacity" "bumpalo, begun with 1000: 9 new chunks, 1 times without, 2.0 times the capacity" \
    "bump-scope, begun with 0: 10 new chunks, 0 times without, 4.0 times the capacity" \
    "bump-scope, begun with 1000: 9 new chunks, 1 times without, 2.0 times the capacity" | cmp -s - seen || { echo "changed"; exit 1; }
