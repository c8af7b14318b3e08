//! What may meet a program of ours, and what it makes of it: a sentence and a status, soon.

use std::fs::OpenOptions;
use std::process::{Output, exit};

use crate::child;
use crate::ending::Ending;

/// As long as a run of the tests takes that is in no trouble, many times over.
const AGES: &str = "60";

/// In an address space in which 0, 1, 2, ... threads can be started, then enough of them, `program` ends: either well or with a sentence.
/// To be called first by the test of this name.
pub(crate) fn threads_that_cannot_be_started(test: &str, name: &str, most: u64, program: impl Fn() -> Ending) {
    // No machine has so large a stack resident, but the address space is taken.
    const STACK: u64 = 4 << 30;
    // For the program and its heap.
    const REST: u64 = 6 << 30;
    let mut failed = 0;
    for threads in (0..=most).chain([64]) {
        let limits = format!("ulimit -v {}; RUST_MIN_STACK={STACK} exec \"$0\" \"$@\"", (REST + threads * STACK) >> 10);
        let Output { status, stderr, .. } =
            child::in_child_under(&["timeout", AGES, "sh", "-c", &limits], test, || {
                exit(program().tell_on(&mut std::io::sink(), name).into())
            });
        let said = String::from_utf8_lossy(&stderr);
        match status.code() {
            Some(0) => {}
            Some(1) if said.contains(&format!("{name}: no thread could be started for ")) => failed += 1,
            // The threads have left no room for the heap, which is built when it is first used: that ends the process.
            None if said.contains("smarena: the static heap ") => {}
            _ => panic!("with room for {threads} threads: {status}\n{said}"),
        }
        assert!(threads < 64 || status.success(), "{said}");
    }
    assert!(failed > 0, "there was room for all threads");
}

/// Results that cannot be written are a failure.
pub(crate) fn results_that_cannot_be_written(name: &str) {
    let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(Ending::Good("results\n".into()).tell_on(&mut full, name), 1);
}
