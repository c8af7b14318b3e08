//! A case: one workload, the rows of the table it fills, and how it is bound to a candidate.

use std::sync::Arc;

use crate::candidate::{Candidate, Setup, Skip};
use crate::candidates::buffers::{self, BufferWork};
use crate::candidates::{self, Entry, Sort, Visitor};

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// CPU time of all worker threads, ns an operation.
    Cpu,
    /// Elapsed time, ns an operation.
    Wall,
    /// Resident memory as a multiple of the bytes asked for.
    Resident,
    /// Resident memory in KiB.
    Kib,
    /// Resident memory in MiB.
    Mib,
    /// Microseconds elapsed.
    Micros,
    /// CPU time of work done at once, as a multiple of the same one after the other.
    AtOnce,
}

impl Metric {
    /// Whether it is compared with the best peer's.
    pub fn is_compared(self) -> bool {
        matches!(self, Self::Cpu | Self::Wall | Self::Mib)
    }

    /// A word for plots and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Resident => "resident",
            Self::Kib => "kib",
            Self::Mib => "mib",
            Self::Micros => "us",
            Self::AtOnce => "at-once",
        }
    }

    /// The column's heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Cpu => "cpu ns/op",
            Self::Wall => "wall ns/op",
            Self::Resident => "of ideal",
            Self::Kib => "KiB",
            Self::Mib => "MiB",
            Self::Micros => "us",
            Self::AtOnce => "x in turn",
        }
    }
}

/// What a flavour of ours should reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// This multiple of the best peer, or less.
    OfBest(f64),
    /// This value, or less.
    AtMost(f64),
}

impl Target {
    /// The number, whatever it is one of.
    pub fn limit(self) -> f64 {
        match self {
            Self::OfBest(limit) | Self::AtMost(limit) => limit,
        }
    }
}

/// Targets by flavour.
pub type Targets = &'static [(&'static str, Target)];

/// One number of a row.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its meaning.
    pub metric: Metric,
    /// What is expected of it; often nothing.
    pub targets: Targets,
}

/// One line of the tables, for one size or number of threads.
#[derive(Debug, Clone)]
pub struct Row {
    /// Unique.
    pub name: String,
    /// The first one orders the printed table.
    pub columns: Vec<Column>,
}

impl Row {
    /// A timed row that is judged by its CPU time.
    pub fn timed(name: impl Into<String>, targets: Targets) -> Self {
        Self::new(name, &[(Metric::Cpu, targets), (Metric::Wall, &[])])
    }

    /// A row of these columns.
    pub fn new(name: impl Into<String>, columns: &[(Metric, Targets)]) -> Self {
        let columns = columns.iter().map(|&(metric, targets)| Column { metric, targets }).collect();
        Self { name: name.into(), columns }
    }
}

/// Something to measure.
pub trait Workload: Send + Sync + 'static {
    /// What a heap is to be ready for.
    fn setup(&self) -> Setup {
        Setup::default()
    }

    /// One round: a number for each column of each row of the case, in order.
    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64>;

    /// Whether only candidates with heaps of their own can take part.
    fn needs_heaps(&self) -> bool {
        false
    }

    /// Whether this machine, and who runs the program, can measure it.
    fn ready(&self) -> Result<(), Skip> {
        Ok(())
    }
}

/// A workload bound to a candidate: the one virtual call is a whole round.
pub trait Bound {
    /// One round.
    fn round(&self) -> Vec<f64>;
}

struct Pairing<W, C> {
    workload: Arc<W>,
    candidate: C,
}

impl<W: Workload, C: Candidate> Bound for Pairing<W, C> {
    fn round(&self) -> Vec<f64> {
        self.workload.round(&self.candidate)
    }
}

struct Binder<W>(Arc<W>);

impl<W: Workload> Visitor for Binder<W> {
    type Output = Result<Box<dyn Bound>, Skip>;

    fn visit<C: Candidate + 'static>(self, candidate: C) -> Self::Output {
        if self.0.needs_heaps() && !C::HEAPS {
            return Err("has no heaps".to_owned());
        }
        self.0.ready()?;
        Ok(Box::new(Pairing { workload: self.0, candidate }))
    }
}

type Bind = Box<dyn Fn(&Entry) -> Result<Box<dyn Bound>, Skip>>;

/// A workload with everything around it, its type forgotten.
pub struct Case {
    /// Unique; the part before the first `/` names the family.
    pub name: String,
    /// What it fills.
    pub rows: Vec<Row>,
    /// Whether every round of every candidate needs a process of its own, and then how many rounds there are.
    pub alone: Option<usize>,
    /// Whom it is for.
    pub sort: Sort,
    bind: Bind,
}

impl Case {
    /// A case whose candidates take turns in one process.
    pub fn new<W: Workload>(name: impl Into<String>, rows: Vec<Row>, workload: W) -> Self {
        let workload = Arc::new(workload);
        let setup = workload.setup();
        let bind = Box::new(move |entry: &Entry| candidates::open(entry, &setup, Binder(workload.clone()))?);
        Self { name: name.into(), rows, alone: None, sort: Sort::Blocks, bind }
    }

    /// A case for those that give out buffers.
    pub fn of_buffers<W: BufferWork>(name: impl Into<String>, rows: Vec<Row>, workload: W) -> Self {
        let workload = Arc::new(workload);
        let bind = Box::new(move |entry: &Entry| buffers::bind(entry, &workload));
        Self { name: name.into(), rows, alone: None, sort: Sort::Buffers, bind }
    }

    /// The same with a process for each of `rounds` rounds of each candidate.
    pub fn alone(self, rounds: usize) -> Self {
        Self { alone: Some(rounds), ..self }
    }

    /// Readies a candidate for this case.
    pub fn bind(&self, entry: &Entry) -> Result<Box<dyn Bound>, Skip> {
        (self.bind)(entry)
    }

    /// Numbers a round yields.
    pub fn values(&self) -> usize {
        self.rows.iter().map(|row| row.columns.len()).sum()
    }
}
