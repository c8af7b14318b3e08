//! `replace-*`: a random slot's block is freed, another of 16..=128 bytes takes its place, and its first word is written.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup, block};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::random::{Random, Sizes};

const SMALL: Targets = &[(MAIN, of_best(0.85))];
const LARGE: Targets = &[(MAIN, of_best(0.60))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let case = |name: &str, live, targets| {
        let (least, most) = plan.pick((16, 128), (16, 1000));
        let work = Replace {
            live,
            replaces: plan.count(2_000_000, 250_000),
            most,
            sizes: Sizes::new(least, most, plan.spread()),
        };
        Case::new(name, vec![Row::timed(name, targets)], work)
    };
    if plan.second_set {
        return vec![case("replace-50k", 50_000, SMALL), case("replace-300k", 300_000, LARGE)];
    }
    vec![case("replace-10k", 10_000, SMALL), case("replace-1M", 1_000_000, LARGE)]
}

struct Replace {
    live: usize,
    replaces: usize,
    most: usize,
    sizes: Sizes,
}

impl Replace {
    /// The generator comes by value: its state stays in a register, and the loop measures the calls.
    fn replace<C: Calls>(&self, calls: C, mut random: Random, replaces: usize, blocks: &mut [*mut u8]) {
        for index in 0..replaces {
            let slot = &mut blocks[random.below(self.live)];
            // SAFETY: every slot holds a live block, which the next line replaces.
            unsafe { calls.free(*slot) };
            *slot = written(calls, self.sizes.at(index));
        }
    }
}

impl Work for Replace {
    fn setup(&self) -> Setup {
        Setup { live_bytes: self.live * self.most, ..Setup::default() }
    }

    fn threads(&self) -> usize {
        1
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.replaces]
    }

    fn work<C: Calls>(&self, worker: usize, calls: C, clock: &mut Clock<'_>) {
        let mut blocks: Vec<*mut u8> = (0..self.live).map(|index| written(calls, self.sizes.at(index))).collect();
        self.replace(calls, Random::new(2 * worker), self.replaces / 16, &mut blocks);
        clock.time(|| self.replace(calls, Random::new(2 * worker + 1), self.replaces, &mut blocks));
        for block in blocks {
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        }
    }
}

/// A block whose first word is written.
#[inline(always)]
pub(super) fn written<C: Calls>(calls: C, size: usize) -> *mut u8 {
    let block = black_box(block(calls, size));
    // SAFETY: the workloads that come here ask for 16 bytes or more, aligned to 16.
    unsafe { block.cast::<usize>().write(size) };
    block
}
