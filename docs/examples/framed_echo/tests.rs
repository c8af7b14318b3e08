//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use crate::compare::{Options, Program};
use crate::{PROGRAM, checks, run};

#[test]
fn frames_return_as_sent_and_allocate_nothing() {
    #[cfg(target_os = "linux")]
    {
        crate::trouble::threads_that_cannot_be_started(
            "tests::frames_return_as_sent_and_allocate_nothing",
            "framed_echo",
            3,
            || Program::end(run(Options { peers: 2, size: 64, packets: 20, rounds: 1, baseline: false })),
        );
        crate::trouble::results_that_cannot_be_written("framed_echo");
    }
    checks::arguments(&PROGRAM);
    // The last fills a buffer with few frames, so that most are read in pieces.
    for (peers, size, packets) in [(2, 1024, 1000), (5, 8, 1000), (3, 65_536, 40)] {
        let options = Options { peers, size, packets, rounds: 2, baseline: true };
        let report = run(options).unwrap();
        assert_eq!(report.packets(), (4 * packets * peers) as u64);
        assert_eq!(report.allocations(), 0, "{report}");
    }
}
