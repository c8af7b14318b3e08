//! From a recording to block sizes: a table, advice, charts, and an HTML file with pictures that needs no network.
//!
//! ```sh
//! cargo run --release --example tune --features pictures -- record.bin      # writes record.html beside it
//! cargo run --release --example tune --features pictures -- --demo demo.bin # records a program first
//! ```

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use smarena::record::{Goal, Recommendation, Recorder, Recording};
use smarena::{Geometric, Global, Heap, HeapMap, SizeClasses, SmBox, SmBuf};

/// What can go wrong is one sentence, with the file or the argument it is about.
type Answer<T> = Result<T, String>;

struct Arguments {
    file: PathBuf,
    demo: bool,
    goal: Goal,
}

const USAGE: &str = "\
usage: tune [--demo] [--classes N] [--waste PERCENT] [--memory MIB] FILE
  FILE               a recording; a page with pictures is written beside it
  --demo             records a program first, into FILE
  --classes N        how many block sizes there may be
  --waste PERCENT    how much of its blocks' bytes may be lost to rounding
  --memory MIB       how much memory the heap may have
  -h, --help         shows this";

/// `None` if it is the usage that is asked for.
fn arguments(words: impl IntoIterator<Item = OsString>) -> Answer<Option<Arguments>> {
    use lexopt::prelude::*;
    let (mut file, mut demo, mut help, mut goal) = (None, false, false, Goal::default());
    let mut parser = lexopt::Parser::from_args(words);
    let mut read = || -> Result<(), lexopt::Error> {
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => help = true,
                Long("demo") => demo = true,
                Long("classes") => goal.classes = parser.value()?.parse()?,
                Long("waste") => goal.waste = parser.value()?.parse::<f64>()? / 100.0,
                Long("memory") => goal.memory = Some(parser.value()?.parse::<usize>()?.saturating_mul(1 << 20)),
                Value(name) if file.is_none() => file = Some(name.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(())
    };
    read().map_err(|error| format!("{error}\n{USAGE}"))?;
    if help {
        return Ok(None);
    }
    if !(1..=64).contains(&goal.classes) {
        return Err(format!("--classes {}: a table has 1 to 64 block sizes", goal.classes));
    }
    if !(0.0..=1000.0).contains(&goal.waste) {
        return Err("--waste: from 0 to 100000 percent".to_owned());
    }
    Ok(Some(Arguments { file: file.ok_or(USAGE)?, demo, goal }))
}

/// A program to record: sessions that come and go, with a few buffers each.
fn demo() -> Recording {
    let recorder = Recorder::new(Global);
    let mut sessions = Vec::new();
    for n in 0..50_000_usize {
        let name = SmBuf::copy_from_slice_in("x".repeat(3 + n % 41).as_bytes(), recorder.clone());
        sessions.push((
            SmBox::new_in([n; 9], recorder.clone()),
            SmBuf::with_capacity_in(200 + n % 7 * 100, recorder.clone()),
            name,
        ));
        if n % 3 > 0 {
            sessions.swap_remove(n * 7919 % sessions.len());
        }
    }
    recorder.recording()
}

/// Where in a heap of general block sizes the blocks of the recording lie at its end.
fn general_map(recording: &Recording) -> Answer<HeapMap> {
    type General = Geometric<64>;
    let heap =
        Heap::<General>::builder().no_thread_cache().name("general").build().map_err(|error| error.to_string())?;
    let mut live = HashMap::new();
    for event in recording.events() {
        if event.freed {
            live.remove(&event.block);
        } else if event.size <= General::LARGEST {
            live.insert(event.block, SmBuf::with_capacity_in(event.size, &heap));
        }
    }
    Ok(heap.map(200))
}

/// What is worth saying beside the table.
fn sentences(recording: &Recording) -> Vec<String> {
    let (lifetimes, concurrency) = (recording.lifetimes(), recording.concurrency());
    let threads = concurrency.threads.iter().map(|of| of.peak.to_string()).collect::<Vec<_>>().join(", ");
    let alignments = recording.alignments().into_iter().map(|(align, times)| format!("{align} ({times} times)"));
    let about = [
        format!(
            "{} blocks were asked for; one block in {} is in the sample. Half of them live for at most {} events ({} µs), {} in a hundred are given \
             back by another thread.",
            recording.allocations(),
            recording.one_in(),
            lifetimes.in_events.value_at_quantile(0.5),
            lifetimes.in_micros.value_at_quantile(0.5),
            lifetimes.remote * 100 / lifetimes.freed.max(1)
        ),
        format!(
            "About {} blocks live at once at most; of those that one thread was handed out, thread by thread: {threads}.",
            concurrency.live.max()
        ),
        format!("Alignments: {}.", alignments.collect::<Vec<_>>().join(", ")),
    ];
    about.into_iter().chain(recording.advice()).collect()
}

fn html(recording: &Recording, tuned: &Recommendation, map: &HeapMap) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let sentences = sentences(recording).iter().fold(String::new(), |mut list, sentence| {
        // Writing to a string does not fail.
        let _ = write!(list, "<li>{}", escaped(sentence));
        list
    });
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=width=device-width><title>smarena: block sizes for a recording</title>\
         <style>:root{{color-scheme:light dark}}body{{font:15px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}}\
         pre{{white-space:pre-wrap}}svg{{max-width:100%;height:auto}}</style>\
         <h1>Block sizes for a recording</h1><ul>{sentences}</ul><pre>{}</pre>{}{}\
         <p>At its end, in a heap of general block sizes:</p>{}\n",
        escaped(&tuned.to_string()),
        recording.picture_of_sizes(tuned.block_sizes()),
        recording.picture_of_memory(),
        map.picture(),
    )
}

