//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use crate::compare::{Options, Program};
use crate::{LIMIT, PROGRAM, checks, run};

#[test]
fn messages_arrive_at_everybody_and_allocate_nothing() {
    #[cfg(target_os = "linux")]
    {
        crate::trouble::threads_that_cannot_be_started(
            "tests::messages_arrive_at_everybody_and_allocate_nothing",
            "broadcast",
            2,
            || Program::end(run(Options { peers: 2, size: 64, packets: 20, rounds: 1, baseline: false })),
        );
        crate::trouble::results_that_cannot_be_written("broadcast");
    }
    checks::arguments(&PROGRAM);
    // More messages than buffers, so that the publisher has to wait for the slowest.
    for (peers, size, packets) in [(1, 8, 10 * LIMIT), (100, 1024, 3 * LIMIT), (2, 65_536, 2 * LIMIT)] {
        let options = Options { peers, size, packets, rounds: 2, baseline: true };
        let report = run(options).unwrap();
        assert_eq!(report.packets(), (4 * packets * peers) as u64);
        assert_eq!(report.allocations(), 0, "{report}");
    }
}
