//! The parts of the example `packet_pool` that need no network: its arguments, and packets that tell whether they are whole.

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../packet_pool/options.rs"]
mod options;
#[path = "../shared/payload.rs"]
mod payload;

use std::time::Duration;

use options::{HELP, Options, Parsed, parse};

fn parse_words(words: &str) -> Result<Parsed, String> {
    parse(format!("packet_pool {words}").split_whitespace().map(Into::into).collect::<Vec<_>>())
}

fn options(words: &str) -> Options {
    match parse_words(words) {
        Ok(Parsed::Run(options)) => options,
        other => panic!("{words}: {other:?}"),
    }
}

#[test]
fn no_arguments_are_the_defaults_that_the_help_shows() {
    let defaults = options("");
    assert_eq!(defaults, options("--clients 2 --sizes 64,512,1400 --seconds 3 --port 0"));
    for default in ["[default: 2]", "[default: 64,512,1400]", "[default: 3]", "[default: 0]"] {
        assert!(HELP.contains(default), "{default}");
    }
}

#[test]
fn arguments_are_taken_in_every_form() {
    let sizes = vec![8, 65_507];
    let expected =
        Options { clients: 4, sizes, time: Duration::from_millis(500), port: 7777, uring: true, watch: true };
    assert_eq!(options("--clients 4 --sizes 8,65507 --watch --seconds 0.5 --uring --port 7777"), expected);
    assert_eq!(options("-c4 -s=8,65507 -t 0.5 --port=7777 -uw"), expected);
    assert_eq!(expected.largest_packet(), 65_507);
}

#[test]
fn who_watches_is_not_hurried() {
    assert_eq!(options("--watch").time, Duration::from_secs(86_400));
    assert_eq!((options("--watch --seconds 3").time, options("").watch), (Duration::from_secs(3), false));
}

#[test]
fn help_wins() {
    assert_eq!(parse_words("--clients 4 --help --port x"), Ok(Parsed::Help));
    assert_eq!(parse_words("-h"), Ok(Parsed::Help));
}

#[test]
fn wrong_arguments_are_named() {
    for (words, message) in [
        ("--clients 0", "--clients: \"0\" is not a number from 1 to 64"),
        ("--clients 65", "--clients: \"65\" is not a number from 1 to 64"),
        ("--clients", "--clients needs a value"),
        ("--sizes 64,7", "--sizes: \"7\" is not a number from 8 to 65507"),
        ("--sizes 64,,9", "--sizes: \"\" is not a number from 8 to 65507"),
        ("--sizes 65508", "--sizes: \"65508\" is not a number from 8 to 65507"),
        ("--seconds 0", "--seconds: \"0\" is not a number from 0.1 to 86400"),
        ("--seconds nan", "--seconds: \"nan\" is not a number from 0.1 to 86400"),
        ("--seconds inf", "--seconds: \"inf\" is not a number from 0.1 to 86400"),
        ("--port 65536", "--port: \"65536\" is not a number from 0 to 65535"),
        ("--port -1", "--port: \"-1\" is not a number from 0 to 65535"),
        ("--speed 3", "invalid option '--speed'"),
        ("stray", "unexpected argument \"stray\""),
    ] {
        assert_eq!(parse_words(words), Err(message.to_owned()), "{words}");
    }
}

/// Packet `number` of `size` bytes.
fn packet(number: u64, size: usize) -> Vec<u8> {
    let mut packet = vec![0; size];
    payload::fill(&mut packet, number);
    packet
}

#[test]
fn packets_differ_by_their_number() {
    for size in [9, 16, 1400] {
        let (this, next) = (packet(7, size), packet(8, size));
        assert_ne!(this[8..], next[8..], "{size} bytes");
    }
}

#[test]
fn older_packets_are_late_and_damaged_ones_are_not() {
    for size in [8, 9, 64, 1400] {
        assert!(payload::is_older(&packet(7, size), &packet(8, size)), "{size} bytes");
        assert!(!payload::is_older(&packet(8, size), &packet(8, size)), "{size} bytes");
        assert!(!payload::is_older(&packet(9, size), &packet(8, size)), "{size} bytes");
        assert!(!payload::is_older(&[], &packet(8, size)), "{size} bytes");
        for at in 8..size {
            let mut damaged = packet(7, size);
            damaged[at] ^= 1;
            assert!(!payload::is_older(&damaged, &packet(8, size)), "byte {at} of {size}");
        }
    }
}
