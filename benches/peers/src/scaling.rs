//! Beyond this machine's cores: the bitmap of one bucket, as the library has it, under up to 256 simulated cores. Nothing is timed.
//!
//! The worst program: one size class, and every block is freed by a thread that did not allocate it, so that all of them cross
//! the bucket. A thread uses a refill's worth of blocks, takes as many out of the bitmap, and puts back as many that others took.
//!
//! The bitmap's file is compiled here a second time, over atomics that wait in a [`Machine`] until their line has come. That is all there is of a
//! machine: a core that has a line uses it at once, another one waits, and those that want the same line wait for each other.

#[allow(dead_code, reason = "what the library alone calls")]
#[path = "../../../src/raw/buckets/bitmap.rs"]
mod bitmap;
mod machine;

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use bitmap::{Bitmap, Run, Start, WORD, first_bits};
pub use machine::sync;
use machine::{LINE, MOVE, Machine, OWN, work};
use sync::AtomicU64;

/// What a thread does with a refill's blocks before it comes back: 256 mallocs and frees of 10 ns each.
const WORK: u64 = 256 * 20;
/// Blocks of a refill.
const CROSSING: usize = 256;
const BLOCKS: usize = 1 << 18;
const UNTIL: u64 = 2_000_000;

/// Where a thread begins to look for a free word.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Search {
    /// Always with the lowest.
    Lowest,
    /// As the library does: with the lowest, as long as others are rarely met there.
    Library,
}

/// What comes out of a simulation.
#[derive(Default)]
struct Outcome {
    /// Blocks that were taken and are put back by another thread.
    crossed: usize,
    /// The words whose blocks were ever in use.
    words: HashSet<usize>,
    /// Those in use, oldest first.
    live: VecDeque<Run>,
    /// Those that are free at the end.
    free: usize,
}

impl Outcome {
    fn took(&mut self, run: Run) {
        self.live.push_back(run);
        self.words.insert(run.first / WORD);
    }

    /// The blocks to be put back next, if more runs than `least` are in use.
    fn oldest(&mut self, least: usize) -> Option<Run> {
        let run = if self.live.len() > least { self.live.pop_front() } else { None };
        self.crossed += run.map_or(0, Run::len);
        run
    }
}

/// Runs the simulation until [`UNTIL`].
fn run(search: Search, threads: usize) -> Outcome {
    let words: Vec<_> = (0..Bitmap::words(BLOCKS) + LINE).map(|_| AtomicU64::new(0)).collect();
    let words = Vec::leak(words);
    // As in a heap, at the begin of a line.
    let first = words.as_ptr().align_offset(LINE);
    let bitmap = Bitmap::new(&words[first..], BLOCKS);
    for first in (0..BLOCKS).step_by(WORD) {
        bitmap.put(Run { first, bits: first_bits(WORD) }).expect("no block was put before");
    }
    let shared = Mutex::new(Outcome::default());
    let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    // Not all at once: threads of a program do not march in step.
    Machine::run(threads, WORK / threads as u64, |_| {
        let start = Start::lowest();
        while work(WORK) < UNTIL {
            let mut got = 0;
            while got < CROSSING {
                let run = match search {
                    Search::Lowest => bitmap.claim(CROSSING - got, &Start::lowest()),
                    Search::Library => bitmap.claim(CROSSING - got, &start),
                };
                let Some(run) = run else { break };
                got += run.len();
                lock().took(run);
            }
            // Each thread keeps what it took for a while: there are always more live blocks than are put.
            let mut gone = 0;
            while gone < CROSSING {
                let Some(run) = lock().oldest(threads * CROSSING / WORD) else { break };
                gone += run.len();
                bitmap.put(run).expect("it was claimed");
            }
        }
    });
    let mut outcome = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.free = bitmap.count(0..BLOCKS);
    outcome
}

/// Prints the table.
pub fn print() {
    println!(
        "One bucket, every block freed by another thread: million blocks a second, and how much of the span was ever in use.\n"
    );
    println!("threads   unhindered   lowest first   (span)   as the library   (span)");
    for threads in [2, 4, 8, 16, 32, 64, 128, 256] {
        let unhindered = threads as f64 * CROSSING as f64 * 1e3 / WORK as f64;
        print!("{threads:7}   {unhindered:10.0}");
        for (search, width) in [(Search::Lowest, 12), (Search::Library, 14)] {
            let outcome = run(search, threads);
            let rate = outcome.crossed as f64 * 1e3 / UNTIL as f64;
            print!("   {rate:width$.0}   {:5.0} %", 100.0 * (outcome.words.len() * WORD) as f64 / BLOCKS as f64);
        }
        println!();
    }
    println!(
        "\nA read-modify-write takes {OWN} ns on a line the core has and {MOVE} ns on another core's; a refill's work {WORK} ns."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_is_lost_or_taken_twice() {
        for search in [Search::Lowest, Search::Library] {
            let outcome = run(search, 16);
            let mut seen = vec![false; BLOCKS];
            for block in outcome.live.iter().flat_map(|run| run.descending()) {
                assert!(!std::mem::replace(&mut seen[block], true), "{block} has two owners");
            }
            assert_eq!(seen.iter().filter(|&&live| live).count() + outcome.free, BLOCKS);
            assert!(outcome.crossed > 0);
        }
    }

    #[test]
    fn who_is_alone_begins_with_the_lowest_blocks() {
        let [lowest, library] = [Search::Lowest, Search::Library].map(|search| run(search, 1));
        assert_eq!((library.words, library.crossed), (lowest.words, lowest.crossed));
    }

    #[test]
    fn many_threads_are_out_of_each_others_way() {
        let [lowest, library] = [Search::Lowest, Search::Library].map(|search| run(search, 64).crossed);
        assert!(library > 4 * lowest, "{library} blocks, and {lowest} if all begin with the lowest");
    }
}
