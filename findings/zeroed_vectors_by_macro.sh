#!/usr/bin/env bash
# 256 MiB of zeros: smallvec! leaves the pages to the system as vec! does; the macros of allocator-api2 and bumpalo, and tinyvec's resize, write them all.
#
# A guess: those who write `vec!` their own way fill by loop (smallvec clones one value after the other inline), and the standard library's, which asks
# for zeroed memory, is alone.
# Seen: smallvec 1.16 hands the work to the standard library as soon as the values do not fit inline. allocator-api2 (0.2.21 and 0.4.0), whose
# Vec is modelled on the standard library's and whose allocators have `allocate_zeroed`, never calls it.
# Why it matters here: whatever an allocator does to serve zeroed blocks untouched is lost behind allocator-api2's macro.
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
a2 = { package = "allocator-api2", version = "=0.2.21" }
a4 = { package = "allocator-api2", version = "=0.4.0" }
bumpalo = { version = "=3.20.4", features = ["collections"] }
smallvec = "=1.16.6"
tinyvec = { version = "=1.13.3", features = ["alloc"] }
T
cat >src/main.rs <<'R'
const SIZE: usize = 256 << 20;

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn show<T>(name: &str, make: impl FnOnce() -> T) {
    let before = resident();
    let value = std::hint::black_box(make());
    println!("{name}: {}", if resident() > before + 10_000 { "written" } else { "left alone" });
    drop(value);
}

fn main() {
    show("std", || vec![0_u8; SIZE]);
    show("smallvec", || -> smallvec::SmallVec<[u8; 16]> { smallvec::smallvec![0; SIZE] });
    show("tinyvec", || { let mut v = tinyvec::TinyVec::<[u8; 16]>::new(); v.resize(SIZE, 0); v });
    show("allocator-api2 0.2", || a2::vec![0_u8; SIZE]);
    show("allocator-api2 0.4", || a4::vec![0_u8; SIZE]);
    let bump = bumpalo::Bump::new();
    show("bumpalo", || bumpalo::vec![in &bump; 0_u8; SIZE].len());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "std: left alone" "smallvec: left alone" "tinyvec: written" "allocator-api2 0.2: written" "allocator-api2 0.4: written" "bumpalo: written" |
    cmp -s - seen || { echo "changed"; exit 1; }
