#!/usr/bin/env bash
# Under the counting allocators dhat 0.3.3, allocation-counter 0.8.1, tracking-allocator 0.4.0 and peak_alloc 0.3.0 a program takes memory that it does not take without them.
#
# A guess: a wrapper around the system's allocator notes a call and passes it on, so that the program touches the same pages; a few bytes for each block may
# be added.
# Seen: of 256 MiB asked for as zeros none is resident without a wrapper, and all of it under these four: each makes the zeros by hand. A written vector of
# 256 MiB that grows by a page stays below 300 MiB at its highest without; under the last three it is there twice, since they copy to a new
# block where the system would have moved the pages. stats_alloc 0.1.10 and cap 0.1.2 change neither.
# Why it matters here: the peak that is measured is not the program's, and what an allocator does for zeros and for growing blocks looks useless.
# Linux with the GNU C library.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src/bin
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
allocation-counter = "=0.8.1"
cap = "=0.1.2"
dhat = "=0.3.3"
peak_alloc = "=0.3.0"
stats_alloc = "=0.1.10"
tracking-allocator = "=0.4.0"
T
cat >src/program.rs <<'R'
const SIZE: usize = 256 << 20;

/// A line of the process's status, in MiB.
fn mebibytes(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let number = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    number.split_whitespace().next().unwrap().parse::<usize>().unwrap() >> 10
}

pub fn run(name: &str) {
    let zeros = std::hint::black_box(vec![0_u8; SIZE]);
    let written = mebibytes("VmRSS:") > 200;
    drop(zeros);
    let mut grows = vec![1_u8; SIZE];
    grows.reserve_exact(4096);
    let twice = mebibytes("VmHWM:") > 400;
    println!("{name}: {}, {}", if written { "zeros written" } else { "zeros untouched" }, if twice { "there twice" } else { "moved" });
}
R
program() { # NAME ITEMS: a program under that allocator
    printf '#[path = "../program.rs"]\nmod program;\n%s\nfn main() {\n    program::run("%s");\n}\n' "$2" "$1" >"src/bin/$1.rs"
}
program none ""
program cap "#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);"
program stats_alloc "#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;"
program dhat "#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;"
program tracking "#[global_allocator]
static ALLOCATOR: tracking_allocator::Allocator<std::alloc::System> = tracking_allocator::Allocator::system();"
program allocation_counter "use allocation_counter as _; // brings its own"
program peak_alloc "#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;"
cargo -q build 2>log || { cat log; exit 1; }
for program in none cap stats_alloc dhat allocation_counter tracking peak_alloc; do target/debug/$program; done >seen
cat seen
printf '%s\n' "none: zeros untouched, moved" "cap: zeros untouched, moved" "stats_alloc: zeros untouched, moved" "dhat: zeros written, moved" \
    "allocation_counter: zeros written, there twice" "tracking: zeros written, there twice" "peak_alloc: zeros written, there twice" | cmp -s - seen || { echo "changed"; exit 1; }
