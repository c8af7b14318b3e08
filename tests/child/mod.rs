//! Runs a part of a test in a child process, for what ends a process or must begin in a fresh one.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ffi::OsStr;
use std::process::{Command, Output};

const VARIABLE: &str = "SMARENA_TEST_IN_CHILD";
/// What runs test programs here, if they do not run by themselves: see `.ci/elsewhere`.
const RUNNER: &str = "SMARENA_TEST_RUNNER";

/// In the process that the test runner started: runs `test` alone in a child and returns how that ended.
/// In the child: runs `body` and exits with status 0 if it returns, and does not come back.
///
/// `test` is the calling test's own name. A wrong one makes a child in which no test runs and `body` is never reached.
pub(crate) fn in_child(test: &str, body: impl FnOnce()) -> Output {
    in_child_under(&[], test, body)
}

/// As `in_child`; the child is run by the program that `tool` names, with the arguments behind it.
pub(crate) fn in_child_under(tool: &[&str], test: &str, body: impl FnOnce()) -> Output {
    if std::env::var_os(VARIABLE).is_some_and(|name| name == test) {
        body();
        std::process::exit(0);
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    // A program of another system is run by something that stands in front of it.
    let runner = std::env::var(RUNNER).unwrap_or_default();
    let mut words = tool.iter().copied().chain(runner.split_whitespace()).map(OsStr::new).chain([program.as_os_str()]);
    let mut command = Command::new(words.next().expect("the program, at least"));
    command.args(words);
    // On one thread, and with standard error left alone, so that the last words are not kept in a buffer.
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(VARIABLE, test);
    command.output().expect("a test can run its own program")
}
