//! `larson`: each lineage of threads has an array of 5000 blocks; a thread does 50,000 random replaces (16..=128 bytes, first word
//! written), then hands the whole array to a new thread and ends. What a thread's end costs an allocator is part of it.
//!
//! CPU time is the process's, because a thread's own clock ends before its caches are drained; starting threads is in it for everyone.

use std::thread::Scope;
use std::time::Instant;

use super::replace::written;
use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Candidate, Job, Setup};
use crate::case::{Case, Row, Targets, Workload};
use crate::clock::process_cpu;
use crate::random::{Random, Sizes};

const TARGETS: Targets = &[(MAIN, of_best(0.80))];
const BLOCKS: usize = 5000;
const REPLACES: usize = 50_000;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let threads: &[usize] = plan.pick(&[2, 4], &[3]);
    let case = |&lineages| {
        let name = format!("larson/{lineages}");
        let (least, most) = plan.pick((16, 128), (16, 500));
        let generations = plan.count(20, 3);
        let sizes = Sizes::new(least, most, plan.spread());
        Case::new(name.clone(), vec![Row::timed(name, TARGETS)], Larson { lineages, generations, sizes })
    };
    threads.iter().map(case).collect()
}

struct Larson {
    lineages: usize,
    generations: usize,
    sizes: Sizes,
}

/// A lineage's array.
struct Blocks(Vec<*mut u8>);

// SAFETY: the array owns its blocks, and any thread may use and free them.
unsafe impl Send for Blocks {}

/// One thread's part.
struct Generation<'a> {
    larson: &'a Larson,
    seed: usize,
    last: bool,
    blocks: &'a mut Blocks,
}

impl Job for Generation<'_> {
    fn run<C: Calls>(self, calls: C) {
        let (sizes, blocks) = (&self.larson.sizes, &mut self.blocks.0);
        if blocks.is_empty() {
            blocks.extend((0..BLOCKS).map(|index| written(calls, sizes.at(index))));
        }
        let mut random = Random::new(self.seed);
        for index in 0..REPLACES {
            let slot = &mut blocks[random.below(BLOCKS)];
            // SAFETY: every slot holds a live block, which the next line replaces.
            unsafe { calls.free(*slot) };
            *slot = written(calls, sizes.at(index));
        }
        if self.last {
            for block in blocks.drain(..) {
                // SAFETY: live, and freed here only.
                unsafe { calls.free(block) };
            }
        }
    }
}

impl Larson {
    fn generation<'s, C: Candidate>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        candidate: &'s C,
        lineage: usize,
        generation: usize,
        mut blocks: Blocks,
    ) {
        let last = generation + 1 == self.generations;
        let seed = generation * self.lineages + lineage;
        candidate.enter(Generation { larson: self, seed, last, blocks: &mut blocks });
        if !last {
            scope.spawn(move || self.generation(scope, candidate, lineage, generation + 1, blocks));
        }
    }
}

impl Workload for Larson {
    fn setup(&self) -> Setup {
        Setup { live_bytes: 64 << 20, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let (begin, cpu) = (Instant::now(), process_cpu());
        std::thread::scope(|scope| {
            for lineage in 0..self.lineages {
                scope.spawn(move || self.generation(scope, candidate, lineage, 0, Blocks(Vec::new())));
            }
        });
        let (cpu, wall) = (process_cpu() - cpu, begin.elapsed());
        let operations = (self.lineages * self.generations * REPLACES) as f64;
        vec![cpu as f64 / operations, wall.as_nanos() as f64 / operations]
    }
}
