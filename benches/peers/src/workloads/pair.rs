//! `pair-*`: malloc and free at once, the tightest loop there is; in `pair-*/told` the free is told the size. Memory is not touched.

use std::hint::black_box;

use super::{LIBRARY, MAIN, Plan, of_best};
use crate::candidate::Calls;
use crate::case::{Case, Row, Targets};
use crate::clock::{Clock, Work};
use crate::place::{TightLoop, place};
use crate::random::Sizes;

const CONST: Targets = &[(MAIN, of_best(0.50)), ("smarena-call", of_best(0.80)), (LIBRARY, of_best(0.90))];
const RANDOM: Targets = &[(MAIN, of_best(1.00)), (LIBRARY, of_best(0.90))];
const TOLD: Targets = &[(MAIN, of_best(0.75))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let pairs = plan.count(4_000_000, 400_000);
    let (least, most) = plan.pick((16, 80), (24, 300));
    let random = format!("pair-{least}-{most}");
    let told = format!("{random}/told");
    let sizes = || Sizes::new(least, most, plan.spread());
    let random_row = Row::timed(random.clone(), RANDOM);
    let random = Case::new(random, vec![random_row], Random::<false> { pairs, sizes: sizes() });
    let told_row = Row::timed(told.clone(), TOLD);
    let told = Case::new(told, vec![told_row], Random::<true> { pairs, sizes: sizes() });
    if plan.second_set {
        let small = Case::new("pair-const-24", vec![Row::timed("pair-const-24", CONST)], Const::<24> { pairs });
        let large = Case::new("pair-const-200", vec![Row::timed("pair-const-200", CONST)], Const::<200> { pairs });
        return vec![small, large, random, told];
    }
    vec![Case::new("pair-const", vec![Row::timed("pair-const", CONST)], Const::<64> { pairs }), random, told]
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
struct Random<const TOLD: bool> {
    pairs: usize,
    sizes: Sizes,
}

impl<const TOLD: bool> Work for Random<TOLD> {
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

impl<const TOLD: bool> TightLoop for Random<TOLD> {
    #[inline(always)]
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, pairs: usize) {
        place::<PLACE>();
        for index in 0..pairs {
            let size = self.sizes.at(index);
            let block = black_box(calls.malloc(size));
            if TOLD {
                // SAFETY: the block was just allocated with this size.
                unsafe { calls.free_sized(block, size) };
            } else {
                // SAFETY: the block was just allocated.
                unsafe { calls.free(block) };
            }
        }
    }
}
