//! Sends a stream over QUIC, by quinn, in buffers of a pool, on loopback to itself, and compares every byte that arrives.
//!
//! ```text
//! cargo run --release -p quic_file -- --buffers 10000
//! ```
//!
//! quinn takes `Bytes`, and keeps them until the peer has acknowledged them. A frozen lease becomes such a `Bytes` without a copy, and is back in
//! the pool when it is acknowledged: so the pool is the window of what is under way, whatever the peer does.

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../shared/ending.rs"]
mod ending;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use lexopt::{Arg, Parser};
use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::PrivatePkcs8KeyDer;
use quinn::{ClientConfig, Endpoint, ServerConfig};
use smarena::BufPool;

use arguments::{value, within};
use ending::{Ending, Failure};

const HELP: &str = "\
Sends buffers of a pool over QUIC on loopback, compares every byte, and shows how fast it was.

Usage: quic_file [--buffers N]

  --buffers N  how many of 16 KiB, 1 to 10000000 [default: 10000]
  -h, --help   shows this

Exit status: 0 if all went well, 1 if not, 2 if the arguments are wrong.
";

const BUFFER: usize = 16 << 10;
/// The most that are under way.
const WINDOW: usize = 64;

fn main() -> ExitCode {
    program(std::env::args_os()).tell("quic_file")
}

/// The program, for these arguments, of which the first is its name.
fn program(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Ending {
    match parse(arguments) {
        Ok(None) => Ending::Good(HELP.to_owned()),
        Ok(Some(buffers)) => run(buffers).map_or_else(Ending::Failed, Ending::Good),
        Err(error) => Ending::Misused(error),
    }
}

/// The error is a sentence for the user; `None` asks for help.
fn parse(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Result<Option<u64>, String> {
    let mut buffers = 10_000;
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("buffers") => {
                buffers = within("--buffers", &value("--buffers", &mut parser)?, 1..=10_000_000)?;
            }
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Some(buffers))
}

/// What buffer `number` is filled with.
fn content(number: u64) -> u8 {
    (number % 251).to_le_bytes()[0]
}

/// A server that sends and a client that compares. What it returns is for the user.
fn run(buffers: u64) -> Result<String, Failure> {
    let pool = BufPool::builder().buf_size(BUFFER).limit(WINDOW).build()?;
    let start = Instant::now();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (server, client) = endpoints()?;
        let sending = tokio::spawn(send(server.clone(), buffers, pool.clone()));
        let connection = client.connect(server.local_addr()?, "localhost")?.await?;
        let mut stream = connection.accept_uni().await?;
        let mut arrived = 0;
        while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
            for byte in &chunk.bytes[..] {
                if *byte != content(arrived / BUFFER as u64) {
                    return Err(Failure::from(format!("byte {arrived} differed from what was sent")));
                }
                arrived += 1;
            }
        }
        sending.await??;
        if arrived != buffers * BUFFER as u64 {
            return Err(format!("{arrived} bytes arrived").into());
        }
        Ok(())
    })?;
    let (seconds, stats) = (start.elapsed().as_secs_f64(), pool.stats());
    if stats.in_flight != 0 {
        return Err(format!("{} buffers were not given back", stats.in_flight).into());
    }
    let speed = buffers as f64 * BUFFER as f64 / 1e6 / seconds;
    Ok(format!("{buffers} buffers of {BUFFER} bytes, {speed:.1} MB/s, {} under way at most\n", stats.peak))
}

/// Sends as many buffers to the first who connects, as fast as they are acknowledged.
async fn send(server: Endpoint, buffers: u64, pool: BufPool) -> Result<(), Failure> {
    let connection = server.accept().await.ok_or("nobody connected")?.await?;
    let mut stream = connection.open_uni().await?;
    for number in 0..buffers {
        let mut lease = pool.acquire().await?;
        lease.resize(BUFFER, content(number));
        stream.write_chunk(Bytes::from(lease.freeze())).await?;
    }
    stream.finish()?;
    // Until all is acknowledged.
    stream.stopped().await?;
    Ok(())
}

/// A server with a certificate of its own making, and a client that trusts it.
fn endpoints() -> Result<(Endpoint, Endpoint), Failure> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = own.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(own.key_pair.serialize_der());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Endpoint::server(ServerConfig::with_single_cert(vec![certificate.clone()], key.into())?, address)?;
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate)?;
    let mut client = Endpoint::client(address)?;
    client.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(trusted))?);
    Ok((server, client))
}
