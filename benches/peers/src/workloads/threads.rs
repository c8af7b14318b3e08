//! `thread-idle`: resident KiB of a thread that allocated one block and waits, its stack included. `thread-life`: CPU time from spawning a thread to
//! its having been joined, of which the thread allocates 100 blocks and frees them. `threads-ended`, `threads-trimmed`: KiB that stay when 500 threads that
//! were alive at once have ended, and when the allocator was then told to return what it can.

use std::sync::Barrier;
use std::thread;

use super::replace::written;
use super::{MAIN, Plan, at_most};
use crate::candidate::{Calls, Candidate, Job, Setup};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::clock::process_cpu;
use crate::random::Sizes;
use crate::resident::resident;

const IDLE: Targets = &[(MAIN, at_most(20.0))];
const LIFE: Targets = &[(MAIN, at_most(15_000.0))];
const ENDED: Targets = &[(MAIN, at_most(4096.0))];
const TRIMMED: Targets = &[(MAIN, at_most(1024.0))];
const IDLE_THREADS: usize = 100;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let kib = |name: &str, targets| Row::new(name, &[(Metric::Kib, targets)]);
    let life = Row::new("thread-life", &[(Metric::Cpu, LIFE)]);
    let rows = vec![kib("thread-idle", IDLE), life, kib("threads-ended", ENDED), kib("threads-trimmed", TRIMMED)];
    let work = Threads {
        lives: plan.count(5000, 500),
        at_once: plan.count(500, 100),
        sizes: Sizes::new(16, plan.pick(1024, 300), plan.spread()),
    };
    vec![Case::new("threads", rows, work).alone(plan.count(7, 1))]
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

impl Job for Life<'_> {
    fn run<C: Calls>(self, calls: C) {
        let mut blocks = [core::ptr::null_mut(); 100];
        for (index, block) in blocks[..self.blocks].iter_mut().enumerate() {
            *block = written(calls, self.sizes.at(index));
        }
        self.waits.map(|barrier| [barrier.wait(), barrier.wait()]);
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

impl Threads {
    /// Runs so many threads at once, and says how many bytes more are resident while all of them wait.
    fn at_once<C: Candidate>(&self, candidate: &C, threads: usize, blocks: usize) -> usize {
        let barrier = &Barrier::new(threads + 1);
        let before = resident().expect("this row needs Linux");
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(move || candidate.enter(Life { sizes: &self.sizes, blocks, waits: Some(barrier) }));
            }
            barrier.wait();
            let now = resident().expect("this row needs Linux");
            barrier.wait();
            now.saturating_sub(before)
        })
    }
}

impl Workload for Threads {
    fn setup(&self) -> Setup {
        Setup { any_program: true, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let life = || candidate.enter(Life { sizes: &self.sizes, blocks: 100, waits: None });
        thread::scope(|scope| _ = scope.spawn(life));
        let before = resident().expect("this row needs Linux");
        let idle = self.at_once(candidate, IDLE_THREADS, 1) / IDLE_THREADS;
        let cpu = process_cpu();
        for _ in 0..self.lives {
            thread::scope(|scope| _ = scope.spawn(life));
        }
        let cpu = (process_cpu() - cpu) as f64 / self.lives as f64;
        let stays = || resident().expect("this row needs Linux").saturating_sub(before) as f64 / 1024.0;
        self.at_once(candidate, self.at_once, 100);
        let ended = stays();
        candidate.enter(Trim);
        vec![idle as f64 / 1024.0, cpu, ended, stays()]
    }
}
