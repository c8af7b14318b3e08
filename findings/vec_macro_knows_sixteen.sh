#!/usr/bin/env bash
# rustc 1.95: `vec![[0_u8; 16]; n]` leaves its pages to the system, `vec![[0_u8; 17]; n]` writes every one, optimized or not.
#
# A guess: `vec!` asks for zeroed memory whatever the element, as long as all its bytes are zero: an array as well as its members.
# Seen: it knows a list of types by name, and arrays of them up to 16 members (nested ones too, 16 in 16). `None::<u64>` and pairs are on the list, `Some(0_u8)`,
# `Duration::ZERO`, null pointers and structs are not; for the last two the optimizer puts it right. `resize` writes in either build.
# Why it matters here: whether an allocator's untouched zeros are asked for depends on the length of an array inside the element; tables of lines
# (`[u8; 64]`) and pages are among those that are written. Flat (`vec![0_u8; 64 * n]`) they are not.
# Needs rustup.
set -euo pipefail
version=1.95.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.rs <<'R'
use std::{hint::black_box, mem::size_of, time::Duration};

const SIZE: usize = 64 << 20;

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn show<T>(name: &str, make: impl FnOnce(usize) -> Vec<T>) {
    let before = resident();
    let values = black_box(make(SIZE / size_of::<T>()));
    println!("{name}: {}", if resident() > before + 10_000 { "written" } else { "left alone" });
    drop(values);
}

#[derive(Clone, Copy)]
struct Pixel(#[allow(dead_code)] u32);

fn main() {
    show("[0_u8; 16]", |n| vec![[0_u8; 16]; n]);
    show("[0_u8; 17]", |n| vec![[0_u8; 17]; n]);
    show("[0_u64; 16]", |n| vec![[0_u64; 16]; n]);
    show("[[0_u8; 16]; 16]", |n| vec![[[0_u8; 16]; 16]; n]);
    show("[0_u8; 64]", |n| vec![[0_u8; 64]; n]);
    show("(0_u64, 0_u64)", |n| vec![(0_u64, 0_u64); n]);
    show("None::<u64>", |n| vec![None::<u64>; n]);
    show("Duration::ZERO", |n| vec![Duration::ZERO; n]);
    show("Pixel(0)", |n| vec![Pixel(0); n]);
    show("null", |n| vec![std::ptr::null::<u8>(); n]);
    show("resize", |n| { let mut values = Vec::new(); values.resize(n, 0_u8); values });
}
R
status=0
expect() { # OPTION PIXEL: what happens to structs and null pointers
    rustc "+$version" "$1" -o probe probe.rs
    ./probe >seen
    echo "$1"
    cat seen
    printf '%s\n' "[0_u8; 16]: left alone" "[0_u8; 17]: written" "[0_u64; 16]: left alone" "[[0_u8; 16]; 16]: left alone" "[0_u8; 64]: written" \
        "(0_u64, 0_u64): left alone" "None::<u64>: left alone" "Duration::ZERO: written" "Pixel(0): $2" "null: $2" "resize: written" |
        cmp -s - seen || { echo "  changed"; status=1; }
}
rustc "+$version" -V
expect -Copt-level=0 written
expect -Copt-level=3 "left alone"
exit $status