fn run(Arguments { file, demo: first, goal }: &Arguments, out: &mut impl Write) -> Answer<PathBuf> {
    let about = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let page = file.with_extension("html");
    if page == *file {
        return Err(format!(
            "{}: the page with the pictures would take this name; give the recording another",
            file.display()
        ));
    }
    if *first {
        File::create(file).and_then(|to| demo().save(to)).map_err(|error| about(file, error))?;
    }
    let recording = File::open(file).and_then(Recording::load).map_err(|error| about(file, error))?;
    let tuned = recording.recommend(goal);
    let charts = recording.chart_of_sizes(tuned.block_sizes(), 80) + "\n" + &recording.chart_of_memory(80, 8);
    write!(out, "{tuned}\n{}\n\n{charts}", sentences(&recording).join("\n"))
        .map_err(|error| format!("the output: {error}"))?;
    std::fs::write(&page, html(&recording, &tuned, &general_map(&recording)?)).map_err(|error| about(&page, error))?;
    writeln!(out, "\npictures: {}", page.display()).map_err(|error| format!("the output: {error}"))?;
    Ok(page)
}

fn main() -> ExitCode {
    let answer = arguments(std::env::args_os().skip(1)).and_then(|arguments| match arguments {
        Some(arguments) => run(&arguments, &mut stdout()).map(drop),
        None => writeln!(stdout(), "{USAGE}").map_err(|error| error.to_string()),
    });
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tune: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_help_is_told_each_option_and_who_names_no_file_too() {
        let parse = |words: &str| arguments(words.split_whitespace().map(OsString::from));
        assert!(parse("--help").unwrap().is_none() && parse("--demo -h").unwrap().is_none());
        assert_eq!(parse("").map(drop), Err(USAGE.to_owned()));
        assert_eq!(parse("--speed 3").map(drop), Err(format!("invalid option '--speed'\n{USAGE}")));
        let given = parse("--demo --classes 7 --waste 5 --memory 3 file").unwrap().unwrap();
        assert!(
            given.demo && given.goal.classes == 7 && given.goal.waste == 0.05 && given.goal.memory == Some(3 << 20)
        );
    }

    #[test]
    fn a_recording_becomes_a_table_and_a_page_and_a_missing_one_is_named() {
        let file = std::env::temp_dir().join(format!("smarena-tune-{}.bin", std::process::id()));
        let mut arguments = Arguments { file: file.clone(), demo: true, goal: Goal::default() };
        let mut out = Vec::new();
        let page = run(&arguments, &mut out).unwrap();
        let (out, text) = (String::from_utf8(out).unwrap(), std::fs::read_to_string(&page).unwrap());
        assert!(out.contains("size_classes!") && out.contains('█'), "{out}");
        let (blocks, advice) =
            ("150000 blocks were asked for; one block in 1 is", "no more than half of what was live before");
        assert!([&out, &text].iter().all(|text| text.contains(blocks) && text.contains("Alignments: 8 ")), "{out}");
        assert!(!out.contains(advice), "it only ever grows");
        assert_eq!(text.matches("<svg").count(), 3);
        assert!(
            !text.contains("http://") || text.matches("http://").count() == text.matches("xmlns=\"http://").count()
        );
        arguments.file = page.clone();
        assert!(run(&arguments, &mut Vec::new()).unwrap_err().contains("another"), "it would be lost");
        arguments.file = file.clone();
        std::fs::remove_file(page).unwrap();
        std::fs::remove_file(&file).unwrap();
        arguments.demo = false;
        assert!(run(&arguments, &mut Vec::new()).unwrap_err().contains(file.to_str().unwrap()));
    }
}
