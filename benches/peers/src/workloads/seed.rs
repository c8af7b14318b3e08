//! `seed`: the headline benchmark of the C++ original. Every thread keeps 100,000 blocks of 16..=79 bytes alive and 100 times
//! walks over all of them: free the block, malloc another of random size. Memory is not touched.
//!
//! Caches are as deep as the original's: 2 MiB of blocks per bucket, which is 131,072 blocks of 16 bytes and 16,384 of 128.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::random::Sizes;

const TARGETS: Targets = &[(MAIN, of_best(0.40))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let threads = plan.threads().iter();
    let case = |&threads| {
        let name = format!("seed/{threads}");
        let (least, most) = plan.pick((16, 79), (16, 200));
        let work = Seed {
            threads,
            live: plan.pick(100_000, 30_000),
            rounds: plan.count(100, 6) / plan.count(1, threads).min(3),
            sizes: Sizes::new(least, most, plan.spread()),
        };
        Case::new(name.clone(), vec![Row::timed(name, TARGETS)], work)
    };
    threads.map(case).collect()
}

struct Seed {
    threads: usize,
    live: usize,
    rounds: usize,
    sizes: Sizes,
}

impl Work for Seed {
    fn setup(&self) -> Setup {
        Setup {
            cache_bytes: Some(2 << 20),
            live_bytes: self.threads * self.live * 128,
            largest: 256,
            ..Setup::default()
        }
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.threads * self.live * self.rounds]
    }

    fn work<C: Calls>(&self, worker: usize, calls: C, clock: &mut Clock<'_>) {
        let mut blocks: Vec<*mut u8> =
            (0..self.live).map(|index| calls.malloc(self.sizes.at(worker + index))).collect();
        clock.time(|| {
            for round in 1..=self.rounds {
                let first = worker + round * self.live;
                for (index, slot) in blocks.iter_mut().enumerate() {
                    // SAFETY: every slot holds a live block, which the next line replaces.
                    unsafe { calls.free(*slot) };
                    *slot = black_box(calls.malloc(self.sizes.at(first + index)));
                }
            }
        });
        for block in blocks {
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        }
    }
}
