//! The process that measures one case: every candidate in turn, round after round, each number printed as it comes.
//!
//! A case has a process of its own so that no workload finds the heaps as another one left them, and so that a candidate that crashes
//! takes only its own numbers with it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::candidate::Skip;
use crate::candidates::Entry;
use crate::case::{Bound, Case};

/// What the measuring process tells its parent, one a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// This candidate's turn begins; if nothing follows, it was the one that crashed.
    Turn {
        /// The candidate.
        name: String,
        /// Rounds begin at 1, 0 is the warm-up.
        round: usize,
    },
    /// The numbers of its round.
    Values {
        /// The candidate.
        name: String,
        /// A number for each column of the case.
        values: Vec<f64>,
    },
    /// It takes no part.
    Skipped {
        /// The candidate.
        name: String,
        /// The reason.
        why: Skip,
    },
}

impl Report {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Turn { name, round } => writeln!(out, "turn\t{name}\t{round}")?,
            Self::Values { name, values } => {
                let values: Vec<String> = values.iter().map(f64::to_string).collect();
                writeln!(out, "values\t{name}\t{}", values.join(" "))?;
            }
            Self::Skipped { name, why } => writeln!(out, "skipped\t{name}\t{}", why.replace('\n', " "))?,
        }
        out.flush()
    }

    /// The report of a line; `None` for what a library printed.
    pub fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, '\t');
        let (kind, name, rest) = (parts.next()?, parts.next()?.to_owned(), parts.next()?);
        match kind {
            "turn" => Some(Self::Turn { name, round: rest.parse().ok()? }),
            "values" => {
                Some(Self::Values { name, values: rest.split(' ').map(str::parse).collect::<Result<_, _>>().ok()? })
            }
            "skipped" => Some(Self::Skipped { name, why: rest.to_owned() }),
            _ => None,
        }
    }
}

/// Short rounds are repeated up to so often, because a shared machine's speed changes from second to second.
const MOST_ROUNDS: usize = 41;

/// No further round in a process after this, once there are enough of them.
fn time_for_process(args: &Args) -> Duration {
    Duration::from_millis(if args.plan.quick { 700 } else { 1200 })
}

/// Measures `case` with the candidates of `roster` and prints what it finds.
pub fn measure(args: &Args, case: &Case, roster: &[Entry]) -> io::Result<()> {
    let mut out = io::stdout();
    let mut bound: Vec<(&str, Box<dyn Bound>)> = Vec::new();
    for entry in roster {
        let name = entry.name.clone();
        match case.bind(entry) {
            Ok(candidate) => bound.push((&entry.name, candidate)),
            Err(why) => Report::Skipped { name, why }.write(&mut out)?,
        }
    }
    // Where every round has its own process there is nothing to warm up.
    let warm_up = usize::from(case.alone.is_none());
    let begin = Instant::now();
    for round in 0_usize.. {
        let measured = round.saturating_sub(warm_up);
        let enough = measured >= args.least_rounds();
        if enough && (args.rounds.is_some() || measured >= MOST_ROUNDS || begin.elapsed() > time_for_process(args)) {
            break;
        }
        for (name, candidate) in &bound {
            let name = (*name).to_owned();
            Report::Turn { name: name.clone(), round }.write(&mut out)?;
            let values = candidate.round();
            assert_eq!(values.len(), case.values(), "{}: a number for each column", case.name);
            if round >= warm_up {
                Report::Values { name, values }.write(&mut out)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let name = || "mimalloc".to_owned();
        for report in [
            Report::Turn { name: name(), round: 3 },
            Report::Values { name: name(), values: vec![1.5, 0.1, f64::MAX] },
            Report::Skipped { name: name(), why: "no\tway".to_owned() },
        ] {
            let mut line = Vec::new();
            report.write(&mut line).expect("writing to memory");
            let line = String::from_utf8(line).expect("text");
            assert_eq!(Report::parse(line.trim_end_matches('\n')), Some(report));
        }
        assert_eq!(Report::parse("a library's own words"), None);
    }
}
