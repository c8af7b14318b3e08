//! A broadcaster on tokio: each message is written once, frozen, and sent to a thousand subscribers without being copied.
//!
//! ```text
//! cargo run --release --features async --example broadcast -- --subscribers 1000 --baseline
//! ```
//!
//! Subscribers are TCP connections on loopback that check every byte. A frozen buffer keeps its permit until the last subscriber has been
//! sent it, so the pool's limit bounds how far the publisher gets ahead of the slowest: nothing else does.
//! With `--baseline` the same runs on `BytesMut` and `Bytes` as well, in turn, and both speeds are shown.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, and the two sources of messages |
//! | `publisher` | one buffer, many clones, a mailbox for each subscriber |
//! | `subscribers` | the other side: what arrives is what was sent |

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
mod publisher;
mod subscribers;
#[cfg(test)]
mod tests;
#[cfg(all(test, target_os = "linux"))]
#[path = "../shared/trouble.rs"]
mod trouble;

use std::future::Future;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use bytes::{Bytes, BytesMut};
use smarena::{BufPool, PoolError, PoolHeap, SmBytes};
use tokio::sync::Semaphore;

use compare::{Number, Options, Program, Report};
use ending::{Failure, spawn};
use gates::{Gates, Round, together};

const PROGRAM: Program = Program {
    name: "broadcast",
    help: "\
Sends each message to many subscribers over TCP on loopback, from one buffer of a pool, and shows how fast it was.

Usage: broadcast [--subscribers N] [--size N] [--messages N] [--rounds N] [--baseline]

  --subscribers N  connections; each takes two of the open files a process may have, 1 to 10000 [default: 1000]
  --size N         bytes of a message, 8 to 65536 [default: 1024]
  --messages N     messages of a round, each to every subscriber, 1 to 10000000 [default: 200]
  --rounds N       rounds, 1 to 1000 [default: 5]
  --baseline       the same on BytesMut, in turn
  -h, --help       shows this

A packet is one message to one subscriber.
Exit status: 0 if all went well, 1 if a message was damaged or lost, 2 if the arguments are wrong.
",
    peers: Number { name: "subscribers", range: 1..=10_000, default: 1000 },
    size: Number { name: "size", range: 8..=65_536, default: 1024 },
    packets: Number { name: "messages", range: 1..=10_000_000, default: 200 },
};

/// Messages that are under way at a time.
pub(crate) const LIMIT: usize = 16;

smarena::size_classes! {
    /// The block sizes of our heap.
    pub(crate) Messages: [64, 256, 1024, 4096, 16384, 65536]
}

smarena::static_heap! {
    /// Our heap. It is built when it is first used, and lives as long as the program.
    pub(crate) struct Net: Messages { bucket_bytes: 16 << 20, name: "net" }
}

/// Where messages come from. At most [`LIMIT`] exist at a time: a new one waits until the oldest is wholly gone.
pub(crate) trait Source: Send + Sync {
    type Message: AsRef<[u8]> + Clone + Send + 'static;

    /// A message of `size` bytes, written by `write`.
    fn message(
        &self,
        size: usize,
        write: impl FnOnce(&mut [u8]) + Send,
    ) -> impl Future<Output = Result<Self::Message, PoolError>> + Send;
}

impl Source for BufPool<Net> {
    type Message = SmBytes<PoolHeap<Net>>;

    async fn message(
        &self,
        size: usize,
        write: impl FnOnce(&mut [u8]) + Send,
    ) -> Result<SmBytes<PoolHeap<Net>>, PoolError> {
        let mut lease = self.acquire().await?;
        lease.resize(size, 0);
        write(&mut lease);
        Ok(lease.freeze())
    }
}

/// The same with what there is for it: `Bytes` that own a permit of a semaphore.
struct Baseline(Arc<Semaphore>);

/// What those `Bytes` own; the permit goes back with the buffer.
struct Permitted(BytesMut, Arc<Semaphore>);

impl AsRef<[u8]> for Permitted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Permitted {
    fn drop(&mut self) {
        self.1.add_permits(1);
    }
}

impl Source for Baseline {
    type Message = Bytes;

    async fn message(&self, size: usize, write: impl FnOnce(&mut [u8]) + Send) -> Result<Bytes, PoolError> {
        self.0.acquire().await.expect("nobody closes it").forget();
        let mut buffer = BytesMut::zeroed(size);
        write(&mut buffer);
        Ok(Bytes::from_owner(Permitted(buffer, Arc::clone(&self.0))))
    }
}

fn main() -> ExitCode {
    PROGRAM.main(run)
}

pub(crate) fn run(options: Options) -> Result<Report, Failure> {
    let pool = BufPool::builder().buf_size(options.size).limit(LIMIT).build_in(Net)?;
    let baseline = Baseline(Arc::new(Semaphore::new(LIMIT)));
    let report = Report::of(options, || round(options, &pool), || round(options, &baseline))?;
    if pool.in_flight() != 0 {
        return Err(format!("{} buffers were not given back", pool.in_flight()).into());
    }
    Ok(report)
}

/// A publisher and its subscribers, from the first connection to the last.
fn round<S: Source>(options: Options, source: &S) -> Result<Round, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    // All are connected before a thread starts: a failure up to here leaves nobody waiting.
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..options.peers {
        far.push(TcpStream::connect(address)?);
        near.push(listener.accept()?.0);
    }
    let gates = Gates::new(2);
    thread::scope(|scope| {
        let gates = &gates;
        let mut parts = Vec::new();
        let measured = gates.part(|| {
            let publish = move || {
                let publisher = publisher::Publisher::new(near, options);
                gates.work(publisher, LIMIT, options.packets, |publisher, messages| publisher.publish(source, messages))
            };
            parts.push(spawn(scope, "the publisher", publish)?);
            let receive = move || {
                let subscribers = subscribers::Subscribers::new(far, options);
                gates.work(subscribers, LIMIT, options.packets, |subscribers, messages| subscribers.receive(messages))
            };
            parts.push(spawn(scope, "the subscribers", receive)?);
            gates.measure(options.peers * options.packets)
        });
        together(measured, parts)
    })
}
