//! What threads cost. `thread-idle`: resident KiB of a thread that allocated one block and waits, its stack included. `thread-life`: CPU time from spawning a
//! thread to its having been joined, of which the thread allocates 100 blocks and frees them. `…/bare`: the same of a thread that allocates
//! nothing, whoever the candidate is.
//!
//! `threads-ended/N`: KiB that stay when 500 threads that were alive at once, with N blocks each, have ended. `threads-quiet`: after three seconds in which now and then
//! another thread with 100 blocks came and went. `threads-trimmed`: when the allocator was then told to return what it can. What 500 bare threads leave
//! is there before and not counted.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread::{scope, sleep};
use std::time::Duration;

use super::replace::written;
use super::{MAIN, Plan, at_most};
use crate::candidate::{Calls, Candidate, Job, Setup};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::clock::process_cpu;
use crate::random::Sizes;
use crate::resident::resident;

const IDLE: Targets = &[(MAIN, at_most(20.0))];
const LIFE: Targets = &[(MAIN, at_most(15_000.0))];
const STAYS: Targets = &[(MAIN, at_most(4096.0))];
const TRIMMED: Targets = &[(MAIN, at_most(1024.0))];
const IDLE_THREADS: usize = 100;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let kib = |name: &str, targets| Row::new(name, &[(Metric::Kib, targets)]);
    let cpu = |name: &str, targets| Row::new(name, &[(Metric::Cpu, targets)]);
    let rows = vec![
        kib("thread-idle", IDLE),
        kib("thread-idle/bare", &[]),
        cpu("thread-life", LIFE),
        cpu("thread-life/bare", &[]),
        kib("threads-ended/1", STAYS),
        kib("threads-ended/100", &[]),
        kib("threads-quiet", STAYS),
        kib("threads-trimmed", TRIMMED),
    ];
    let work = Threads {
        lives: plan.count(5000, 500),
        at_once: plan.count(500, 100),
        sizes: Sizes::new(16, plan.pick(1024, 300), plan.spread()),
    };
    vec![Case::new("threads", rows, work).alone(plan.count(3, 1))]
}

struct Threads {
    lives: usize,
    at_once: usize,
    sizes: Sizes,
}

/// What a thread does: allocates so many blocks and frees them, with a wait before and one after it.
struct Life<'w> {
    sizes: &'w Sizes,
    blocks: usize,
    waits: Option<&'w Barrier>,
}

impl Life<'_> {
    fn wait(&self) {
        self.waits.map(|barrier| [barrier.wait(), barrier.wait()]);
    }

    /// Without a candidate.
    fn bare(self) {
        black_box([core::ptr::null_mut::<u8>(); 100]);
        self.wait();
    }
}

impl Job for Life<'_> {
    fn run<C: Calls>(self, calls: C) {
        let mut blocks = [core::ptr::null_mut(); 100];
        for (index, block) in blocks[..self.blocks].iter_mut().enumerate() {
            *block = written(calls, self.sizes.at(index));
        }
        self.wait();
        for &block in &blocks[..self.blocks] {
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        }
    }
}

struct Trim;

impl Job for Trim {
    fn run<C: Calls>(self, calls: C) {
        calls.trim();
    }
}

fn now() -> usize {
    resident().expect("this row needs Linux")
}

impl Threads {
    /// A thread's life with so many blocks of the candidate's, or a bare one.
    fn live<C: Candidate>(&self, candidate: Option<&C>, blocks: usize, waits: Option<&Barrier>) {
        let life = Life { sizes: &self.sizes, blocks, waits };
        match candidate {
            Some(candidate) => candidate.enter(life),
            None => life.bare(),
        }
    }

    /// Runs so many threads at once, and says how many KiB more each has while all of them wait.
    fn at_once<C: Candidate>(&self, candidate: Option<&C>, threads: usize, blocks: usize) -> f64 {
        let barrier = &Barrier::new(threads + 1);
        let before = now();
        scope(|scope| {
            for _ in 0..threads {
                scope.spawn(move || self.live(candidate, blocks, Some(barrier)));
            }
            barrier.wait();
            let now = now();
            barrier.wait();
            now.saturating_sub(before) as f64 / 1024.0 / threads as f64
        })
    }

    /// CPU time of a thread's life, of many one after the other.
    fn in_turn<C: Candidate>(&self, candidate: Option<&C>, lives: usize, pause: Duration) -> f64 {
        let cpu = process_cpu();
        for _ in 0..lives {
            scope(|scope| _ = scope.spawn(|| self.live(candidate, 100, None)));
            sleep(pause);
        }
        (process_cpu() - cpu) as f64 / lives as f64
    }
}

impl Workload for Threads {
    fn setup(&self) -> Setup {
        Setup { any_program: true, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let ours = Some(candidate);
        self.in_turn(ours, 1, Duration::ZERO);
        self.at_once::<C>(None, self.at_once, 0);
        let before = now();
        let stays = || now().saturating_sub(before) as f64 / 1024.0;
        let idle = [ours, None].map(|candidate| self.at_once(candidate, IDLE_THREADS, 1));
        let life = [ours, None].map(|candidate| self.in_turn(candidate, self.lives, Duration::ZERO));
        let ended = [1, 100].map(|blocks| {
            self.at_once(ours, self.at_once, blocks);
            stays()
        });
        self.in_turn(ours, 300, Duration::from_millis(10));
        let quiet = stays();
        candidate.enter(Trim);
        [&idle[..], &life, &ended, &[quiet, stays()]].concat()
    }
}
