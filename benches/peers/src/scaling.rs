//! Beyond this machine's cores: a simulation of the shared words of one bucket under up to 256 threads. Nothing is timed.
//!
//! The worst program: one size class, and every block is freed by a thread that did not allocate it, so that all of them cross
//! the bucket. A thread uses a refill's worth of blocks, takes four words of the bitmap as `Bitmap::claim` does, and puts four back that
//! others took, as `Bitmap::put` does. Each access to a word takes its line: at once if this thread had it last, otherwise in
//! [`MOVE`] ns, and two threads that want the same line wait for each other. That is all there is of a machine.
//!
//! Compared are today's search, which takes the lowest free word, and one that starts at a place of the thread's own.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A read-modify-write of a line this core has, in ns. Assumed.
const OWN: u64 = 5;
/// The same of a line another core has, in ns. Assumed; some machines take half, those with two sockets twice as long.
const MOVE: u64 = 100;
/// What a thread does with the blocks of four words before it comes back: 256 mallocs and frees of 10 ns each.
const WORK: u64 = 256 * 20;
const BLOCKS: u64 = 64;
const WORDS: usize = 4096;
const SUMMARIES: usize = WORDS / 64;
/// Words of a line.
const LINE: usize = 8;
/// Words a crossing takes or puts.
const CROSSING: usize = 4;
const UNTIL: u64 = 20_000_000;

/// Where a thread begins to look for a free word.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Search {
    Lowest,
    Own,
}

/// A line of the processor's cache: who had it last, and until when it is on its way to somebody.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    holder: usize,
    busy: u64,
}

impl Line {
    /// When thread `thread`, which wants the line at `now`, is done with it.
    fn used(&mut self, thread: usize, now: u64) -> u64 {
        let cost = if self.holder == thread { OWN } else { MOVE };
        self.holder = thread;
        self.busy = now.max(self.busy) + cost;
        self.busy
    }
}

/// What a thread does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Look { taken: usize },
    Choose { taken: usize },
    Take { taken: usize, word: usize },
    Clear { taken: usize, word: usize },
    Put { put: usize },
    Announce { put: usize, word: usize },
}

struct Bucket {
    search: Search,
    threads: usize,
    words: Vec<Line>,
    summaries: Vec<Line>,
    free: Vec<bool>,
    /// Words whose blocks are in use, oldest first.
    live: VecDeque<usize>,
    /// The highest word that was ever in use.
    highest: usize,
    crossed: u64,
}

impl Bucket {
    fn new(search: Search, threads: usize) -> Self {
        // Nobody has any line yet.
        let line = Line { holder: usize::MAX, busy: 0 };
        Self {
            search,
            threads,
            words: vec![line; WORDS / LINE],
            summaries: vec![line; SUMMARIES / LINE],
            free: vec![true; WORDS],
            live: VecDeque::new(),
            highest: 0,
            crossed: 0,
        }
    }

    /// The word where `thread` begins to look.
    fn start(&self, thread: usize) -> usize {
        match self.search {
            Search::Lowest => 0,
            Search::Own => thread * WORDS / self.threads,
        }
    }

    /// The free word that `thread` finds.
    fn find(&self, thread: usize) -> Option<usize> {
        let start = self.start(thread);
        (start..WORDS).chain(0..start).find(|&word| self.free[word])
    }

    /// One access of `thread` at `now`: when it is over, and what comes then.
    fn step(&mut self, thread: usize, now: u64, step: Step) -> (u64, Step) {
        match step {
            // A read: as dear as a write where others write the line. What it reads is how things are when the line has come.
            Step::Look { taken } => (self.summary(self.start(thread)).used(thread, now), Step::Choose { taken }),
            Step::Choose { taken } => match self.find(thread) {
                Some(word) => (self.words[word / LINE].used(thread, now), Step::Take { taken, word }),
                None => (now, Step::Look { taken }),
            },
            Step::Take { taken, word } => {
                if !core::mem::take(&mut self.free[word]) {
                    // Somebody else's meanwhile: clears the bit above, as whoever emptied the word does, and looks again.
                    return (self.summary(word).used(thread, now), Step::Look { taken });
                }
                self.live.push_back(word);
                self.highest = self.highest.max(word);
                (now, Step::Clear { taken: taken + 1, word })
            }
            Step::Clear { taken, word } => {
                let then = self.summary(word).used(thread, now);
                let next = if taken < CROSSING { Step::Look { taken } } else { Step::Put { put: 0 } };
                (then, next)
            }
            // Each thread keeps what it took for a while: there are always more live words than are put.
            Step::Put { put } if self.live.len() > self.threads * CROSSING => {
                let word = self.live.pop_front().unwrap_or_default();
                self.free[word] = true;
                self.crossed += BLOCKS;
                (self.words[word / LINE].used(thread, now), Step::Announce { put: put + 1, word })
            }
            Step::Put { .. } => (now + WORK, Step::Look { taken: 0 }),
            Step::Announce { put, word } => {
                let then = self.summary(word).used(thread, now);
                if put < CROSSING { (then, Step::Put { put }) } else { (then + WORK, Step::Look { taken: 0 }) }
            }
        }
    }

