//! What the tests of the examples that compare have in common.

use crate::compare::{Options, Parsed, Program};

/// Arguments are taken, refused and documented as they are declared.
pub(crate) fn arguments(program: &Program) {
    let Program { name, help, peers, size, packets } = program;
    for number in [peers, size, packets] {
        let line = help.lines().find(|line| line.contains(&format!("  --{} N ", number.name))).unwrap();
        let (range, default) = (&number.range, number.default);
        assert!(line.ends_with(&format!("{} to {} [default: {default}]", range.start(), range.end())), "{line}");
    }
    let parse = |words: String| program.parse(words.split(' ').map(Into::into).collect::<Vec<_>>());
    let [peers, size, packets] = [peers, size, packets].map(|number| (number.name, *number.range.end()));
    let expected = Options { peers: peers.1, size: size.1, packets: packets.1, rounds: 2, baseline: true };
    let words = format!(
        "--{} {} --{}={} --{} {} --rounds 2 --baseline",
        peers.0, peers.1, size.0, size.1, packets.0, packets.1
    );
    assert_eq!(parse(format!("{name} {words}")), Ok(Parsed::Run(expected)));
    assert_eq!(parse(format!("{name} -h")), Ok(Parsed::Help));
    let refusal = parse(format!("{name} --{} {}", size.0, size.1 + 1)).unwrap_err();
    assert!(refusal.ends_with(&format!("to {}", size.1)), "{refusal}");
    assert_eq!(parse(format!("{name} --rounds")), Err("--rounds needs a value".into()));
    assert_eq!(parse(format!("{name} --sized 7")), Err("invalid option '--sized'".into()));
}
