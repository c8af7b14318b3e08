//! A UDP server that can never hold more than 64 datagrams: it answers each in capitals, on a thread of its own.
//!
//! `cargo run --release --example udp_server`, and beside it `nc -u 127.0.0.1 4000`.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{io, net::UdpSocket, sync::mpsc, thread};

use smarena::{BufPool, Lease};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = UdpSocket::bind("127.0.0.1:4000")?;
    let pool = BufPool::builder().buf_size(1500).limit(64).build()?;
    println!("answers at {}: try `nc -u 127.0.0.1 4000`", socket.local_addr()?);
    serve(&socket, &pool)?;
    Ok(())
}

/// Until a datagram of no bytes comes.
fn serve(socket: &UdpSocket, pool: &BufPool) -> io::Result<()> {
    let (give, work) = mpsc::sync_channel::<(Lease, std::net::SocketAddr)>(64);
    thread::scope(move |scope| {
        scope.spawn(move || {
            for (mut datagram, sender) in work {
                datagram.make_ascii_uppercase();
                // Who does not hear us is no reason to stop.
                drop(socket.send_to(&datagram, sender));
            } // Here the buffer goes back, on another thread than the one that took it.
        });
        loop {
            let mut datagram = pool.acquire_blocking(None)?; // Waits while 64 are being answered.
            let (length, sender) = socket.recv_from(datagram.initialized())?;
            datagram.truncate(length);
            if datagram.is_empty() || give.send((datagram, sender)).is_err() {
                return Ok(());
            }
        }
    })
}
