//! `realloc/chain`, `realloc/many`: a buffer grows from 16 to 1024 bytes in doubling steps, one after the other, or 10,000 of them together; after
//! each step the new last word is written, and in the end each buffer's first word must be what was written at the start.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Setup, block, out_of_memory};
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};

const CHAIN: Targets = &[(MAIN, of_best(0.85))];
const MANY: Targets = &[(MAIN, of_best(0.95))];
const DOUBLING: &[usize] = &[16, 32, 64, 128, 256, 512, 1024];
const BY_HALF: &[usize] = &[40, 64, 96, 144, 216, 328, 496, 744, 1000];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let case = |name, buffers, targets| {
        let work =
            Growth { buffers, repeats: plan.count(100_000, 10_000) / buffers, steps: plan.pick(DOUBLING, BY_HALF) };
        Case::new(name, vec![Row::timed(name, targets)], work)
    };
    vec![case("realloc/chain", 1, CHAIN), case("realloc/many", 10_000, MANY)]
}

struct Growth {
    /// How many grow together.
    buffers: usize,
    repeats: usize,
    /// Multiples of 8.
    steps: &'static [usize],
}

impl Growth {
    fn grow<C: Calls>(&self, calls: C, buffers: &mut Vec<*mut u8>) {
        for index in 0..self.buffers {
            let buffer = black_box(block(calls, self.steps[0]));
            // SAFETY: the block holds a word and is aligned to 16.
            unsafe { buffer.cast::<usize>().write(index) };
            buffers.push(buffer);
        }
        for step in self.steps.windows(2) {
            let [old, new] = *step else { unreachable!("windows of 2") };
            for buffer in &mut *buffers {
                // SAFETY: live, and of `old` bytes since the last step.
                *buffer = black_box(unsafe { calls.realloc(*buffer, old, new) });
                if buffer.is_null() {
                    out_of_memory(new);
                }
                // SAFETY: within the `new` bytes, which are a multiple of 8.
                let last = unsafe { buffer.add(new - 8) };
                // SAFETY: the last 8 of the block's bytes, aligned to 8.
                unsafe { last.cast::<u64>().write(1) };
            }
        }
        for (index, buffer) in buffers.drain(..).enumerate() {
            // SAFETY: the first word was written above and kept since.
            let first = unsafe { buffer.cast::<usize>().read() };
            assert_eq!(first, index, "realloc keeps the content");
            // SAFETY: live, and freed here only.
            unsafe { calls.free(buffer) };
        }
    }
}

impl Work for Growth {
    fn setup(&self) -> Setup {
        Setup { live_bytes: (2 * self.buffers * 1024).max(1 << 20), ..Setup::default() }
    }

    fn threads(&self) -> usize {
        1
    }

    /// A step of one buffer is an operation.
    fn operations(&self) -> Vec<usize> {
        vec![self.repeats * self.buffers * (self.steps.len() - 1)]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        let mut buffers = Vec::with_capacity(self.buffers);
        self.grow(calls, &mut buffers);
        clock.time(|| {
            for _ in 0..self.repeats {
                self.grow(calls, &mut buffers);
            }
        });
    }
}
