//! What recording costs: CPU time of a block that is handed out or given back, without a recorder and with one.
//!
//! `cargo bench --features record --bench record`; fails if the median of the rounds is more than 25 ns above that without.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints its table")]
#![allow(unsafe_code, reason = "raw calls, and the thread's CPU clock")]

use std::alloc::Layout;
use std::sync::Arc;

use smarena::record::{Log, Recorder};
use smarena::{Global, HeapRef};

const ROUNDS: usize = 9;
const BLOCKS: usize = 400_000;
const WANTED: f64 = 25.0;

/// The CPU time of this thread in nanoseconds.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Unix, and `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Nanoseconds an operation: a thousand blocks are taken and given back, again and again.
fn operation(heap: &impl HeapRef, blocks: usize) -> f64 {
    let layout = Layout::new::<[u64; 8]>();
    let mut held = Vec::with_capacity(1000);
    let start = cpu();
    for _ in 0..blocks / 1000 {
        held.extend((0..1000).map(|_| heap.allocate(layout).expect("there is memory")));
        // SAFETY: live, of this heap, with its layout, each once.
        held.drain(..).for_each(|block| unsafe { heap.deallocate(block, layout) });
    }
    (cpu() - start) / (2 * blocks) as f64
}

fn main() {
    let names = ["without", "recorded", "recorded, while the log is thinned", "sampled"];
    let mut rounds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        // The first event makes the log, which is not an event's cost. A million events have room.
        let recorder = Recorder::new(Global);
        let small = Recorder::with_log(Global, Arc::new(Log::with_events(1 << 14)));
        operation(&recorder, 1000);
        operation(&small, 100_000);
        let times = [
            operation(&Global, BLOCKS),
            operation(&recorder, BLOCKS),
            operation(&recorder, 5 * BLOCKS),
            operation(&small, BLOCKS),
        ];
        rounds.iter_mut().zip(times).for_each(|(of_one, time)| of_one.push(time));
    }
    let medians = rounds.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    println!("{:<36} {:>6} {:>6}", "CPU ns an operation", "median", "more");
    for (name, median) in names.iter().zip(medians) {
        println!("{name:<36} {median:>6.1} {:>6.1}", median - medians[0]);
    }
    assert!(medians.iter().all(|median| median - medians[0] <= WANTED), "recording costs more than {WANTED} ns");
}
