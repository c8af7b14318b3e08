//! The command line.

use std::num::NonZero;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short};
use lexopt::{Parser, ValueExt};

use crate::workloads::Plan;

/// Printed by `--help`.
pub const HELP: &str = "\
smarena measured side by side with other allocators.

cargo run --release -p peers -- [OPTIONS]

  --quick               fewer operations and rounds: ends within 60 s; shows the shape, not the numbers
  --processes N         so many processes for each case (otherwise 7; with --quick 1): medians over them count, as a process's memory lies where it lies
  --rounds N            exactly N rounds of each candidate in each of them (otherwise 2 or more, with --quick 3, as time allows)
  --only NAME[,NAME]    cases or rows whose names start so, for example: pair,seed/1,memory
  --peers NAME[,NAME]   these candidates alone, ours included only if named
  --second-set          other sizes, thread counts and distributions than the tables'
  --peer NAME=PATH.so   one more peer: a shared library with rpmalloc, rpfree, rprealloc, or with malloc, free, realloc; repeatable
  --extra NAME=PATH.so  one more candidate: a shared library with sm_allocator_create, sm_malloc, sm_free, …; repeatable
  --instructions        count instructions of malloc, free, a tight pair, and a box, instead of measuring time
  --scaling             simulate one bucket under 2 to 256 threads instead of measuring
  --against DIR         beside each target, what the run whose files are in DIR had
  --out DIR             where tables, CSV and SVG files go (target/peers)
  --list                names of the cases and candidates
  -h, --help            this text
";

/// What to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Action {
    /// Measure and report.
    #[default]
    Measure,
    /// Count instructions.
    Instructions,
    /// Simulate many threads.
    Scaling,
    /// Print the names.
    List,
    /// Print [`HELP`].
    Help,
    /// Measure one case and print its numbers: a process started by `Measure`.
    Child(String),
    /// Run one candidate's loops under a tracer: a process started by `Instructions`.
    Traced(String),
}

/// The command line, read.
#[derive(Debug, Clone)]
pub struct Args {
    /// What to do.
    pub action: Action,
    /// What to measure.
    pub plan: Plan,
    /// Exactly so many rounds of each candidate in each process, after a warm-up round; otherwise at least [`Args::least_rounds`], and until
    /// enough time has been spent.
    pub rounds: Option<usize>,
    /// So many processes for each case, instead of [`Args::processes`]'s own number.
    pub processes: Option<usize>,
    /// Beginnings of names; empty for everything.
    pub only: Vec<String>,
    /// Names of candidates; empty for everyone.
    pub candidates: Vec<String>,
    /// Name and path of each library that is a peer.
    pub peers: Vec<(String, String)>,
    /// Name and path of each extra library.
    pub extras: Vec<(String, String)>,
    /// The directory of an earlier run's files.
    pub against: Option<PathBuf>,
    /// The directory of the files written.
    pub out: PathBuf,
}

impl Args {
    /// Reads the command line; an error is a text for the user.
    pub fn parse() -> Result<Self, String> {
        Self::read(Parser::from_env()).map_err(|error| format!("{error} (--help lists the options)"))
    }

    fn read(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut args = Self {
            action: Action::Measure,
            plan: Plan::default(),
            rounds: None,
            processes: None,
            only: Vec::new(),
            candidates: Vec::new(),
            peers: Vec::new(),
            extras: Vec::new(),
            against: None,
            out: PathBuf::from("target/peers"),
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => args.plan.quick = true,
                Long("second-set") => args.plan.second_set = true,
                Long("rounds") => args.rounds = Some(parser.value()?.parse::<NonZero<usize>>()?.get()),
                Long("processes") => args.processes = Some(parser.value()?.parse::<NonZero<usize>>()?.get()),
                Long("only") => args.only.extend(names(&parser.value()?.string()?)),
                Long("peers") => args.candidates.extend(names(&parser.value()?.string()?)),
                Long("peer") => args.peers.push(library("--peer", &parser.value()?.string()?)?),
                Long("extra") => args.extras.push(library("--extra", &parser.value()?.string()?)?),
                Long("against") => args.against = Some(parser.value()?.into()),
                Long("out") => args.out = parser.value()?.into(),
                Long("instructions") => args.action = Action::Instructions,
                Long("scaling") => args.action = Action::Scaling,
                Long("list") => args.action = Action::List,
                Long("child") => args.action = Action::Child(parser.value()?.string()?),
                Long("traced") => args.action = Action::Traced(parser.value()?.string()?),
                Long("help") | Short('h') => args.action = Action::Help,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(args)
    }

    /// Rounds in a process that make a median.
    pub fn least_rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.plan.quick { 3 } else { 2 })
    }

    /// Processes for a case: where memory lies in one of them moves a row by a tenth, and now and then by half.
    pub fn processes(&self) -> usize {
        self.processes.unwrap_or(if self.plan.quick { 1 } else { 7 })
    }

    /// The options a process of the same plan is started with.
    pub fn for_child(&self, candidates: &[&str]) -> Vec<String> {
        let mut options = vec!["--peers".to_owned(), candidates.join(",")];
        if let Some(rounds) = self.rounds {
            options.extend(["--rounds".to_owned(), rounds.to_string()]);
        }
        if self.plan.quick {
            options.push("--quick".to_owned());
        }
        if self.plan.second_set {
            options.push("--second-set".to_owned());
        }
        for (option, libraries) in [("--peer", &self.peers), ("--extra", &self.extras)] {
            options.extend(libraries.iter().flat_map(|(name, path)| [option.to_owned(), format!("{name}={path}")]));
        }
        options
    }
}

fn names(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn library(option: &str, value: &str) -> Result<(String, String), lexopt::Error> {
    let (name, path) = value.split_once('=').ok_or_else(|| format!("{option} wants NAME=PATH.so"))?;
    Ok((name.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Args, lexopt::Error> {
        Args::read(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn a_child_gets_the_same_plan() {
        let args =
            read("--quick --rounds 5 --second-set --peer p=q.so --extra orig=/a=b.so --only pair,seed").expect("valid");
        assert_eq!(args.only, ["pair", "seed"]);
        let child = read(&args.for_child(&["smarena", "orig"]).join(" ")).expect("valid");
        assert!(child.plan.quick && child.plan.second_set);
        assert_eq!(child.rounds, Some(5));
        assert_eq!(child.candidates, ["smarena", "orig"]);
        assert_eq!(child.peers, [("p".to_owned(), "q.so".to_owned())]);
        assert_eq!(child.extras, [("orig".to_owned(), "/a=b.so".to_owned())]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(read("--extra nameonly").is_err());
        assert!(read("--rounds many").is_err());
        assert!(read("--rounds 0").is_err());
        assert!(read("--processes 0").is_err());
        assert!(read("--fast").is_err());
    }

    #[test]
    fn rounds_and_processes_default_by_plan() {
        let of = |line| read(line).map(|args| (args.processes(), args.least_rounds())).expect("valid");
        assert_eq!(of(""), (7, 2));
        assert_eq!(of("--quick"), (1, 3));
        assert_eq!(of("--quick --processes 5 --rounds 9"), (5, 9));
    }
}
