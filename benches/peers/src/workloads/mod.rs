//! The workloads, one file a family. A new one is a file with `pub fn cases(&Plan) -> Vec<Case>` and a line in [`cases`].

mod batch;
mod creation;
mod handoff;
mod larson;
mod list;
mod memory;
mod owners;
mod pair;
mod realloc;
mod replace;
mod seed;

use crate::case::{Case, Target};
use crate::random::Spread;

/// What is to be measured, apart from by whom.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// Fewer operations, to end within a minute.
    pub quick: bool,
    /// The other sizes, thread counts and distributions, which no constant of the allocator was chosen by.
    pub second_set: bool,
}

impl Plan {
    /// `full`, or `quick` in a quick run.
    fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// A parameter of the first set, or of the second.
    fn pick<T>(&self, first: T, second: T) -> T {
        if self.second_set { second } else { first }
    }

    fn spread(&self) -> Spread {
        self.pick(Spread::Even, Spread::MostlySmall)
    }

    /// Numbers of threads for the rows that have several.
    fn threads(&self) -> &'static [usize] {
        self.pick(&[1, 2, 4, 5], &[1, 3, 6])
    }
}

/// Every case of a plan.
pub fn cases(plan: &Plan) -> Vec<Case> {
    [
        pair::cases,
        batch::cases,
        seed::cases,
        replace::cases,
        handoff::cases,
        larson::cases,
        list::cases,
        realloc::cases,
        memory::cases,
        creation::cases,
        owners::cases,
    ]
    .iter()
    .flat_map(|family| family(plan))
    .collect()
}

/// The flavour that is judged where BENCH.md names none.
const MAIN: &str = "smarena";

const fn of_best(ratio: f64) -> Target {
    Target::OfBest(ratio)
}

const fn at_most(value: f64) -> Target {
    Target::AtMost(value)
}
