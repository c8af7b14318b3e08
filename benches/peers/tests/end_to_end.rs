//! The program as a user runs it: what it prints, what it writes, and what it does about a candidate that fails.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the program with its files in a directory of its own, named after the test.
fn peers(test: &str, options: &[&str]) -> (Output, PathBuf) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let output = Command::new(env!("CARGO_BIN_EXE_peers"))
        .args(options)
        .args(["--quick", "--rounds", "1", "--out"])
        .arg(&out)
        .output()
        .expect("the program starts");
    (output, out)
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The fields of the summary's line for a row, metric and candidate.
fn summary(out: &Path, start: &str) -> Vec<String> {
    let text = fs::read_to_string(out.join("summary.csv")).expect("the summary was written");
    let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {text}"));
    line.split(',').map(str::to_owned).collect()
}

/// Builds a library of this folder with the C compiler that the peers need anyway.
fn library(test: &str, source: &str, option: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(source);
    let status = Command::new("cc").args(["-shared", "-fPIC", "-O2", option, "-o"]).args([&path, &source]).status();
    assert!(status.expect("there is a C compiler").success());
    path.display().to_string()
}

#[test]
fn tables_csv_and_plots_hold_what_was_measured() {
    let (output, out) = peers("tables", &["--only", "pair-const", "--peers", "smarena,system"]);
    let text = stdout(&output);
    assert!(text.contains("<= 0.50 x best"), "{text}");
    assert!(!text.contains("pair-16-80"), "{text}");
    assert_eq!(summary(&out, "pair-const,cpu ns/op,system")[6], "1", "the one peer is the best peer");
    let samples = fs::read_to_string(out.join("samples.csv")).expect("the samples were written");
    assert_eq!(samples.lines().count(), 1 + 2 * 2, "two candidates, CPU and wall");
    for plot in ["overview.svg", "pair-const-cpu.svg", "pair-const-wall.svg"] {
        let svg = fs::read_to_string(out.join(plot)).expect("the plot was written");
        assert!(svg.contains("smarena") && svg.trim_end().ends_with("</svg>"), "{plot}: {svg}");
    }
}

#[test]
fn resident_memory_is_what_the_kernel_gave() {
    let (output, out) = peers("memory", &["--only", "memory", "--peers", "system,smarena"]);
    stdout(&output);
    let full = |name: &str| summary(&out, &format!("memory-full,of ideal,{name}"))[3].parse::<f64>().expect("a number");
    assert!((1.0..1.2).contains(&full("smarena")), "{}", full("smarena"));
    // Every C library here keeps a header with each block, or rounds its size up.
    assert!((1.2..2.1).contains(&full("system")), "{}", full("system"));
}

#[test]
fn an_extra_library_takes_part_but_is_no_peer() {
    let extra = format!("mine={}", library("working", "extra.c", "-DWORKS"));
    let (output, out) =
        peers("extra", &["--extra", &extra, "--only", "realloc/chain,creation", "--peers", "smarena,mine"]);
    let text = stdout(&output);
    assert!(text.contains("no peer"), "{text}");
    assert!(summary(&out, "realloc/chain,cpu ns/op,mine")[3].parse::<f64>().expect("a number") > 0.0);
    assert!(summary(&out, "creation,us,mine")[3].parse::<f64>().expect("a number") > 0.0);
}

#[test]
fn a_case_has_several_processes_and_an_earlier_run_is_compared_with() {
    let options = ["--only", "pair-const", "--peers", "smarena,system", "--processes", "2"];
    let (output, out) = peers("processes", &options);
    assert!(stdout(&output).contains("by medians over 2 processes"));
    let samples = fs::read_to_string(out.join("samples.csv")).expect("the samples were written");
    assert_eq!(samples.lines().count(), 1 + 2 * 2 * 2, "two candidates, CPU and wall, in each process");
    fs::write(out.join("targets.csv"), "pair-const,cpu ns/op,smarena,0.123,0.5\n").expect("an earlier run");
    let earlier = out.display().to_string();
    let (output, _) = peers("against", &["--only", "pair-const", "--peers", "smarena,system", "--against", &earlier]);
    let text = stdout(&output);
    assert!(text.contains("0.123") && text.contains("in the earlier run as well"), "{text}");
}

#[test]
fn a_library_with_a_malloc_is_a_peer() {
    let peer = format!("mine={}", library("peer", "peer.c", "-DWORKS"));
    let (output, out) = peers("peer", &["--peer", &peer, "--only", "pair-const,larson", "--peers", "smarena,mine"]);
    stdout(&output);
    for row in ["pair-const", "larson/2"] {
        assert_eq!(summary(&out, &format!("{row},cpu ns/op,mine"))[6], "1", "the one peer is the best peer");
    }
}

#[test]
fn a_library_without_a_malloc_is_no_peer() {
    let peer = format!("mine={}", library("none", "extra.c", "-DWORKS"));
    let (output, _) = peers("none", &["--peer", &peer, "--only", "pair-const", "--peers", "smarena,mine"]);
    assert!(stdout(&output).contains("has no malloc of its own"));
}

#[test]
fn whoever_crashes_is_left_out_and_named() {
    let extra = format!("broken={}", library("broken", "extra.c", "-DCRASH"));
    let (output, out) =
        peers("crash", &["--extra", &extra, "--only", "pair-const", "--peers", "smarena,system,broken"]);
    let text = stdout(&output);
    assert!(text.contains("left out of pair-const: broken (crashed with signal 6)"), "{text}");
    assert!(summary(&out, "pair-const,cpu ns/op,system")[3].parse::<f64>().expect("a number") > 0.0);
}

#[test]
fn a_library_that_is_not_there_is_left_out_and_named() {
    let (output, _) =
        peers("missing", &["--extra", "gone=/nowhere/gone.so", "--only", "pair-const", "--peers", "system,gone"]);
    assert!(stdout(&output).contains("left out of pair-const: gone (/nowhere/gone.so"));
}

#[test]
fn unknown_names_are_refused() {
    for options in [["--only", "nonsense"], ["--peers", "nonsense"]] {
        let (output, _) = peers("unknown", &options);
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("nonsense"));
    }
}
