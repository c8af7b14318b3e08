//! `pair-*`: malloc and free at once, the tightest loop there is. Memory is not touched.

use std::hint::black_box;

use super::{MAIN, Plan, of_best};
use crate::candidate::Calls;
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::place::{TightLoop, place};
use crate::random::Sizes;

const CONST: Targets = &[(MAIN, of_best(0.65)), ("smarena-call", of_best(1.00)), ("smarena-handle", of_best(0.35))];
const RANDOM: Targets = &[(MAIN, of_best(0.95)), ("smarena-call", of_best(0.95))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let pairs = plan.count(4_000_000, 400_000);
    let (least, most) = plan.pick((16, 80), (24, 300));
    let random = format!("pair-{least}-{most}");
    let random_row = Row::timed(random.clone(), RANDOM);
    let random = Case::new(random, vec![random_row], Random { pairs, sizes: Sizes::new(least, most, plan.spread()) });
    if plan.second_set {
        let small = Case::new("pair-const-24", vec![Row::timed("pair-const-24", CONST)], Const::<24> { pairs });
        let large = Case::new("pair-const-200", vec![Row::timed("pair-const-200", CONST)], Const::<200> { pairs });
        return vec![small, large, random];
    }
    vec![Case::new("pair-const", vec![Row::timed("pair-const", CONST)], Const::<64> { pairs }), random]
}

/// The size is known when the program is compiled.
struct Const<const SIZE: usize> {
    pairs: usize,
}

impl<const SIZE: usize> Work for Const<SIZE> {
    fn threads(&self) -> usize {
        1
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.pairs]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.everywhere(calls, self.pairs / 16);
        clock.time(|| self.everywhere(calls, self.pairs));
    }
}

impl<const SIZE: usize> TightLoop for Const<SIZE> {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, pairs: usize) {
        place::<PLACE>();
        for _ in 0..pairs {
            let block = black_box(calls.malloc(SIZE));
            // SAFETY: the block was just allocated.
            unsafe { calls.free(block) };
        }
    }
}

/// The size is a random one, read from a table.
struct Random {
    pairs: usize,
    sizes: Sizes,
}

impl Work for Random {
    fn threads(&self) -> usize {
        1
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.pairs]
    }

    fn work<C: Calls>(&self, _: usize, calls: C, clock: &mut Clock<'_>) {
        self.everywhere(calls, self.pairs / 16);
        clock.time(|| self.everywhere(calls, self.pairs));
    }
}

impl TightLoop for Random {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, pairs: usize) {
        place::<PLACE>();
        for index in 0..pairs {
            let block = black_box(calls.malloc(self.sizes.at(index)));
            // SAFETY: the block was just allocated.
            unsafe { calls.free(block) };
        }
    }
}
