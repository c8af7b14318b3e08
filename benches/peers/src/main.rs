//! smarena side by side with other allocators: time, memory, instructions.
//!
//! `cargo run --release -p peers` prints tables with the targets, met or missed, and writes them, CSV and SVG files to
//! `target/peers`; `--help` lists the options. README.md beside this crate's manifest says who takes part and how it is measured.
//!
//! | case | an operation is |
//! |---|---|
//! | `pair-const`, `pair-16-80` | malloc and free at once, of 64 bytes known at compile time, of 16..=80 random ones (`/told`: free is told the size) |
//! | `batch-lifo/N`, `batch-fifo/N` | one of 1000 mallocs of 16..=79 bytes with its free, newest or oldest first; N threads |
//! | `seed/N` | free(i), malloc of 16..=79 bytes, over 100,000 live blocks, 100 times; N threads, deep caches |
//! | `replace-10k`, `replace-1M` | a random live block freed, another of 16..=128 bytes allocated, first word written |
//! | `replace-40KiB/N` | the same with 1000 buffers of 40 KiB, by N threads, in a heap for any program |
//! | `producer-consumer` | 64 bytes allocated and written by one thread, freed by another; a ring of 1024 between them |
//! | `larson/N` | a random replace; arrays are handed to new threads now and then; N arrays |
//! | `list` | after churn: a node of 32 bytes appended (`list-build`), a node visited (`list-traverse`) |
//! | `realloc/chain`, `realloc/many` | a step of 16, 32, … 1024 bytes of a buffer, content kept; one by one, 10,000 at once |
//! | `memory` | resident bytes over the bytes asked for: 10 M blocks of 32 bytes full, freed, trimmed |
//! | `fragmentation` | MiB resident: the most while sizes shift, after ten quiet seconds with a tenth alive, and freed and trimmed |
//! | `grow` | a step of a block that grows from 1 MiB to 256; MiB resident at the most |
//! | `threads` | KiB of a waiting thread; ns from spawning a thread with 100 blocks to its end; KiB that 500 ended threads leave, in the end and trimmed |
//! | `priority` | the longest of a real-time thread's pairs of 4000 bytes, beside an ordinary thread on its processor; its first is not counted |
//! | `creation` | a heap of 8 x 16 MiB: KiB resident, microseconds |
//! | `thread-ends` | 2000 threads that used ten heaps end beside 64 that make heaps: CPU time at once over that of one after the other |
//! | `SmBox`, `SmBuf-push` | a 64-byte value boxed and dropped; 1 KiB pushed byte by byte |
//! | `pool/N`, `pool-across` | a buffer of 2 KiB acquired, first word written, released; by N threads, by another thread |
//! | `freeze/N` | a filled buffer of N bytes frozen, cloned three times, all dropped |
//!
//! The flavours of smarena take part in every case, so the rows of explicit handles are those of `smarena-handle`.
//!
//! The sources: `candidate` is what an allocator is to a workload, `candidates` and `ours` are those there are; `case` is what a
//! workload is to the program, `workloads` are those there are; `clock` runs threads; `conduct` starts some processes for each case,
//! in each of which `measure` takes rounds; `results` and `report` make of it what is printed. `instructions` and `scaling` measure nothing:
//! the one counts, the other simulates.

mod args;
mod candidate;
mod candidates;
mod case;
mod clock;
mod conduct;
mod instructions;
mod measure;
mod ours;
mod owners;
mod place;
mod random;
mod report;
mod resident;
mod results;
mod route;
mod scaling;
mod workloads;

use std::process::ExitCode;

use crate::args::{Action, Args};
use crate::candidates::Entry;
use crate::case::Case;
// For the part of the library that `scaling` has compiled into it.
use crate::scaling::sync;

fn main() -> ExitCode {
    match Args::parse().and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    match &args.action {
        Action::Help => print!("{}", args::HELP),
        Action::List => list(args),
        Action::Child(name) => {
            let cases = workloads::cases(&args.plan);
            let case = cases.iter().find(|case| case.name == *name).ok_or_else(|| format!("no case {name}"))?;
            measure::measure(args, case, &roster(args)?).map_err(|error| error.to_string())?;
        }
        Action::Measure => report::report(args, &conduct::conduct(args, selected(args)?, &roster(args)?)?)?,
        Action::Instructions => instructions::count(args, &roster(args)?)?,
        Action::Scaling => scaling::print(),
        Action::Traced(name) => {
            let roster = roster(args)?;
            let entry =
                roster.iter().find(|entry| entry.name == *name).ok_or_else(|| format!("no candidate {name}"))?;
            instructions::run_traced(entry)?;
        }
    }
    Ok(())
}

/// The candidates that were asked for.
fn roster(args: &Args) -> Result<Vec<Entry>, String> {
    let mut roster = candidates::roster(&args.peers, &args.extras);
    if let Some(unknown) = args.candidates.iter().find(|name| !roster.iter().any(|entry| entry.name == **name)) {
        return Err(format!("no candidate {unknown} (--list names them)"));
    }
    roster.retain(|entry| args.candidates.is_empty() || args.candidates.contains(&entry.name));
    Ok(roster)
}

/// The cases that were asked for.
fn selected(args: &Args) -> Result<Vec<Case>, String> {
    let mut cases = workloads::cases(&args.plan);
    let fits = |case: &Case, only: &String| {
        case.name.starts_with(only) || case.rows.iter().any(|row| row.name.starts_with(only))
    };
    if let Some(unknown) = args.only.iter().find(|only| !cases.iter().any(|case| fits(case, only))) {
        return Err(format!("no case or row begins with {unknown} (--list names them)"));
    }
    cases.retain(|case| args.only.is_empty() || args.only.iter().any(|only| fits(case, only)));
    Ok(cases)
}

fn list(args: &Args) {
    for case in workloads::cases(&args.plan) {
        println!("case       {}", case.name);
    }
    for entry in candidates::roster(&args.peers, &args.extras) {
        println!("candidate  {}", entry.name);
    }
}
