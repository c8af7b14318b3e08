//! A small battle: entities that refer to each other by handle, spawned and despawned by several threads at once.
//!
//! ```text
//! cargo run --release --example entities -- --threads 4 --ticks 1000000
//! ```
//!
//! No thread owns the world. Whoever brings an entity's health to zero despawns it, whether it spawned it or not, and the others
//! notice by a handle that has become stale. Each entity remembers the serial number of its target beside the handle, so that the program
//! can prove what handles promise: they find the very entity they were made for, or nothing.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, threads, the report |
//! | `world` | entities with components in boxes, in an arena that threads share |
//! | `player` | what one thread does in a tick |

#[path = "../shared/arguments.rs"]
mod arguments;
#[cfg(all(test, target_os = "linux"))]
#[path = "../../../tests/child/mod.rs"]
mod child;
#[path = "../shared/ending.rs"]
mod ending;
mod player;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_os = "linux"))]
#[path = "../shared/trouble.rs"]
mod trouble;
mod world;

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser};

use arguments::{value, within};
use ending::{Ending, Failure, spawn};
use player::{Player, Tally};
use world::{Battle, World};

const HELP: &str = "\
Lets entities fight each other on several threads, checks every handle that is followed, and shows how fast it was.

Usage: entities [--threads N] [--population N] [--ticks N]

  --threads N      threads that spawn, fight and despawn, 1 to 64 [default: 2]
  --population N   entities each thread keeps alive, 1 to 1000000 [default: 10000]
  --ticks N        what each thread does, in attacks, 1 to 1000000000 [default: 1000000]
  -h, --help       shows this

Exit status: 0 if all went well, 1 if a handle found a wrong entity or something was lost, 2 if the arguments are wrong.
";

const THREADS: RangeInclusive<usize> = 1..=64;
const POPULATION: RangeInclusive<usize> = 1..=1_000_000;
const TICKS: RangeInclusive<usize> = 1..=1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Options {
    threads: usize,
    population: usize,
    ticks: usize,
}

#[derive(Debug, PartialEq)]
enum Parsed {
    Run(Options),
    Help,
}

/// Reads the arguments; the first is the program's name. The error is a sentence for the user.
fn parse(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Result<Parsed, String> {
    let mut options = Options { threads: 2, population: 10_000, ticks: 1_000_000 };
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        let (name, number, range) = match argument {
            Arg::Long("threads") => ("--threads", &mut options.threads, THREADS),
            Arg::Long("population") => ("--population", &mut options.population, POPULATION),
            Arg::Long("ticks") => ("--ticks", &mut options.ticks, TICKS),
            Arg::Short('h') | Arg::Long("help") => return Ok(Parsed::Help),
            other => return Err(other.unexpected().to_string()),
        };
        *number = within(name, &value(name, &mut parser)?, range)?;
    }
    Ok(Parsed::Run(options))
}

/// What happened, and what was left when all threads were done.
struct Report {
    tally: Tally,
    /// Entities that were left.
    left: usize,
    /// Blocks of components that were still in use when all entities were gone.
    leaked: usize,
    time: Duration,
}

impl Report {
    fn is_flawless(&self) -> bool {
        let Tally { spawned, despawned, mistaken, .. } = self.tally;
        mistaken == 0 && self.leaked == 0 && spawned - despawned == self.left as u64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { spawned, despawned, attacks, stale, mistaken } = self.tally;
        writeln!(f, "attacks:   {attacks}, {:.1} million a second", attacks as f64 / self.time.as_secs_f64() / 1e6)?;
        writeln!(f, "entities:  {spawned} spawned, {despawned} despawned, {} left", self.left)?;
        writeln!(f, "handles:   {stale} found stale, {mistaken} mistaken")?;
        writeln!(f, "components: {} blocks left behind", self.leaked)
    }
}

fn main() -> ExitCode {
    program(std::env::args_os().collect()).tell("entities")
}

/// The program, for these arguments; the first is its name.
fn program(arguments: Vec<OsString>) -> Ending {
    match parse(arguments) {
        Ok(Parsed::Help) => Ending::Good(HELP.to_owned()),
        Ok(Parsed::Run(options)) => match run(options) {
            Ok(report) if report.is_flawless() => Ending::Good(report.to_string()),
            Ok(report) => Ending::Flawed(report.to_string()),
            Err(error) => Ending::Failed(error),
        },
        Err(error) => Ending::Misused(error),
    }
}

fn run(options: Options) -> Result<Report, Failure> {
    let battle = Battle::new();
    // All threads begin together, or none does.
    let start = Start::default();
    let (tally, time) = thread::scope(|scope| {
        let fight = |seed| {
            if !start.is_given() {
                return Tally::default();
            }
            let mut player = Player::new(&battle, seed, options.population);
            (0..options.ticks).for_each(|_| player.tick());
            player.tally
        };
        let threads = (1..=options.threads as u64).map(|seed| spawn(scope, "a player", move || fight(seed)));
        let threads: Result<Vec<_>, _> = threads.collect();
        let begin = Instant::now();
        start.give(threads.is_ok());
        let tallies = threads?.into_iter().map(|thread| thread.join().expect("a thread panicked"));
        Ok::<_, Failure>((tallies.fold(Tally::default(), |sum, tally| sum + tally), begin.elapsed()))
    })?;
    let left = battle.len();
    drop(battle);
    Ok(Report { tally, left, leaked: World::components_in_use(), time })
}

/// What all threads wait for.
#[derive(Default)]
struct Start {
    given: Mutex<Option<bool>>,
    told: Condvar,
}

impl Start {
    fn give(&self, given: bool) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(given);
        self.told.notify_all();
    }

    /// Whether there is one.
    fn is_given(&self) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *given {
                Some(given) => return given,
                None => given = self.told.wait(given).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
