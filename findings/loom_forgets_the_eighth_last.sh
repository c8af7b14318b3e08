#!/usr/bin/env bash
# loom 0.7.3: a relaxed load sees the last seven values of an atomic and none before, so a missing `Release` that six stores give away passes every model with seven.
#
# A guess: without a bound on preemptions the check is exhaustive: a reader that synchronizes with nobody may find each value that was ever stored, the
# first one, too. What loom cannot do is listed: stores that come before a load of their own thread, more than a few threads; no such bound among it.
# Seen: a thread writes n values and then a flag, all relaxed; a reader that has seen the flag reads the value. With six, all seven that there ever were are found,
# the initial one among them. From the seventh on the oldest is lost, and in every execution the reader finds the value initialized. No message says so.
# Why it matters here: counters, tags and words of a bitmap are written more than six times in models of any length. A longer model, taken for the
# stronger one, finds less; what is to be seen stale must be among the last seven.
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
loom = "=0.7.3"
T
cat >src/main.rs <<'R'
use std::{collections::BTreeSet, sync::Mutex};

static FOUND: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn model(stores: usize) {
    loom::model(move || {
        use loom::sync::{Arc, atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed}};
        let shared = Arc::new((AtomicUsize::new(0), AtomicBool::new(false)));
        let writer = loom::thread::spawn({
            let shared = shared.clone();
            move || {
                (1..=stores).for_each(|value| shared.0.store(value, Relaxed));
                shared.1.store(true, Relaxed); // should be Release
            }
        });
        if shared.1.load(Relaxed) {
            FOUND.lock().unwrap().insert(shared.0.load(Relaxed));
        }
        writer.join().unwrap();
    });
    println!("{stores} stores: {:?}", std::mem::take(&mut *FOUND.lock().unwrap()));
}

fn main() {
    [2, 6, 7, 12].into_iter().for_each(model);
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "2 stores: {0, 1, 2}" "6 stores: {0, 1, 2, 3, 4, 5, 6}" "7 stores: {1, 2, 3, 4, 5, 6, 7}" "12 stores: {6, 7, 8, 9, 10, 11, 12}" | cmp -s - seen ||
    { echo "changed"; exit 1; }
