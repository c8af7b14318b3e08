#!/usr/bin/env bash
# tokio 1.54: a socket that was just accepted is "ready for reading" once though its peer has sent nothing; in 1.53 it was not.
#
# A guess: `poll_read_ready` is pending until there is something to read, as its documentation says; false alarms are possible, but rare.
# Seen: every accepted TcpStream and UnixStream says ready at once, `try_read` then says WouldBlock, and from there on it is as guessed. The stream on the
# connecting side is pending from the start. (The release notes have a line: accepted sockets start as readable and writable. The methods' documentation does not.)
# Why it matters here: who waits with `readable` and only then leases a buffer of a pool takes one for every idle connection; it must be given back
# when `try_read` finds nothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >src/main.rs <<'R'
use std::{future::poll_fn, task::Poll};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

// The same for either type of stream: no trait has `poll_read_ready`.
macro_rules! show {
    ($name:expr, $stream:expr) => {
        for _ in 0..2 {
            let ready = poll_fn(|context| Poll::Ready($stream.poll_read_ready(context).is_ready())).await;
            println!("{}: {}", $name, if ready { "ready" } else { "pending" });
            assert_eq!($stream.try_read(&mut [0; 8]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            // The runtime sees whatever the system has to say meanwhile.
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        }
    };
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connected = TcpStream::connect(listener.local_addr()?).await?;
    let (accepted, _) = listener.accept().await?;
    show!("tcp, connected", connected);
    show!("tcp, accepted", accepted);

    let listener = UnixListener::bind("socket")?;
    let _connected = UnixStream::connect("socket").await?;
    let (accepted, _) = listener.accept().await?;
    show!("unix, accepted", accepted);
    Ok(())
}
R
status=0
expect() { # VERSION WANTED: what an accepted stream says first
    cat >Cargo.toml <<T
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
tokio = { version = "=$1", features = ["macros", "net", "rt"] }
T
    rm -f Cargo.lock socket
    cargo -q run >seen 2>log || { cat log; exit 1; }
    echo "tokio $1"
    cat seen
    printf '%s\n' "tcp, connected: pending" "tcp, connected: pending" "tcp, accepted: $2" "tcp, accepted: pending" "unix, accepted: $2" "unix, accepted: pending" |
        cmp -s - seen || { echo "  changed"; status=1; }
}
expect 1.53.1 pending
expect 1.54.1 ready
exit $status
