//! All arrives as it was sent, and no more is under way than the pool has.

use crate::ending::Ending;
use crate::{WINDOW, parse, program, run};

fn words(words: &str) -> Vec<std::ffi::OsString> {
    words.split(' ').map(Into::into).collect()
}

#[test]
fn buffers_arrive_as_they_were_sent() {
    let report = run(500).unwrap();
    let peak: usize = report.split_whitespace().rev().nth(4).unwrap().parse().unwrap();
    // More than one, or it would not be a window; and never more than it has.
    assert!((2..=WINDOW).contains(&peak), "{report}");
}

#[test]
fn arguments_have_a_sentence() {
    assert_eq!(parse(words("quic_file --buffers 7")), Ok(Some(7)));
    assert_eq!(parse(words("quic_file")), Ok(Some(10_000)));
    assert_eq!(parse(words("quic_file --help")), Ok(None));
    let Ending::Misused(error) = program(words("quic_file --buffers 0")) else { panic!("none is too few") };
    assert_eq!(error, "--buffers: \"0\" is not a number from 1 to 10000000");
}
