//! A framed echo server on tokio: every frame behind its length, every buffer from a pool that tasks wait for in order.
//!
//! ```text
//! cargo run --release --features async --example framed_echo -- --connections 8 --baseline
//! ```
//!
//! Clients on loopback keep a window of frames under way and compare every byte that returns. With `--baseline` the same server runs on `BytesMut`
//! as well, in turn, and both speeds are shown.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, and the two sources of buffers |
//! | `server` | reading frames into whatever buffer there is, and echoing them; a table of connections |
//! | `client` | what is sent, and the check of what comes back |

#[path = "../shared/arguments.rs"]
mod arguments;
#[cfg(test)]
#[path = "../shared/checks.rs"]
mod checks;
#[cfg(all(test, target_os = "linux"))]
#[path = "../../../tests/child/mod.rs"]
mod child;
mod client;
#[path = "../shared/compare.rs"]
mod compare;
#[path = "../../../tests/common/counting.rs"]
mod counting;
#[path = "../shared/ending.rs"]
mod ending;
#[path = "../shared/gates.rs"]
mod gates;
#[path = "../shared/payload.rs"]
mod payload;
mod server;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_os = "linux"))]
#[path = "../shared/trouble.rs"]
mod trouble;

use std::future::Future;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::thread;

use bytes::{Buf, BufMut, BytesMut};
use smarena::{BufPool, Lease, PoolError};

use compare::{Number, Options, Program, Report};
use ending::{Failure, spawn};
use gates::{Gates, Round, together};

const PROGRAM: Program = Program {
    name: "framed_echo",
    help: "\
Echoes frames over TCP on loopback, with buffers from a pool, and shows how fast it was.

Usage: framed_echo [--connections N] [--size N] [--frames N] [--rounds N] [--baseline]

  --connections N  clients, each with a connection and a thread, 1 to 64 [default: 2]
  --size N         bytes of a frame without its length, 8 to 65536 [default: 1024]
  --frames N       frames of each client in a round, 1 to 100000000 [default: 50000]
  --rounds N       rounds, 1 to 1000 [default: 5]
  --baseline       the same on BytesMut, in turn
  -h, --help       shows this

Exit status: 0 if all went well, 1 if a frame differed or was lost, 2 if the arguments are wrong.
",
    peers: Number { name: "connections", range: 1..=64, default: 2 },
    size: Number { name: "size", range: 8..=65_536, default: 1024 },
    packets: Number { name: "frames", range: 1..=100_000_000, default: 50_000 },
};

/// Bytes of the length in front of each frame, in network order.
pub(crate) const PREFIX: usize = size_of::<u32>();

smarena::size_classes! {
    /// The block sizes of our heap.
    pub(crate) Frames: [1024, 4096, 16384, 65536, 262144]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Frames { bucket_bytes: 64 << 20, name: "net" }
}

/// Where the server's buffers come from.
pub(crate) trait Source: Clone + Send + Sync + 'static {
    /// Empty at first, with room for at least one frame.
    type Buffer: Buf + BufMut + AsRef<[u8]> + Send;

    fn buffer(&self) -> impl Future<Output = Result<Self::Buffer, PoolError>> + Send;
}

impl Source for BufPool<Net> {
    type Buffer = Lease<Net>;

    async fn buffer(&self) -> Result<Lease<Net>, PoolError> {
        self.acquire().await
    }
}

/// `BytesMut` with this many bytes each.
#[derive(Clone)]
struct Baseline(usize);

impl Source for Baseline {
    type Buffer = BytesMut;

    async fn buffer(&self) -> Result<BytesMut, PoolError> {
        Ok(BytesMut::with_capacity(self.0))
    }
}

fn main() -> ExitCode {
    PROGRAM.main(run)
}

pub(crate) fn run(options: Options) -> Result<Report, Failure> {
    // Room for some frames at once: fewer calls of the system.
    let buf_size = 4 * (PREFIX + options.size);
    // A connection that is served holds a buffer, and a second one for a moment. Were there fewer, they would wait for each other.
    let pool = BufPool::builder().buf_size(buf_size).limit(2 * options.peers).build_in(Net)?;
    let report = Report::of(options, || round(options, pool.clone()), || round(options, Baseline(buf_size)))?;
    if pool.in_flight() != 0 {
        return Err(format!("{} buffers were not given back", pool.in_flight()).into());
    }
    Ok(report)
}

/// A server and its clients, from the first connection to the last.
fn round<S: Source>(options: Options, source: S) -> Result<Round, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let server = listener.local_addr()?;
    let clients: Vec<_> =
        (0..options.peers).map(|_| client::Client::connect(server, options.size)).collect::<Result<_, _>>()?;
    let gates = Gates::new(options.peers);
    thread::scope(|scope| {
        let (gates, source) = (&gates, &source);
        let mut parts = Vec::new();
        let measured = gates.part(|| {
            let serve = move || gates.part(|| server::serve(listener, options, source));
            parts.push(spawn(scope, "the server", serve)?);
            for client in clients {
                let work =
                    move || gates.work(Ok(client), options.packets.min(100), options.packets, client::Client::exchange);
                parts.push(spawn(scope, "a client", work)?);
            }
            gates.measure(options.peers * options.packets)
        });
        together(measured, parts)
    })
}
