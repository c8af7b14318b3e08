//! Runs the measuring processes one after the other, shows progress, and gathers their numbers.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::candidates::Entry;
use crate::case::Case;
use crate::measure::Report;
use crate::results::{Measured, Results};

/// No round of the full run takes a tenth of this: a candidate that needs longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures every case; a candidate that fails is left out, and the results say why.
pub fn conduct(args: &Args, cases: Vec<Case>, roster: &[Entry]) -> Result<Results, String> {
    let mut results = Results::new(roster);
    let mut progress = Progress::new(cases.len());
    for case in cases {
        let mut measured = Measured::new(&case);
        let roster: Vec<Entry> = roster.iter().filter(|entry| entry.sort == case.sort).cloned().collect();
        // Every round of every candidate in a process of its own, or all in the same few.
        let (args, processes, size) = match case.alone {
            Some(rounds) => (&Args { rounds: Some(1), ..args.clone() }, args.rounds.unwrap_or(rounds), 1),
            None => (args, args.processes(), roster.len().max(1)),
        };
        for process in 0..processes {
            for candidates in roster.chunks(size) {
                together(args, &case, candidates, process, &mut measured, &mut results, &mut progress)?;
            }
        }
        results.cases.push(measured);
        progress.case_done();
    }
    progress.finish();
    Ok(results)
}

/// Measures candidates in process `number` of a case, and again without the one that crashed, if one does.
fn together(
    args: &Args,
    case: &Case,
    roster: &[Entry],
    number: usize,
    measured: &mut Measured,
    results: &mut Results,
    progress: &mut Progress,
) -> Result<(), String> {
    // Whoever could not take part in an earlier process will not be able to now.
    let takes_part = |entry: &&Entry| !results.skipped(&case.name, &entry.name);
    let mut names: Vec<&str> = roster.iter().filter(takes_part).map(|entry| entry.name.as_str()).collect();
    while !names.is_empty() {
        let mut found = Vec::new();
        let (last, why) = match process(args, case, &names, progress, &mut found)? {
            Outcome::Done => {
                for report in found {
                    match report {
                        Report::Values { name, values } => measured.add(&name, number, values),
                        Report::Skipped { name, why } => results.skip(&case.name, &name, why),
                        Report::Turn { .. } => {}
                    }
                }
                return Ok(());
            }
            Outcome::Failed { last, why } => (last, why),
        };
        let Some(culprit) = last else {
            return Err(format!("{}: {why}", case.name));
        };
        names.retain(|&name| name != culprit);
        measured.leave_out(&culprit);
        results.skip(&case.name, &culprit, why);
    }
    Ok(())
}

enum Outcome {
    Done,
    /// `last` had its turn when it happened.
    Failed {
        last: Option<String>,
        why: String,
    },
}

/// Runs one measuring process to its end.
fn process(
    args: &Args,
    case: &Case,
    names: &[&str],
    progress: &mut Progress,
    found: &mut Vec<Report>,
) -> Result<Outcome, String> {
    let program = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
    let mut child = Command::new(program)
        .args(["--child", &case.name])
        .args(args.for_child(names))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", case.name))?;
    let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
    let (sender, receiver) = channel();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let mut last = None;
    let hangs = loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(line) => match Report::parse(&line) {
                Some(Report::Turn { name, round }) => {
                    progress.show(&case.name, &name, round);
                    last = Some(name);
                }
                Some(report) => found.push(report),
                None => {}
            },
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if hangs {
        // A process that is already gone needs no killing.
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| format!("{}: {error}", case.name))?;
    // The reader ends with the pipe; what it could not send has no reader any more.
    drop(reader.join());
    Ok(match (hangs, status.success()) {
        (true, _) => Outcome::Failed { last, why: format!("no end after {} s", PATIENCE.as_secs()) },
        (_, false) => Outcome::Failed { last, why: describe(status) },
        _ => Outcome::Done,
    })
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| status.to_string(), |signal| format!("crashed with signal {signal}"))
}

/// The progress line on stderr: rewritten in place on a terminal, one line a case elsewhere.
struct Progress {
    begin: Instant,
    done: usize,
    cases: usize,
    terminal: bool,
    shown: String,
}

impl Progress {
    fn new(cases: usize) -> Self {
        Self { begin: Instant::now(), done: 0, cases, terminal: std::io::stderr().is_terminal(), shown: String::new() }
    }

    fn show(&mut self, case: &str, name: &str, round: usize) {
        let head = format!("[{}/{}] {:>4} s  {case}", self.done + 1, self.cases, self.begin.elapsed().as_secs());
        if self.terminal {
            let round = if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
            eprint!("\r{head}  {round}  {name}\x1b[K");
            // Progress that cannot be shown is no reason to stop.
            drop(std::io::stderr().flush());
        } else if self.shown != case {
            eprintln!("{head}");
            self.shown = case.to_owned();
        }
    }

    fn case_done(&mut self) {
        self.done += 1;
    }

    fn finish(&self) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        eprintln!("{clear}measured in {} s", self.begin.elapsed().as_secs());
    }
}
