//! `replace-*`: a random slot's block is freed, another of 16..=128 bytes takes its place, and its first word is written. In `replace-40KiB/N` each of N threads
//! has 1000 buffers of that size, as a program that reads sockets and files has them: in a heap for any program.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup, block};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::random::{Random, Sizes};

const SMALL: Targets = &[(MAIN, of_best(0.80))];
const LARGE: Targets = &[(MAIN, of_best(0.52))];
const BUFFERS: Targets = &[(MAIN, of_best(1.1))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let case = |name: &str, live, targets| {
        let (least, most) = plan.pick((16, 128), (16, 1000));
        let work = Replace {
            threads: 1,
            live,
            replaces: plan.count(2_000_000, 250_000),
            most,
            any_program: false,
            sizes: Sizes::new(least, most, plan.spread()),
        };
        Case::new(name, vec![Row::timed(name, targets)], work)
    };
    let buffers = |threads| {
        let bytes = plan.pick(40 << 10, 24 << 10);
        let name = format!("replace-{}KiB/{threads}", bytes >> 10);
        let work = Replace {
            threads,
            live: 1000,
            replaces: plan.count(200_000, 50_000),
            most: bytes,
            any_program: true,
            sizes: Sizes::new(bytes, bytes, plan.spread()),
        };
        Case::new(name.clone(), vec![Row::timed(name, BUFFERS)], work)
    };
    if plan.second_set {
        let small = [case("replace-50k", 50_000, SMALL), case("replace-300k", 300_000, LARGE)];
        return small.into_iter().chain([1, 3].map(buffers)).collect();
    }
    let small = [case("replace-10k", 10_000, SMALL), case("replace-1M", 1_000_000, LARGE)];
    small.into_iter().chain([1, 2].map(buffers)).collect()
}

/// All counts are a thread's.
struct Replace {
    threads: usize,
    live: usize,
    replaces: usize,
    most: usize,
    any_program: bool,
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
        let default = Setup::default();
        Setup {
            live_bytes: self.threads * self.live * self.most,
            largest: self.most.max(default.largest),
            any_program: self.any_program,
            ..default
        }
    }

    fn threads(&self) -> usize {
        self.threads
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.threads * self.replaces]
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