    fn summary(&mut self, word: usize) -> &mut Line {
        &mut self.summaries[word / 64 / LINE]
    }
}

/// Runs the simulation until [`UNTIL`].
fn run(search: Search, threads: usize) -> Bucket {
    let mut bucket = Bucket::new(search, threads);
    // Not all at once: threads of a program do not march in step.
    let arrive = |thread: usize| thread as u64 * WORK / threads as u64;
    let mut steps = vec![Step::Look { taken: 0 }; threads];
    let mut queue: BinaryHeap<Reverse<(u64, usize)>> =
        (0..threads).map(|thread| Reverse((arrive(thread), thread))).collect();
    while let Some(Reverse((now, thread))) = queue.pop() {
        if now >= UNTIL {
            break;
        }
        let (then, step) = bucket.step(thread, now, steps[thread]);
        steps[thread] = step;
        queue.push(Reverse((then, thread)));
    }
    bucket
}

/// Million blocks a second that went through the bucket.
fn rate(bucket: &Bucket) -> f64 {
    bucket.crossed as f64 * 1e3 / UNTIL as f64
}

/// Prints the table.
pub fn print() {
    println!(
        "One bucket, every block freed by another thread: million blocks a second, and how far up the span was used.\n"
    );
    println!("threads   unhindered   lowest first   (span)   own place first   (span)");
    for threads in [2, 4, 8, 16, 32, 64, 128, 256] {
        let (lowest, own) = (run(Search::Lowest, threads), run(Search::Own, threads));
        let unhindered = threads as f64 * (BLOCKS as usize * CROSSING) as f64 * 1e3 / WORK as f64;
        let span = |bucket: &Bucket| 100.0 * (bucket.highest + 1) as f64 / WORDS as f64;
        println!(
            "{threads:7}   {unhindered:10.0}   {:12.0}   {:5.0} %   {:15.0}   {:5.0} %",
            rate(&lowest),
            span(&lowest),
            rate(&own),
            span(&own)
        );
    }
    println!(
        "\nA read-modify-write takes {OWN} ns on a line the core has and {MOVE} ns on another core's; a refill's work {WORK} ns."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_lost_or_taken_twice() {
        for search in [Search::Lowest, Search::Own] {
            let bucket = run(search, 16);
            let mut seen = vec![0; WORDS];
            bucket.live.iter().for_each(|&word| seen[word] += 1);
            (0..WORDS).for_each(|word| seen[word] += usize::from(bucket.free[word]));
            assert_eq!(seen, vec![1; WORDS]);
            assert!(bucket.crossed > 0);
        }
    }

    #[test]
    fn one_thread_never_waits_for_a_line_once_it_has_it() {
        let alone = run(Search::Lowest, 1);
        // Five accesses a word: look, take, clear, put, announce.
        let crossing = WORK + 5 * OWN * CROSSING as u64;
        let expected = (BLOCKS as usize * CROSSING) as f64 * 1e3 / crossing as f64;
        assert!((rate(&alone) / expected - 1.0).abs() < 0.01, "{} is not {expected}", rate(&alone));
    }

    #[test]
    fn a_line_serves_one_thread_at_a_time() {
        let mut line = Line { holder: 1, busy: 0 };
        assert_eq!(line.used(1, 10), 10 + OWN);
        assert_eq!(line.used(2, 10), 10 + OWN + MOVE);
        assert_eq!(line.used(3, 0), 10 + OWN + 2 * MOVE);
    }
}
