//! The program does what it says. One test alone: the allocations it counts are the whole process's.

use std::time::Duration;

use crate::options::Options;
use crate::run;

#[test]
fn packets_return_as_sent_and_allocate_nothing() {
    let options = Options {
        clients: 2,
        // The smallest, some in between, and the largest that UDP can carry.
        sizes: vec![8, 60, 61, 1400, 9000, 65_507],
        time: Duration::from_millis(600),
        port: 0,
    };
    let report = run(&options).unwrap();
    let text = report.to_string();
    assert!(report.is_flawless(), "{text}");
    assert!(text.contains("\nheap allocations per packet: 0.000\n"), "{text}");
}
