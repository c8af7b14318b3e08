//! Echo over UDP, six ways: by io_uring with a pool's buffers, sent one by one or together; on tokio with them, many datagrams a call or one; and on tokio with `BytesMut`.
//!
//! ```text
//! cargo run --release --features async,bytes,io-uring --example uring_echo -- --window 32 --batch 16
//! ```
//!
//! What counts is what a packet costs the server's thread: its processor time, its calls of the system, its heap allocations. A client on loopback keeps
//! a window of datagrams under way and compares every byte that comes back.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, rounds, the table |
//! | `ring` | `Uring`: leases that arrive filled, and are sent as they are |
//! | `batch` | leases as plain slices for `recvmmsg`, and several datagrams of one sender in one of them (quinn-udp) |
//! | `on_tokio` | one datagram a call, for any buffers |
//! | `client` | what is sent, and what must come back |

#[path = "../shared/arguments.rs"]
mod arguments;
mod batch;
mod client;
#[path = "../../../tests/common/counting.rs"]
mod counting;
#[path = "../shared/ending.rs"]
mod ending;
mod on_tokio;
#[path = "../shared/payload.rs"]
mod payload;
#[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring"))]
mod ring;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use lexopt::{Arg, Parser};
use smarena::BufPool;

use arguments::{value, within};
use ending::{Ending, Failure, spawn};

const HELP: &str = "\
Echoes datagrams on loopback in several ways, and shows what a packet costs the server's thread in each.

Usage: uring_echo [--size N] [--window N] [--batch N] [--packets N] [--rounds N] [--ways NAME,NAME,...]

  --size N       bytes of a datagram, 8 to 1472 [default: 1024]
  --window N     datagrams under way, 1 to 64 [default: 32]
  --batch N      datagrams that the client sends by one call, at most half the window [default: 1]
  --packets N    datagrams of a round, 1 to 100000000 [default: 100000]
  --rounds N     rounds of each way, in turn, 1 to 1000 [default: 7]
  --ways NAMES   some of uring, uring-together, batch, pool, BytesMut, one-BytesMut [default: all that there are]
  -h, --help     shows this

Exit status: 0 if all went well, 1 if an echo differed or was lost, 2 if the arguments are wrong.
";

const SIZES: RangeInclusive<usize> = 8..=1472;
const WINDOWS: RangeInclusive<usize> = 1..=64;
/// Packets that open caches and queues, before those that count.
const WARM_UP: usize = 2000;

smarena::size_classes! {
    /// The block sizes of our heap: a datagram, and what the kernel says of it; or as many as it puts together.
    pub(crate) Datagrams: [64, 256, 512, 1088, 1600, 65536]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Datagrams { bucket_bytes: 64 << 20, name: "net" }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) size: usize,
    pub(crate) window: usize,
    pub(crate) batch: usize,
    pub(crate) packets: usize,
    pub(crate) rounds: usize,
    pub(crate) ways: Vec<Way>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Uring,
    UringTogether,
    Batch,
    Pool,
    BytesMut,
    OneBytesMut,
}

impl Way {
    pub(crate) const ALL: [Way; 6] =
        [Way::Uring, Way::UringTogether, Way::Batch, Way::Pool, Way::BytesMut, Way::OneBytesMut];

    fn name(self) -> &'static str {
        match self {
            Way::Uring => "uring",
            Way::UringTogether => "uring-together",
            Way::Batch => "batch",
            Way::Pool => "pool",
            Way::BytesMut => "BytesMut",
            Way::OneBytesMut => "one-BytesMut",
        }
    }

    /// The bytes that a buffer has to have for datagrams of this size.
    fn buf_size(self, size: usize) -> usize {
        match self {
            Way::Batch => batch::room(size),
            // And for what is said of one.
            _ => size + 64,
        }
    }

    /// The server's side.
    fn server(self, socket: UdpSocket, pool: &BufPool<Net>) -> Result<Box<dyn Server>, Failure> {
        Ok(match self {
            #[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring"))]
            Way::Uring | Way::UringTogether => Box::new(ring::Echo::new(socket, pool, self == Way::UringTogether)?),
            #[cfg(not(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring")))]
            Way::Uring | Way::UringTogether => return Err("it takes Linux, and the feature io-uring".into()),
            Way::Batch => Box::new(batch::Echo::new(socket, pool)?),
            Way::Pool => Box::new(on_tokio::Echo::new(socket, pool.clone())?),
            Way::BytesMut => Box::new(on_tokio::Echo::new(socket, on_tokio::New(pool.buf_size()))?),
            Way::OneBytesMut => Box::new(on_tokio::Echo::new(socket, on_tokio::Same::default())?),
        })
    }
}

/// Somebody who echoes.
pub(crate) trait Server {
    /// Echoes until so many packets have gone back in all, or an empty one has come: then there is no more.
    fn serve(&mut self, until: u64) -> Result<(), Failure>;

    /// Packets that went back.
    fn packets(&self) -> u64;

    /// Calls of the system.
    fn calls(&self) -> u64;
}

/// What one round cost the server's thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    way: Way,
    packets: u64,
    processor: Duration,
    pub(crate) calls: u64,
    pub(crate) allocations: u64,
}

fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(None) => Ending::Good(HELP.to_owned()),
        Ok(Some(options)) => match run(&options) {
            Ok(rounds) => Ending::Good(table(&options, &rounds)),
            Err(error) => Ending::Failed(error),
        },
        Err(error) => Ending::Misused(error),
    }
    .tell("uring_echo")
}

