//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use crate::compare::Options;
use crate::{PROGRAM, checks, run};

#[test]
fn frames_return_as_sent_and_allocate_nothing() {
    checks::arguments(&PROGRAM);
    // The last fills a buffer with few frames, so that most are read in pieces.
    for (peers, size, packets) in [(2, 1024, 1000), (5, 8, 1000), (3, 65_536, 40)] {
        let options = Options { peers, size, packets, rounds: 2, baseline: true };
        let report = run(options).unwrap();
        assert_eq!(report.packets(), (4 * packets * peers) as u64);
        assert_eq!(report.allocations(), 0, "{report}");
    }
}
