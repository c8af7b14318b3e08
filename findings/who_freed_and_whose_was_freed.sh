#!/usr/bin/env bash
# alloc-track 0.4.0: of a thread that allocates for another, which frees, it is told that the first "did free" all of it, and the second had its memory freed.
#
# A guess: as documented of the report for each thread, total_did_free is what was freed in this thread, by whomever allocated, and total_freed what was allocated in this
# thread and has been freed, in whatever thread.
# Seen: each has the other's number. The thread that allocated 10 MiB and freed none did free 10 MiB, and nothing of what it allocated is freed; with the other it is the
# reverse. current_used and freed_by_others go by the right one, so that the report contradicts itself. For a thread that frees its own the two are equal, and nothing shows.
# Why it matters here: this crate is for finding out where memory goes between threads, which is what decides on caches for each thread; the consumer is taken for the producer.
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
alloc-track = { version = "=0.4.0", default-features = false, features = ["backtrace"] }
T
cat >src/main.rs <<'R'
use std::alloc::System;
use std::sync::mpsc::channel;

use alloc_track::{AllocTrack, BacktraceMode, ThreadMetric, thread_report};

#[global_allocator]
static ALLOCATOR: AllocTrack<System> = AllocTrack::new(System, BacktraceMode::None);

const SIZE: usize = 10 << 20;

fn main() {
    let (give, take) = channel();
    std::thread::spawn(move || give.send(vec![1_u8; SIZE]).unwrap()).join().unwrap();
    std::thread::spawn(move || drop(take.recv().unwrap())).join().unwrap();

    // Without names of the system's, threads are told by number, in the order of their first allocation.
    let report = thread_report().0;
    let mebibytes = |bytes: u64| bytes >> 20;
    let show = |name: &str, thread: &ThreadMetric| {
        let others: u64 = thread.freed_by_others.values().sum();
        println!(
            "{name}: allocated {}, did free {}, freed {}, used {}, freed by others {}",
            mebibytes(thread.total_alloc), mebibytes(thread.total_did_free), mebibytes(thread.total_freed), mebibytes(thread.current_used), mebibytes(others)
        );
    };
    let large = SIZE as u64;
    let maker = report.values().find(|thread| thread.total_alloc >= large).unwrap();
    let other = report.values().find(|thread| thread.total_alloc < large && thread.total_did_free.max(thread.total_freed) >= large).unwrap();
    show("allocates", maker);
    show("frees", other);
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "allocates: allocated 10, did free 10, freed 0, used 0, freed by others 10" "frees: allocated 0, did free 0, freed 10, used 0, freed by others 0" |
    cmp -s - seen || { echo "changed"; exit 1; }