/// Reads the arguments; the first is the program's name. The error is a sentence for the user.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>,
) -> Result<Option<Options>, String> {
    let mut options =
        Options { size: 1024, window: 32, batch: 1, packets: 100_000, rounds: 7, ways: Way::ALL.to_vec() };
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("size") => options.size = number(&mut parser, "--size", SIZES)?,
            Arg::Long("window") => options.window = number(&mut parser, "--window", WINDOWS)?,
            Arg::Long("batch") => options.batch = number(&mut parser, "--batch", WINDOWS)?,
            Arg::Long("packets") => options.packets = number(&mut parser, "--packets", 1..=100_000_000)?,
            Arg::Long("rounds") => options.rounds = number(&mut parser, "--rounds", 1..=1000)?,
            Arg::Long("ways") => options.ways = ways(&value("--ways", &mut parser)?)?,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected().to_string()),
        }
    }
    // Half of the window is under way while the other half is sent.
    if options.batch > options.window.div_ceil(2) {
        return Err(format!("--batch: {} are more than half a window of {}", options.batch, options.window));
    }
    Ok(Some(options))
}

fn number(parser: &mut Parser, name: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    within(name, &value(name, parser)?, range)
}

fn ways(names: &str) -> Result<Vec<Way>, String> {
    let way = |name: &str| {
        let way = Way::ALL.into_iter().find(|way| way.name() == name);
        way.ok_or_else(|| format!("--ways: there is no way \"{name}\""))
    };
    names.split(',').map(way).collect()
}

/// All rounds, each way in turn, so that whatever else the machine does meets all of them.
pub(crate) fn run(options: &Options) -> Result<Vec<Round>, Failure> {
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        for &way in &options.ways {
            rounds.push(round(options, way).map_err(|error| format!("{}: {error}", way.name()))?);
        }
    }
    Ok(rounds)
}

fn round(options: &Options, way: Way) -> Result<Round, Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let client = client::Client::connect(socket.local_addr()?, options)?;
    let pool = BufPool::builder().buf_size(way.buf_size(options.size)).limit(1024).build_in(Net)?;
    let over = AtomicBool::new(false);
    let warm = WARM_UP.min(options.packets);
    let all = warm + options.packets;
    thread::scope(|scope| {
        let (over, pool) = (&over, &pool);
        let serving = spawn(scope, "the server", move || {
            let _ends = client::Over(over);
            let mut server = way.server(socket, pool)?;
            server.serve(warm as u64)?;
            let before = Round::now(way, &*server)?;
            server.serve(all as u64)?;
            Ok::<_, Failure>(Round::now(way, &*server)?.since(before))
        })?;
        let echoed = client.run(all + options.window, over);
        let served = serving.join().map_err(|_| "the server panicked")?;
        // Who failed first is the reason.
        let round = served?;
        echoed?;
        Ok(round)
    })
}

impl Round {
    /// All that this thread has used so far.
    fn now(way: Way, server: &dyn Server) -> Result<Self, Failure> {
        // Into memory that is there: what is counted next is the server's.
        let mut text = [0; 64];
        let len = File::open("/proc/thread-self/schedstat")?.read(&mut text)?;
        let text = std::str::from_utf8(&text[..len])?;
        let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse().ok());
        let processor = Duration::from_nanos(nanoseconds.ok_or("the system does not say what a thread used")?);
        let allocations = counting::allocations_here();
        Ok(Self { way, packets: server.packets(), processor, calls: server.calls(), allocations })
    }

    /// What was used since then.
    fn since(self, before: Self) -> Self {
        Self {
            way: self.way,
            packets: self.packets - before.packets,
            processor: self.processor - before.processor,
            calls: self.calls - before.calls,
            allocations: self.allocations - before.allocations,
        }
    }

    fn speed(&self) -> f64 {
        self.packets as f64 / self.processor.as_secs_f64()
    }
}

/// The medians of all rounds.
fn table(options: &Options, rounds: &[Round]) -> String {
    let Options { size, window, batch, rounds: count, .. } = options;
    let median = |way: Way| {
        let mut speeds: Vec<f64> = rounds.iter().filter(|round| round.way == way).map(Round::speed).collect();
        speeds.sort_by(f64::total_cmp);
        speeds[speeds.len() / 2]
    };
    let baseline = options.ways.contains(&Way::BytesMut).then(|| median(Way::BytesMut));
    let mut text =
        format!("datagrams of {size} bytes, {window} under way, {batch} sent by a call, median of {count} rounds\n\n");
    let _ = writeln!(
        text,
        "{:>14} {:>20} {:>12} {:>14} {:>20}",
        "way", "packets/CPU second", "/ BytesMut", "calls/packet", "allocations/packet"
    );
    for &way in &options.ways {
        let of_it = || rounds.iter().filter(|round| round.way == way);
        let packets = of_it().map(|round| round.packets).sum::<u64>() as f64;
        let calls = of_it().map(|round| round.calls).sum::<u64>() as f64 / packets;
        let allocations = of_it().map(|round| round.allocations).sum::<u64>() as f64 / packets;
        let ratio = baseline.map_or(String::from("-"), |baseline| format!("{:.2}", median(way) / baseline));
        let _ =
            writeln!(text, "{:>14} {:>20.0} {ratio:>12} {calls:>14.3} {allocations:>20.3}", way.name(), median(way));
    }
    text
}
