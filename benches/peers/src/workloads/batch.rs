//! `batch-*`: 1000 mallocs of 16..=79 bytes, then 1000 frees, newest first (lifo) or oldest first (fifo). Memory is not touched.

use std::hint::black_box;
use std::ptr::null_mut;

use super::{LIBRARY, MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::random::Sizes;

const TARGETS: Targets = &[(MAIN, of_best(0.72)), (LIBRARY, of_best(1.00))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let mut cases = Vec::new();
    for order in [Order::Lifo, Order::Fifo] {
        for &threads in plan.threads() {
            let name = format!("batch-{}/{threads}", order.name());
            let batch = plan.pick(1000, 333);
            let (least, most) = plan.pick((16, 79), (8, 500));
            let work = Batch {
                threads,
                order,
                batch,
                repeats: plan.count(2_000_000, 200_000) / batch / threads,
                sizes: Sizes::new(least, most, plan.spread()),
            };
            cases.push(Case::new(name.clone(), vec![Row::timed(name, TARGETS)], work));
        }
    }
    cases
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Lifo,
    Fifo,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Lifo => "lifo",
            Self::Fifo => "fifo",
        }
    }
}

struct Batch {
    threads: usize,
    order: Order,
    batch: usize,
    repeats: usize,
    sizes: Sizes,
}

impl Batch {
    fn repeat<C: Calls>(&self, calls: C, repeats: usize, blocks: &mut [*mut u8]) {
        for repeat in 0..repeats {
            for (index, slot) in blocks.iter_mut().enumerate() {
                *slot = black_box(calls.malloc(self.sizes.at(repeat + index)));
            }
            match self.order {
                Order::Lifo => blocks.iter().rev().for_each(|&block| free(calls, block)),
                Order::Fifo => blocks.iter().for_each(|&block| free(calls, block)),
            }
        }
    }
}

#[inline(always)]
fn free<C: Calls>(calls: C, block: *mut u8) {
    // SAFETY: every block of the batch was just allocated and is freed once.
    unsafe { calls.free(block) };
}

impl Work for Batch {
    fn setup(&self) -> Setup {
        Setup { live_bytes: 16 << 20, ..Setup::default() }
    }

    fn threads(&self) -> usize {
        self.threads
    }

    /// A malloc and its free are one operation.
    fn operations(&self) -> Vec<usize> {
        vec![self.threads * self.repeats * self.batch]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        let mut blocks = vec![null_mut(); self.batch];
        self.repeat(calls, self.repeats.div_ceil(16), &mut blocks);
        clock.time(|| self.repeat(calls, self.repeats, &mut blocks));
    }
}
