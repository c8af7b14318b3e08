//! Sends a file over HTTP, by hyper, in buffers of a pool: what is read from the file is sent from where it was read to.
//!
//! ```text
//! cargo run --release -p http_file -- README.md --port 8080
//! curl http://127.0.0.1:8080/
//! ```
//!
//! A response's body is a stream of frozen leases. hyper takes whatever is a `Buf` for data, and `SmBytes` is one: nothing is copied on the way to
//! the socket, and a lease is back in the pool when it was written. As many clients are served at a time as there are buffers for, so who reads slowly
//! keeps nobody else waiting for one.

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../shared/ending.rs"]
mod ending;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lexopt::{Arg, Parser, ValueExt};
use smarena::{BufPool, Global, Lease, PoolError, PoolHeap, SmBytes};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use arguments::{value, within};
use ending::{Ending, Failure};

const HELP: &str = "\
Sends a file to all who ask by HTTP, on loopback, in buffers of a pool.

Usage: http_file FILE [--port N]

  --port N    0 for any that is free [default: 8080]
  -h, --help  shows this

Exit status: 1 if it cannot, 2 if the arguments are wrong.
";

/// Bytes of a buffer.
const BUFFER: usize = 64 << 10;
/// Clients at a time. The next is accepted when one of them has gone.
const CLIENTS: usize = 500;
/// The most buffers that are being sent to one: hyper asks for the next when the first is not yet written.
const BUFFERS: usize = 2;

#[derive(Debug, PartialEq)]
struct Options {
    file: PathBuf,
    port: u16,
}

fn main() -> ExitCode {
    program(std::env::args_os(), &mut io::stdout()).tell("http_file")
}

/// The program, for these arguments, of which the first is its name; says on `output` where it listens.
fn program(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>, output: &mut dyn Write) -> Ending {
    let mut served = |options: Options| serve(&options, &pool()?, ending::listen(options.port, output)?);
    match parse(arguments) {
        Ok(None) => Ending::Good(HELP.to_owned()),
        Ok(Some(options)) => match served(options) {
            Ok(never) => match never {},
            Err(error) => Ending::Failed(error),
        },
        Err(error) => Ending::Misused(error),
    }
}

/// The error is a sentence for the user; `None` asks for help.
fn parse(arguments: impl IntoIterator<Item = OsString, IntoIter: 'static>) -> Result<Option<Options>, String> {
    let (mut file, mut port) = (None, 8080);
    let mut parser = Parser::from_iter(arguments);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("port") => port = within("--port", &value("--port", &mut parser)?, 0..=u16::MAX)?,
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(path) if file.is_none() => {
                file = Some(path.parse_with(|path| path.parse()).map_err(|error| error.to_string())?)
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let file = file.ok_or("which file?")?;
    Ok(Some(Options { file, port }))
}

fn pool() -> Result<BufPool, smarena::ConfigError> {
    BufPool::builder().buf_size(BUFFER).limit(BUFFERS * CLIENTS).build()
}

/// Serves for ever.
fn serve(options: &Options, pool: &BufPool, listener: std::net::TcpListener) -> Result<Infallible, Failure> {
    let named = |error| format!("{} cannot be read: {error}", options.file.display());
    // Once now, so that a wrong name is not found out by the first client.
    File::open(&options.file).map_err(named)?;
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CLIENTS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (stream, _) = listener.accept().await?;
            let (path, pool) = (options.file.clone(), pool.clone());
            let answer = move |_: Request<hyper::body::Incoming>| {
                let body = FileBody::open(&path, pool.clone());
                async { body.map(Response::new) }
            };
            tokio::spawn(async {
                let mut http = http1::Builder::new();
                http.max_buf_size(BUFFER);
                // A client that goes away is nothing that could be done anything about.
                drop(http.serve_connection(TokioIo::new(stream), service_fn(answer)).await);
                drop(place);
            });
        }
    })
}

/// A file's bytes, in buffers of a pool.
struct FileBody {
    file: File,
    /// Bytes that are still to be sent.
    left: u64,
    pool: BufPool,
    /// The wait for a buffer.
    wait: Option<Wait>,
}

type Wait = Pin<Box<dyn Future<Output = Result<Lease<Global>, PoolError>> + Send>>;

impl FileBody {
    fn open(path: &std::path::Path, pool: BufPool) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { left: file.metadata()?.len(), file, pool, wait: None })
    }
}

impl Body for FileBody {
    type Data = SmBytes<PoolHeap>;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<SmBytes<PoolHeap>>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let pool = self.pool.clone();
        let wait = self.wait.get_or_insert_with(|| Box::pin(async move { pool.acquire().await }));
        let lease = ready!(wait.as_mut().poll(context));
        self.wait = None;
        Poll::Ready(Some(lease.map_err(io::Error::from).and_then(|mut lease| {
            let read = lease.read_from(&mut self.file)? as u64;
            lease.truncate(usize::try_from(self.left).unwrap_or(BUFFER));
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            self.left = self.left.saturating_sub(read);
            Ok(Frame::data(lease.freeze()))
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
