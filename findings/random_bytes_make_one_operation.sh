#!/usr/bin/env bash
# arbitrary 1.5: of 64 KiB of random bytes a Vec<Operation> takes one element on average, half of the lists are empty, and of a thousand none has twenty.
#
# A guess: the length comes from the size of the input, as `arbitrary_len`, which the crate's page names for collections, does it: lists of hundreds and thousands,
# and all that is left when asked to take the rest.
# Seen: vectors, maps and strings toss a coin before each element (one bit of one byte says whether there is another), whatever the input's size, also with
# `arbitrary_take_rest`; the other 65 thousand bytes are not looked at. `arbitrary_len` beside it gives thousands, a `&[u8]` tens of thousands.
# Why it matters here: allocators and arenas are tested by lists of calls. A coverage-guided fuzzer finds the bits that make lists long; a test that draws its bytes
# at random (a smoke run without a corpus, under an interpreter or an emulator) makes one call, and passes.
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
arbitrary = { version = "=1.5.0", features = ["derive"] }
T
cat >src/main.rs <<'R'
use arbitrary::{Arbitrary, Unstructured};

#[derive(Arbitrary)]
#[allow(dead_code)]
enum Operation {
    Allocate { size: u16 },
    Free { which: u8 },
    Trim,
}

/// The same bytes in each run, as random as it takes (xorshift).
fn inputs() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes()
    };
    (0..1000).map(move |_| (0..8192).flat_map(|_| next()).collect())
}

fn show(name: &str, length: impl Fn(Unstructured) -> arbitrary::Result<usize>) {
    let lengths: Vec<usize> = inputs().map(|input| length(Unstructured::new(&input)).unwrap()).collect();
    let mean = (lengths.iter().sum::<usize>() + 500) / 1000;
    let half_empty = (450..550).contains(&lengths.iter().filter(|&&length| length == 0).count());
    let longest = lengths.iter().max().unwrap();
    println!("{name}: {}{}, {}", if mean > 1000 { "thousands".into() } else { mean.to_string() },
        if half_empty { ", half of them empty" } else { "" }, if *longest < 20 { "all below 20" } else { "some long" });
}

fn main() {
    show("operations", |mut bytes| Ok(Vec::<Operation>::arbitrary(&mut bytes)?.len()));
    show("operations, the rest", |bytes| Ok(Vec::<Operation>::arbitrary_take_rest(bytes)?.len()));
    show("bytes", |mut bytes| Ok(Vec::<u8>::arbitrary(&mut bytes)?.len()));
    show("arbitrary_len", |mut bytes| bytes.arbitrary_len::<Operation>());
    show("slices", |mut bytes| Ok(<&[u8]>::arbitrary(&mut bytes)?.len()));
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "operations: 1, half of them empty, all below 20" "operations, the rest: 1, half of them empty, all below 20" \
    "bytes: 1, half of them empty, all below 20" "arbitrary_len: thousands, some long" "slices: thousands, some long" | cmp -s - seen || { echo "changed"; exit 1; }
