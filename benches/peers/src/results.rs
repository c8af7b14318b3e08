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
}

impl Summary {
    /// Sums up one or more values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Self { median, least: values[0], most: values[values.len() - 1] }
    }

    /// From the least to the greatest, in percent of the median.
    pub fn spread(&self) -> f64 {
        if self.median == 0.0 { 0.0 } else { 100.0 * (self.most - self.least) / self.median }
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
    pub entries: Vec<(&'a Entry, Summary)>,
}

/// Whether a flavour reached its target.
#[derive(Debug)]
pub struct Verdict<'a> {
    /// Row and column.
    pub table: &'a Table<'a>,
    /// The flavour.
    pub flavour: &'static str,
    /// Its median.
    pub ours: f64,
    /// The best peer's, and its name.
    pub best: Option<(&'a str, f64)>,
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
                rounds.iter().enumerate().map(move |(round, values)| (row, column, name.as_str(), round + 1, values[index]))
            })
        })
    }

    fn columns(&self) -> impl Iterator<Item = (&Row, &Column)> {
        self.rows.iter().flat_map(|row| row.columns.iter().map(move |column| (row, column)))
    }

    fn tables<'a>(&'a self, roster: &'a [Entry]) -> Vec<Table<'a>> {
        let of = |entry: &'a Entry, index: usize| {
            let (_, rounds) = self.samples.iter().find(|(name, _)| *name == entry.name)?;
            Some((entry, Summary::of(rounds.iter().map(|values| values[index]).collect())))
        };
        self.columns()
            .enumerate()
            .map(|(index, (row, column))| Table { row, column, entries: roster.iter().filter_map(|entry| of(entry, index)).collect() })
            .collect()
    }
}

impl Table<'_> {
    /// The peer with the least median, and that median.
    pub fn best(&self) -> Option<(&str, f64)> {
        let peers = self.entries.iter().filter(|(entry, _)| entry.kind == Kind::Peer);
        peers.map(|(entry, summary)| (entry.name.as_str(), summary.median)).min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// Every judged flavour that took part.
    pub fn verdicts(&self) -> Vec<Verdict<'_>> {
        let best = self.best();
        let judge = |&(flavour, target): &(&'static str, Target)| {
            let ours = self.entries.iter().find(|(entry, _)| entry.name == flavour)?.1.median;
            let met = match target {
                Target::AtMost(most) => Some(ours <= most),
                Target::OfBest(ratio) => best.map(|(_, best)| ours <= ratio * best),
            };
            Some(Verdict { table: self, flavour, ours, best, target, met })
        };
        self.column.targets.iter().filter_map(judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Metric;

    fn entry(name: &str, kind: Kind) -> Entry {
        Entry { name: name.to_owned(), kind, path: String::new() }
    }

    #[test]
    fn medians_of_odd_and_even_numbers_of_rounds() {
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]), Summary { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(Summary::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Summary::of(vec![3.0, 1.0, 2.0]).spread(), 100.0);
    }

    #[test]
    fn the_best_peer_is_a_peer_and_decides() {
        let roster = [entry("smarena", Kind::Ours), entry("slow", Kind::Peer), entry("fast", Kind::Peer), entry("extra", Kind::Extra)];
        let judged = |ours: f64, target| {
            let row = Row::new("row", &[(Metric::Cpu, target)]);
            let samples = [("smarena", ours), ("slow", 20.0), ("fast", 10.0), ("extra", 1.0)];
            let samples = samples.map(|(name, value)| (name.to_owned(), vec![vec![value]])).to_vec();
            let measured = Measured { rows: vec![row], samples };
            let tables = measured.tables(&roster);
            assert_eq!(tables[0].best(), Some(("fast", 10.0)));
            tables[0].verdicts()[0].met
        };
        assert_eq!(judged(8.0, &[("smarena", Target::OfBest(0.8))]), Some(true));
        assert_eq!(judged(8.1, &[("smarena", Target::OfBest(0.8))]), Some(false));
        assert_eq!(judged(8.1, &[("smarena", Target::AtMost(8.0))]), Some(false));
    }
}
