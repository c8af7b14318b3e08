//! What the examples have in common that run on a pool and, with `--baseline`, on `BytesMut` too: arguments, rounds in turn, the report.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::process::ExitCode;

use lexopt::{Arg, Parser};

use crate::arguments::{value, within};
use crate::ending::{Ending, Failure};
use crate::gates::Round;

/// One of our programs.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// All of `--help`; names every option and its default.
    pub(crate) help: &'static str,
    pub(crate) peers: Number,
    pub(crate) size: Number,
    pub(crate) packets: Number,
}

/// An option that is a number.
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) range: RangeInclusive<usize>,
    pub(crate) default: usize,
}

const ROUNDS: Number = Number { name: "rounds", range: 1..=1000, default: 5 };

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Options {
    /// Connections, subscribers or senders.
    pub(crate) peers: usize,
    /// Bytes of a packet.
    pub(crate) size: usize,
    /// Packets of a round.
    pub(crate) packets: usize,
    pub(crate) rounds: usize,
    /// Whether to run on `BytesMut` too.
    pub(crate) baseline: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Parsed {
    Run(Options),
    Help,
}

impl Program {
    /// The whole program: reads the arguments, runs, prints.
    pub(crate) fn main(&self, run: impl FnOnce(Options) -> Result<Report, Failure>) -> ExitCode {
        match self.parse(std::env::args_os()) {
            Ok(Parsed::Help) => Ending::Good(self.help.to_owned()),
            Ok(Parsed::Run(options)) => Self::end(run(options)),
            Err(error) => Ending::Misused(error),
        }
        .tell(self.name)
    }

    /// What a run came to.
    pub(crate) fn end(run: Result<Report, Failure>) -> Ending {
        match run {
            Ok(report) => Ending::Good(report.to_string()),
            Err(error) => Ending::Failed(error),
        }
    }

    /// Reads the arguments; the first is the program's name. The error is a sentence for the user.
    pub(crate) fn parse(
        &self,
        arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>,
    ) -> Result<Parsed, String> {
        let mut options = Options {
            peers: self.peers.default,
            size: self.size.default,
            packets: self.packets.default,
            rounds: ROUNDS.default,
            baseline: false,
        };
        let mut parser = Parser::from_iter(arguments);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Arg::Long(name) if name == self.peers.name => options.peers = self.peers.read(&mut parser)?,
                Arg::Long(name) if name == self.size.name => options.size = self.size.read(&mut parser)?,
                Arg::Long(name) if name == self.packets.name => options.packets = self.packets.read(&mut parser)?,
                Arg::Long(name) if name == ROUNDS.name => options.rounds = ROUNDS.read(&mut parser)?,
                Arg::Long("baseline") => options.baseline = true,
                Arg::Short('h') | Arg::Long("help") => return Ok(Parsed::Help),
                other => return Err(other.unexpected().to_string()),
            }
        }
        Ok(Parsed::Run(options))
    }
}

impl Number {
    fn read(&self, parser: &mut Parser) -> Result<usize, String> {
        let name = format!("--{}", self.name);
        within(&name, &value(&name, parser)?, self.range.clone())
    }
}

/// What all rounds came to.
pub(crate) struct Report {
    options: Options,
    pool: Vec<Round>,
    baseline: Vec<Round>,
}

impl Report {
    /// Runs round after round, on the pool and on `BytesMut` in turn, so that whatever else the machine does meets both.
    pub(crate) fn of(
        options: Options,
        mut on_pool: impl FnMut() -> Result<Round, Failure>,
        mut on_bytes_mut: impl FnMut() -> Result<Round, Failure>,
    ) -> Result<Self, Failure> {
        let mut report = Report { options, pool: Vec::new(), baseline: Vec::new() };
        for _ in 0..options.rounds {
            report.pool.push(on_pool()?);
            if options.baseline {
                report.baseline.push(on_bytes_mut()?);
            }
        }
        Ok(report)
    }

    /// Calls of the system's allocator in all rounds on the pool.
    #[cfg(test)]
    pub(crate) fn allocations(&self) -> u64 {
        self.pool.iter().map(|round| round.allocations).sum()
    }

    #[cfg(test)]
    pub(crate) fn packets(&self) -> u64 {
        self.pool.iter().chain(&self.baseline).map(|round| round.packets).sum()
    }
}

/// Packets per second, the median of the rounds.
fn speed(rounds: &[Round]) -> f64 {
    let mut speeds: Vec<f64> = rounds.iter().map(|round| round.packets as f64 / round.time.as_secs_f64()).collect();
    speeds.sort_by(f64::total_cmp);
    speeds[speeds.len() / 2]
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { size, rounds, .. } = self.options;
        writeln!(f, "packets of {size} bytes, median of {rounds} rounds\n")?;
        writeln!(f, "{:>10} {:>12} {:>10} {:>24}", "buffers", "packets/s", "MB/s", "heap allocations/packet")?;
        for (name, rounds) in [("pool", &self.pool), ("BytesMut", &self.baseline)] {
            if rounds.is_empty() {
                continue;
            }
            let speed = speed(rounds);
            let packets: u64 = rounds.iter().map(|round| round.packets).sum();
            let allocations: u64 = rounds.iter().map(|round| round.allocations).sum();
            let each = allocations as f64 / packets as f64;
            writeln!(f, "{name:>10} {speed:>12.0} {:>10.1} {each:>24.3}", speed * size as f64 / 1e6)?;
        }
        if !self.baseline.is_empty() {
            writeln!(f, "\npool / BytesMut: {:.2}", speed(&self.pool) / speed(&self.baseline))?;
        }
        Ok(())
    }
}
