//! smarena side by side with other allocators.

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
mod random;
mod report;
mod resident;
mod results;
mod workloads;

use std::process::ExitCode;

use crate::args::{Action, Args};
use crate::candidates::Entry;
use crate::case::Case;

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
        Action::Measure => report::report(&conduct::conduct(args, selected(args)?, &roster(args)?)?, &args.out)?,
        Action::Instructions => instructions::count(args, &roster(args)?)?,
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
    let mut roster = candidates::roster(&args.extras);
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
    for entry in candidates::roster(&args.extras) {
        println!("candidate  {}", entry.name);
    }
}
