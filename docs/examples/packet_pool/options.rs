//! The program's arguments, checked.

use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::time::Duration;

use lexopt::{Arg, Parser};

use crate::arguments::{value, within};

pub(crate) const HELP: &str = "\
Echoes packets over UDP and TCP on loopback through a pool of buffers, compares every byte, and shows how fast it was.

Usage: packet_pool [--clients N] [--sizes N,N,...] [--seconds N] [--port N] [--uring] [--watch]

  -c, --clients N      clients of each protocol, 1 to 64 [default: 2]
  -s, --sizes N,N,...  bytes of the packets, in turn, each 8 to 65507 [default: 64,512,1400]
  -t, --seconds N      how long to measure after the warm-up, 0.1 to 86400 [default: 3]
  -p, --port N         the servers' port, 0 for any that is free [default: 0]
  -u, --uring          the servers by io_uring, where the build and the system have it
  -w, --watch          shows heap and pool in the terminal, until q is pressed or the seconds are over, if they are given
  -h, --help           shows this

Exit status: 0 if all went well, 1 if an echo differed or was lost over TCP, 2 if the arguments are wrong.
";

const CLIENTS: RangeInclusive<usize> = 1..=64;
/// From a packet with nothing but its number (see `payload`) to the largest datagram that IPv4 can carry.
const SIZES: RangeInclusive<usize> = 8..=65_507;
const SECONDS: RangeInclusive<f64> = 0.1..=86_400.0;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    /// Clients of each protocol.
    pub(crate) clients: usize,
    /// Bytes of the packets, in the order they are sent.
    pub(crate) sizes: Vec<usize>,
    /// How long to measure.
    pub(crate) time: Duration,
    /// The servers' port, or 0.
    pub(crate) port: u16,
    /// Whether the servers use io_uring.
    pub(crate) uring: bool,
    /// Whether there is a live view.
    pub(crate) watch: bool,
}

impl Options {
    pub(crate) fn largest_packet(&self) -> usize {
        self.sizes.iter().copied().max().unwrap_or(0)
    }
}

#[derive(Debug, PartialEq)]
pub(crate) enum Parsed {
    Run(Options),
    Help,
}

/// Reads the arguments; the first is the program's name. The error is a sentence for the user.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Result<Parsed, String> {
    let mut options = Options {
        clients: 2,
        sizes: vec![64, 512, 1400],
        time: Duration::from_secs(3),
        port: 0,
        uring: false,
        watch: false,
    };
    let mut time = None;
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Short('c') | Arg::Long("clients") => {
                options.clients = within("--clients", &value("--clients", &mut parser)?, CLIENTS)?;
            }
            Arg::Short('s') | Arg::Long("sizes") => {
                let sizes = value("--sizes", &mut parser)?;
                options.sizes =
                    sizes.split(',').map(|size| within("--sizes", size, SIZES)).collect::<Result<_, _>>()?;
            }
            Arg::Short('t') | Arg::Long("seconds") => {
                let seconds = within("--seconds", &value("--seconds", &mut parser)?, SECONDS)?;
                time = Some(Duration::from_secs_f64(seconds));
            }
            Arg::Short('p') | Arg::Long("port") => {
                options.port = within("--port", &value("--port", &mut parser)?, 0..=u16::MAX)?;
            }
            Arg::Short('u') | Arg::Long("uring") => options.uring = true,
            Arg::Short('w') | Arg::Long("watch") => options.watch = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(Parsed::Help),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let unless_given = if options.watch { Duration::from_secs_f64(*SECONDS.end()) } else { options.time };
    options.time = time.unwrap_or(unless_given);
    Ok(Parsed::Run(options))
}
