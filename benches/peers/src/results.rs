//! The numbers of a run, and what follows from them: medians, the best peer, ratios, verdicts.

use crate::candidate::Skip;
use crate::candidates::{Entry, Kind, LIBRARY};
use crate::case::{Case, Column, Row, Target};

/// Everything a run found.
#[derive(Debug)]
pub struct Results {
    /// Who took part, in order.
    pub roster: Vec<Entry>,
    /// By case.
    pub cases: Vec<Measured>,
    /// Case, candidate and reason of whoever did not take part.
    pub skipped: Vec<(String, String, Skip)>,
}

/// The numbers of a case.
#[derive(Debug)]
pub struct Measured {
    /// What the numbers mean.
    pub rows: Vec<Row>,
    /// By candidate.
    samples: Vec<(String, Vec<Round>)>,
}

/// What a candidate had in one round.
#[derive(Debug)]
struct Round {
    /// The process it was in; those of a process follow each other.
    process: usize,
    /// A number for each column.
    values: Vec<f64>,
}

/// Some numbers of one column, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The middle value.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub most: f64,
    /// Greatest less least, a quarter of the values left out at either end.
    middle_half: f64,
}

impl Summary {
    /// Sums up one or more values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        let (last, quarter) = (values.len() - 1, values.len() / 4);
        Self { median, least: values[0], most: values[last], middle_half: values[last - quarter] - values[quarter] }
    }

    /// The range of the middle half of the values, in percent of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { 100.0 * self.middle_half / self.median }
    }
}

/// A column of a row, with everybody's numbers.
#[derive(Debug)]
pub struct Table<'a> {
    /// The row.
    pub row: &'a Row,
    /// The column.
    pub column: &'a Column,
    /// By candidate, in the roster's order.
    pub entries: Vec<Series<'a>>,
}

/// A candidate's numbers of one column.
#[derive(Debug)]
pub struct Series<'a> {
    /// The candidate.
    pub entry: &'a Entry,
    /// By process, one a round.
    values: Vec<Vec<f64>>,
    /// Of the processes' medians.
    pub summary: Summary,
}

/// Whether a flavour reached its target.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// Row and column.
    pub table: &'a Table<'a>,
    /// Its numbers.
    pub ours: &'a Series<'a>,
    /// What was to be reached.
    pub target: Target,
    /// What is compared with it; `None` where there was no peer.
    pub reached: Option<f64>,
}

impl Verdict<'_> {
    /// Whether the target was reached, if that can be said.
    pub fn met(&self) -> Option<bool> {
        self.reached.map(|reached| reached <= self.target.limit())
    }
}

impl Results {
    /// Nothing found yet.
    pub fn new(roster: &[Entry]) -> Self {
        Self { roster: roster.to_vec(), cases: Vec::new(), skipped: Vec::new() }
    }

    /// Notes that a candidate does not take part in a case; once, however many processes say so.
    pub fn skip(&mut self, case: &str, name: &str, why: Skip) {
        let entry = (case.to_owned(), name.to_owned(), why);
        if !self.skipped.contains(&entry) {
            self.skipped.push(entry);
        }
    }

    /// Whether a candidate was noted so.
    pub fn skipped(&self, case: &str, name: &str) -> bool {
        self.skipped.iter().any(|(of, who, _)| of == case && who == name)
    }

    /// All columns of all rows.
    pub fn tables(&self) -> Vec<Table<'_>> {
        self.cases.iter().flat_map(|case| case.tables(&self.roster)).collect()
    }
}

impl Measured {
    /// Nothing measured yet.
    pub fn new(case: &Case) -> Self {
        Self { rows: case.rows.clone(), samples: Vec::new() }
    }

    /// Adds a round.
    pub fn add(&mut self, name: &str, process: usize, values: Vec<f64>) {
        let round = Round { process, values };
        match self.samples.iter_mut().find(|(known, _)| known == name) {
            Some((_, rounds)) => rounds.push(round),
            None => self.samples.push((name.to_owned(), vec![round])),
        }
    }

    /// Forgets what a candidate had before it failed.
    pub fn leave_out(&mut self, name: &str) {
        self.samples.retain(|(known, _)| known != name);
    }

    /// Every number: row, column, candidate, process, value.
    pub fn values(&self) -> impl Iterator<Item = (&Row, &Column, &str, usize, f64)> {
        self.columns().enumerate().flat_map(move |(index, (row, column))| {
            self.samples.iter().flat_map(move |(name, rounds)| {
                rounds.iter().map(move |round| (row, column, name.as_str(), round.process + 1, round.values[index]))
            })
        })
    }

    fn columns(&self) -> impl Iterator<Item = (&Row, &Column)> {
        self.rows.iter().flat_map(|row| row.columns.iter().map(move |column| (row, column)))
    }

    fn tables<'a>(&'a self, roster: &'a [Entry]) -> Vec<Table<'a>> {
        let of = |entry: &'a Entry, index: usize| {
            let (_, rounds) = self.samples.iter().find(|(name, _)| *name == entry.name)?;
            let processes = rounds.chunk_by(|one, other| one.process == other.process);
            let values: Vec<Vec<f64>> =
                processes.map(|rounds| rounds.iter().map(|round| round.values[index]).collect()).collect();
            let medians = values.iter().map(|rounds| Summary::of(rounds.clone()).median).collect();
            Some(Series { entry, summary: Summary::of(medians), values })
        };
        self.columns()
            .enumerate()
            .map(|(index, (row, column))| Table {
                row,
                column,
                entries: roster.iter().filter_map(|entry| of(entry, index)).collect(),
            })
            .collect()
    }
}

