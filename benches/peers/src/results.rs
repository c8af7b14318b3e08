//! The numbers of a run, and what follows from them: medians, the best peer, ratios, verdicts.

use crate::candidate::Skip;
use crate::candidates::{Entry, Kind};
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
    /// Candidate and the values of each of its rounds.
    samples: Vec<(String, Vec<Vec<f64>>)>,
}

/// Some rounds of one column, summed up.
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
    /// One a round.
    values: Vec<f64>,
    /// All in all.
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
    /// Whether it was; `None` where there was no peer to compare with.
    pub met: Option<bool>,
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
    pub fn add(&mut self, name: &str, values: Vec<f64>) {
        match self.samples.iter_mut().find(|(known, _)| known == name) {
            Some((_, rounds)) => rounds.push(values),
            None => self.samples.push((name.to_owned(), vec![values])),
        }
    }

    /// Every number: row, column, candidate, round, value.
    pub fn values(&self) -> impl Iterator<Item = (&Row, &Column, &str, usize, f64)> {
        self.columns().enumerate().flat_map(move |(index, (row, column))| {
            self.samples.iter().flat_map(move |(name, rounds)| {
                rounds
                    .iter()
                    .enumerate()
                    .map(move |(round, values)| (row, column, name.as_str(), round + 1, values[index]))
            })
        })
    }

    fn columns(&self) -> impl Iterator<Item = (&Row, &Column)> {
        self.rows.iter().flat_map(|row| row.columns.iter().map(move |column| (row, column)))
    }

    fn tables<'a>(&'a self, roster: &'a [Entry]) -> Vec<Table<'a>> {
        let of = |entry: &'a Entry, index: usize| {
            let (_, rounds) = self.samples.iter().find(|(name, _)| *name == entry.name)?;
            let values: Vec<f64> = rounds.iter().map(|values| values[index]).collect();
            Some(Series { entry, summary: Summary::of(values.clone()), values })
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
    /// The peer with the least median.
    pub fn best(&self) -> Option<&Series<'_>> {
        let peers = self.entries.iter().filter(|series| series.entry.kind == Kind::Peer);
        peers.min_by(|one, other| one.summary.median.total_cmp(&other.summary.median))
    }

    /// How many times the best peer's: the median over the rounds of the ratio within a round, for candidates that take turns
    /// within a second share the machine's mood. `None` without a peer, and where a column is not compared.
    pub fn ratio(&self, series: &Series<'_>) -> Option<f64> {
        let best = self.best().filter(|_| self.column.metric.is_compared())?;
        Some(Summary::of(series.values.iter().zip(&best.values).map(|(ours, best)| ours / best).collect()).median)
    }

    /// Every judged flavour that took part.
    pub fn verdicts(&self) -> Vec<Verdict<'_>> {
        let judge = |&(flavour, target): &(&'static str, Target)| {
            let ours = self.entries.iter().find(|series| series.entry.name == flavour)?;
            let met = match target {
                Target::AtMost(most) => Some(ours.summary.median <= most),
                Target::OfBest(wanted) => self.ratio(ours).map(|ratio| ratio <= wanted),
            };
            Some(Verdict { table: self, ours, target, met })
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

    fn with_table(target: Target, ours: &[f64], check: impl FnOnce(&Table<'_>)) {
        let roster = [
            entry("smarena", Kind::Ours),
            entry("slow", Kind::Peer),
            entry("fast", Kind::Peer),
            entry("extra", Kind::Extra),
        ];
        let column = Column { metric: Metric::Cpu, targets: Box::leak(Box::new([("smarena", target)])) };
        let row = Row { name: "row".to_owned(), columns: vec![column] };
        let others = [("slow", [20.0, 40.0, 20.0]), ("fast", [10.0, 20.0, 10.0]), ("extra", [1.0; 3])];
        let rounds = |values: &[f64]| values.iter().map(|&value| vec![value]).collect();
        let mut samples = vec![("smarena".to_owned(), rounds(ours))];
        samples.extend(others.map(|(name, values)| (name.to_owned(), rounds(&values))));
        let measured = Measured { rows: vec![row], samples };
        check(&measured.tables(&roster)[0]);
    }

    #[test]
    fn the_best_peer_is_a_peer_and_decides() {
        let judged = |ours: [f64; 3], target| {
            let mut met = None;
            with_table(target, &ours, |table| {
                assert_eq!(table.best().map(|series| series.entry.name.as_str()), Some("fast"));
                met = table.verdicts()[0].met;
            });
            met
        };
        assert_eq!(judged([8.0; 3], Target::OfBest(0.8)), Some(true));
        assert_eq!(judged([8.1; 3], Target::OfBest(0.8)), Some(false));
        assert_eq!(judged([8.1; 3], Target::AtMost(8.0)), Some(false));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // Twice as slow in the second round, as everyone was then: the same ratio in every round.
        with_table(Target::OfBest(1.0), &[5.0, 10.0, 5.0], |table| {
            assert_eq!(table.ratio(&table.entries[0]), Some(0.5))
        });
    }
}
