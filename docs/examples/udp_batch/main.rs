//! A UDP receiver that takes datagrams in batches: buffers for a whole batch at once from the pool, one message to the next thread for all of them.
//!
//! ```text
//! cargo run --release --features async --example udp_batch -- --senders 2 --baseline
//! ```
//!
//! Senders on loopback, a receiver on tokio, and a consumer that checks every byte and gives the buffers back on its own thread.
//! With `--baseline` the same runs on `BytesMut` as well, in turn, and both speeds are shown.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, and the two sources of buffers |
//! | `receiver` | filling a batch with what is there, without clearing buffers first; passing it on; the consumer |
//! | `way` | handing lists to the next thread, and back |
//! | `sender` | what is sent, and why nothing is lost |

#[path = "../shared/arguments.rs"]
mod arguments;
#[cfg(test)]
#[path = "../shared/checks.rs"]
mod checks;
#[cfg(all(test, target_os = "linux"))]
#[path = "../../../tests/child/mod.rs"]
mod child;
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
mod receiver;
mod sender;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_os = "linux"))]
#[path = "../shared/trouble.rs"]
mod trouble;
mod way;

use std::net::{Ipv4Addr, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::{BufMut, BytesMut};
use smarena::{BufPool, Lease, PoolError};

use compare::{Number, Options, Program, Report};
use ending::{Failure, spawn};
use gates::{Gates, Round, together};

const PROGRAM: Program = Program {
    name: "udp_batch",
    help: "\
Receives datagrams on loopback in batches, with buffers from a pool, and shows how fast it was.

Usage: udp_batch [--senders N] [--size N] [--datagrams N] [--rounds N] [--baseline]

  --senders N    sockets that send, each with a thread, 1 to 4 [default: 2]
  --size N       bytes of a datagram, 8 to 1472 [default: 1024]
  --datagrams N  datagrams of each sender in a round, 1 to 100000000 [default: 100000]
  --rounds N     rounds, 1 to 1000 [default: 5]
  --baseline     the same on BytesMut, in turn
  -h, --help     shows this

Exit status: 0 if all went well, 1 if a datagram was damaged or lost, 2 if the arguments are wrong.
",
    peers: Number { name: "senders", range: 1..=4, default: 2 },
    // The largest that an Ethernet frame carries; with a window of each sender it fits into any socket's buffer.
    size: Number { name: "size", range: 8..=1472, default: 1024 },
    packets: Number { name: "datagrams", range: 1..=100_000_000, default: 100_000 },
};

smarena::size_classes! {
    /// The block sizes of our heap.
    pub(crate) Datagrams: [64, 256, 512, 1024, 1536]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Datagrams { bucket_bytes: 64 << 20, name: "net" }
}

/// Where the receiver's buffers come from.
pub(crate) trait Source: Clone + Send + Sync {
    /// Empty at first, with room for a datagram.
    type Buffer: BufMut + AsRef<[u8]> + Send;

    /// Up to `count` buffers, onto the end of `batch`.
    fn fill(&self, batch: &mut Vec<Self::Buffer>, count: usize) -> Result<(), PoolError>;
}

impl Source for BufPool<Net> {
    type Buffer = Lease<Net>;

    fn fill(&self, batch: &mut Vec<Lease<Net>>, count: usize) -> Result<(), PoolError> {
        for lease in self.acquire_batch(count)? {
            batch.push(lease?);
        }
        Ok(())
    }
}

/// `BytesMut` with this many bytes each.
#[derive(Clone)]
struct Baseline(usize);

impl Source for Baseline {
    type Buffer = BytesMut;

    fn fill(&self, batch: &mut Vec<BytesMut>, count: usize) -> Result<(), PoolError> {
        batch.extend((0..count).map(|_| BytesMut::with_capacity(self.0)));
        Ok(())
    }
}

fn main() -> ExitCode {
    PROGRAM.main(run)
}

pub(crate) fn run(options: Options) -> Result<Report, Failure> {
    // Every batch there is may be full.
    let limit = receiver::BATCHES * receiver::BATCH;
    let pool = BufPool::builder().buf_size(options.size).limit(limit).build_in(Net)?;
    let report = Report::of(options, || round(options, &pool), || round(options, &Baseline(options.size)))?;
    if pool.in_flight() != 0 {
        return Err(format!("{} buffers were not given back", pool.in_flight()).into());
    }
    Ok(report)
}

/// A receiver, a consumer and the senders, from the first datagram to the last.
fn round<S: Source>(options: Options, source: &S) -> Result<Round, Failure> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    // One more datagram at the end, so that the receiver looks.
    let last = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let gates = Gates::new(options.peers);
    let senders: Vec<_> = (0..options.peers)
        .map(|number| sender::Sender::connect(address, number, options.size, &gates))
        .collect::<Result<_, _>>()?;
    let addresses: Vec<_> = senders.iter().map(sender::Sender::address).collect::<Result<_, _>>()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let (gates, over, addresses) = (&gates, &over, &addresses);
        let mut parts = Vec::new();
        let measured = gates.part(|| {
            let receive = move || gates.part(|| receiver::run(socket, addresses, source, over));
            parts.push(spawn(scope, "the receiver", receive)?);
            for sender in senders {
                let send =
                    move || gates.work(Ok(sender), options.packets.min(1000), options.packets, sender::Sender::send);
                parts.push(spawn(scope, "a sender", send)?);
            }
            gates.measure(options.peers * options.packets)
        });
        over.store(true, Ordering::Relaxed);
        let told = last.send_to(&[], address);
        let round = together(measured, parts)?;
        told?;
        Ok(round)
    })
}
