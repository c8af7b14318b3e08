//! The workloads, one file a family. A new one is a file with `pub fn cases(&Plan) -> Vec<Case>` and a line in [`cases`].

mod batch;
mod buffers;
mod creation;
mod ends;
mod fragmentation;
mod grow;
mod handoff;
mod larson;
mod list;
mod memory;
mod owners;
mod pair;
mod priority;
mod realloc;
mod replace;
mod seed;
mod threads;

use std::hint::spin_loop;

use crate::candidates::LIBRARY;
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
        fragmentation::cases,
        grow::cases,
        threads::cases,
        priority::cases,
        creation::cases,
        ends::cases,
        owners::cases,
        buffers::cases,
    ]
    .iter()
    .flat_map(|family| family(plan))
    .collect()
}

/// The flavour that is judged, unless a row names others.
const MAIN: &str = "smarena";

const fn of_best(ratio: f64) -> Target {
    Target::OfBest(ratio)
}

const fn at_most(value: f64) -> Target {
    Target::AtMost(value)
}

/// What `look` finds, sooner or later. Spins a little, then yields: that counts as CPU time, as it would in a program.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let mut tries = 0;
    loop {
        if let Some(found) = look() {
            return found;
        }
        tries += 1;
        if tries < 100 { spin_loop() } else { std::thread::yield_now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates;

    /// One round of every case with these candidates: a number for every column, none of them absurd.
    fn every_case_yields_numbers(plan: Plan, names: &[&str]) {
        for entry in candidates::roster(&[], &[]).iter().filter(|entry| names.contains(&entry.name.as_str())) {
            // Cases that need a process of their own measure it as a whole, and this one runs other tests: tests/ runs them.
            for case in cases(&plan).into_iter().filter(|case| case.alone.is_none() && case.sort == entry.sort) {
                let values = case.bind(entry).unwrap_or_else(|why| panic!("{}: {why}", case.name)).round();
                assert_eq!(values.len(), case.values(), "{}", case.name);
                assert!(
                    values.iter().all(|value| (0.0..1e9).contains(value)),
                    "{} {}: {values:?}",
                    case.name,
                    entry.name
                );
            }
        }
    }

    #[test]
    fn every_case_of_the_first_set_yields_numbers() {
        every_case_yields_numbers(
            Plan { quick: true, second_set: false },
            &["system", "smarena", "smarena-handle", "smarena-pool", "bytes"],
        );
    }

    #[test]
    fn every_case_of_the_second_set_yields_numbers() {
        every_case_yields_numbers(Plan { quick: true, second_set: true }, &["system", "smarena-call"]);
    }

    #[test]
    fn names_of_cases_and_rows_are_unique() {
        for second_set in [false, true] {
            let cases = cases(&Plan { quick: true, second_set });
            let mut rows: Vec<String> =
                cases.iter().flat_map(|case| case.rows.iter().map(|row| row.name.clone())).collect();
            let all = rows.len();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), all);
        }
    }

    #[test]
    fn every_target_names_a_flavour() {
        let ours = candidates::roster(&[], &[]);
        for row in cases(&Plan::default()).iter().flat_map(|case| &case.rows) {
            for (flavour, _) in row.columns.iter().flat_map(|column| column.targets) {
                assert!(
                    ours.iter().any(|entry| entry.name == *flavour && entry.kind == candidates::Kind::Ours),
                    "{}",
                    row.name
                );
            }
        }
    }
}
