#!/usr/bin/env bash
# rustc 1.95: one atomic field that nobody touches makes the compiler load a struct's other fields anew after every call.
#
# A guess: behind a `&` only what is in the atomic may change, so sums of plain fields are taken out of a loop, with or without such a neighbour.
# Seen: what a `&` promises is told to LLVM for whole parameters. With an `AtomicPtr` beside them both fields are loaded in every round, also if a `&` to their part
# of the struct alone is taken first, or passed to a function that is inlined. A function of its own for that part loads them once; so does `&mut`
# of the whole. And a `&` without any atomic is worth nothing where it is not a parameter: behind a second reference the fields are loaded in every round.
# Why it matters here: a shared structure (a list's head beside sizes and masks) costs loads in each loop with a call; copies of the fields before the loop end it.
# x86-64. Needs rustup.
set -euo pipefail
version=1.95.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.rs <<'R'
#![crate_type = "lib"]
use std::sync::atomic::AtomicPtr;
extern "C" {
    fn elsewhere(sum: usize);
}
pub struct Sizes { a: usize, b: usize }
pub struct Plain { sizes: Sizes, pub link: *mut u8 }
pub struct Linked { sizes: Sizes, pub link: AtomicPtr<u8> }

macro_rules! rounds {
    ($sizes:expr, $count:expr) => { for _ in 0..$count { unsafe { elsewhere($sizes.a + $sizes.b) } } };
}
// The numbers differ, else one function would be made of those that are alike.
#[no_mangle] pub fn plain(all: &Plain) { rounds!(all.sizes, 101) }
#[no_mangle] pub fn linked(all: &Linked) { rounds!(all.sizes, 102) }
#[no_mangle] pub fn part_taken_first(all: &Linked) { let sizes = &all.sizes; rounds!(sizes, 103) }
#[inline(always)] fn inlined(sizes: &Sizes) { rounds!(sizes, 104) }
#[no_mangle] pub fn part_inlined(all: &Linked) { inlined(&all.sizes) }
#[no_mangle] pub fn part_alone(sizes: &Sizes) { rounds!(sizes, 105) }
#[no_mangle] pub fn linked_mut(all: &mut Linked) { rounds!(all.sizes, 106) }
#[no_mangle] pub fn plain_behind_two(all: &&Plain) { rounds!(all.sizes, 107) }
R
rustc "+$version" -V
rustc "+$version" --target x86_64-unknown-linux-gnu -O --emit asm -o probe.s probe.rs
# Loads of the two fields, which lie at 0 and 8, between the loop's label and its jump back.
awk '
    /^[a-z_]+:/ { name = $1; loads = 0 }
    /^\.LBB/ { loads = 0 }
    /^\t(movq|addq)\t8?\(%r/ { loads++ }
    /^\tj(ne|b|ae)\t/ { print name, loads " loads in a round" }
' probe.s >seen
cat seen
sort seen | cmp -s - <(printf '%s\n' "plain: 0" "linked: 2" "part_taken_first: 2" "part_inlined: 2" "part_alone: 0" "linked_mut: 0" "plain_behind_two: 2" |
    sed 's/$/ loads in a round/' | sort) || { echo "changed"; exit 1; }
