//! `freeze`, three clones, four drops: `SmBuf` against `BytesMut`, in turns, the time of the best of many rounds.
//!
//! `cargo bench --bench freeze`. The buffers are filled beforehand; what freeing their memory costs is in the time, as the
//! last drop does it. Allocations are counted in tests/freeze_allocations.rs, where counting slows nobody down.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use smarena::SmBuf;

/// Buffers a round: few enough for a thread cache to take them all back.
const BATCH: usize = 64;
const ROUNDS: usize = 3_000;

fn nanoseconds<B>(mut fill: impl FnMut() -> B, mut share: impl FnMut(B)) -> f64 {
    let buffers: Vec<B> = (0..BATCH).map(|_| fill()).collect();
    let start = Instant::now();
    for buf in buffers {
        share(buf);
    }
    start.elapsed().as_secs_f64() * 1e9 / BATCH as f64
}

fn ours(len: usize) -> f64 {
    let content = vec![7; len];
    nanoseconds(
        || SmBuf::from(&content[..]),
        |buf| {
            let bytes = black_box(buf).freeze();
            drop(black_box([bytes.clone(), bytes.clone(), bytes.clone()]));
            drop(black_box(bytes));
        },
    )
}

fn theirs(len: usize) -> f64 {
    let content = vec![7; len];
    nanoseconds(
        || BytesMut::from(&content[..]),
        |buf| {
            let bytes = black_box(buf).freeze();
            drop(black_box([bytes.clone(), bytes.clone(), bytes.clone()]));
            drop(black_box(bytes));
        },
    )
}

fn main() {
    println!("{:>8} {:>12} {:>12} {:>8}", "bytes", "SmBytes ns", "Bytes ns", "ratio");
    for len in [64, 1400, 16_000] {
        let (mut best_ours, mut best_theirs) = (f64::MAX, f64::MAX);
        for _ in 0..ROUNDS {
            best_ours = best_ours.min(ours(len));
            best_theirs = best_theirs.min(theirs(len));
        }
        println!("{len:>8} {best_ours:>12.1} {best_theirs:>12.1} {:>8.2}", best_ours / best_theirs);
    }
}
