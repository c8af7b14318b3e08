//! A TCP server that echoes lines: a thread for each connection, and no more than 32 connections at a time, since each has a buffer of the pool.
//!
//! `cargo run --release --example tcp_server`, and beside it `nc 127.0.0.1 4001`.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::io::{self, BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use smarena::{BufPool, Lease};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:4001")?;
    let pool = BufPool::builder().buf_size(4096).limit(32).build()?;
    println!("answers at {}: try `nc 127.0.0.1 4001`", listener.local_addr()?);
    loop {
        let buffer = pool.acquire_blocking(None)?; // Waits for a connection to end if there are 32.
        let (connection, _) = listener.accept()?;
        thread::spawn(move || echo(connection, buffer));
    }
}

/// Sends every whole line back, and ends with the connection, or with a line that is longer than the buffer.
fn echo(mut connection: TcpStream, mut buffer: Lease) -> io::Result<()> {
    loop {
        if buffer.read_from(&mut connection)? == 0 {
            return Ok(()); // Here the buffer goes back.
        }
        if let Some(end) = buffer.iter().rposition(|&byte| byte == b'\n') {
            connection.write_all(&buffer[..=end])?;
            buffer.consume(end + 1); // What follows is the beginning of the next line.
        }
    }
}
