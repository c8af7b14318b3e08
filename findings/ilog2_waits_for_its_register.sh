#!/usr/bin/env bash
# rustc 1.95: in a loop of `NonZeroU32::ilog2` each instruction waits for the one before it; `count_ones` and `leading_zeros` have theirs cut loose.
#
# A guess: where an instruction depends on what its register had before, the compiler clears the register first, as it is seen to do for `popcnt`, which on
# some processors has such a dependence although its result needs none.
# Seen: `bsr`, for which it is no flaw of a processor but how the instruction works (of zero it leaves the register as it was), gets nothing: the loop writes
# one register again and again by `bsr` alone. The compiler knows: for `leading_zeros() ^ 31` of what may be zero it puts 63 there before, and relies on its being left.
# That is one instruction more, and ends the wait.
# Why it matters here: look-ups by the highest bit follow each other in loops; the longer form is the one to write (where zero cannot be excluded by the compiler).
# x86-64. Needs rustup.
set -euo pipefail
version=1.95.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.rs <<'R'
#![crate_type = "lib"]
use std::num::NonZeroU32;

fn digest<T: Copy>(values: &[T], of: impl Fn(T) -> u32) -> u32 {
    values.iter().fold(0, |sum: u32, &value| sum.wrapping_mul(3).wrapping_add(of(value)))
}
#[no_mangle] pub fn ilog2(values: &[NonZeroU32]) -> u32 { digest(values, |value| value.ilog2()) }
#[no_mangle] pub fn leading_zeros(values: &[u32]) -> u32 { digest(values, |value| value.leading_zeros() ^ 31) }
#[no_mangle] pub fn count_ones(values: &[u32]) -> u32 { digest(values, |value| value.count_ones()) }
R
cat >zero.rs <<'R'
fn main() {
    let mut register = 77_u32;
    // SAFETY: nothing but the register and the flags is written.
    unsafe { std::arch::asm!("bsr {0:e}, {1:e}", inout(reg) register, in(reg) 0) };
    println!("bsr of zero, of a register with 77: {register}");
}
R
# Every bsr, lzcnt and popcnt of a function: is its register written just before?
show() { # FUNCTION OPTIONS...
    local name=$1
    shift
    rustc "+$version" --target x86_64-unknown-linux-gnu -O "$@" --emit asm -o probe.s probe.rs
    awk -v name="$name" -v options="$*" '
        $0 == name ":" { inside = 1 }
        /^\.Lfunc_end/ { inside = 0 }
        inside && $1 ~ /^(bsrl|lzcntl|popcntl)$/ { kind = $1; seen[before == $NF ? "written before" : "alone"] = 1 }
        { before = $1 ~ /^(xorl|movl)$/ ? $NF : "" }
        END { printf "%s %s: %s", name, options, kind; for (what in seen) printf ", %s", what; print "" }
    ' probe.s
}
rustc "+$version" -V
{
    show ilog2
    show leading_zeros
    show ilog2 -Ctarget-cpu=haswell
    show count_ones -Ctarget-cpu=haswell
    rustc "+$version" --target x86_64-unknown-linux-gnu -o zero zero.rs
    ./zero
} >seen
cat seen
printf '%s\n' "ilog2 : bsrl, alone" "leading_zeros : bsrl, written before" "ilog2 -Ctarget-cpu=haswell: bsrl, alone" \
    "count_ones -Ctarget-cpu=haswell: popcntl, written before" "bsr of zero, of a register with 77: 77" | cmp -s - seen || { echo "changed"; exit 1; }
