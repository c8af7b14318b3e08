//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use crate::compare::{Options, Program};
use crate::{PROGRAM, checks, run};

#[test]
fn datagrams_arrive_as_sent_and_allocate_nothing() {
    #[cfg(target_os = "linux")]
    {
        crate::trouble::threads_that_cannot_be_started(
            "tests::datagrams_arrive_as_sent_and_allocate_nothing",
            "udp_batch",
            4,
            || Program::end(run(Options { peers: 2, size: 64, packets: 20, rounds: 1, baseline: false })),
        );
        crate::trouble::results_that_cannot_be_written("udp_batch");
    }
    checks::arguments(&PROGRAM);
    for (peers, size, packets) in [(1, 8, 1001), (2, 1024, 2000), (4, 1472, 500)] {
        let options = Options { peers, size, packets, rounds: 2, baseline: true };
        let report = run(options).unwrap();
        assert_eq!(report.packets(), (4 * packets * peers) as u64);
        assert_eq!(report.allocations(), 0, "{report}");
    }
}