impl Table<'_> {
    /// The peer with the least median; for our library for C, of those that are called as it is.
    pub fn best_for(&self, entry: &Entry) -> Option<&Series<'_>> {
        let takes_part = |peer: &Entry| peer.kind == Kind::Peer && (entry.name != LIBRARY || peer.is_called());
        let peers = self.entries.iter().filter(|series| takes_part(series.entry));
        peers.min_by(|one, other| one.summary.median.total_cmp(&other.summary.median))
    }

    /// How many times the best peer's: within a process the median over the rounds of the ratio within a round, for candidates that take turns
    /// within a second share the machine's mood; of the processes all in all. `None` without a peer, and where a column is not compared.
    pub fn ratio(&self, series: &Series<'_>) -> Option<Summary> {
        let best = self.best_for(series.entry).filter(|_| self.column.metric.is_compared())?;
        let of_process = |(ours, best): (&Vec<f64>, &Vec<f64>)| {
            Summary::of(ours.iter().zip(best).map(|(ours, best)| ours / best).collect()).median
        };
        Some(Summary::of(series.values.iter().zip(&best.values).map(of_process).collect()))
    }

    /// Every judged flavour that took part.
    pub fn verdicts(&self) -> Vec<Verdict<'_>> {
        let judge = |&(flavour, target): &(&'static str, Target)| {
            let ours = self.entries.iter().find(|series| series.entry.name == flavour)?;
            let reached = match target {
                Target::AtMost(_) => Some(ours.summary.median),
                Target::OfBest(_) => self.ratio(ours).map(|ratio| ratio.median),
            };
            Some(Verdict { table: self, ours, target, reached })
        };
        self.column.targets.iter().filter_map(judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Sort;
    use crate::case::Metric;

    fn entry(name: &str, kind: Kind) -> Entry {
        Entry { name: name.to_owned(), kind, sort: Sort::Blocks, path: String::new() }
    }

    #[test]
    fn medians_of_odd_and_even_numbers_of_rounds() {
        let odd = Summary::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.median, odd.least, odd.most), (2.0, 1.0, 3.0));
        assert_eq!(Summary::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn the_spread_leaves_outliers_out() {
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]).spread(), 100.0);
        assert_eq!(Summary::of(vec![10.0, 11.0, 9.0, 1000.0, 0.0]).spread(), 20.0);
    }

    /// Ours by process and round, beside peers that all are slow in each process's second round.
    fn with_table(target: Target, ours: &[&[f64]], check: impl FnOnce(&Table<'_>)) {
        let roster = [
            entry("smarena", Kind::Ours),
            entry("slow", Kind::Peer),
            entry("rusty_alloc", Kind::Peer),
            entry("extra", Kind::Extra),
            entry(LIBRARY, Kind::Ours),
        ];
        let column = Column { metric: Metric::Cpu, targets: Box::leak(Box::new([("smarena", target)])) };
        let row = Row { name: "row".to_owned(), columns: vec![column] };
        let mut measured = Measured { rows: vec![row], samples: Vec::new() };
        for (process, rounds) in ours.iter().enumerate() {
            for (round, &ours) in rounds.iter().enumerate() {
                let mood = if round == 1 { 2.0 } else { 1.0 };
                measured.add("smarena", process, vec![ours]);
                for (name, value) in [("slow", 20.0), ("rusty_alloc", 10.0), ("extra", 1.0), (LIBRARY, 10.0)] {
                    measured.add(name, process, vec![mood * value]);
                }
            }
        }
        check(&measured.tables(&roster)[0]);
    }

    #[test]
    fn the_best_peer_is_a_peer_and_decides() {
        let judged = |ours: f64, target| {
            let mut met = None;
            with_table(target, &[&[ours; 3]], |table| {
                let best = table.best_for(table.entries[0].entry);
                assert_eq!(best.map(|series| series.entry.name.as_str()), Some("rusty_alloc"));
                met = table.verdicts()[0].met();
            });
            met
        };
        assert_eq!(judged(8.0, Target::OfBest(0.8)), Some(true));
        assert_eq!(judged(8.1, Target::OfBest(0.8)), Some(false));
        assert_eq!(judged(8.1, Target::AtMost(8.0)), Some(false));
    }

    fn ratio(ours: &[&[f64]]) -> f64 {
        let mut ratio = None;
        with_table(Target::OfBest(1.0), ours, |table| ratio = table.ratio(&table.entries[0]));
        ratio.expect("there are peers").median
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // Twice as slow in the second round, as everyone was then: the same ratio in every round.
        assert_eq!(ratio(&[&[5.0, 10.0, 5.0]]), 0.5);
    }

    #[test]
    fn a_process_counts_once_however_many_rounds_it_has() {
        let lies_badly: &[f64] = &[10.0, 20.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0];
        assert_eq!(ratio(&[&[5.0, 10.0], lies_badly, &[5.0, 10.0]]), 0.5);
    }

    #[test]
    fn our_library_for_c_is_compared_with_what_is_called_as_it_is() {
        with_table(Target::OfBest(1.0), &[&[5.0]], |table| {
            assert_eq!(table.ratio(&table.entries[4]).map(|ratio| ratio.median), Some(0.5));
        });
    }
}
