//! A server that speaks RESP, the protocol of Redis: values in a heap that makes room by forgetting the oldest, requests parsed in leases of a pool.
//!
//! ```text
//! cargo run --release --example resp -- --port 6379
//! redis-benchmark -p 6379 -c 50 -P 16 -t set,get
//! ```
//!
//! Whatever clients send, announce or leave unread, its memory is bounded: by the pool, by the heap's buckets, by the number of connections. With
//! `--baseline` the same server runs on `BytesMut` and `Bytes`; `measure` compares the two.
//!
//! | file | what it shows |
//! |---|---|
//! | this one | arguments, and who may connect |
//! | `memory`, `twin` | a pool and a heap of our own block sizes, and what stands for them in the twin |
//! | `protocol` | requests that stay where they were read, replies that share what is large |
//! | `store` | keys and values, and eviction by the heap's own limit |
//! | `commands` | what is understood |
//! | `connection` | buffers only while there is something in them; reading that waits until replies are written |

#[path = "../shared/arguments.rs"]
mod arguments;
mod commands;
mod connection;
#[path = "../shared/ending.rs"]
mod ending;
mod memory;
mod protocol;
mod store;
#[cfg(test)]
mod tests;
mod twin;

use std::cell::RefCell;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, Parser};
use smarena::BufPool;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout_at};

use arguments::{value, within};
use commands::State;
use ending::{Ending, Failure};
use memory::{BUFFER, LARGEST, Memory, Net};
use twin::Plain;

const HELP: &str = "\
Speaks the protocol of Redis, on loopback, until a client says SHUTDOWN.

Usage: resp [--port N] [--baseline]

  --port N    0 for any that is free [default: 6379]
  --baseline  on BytesMut and Bytes
";

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) baseline: bool,
    /// The most connections at a time.
    pub(crate) clients: usize,
    /// How long a client may pause in the middle of a request, or before it reads its replies.
    pub(crate) patience: Duration,
}

/// What all connections share.
pub(crate) type Server<M> = Rc<RefCell<State<M>>>;

fn main() -> ExitCode {
    program(std::env::args_os(), &mut std::io::stdout()).tell("resp")
}

/// The program, for these arguments, of which the first is its name; says on `output` where it listens.
fn program(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>, output: &mut dyn Write) -> Ending {
    match parse(arguments) {
        Ok(None) => Ending::Good(HELP.to_owned()),
        Ok(Some(options)) => ending::listen(options.port, output).and_then(|listener| run(options, listener)).into(),
        Err(error) => Ending::Misused(error),
    }
}

/// The error is a sentence for the user; `None` asks for help.
fn parse(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Result<Option<Options>, String> {
    let mut options = Options { port: 6379, baseline: false, clients: 2000, patience: Duration::from_secs(30) };
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("port") => options.port = within("--port", &value("--port", &mut parser)?, 0..=u16::MAX)?,
            Arg::Long("baseline") => options.baseline = true,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Some(options))
}

/// Serves until it is told to end. What it returns is for the user.
fn run(options: Options, listener: std::net::TcpListener) -> Result<String, Failure> {
    if options.baseline {
        return serve(options, Plain, listener);
    }
    // Each client holds two buffers at most, so nobody has to wait for anybody.
    let pool = BufPool::builder().buf_size(BUFFER).limit(2 * options.clients).growth(16 * LARGEST).build_in(Net)?;
    let served = serve(options, pool.clone(), listener)?;
    match pool.stats() {
        stats if stats.in_flight == 0 => Ok(format!("{served}{} buffers at most\n", stats.peak)),
        stats => Err(format!("{} buffers were not given back", stats.in_flight).into()),
    }
}

fn serve<M: Memory>(options: Options, memory: M, listener: std::net::TcpListener) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // All connections go with these tasks, and their buffers with them.
    LocalSet::new().block_on(&runtime, async {
        let server = Rc::new(RefCell::new(State::new(options, memory)));
        let stop = Rc::clone(&server.borrow().stop);
        tokio::task::spawn_local(accept(TcpListener::from_std(listener)?, Rc::clone(&server)));
        let mut next = Instant::now() + Duration::from_secs(1);
        // Until then seconds go by.
        while timeout_at(next, stop.notified()).await.is_err() {
            next += Duration::from_secs(1);
            server.borrow_mut().store.now += 1;
        }
        let store = &server.borrow().store;
        Ok(format!("{} entries, {} evicted\n", store.entries.len(), store.evicted))
    })
}

/// Lets everybody in as long as there are fewer than so many, each of whom holds the server.
async fn accept<M: Memory>(listener: TcpListener, server: Server<M>) {
    let most = Rc::strong_count(&server) + server.borrow().options.clients;
    loop {
        match listener.accept().await {
            Ok((stream, _)) if Rc::strong_count(&server) < most => {
                drop(tokio::task::spawn_local(connection::serve(stream, Rc::clone(&server))));
            }
            // Who does not hear it is not waited for.
            Ok((stream, _)) => drop(stream.try_write(b"-ERR max number of clients reached\r\n")),
            // Out of files, say: some will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
