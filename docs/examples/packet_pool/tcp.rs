//! Echo over TCP: each packet behind its length, four bytes in network order; one buffer from the pool for each.

use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::client::Connection;
use crate::ending::{Failure, spawn};
use crate::race::{Counter, Race};
use crate::{Buffer, Pool};

/// Bytes of the length in front of each packet.
pub(crate) const PREFIX: usize = size_of::<u32>();

/// TCP delivers or fails: an echo that takes longer than this is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves this many connections, a thread for each, until the clients have closed them.
pub(crate) fn serve(listener: TcpListener, connections: usize, pool: &Pool, race: &Race) -> Result<(), Failure> {
    thread::scope(|scope| {
        // Here, and not by whoever waits for this: if a thread is missing the clients are told now, also those that nobody has accepted,
        // whose connections the listener closes as it goes.
        let all = race.part(move || {
            let mut handlers = Vec::new();
            for stream in listener.incoming().take(connections) {
                let stream = stream?;
                handlers.push(spawn(scope, "a connection", move || race.part(|| echo(stream, pool)))?);
            }
            Ok(handlers)
        });
        for handler in all? {
            handler.join().map_err(|_| "a connection's thread panicked")??;
        }
        Ok(())
    })
}

/// Sends every packet back, until the client closes the connection.
fn echo(mut stream: TcpStream, pool: &Pool) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    while let Some(packet) = read_packet(&mut stream, pool)? {
        if let Err(error) = stream.write_all(&packet) {
            return if is_closed(&error) { Ok(()) } else { Err(error.into()) };
        }
        // Here the buffer goes back to the pool.
    }
    Ok(())
}

/// The next packet, with its length in front, or `None` at the connection's end.
fn read_packet(stream: &mut TcpStream, pool: &Pool) -> Result<Option<Buffer>, Failure> {
    let mut prefix = [0; PREFIX];
    match stream.read_exact(&mut prefix) {
        Err(error) if is_closed(&error) => return Ok(None),
        other => other?,
    }
    // The length comes from outside: it is believed only as far as a buffer goes.
    let len = PREFIX + usize::try_from(u32::from_be_bytes(prefix))?;
    if len > pool.buf_size() {
        return Err(format!("a packet of {len} bytes arrived; buffers have {}", pool.buf_size()).into());
    }
    let mut packet = pool.try_acquire()?;
    packet.extend_from_slice(&prefix);
    packet.resize(len, 0);
    stream.read_exact(&mut packet[PREFIX..])?;
    Ok(Some(packet))
}

/// Whether the other side has gone, with or without a farewell.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream })
    }
}

impl Connection for Client {
    const PREFIX: usize = PREFIX;

    fn counter(race: &Race) -> &Counter {
        &race.tcp
    }

    fn exchange(
        &mut self,
        packet: &mut Buffer,
        pool: &Pool,
        _race: &Race,
        _resent: &mut u64,
    ) -> Result<Option<Buffer>, Failure> {
        let len = u32::try_from(packet.len() - PREFIX)?;
        packet[..PREFIX].copy_from_slice(&len.to_be_bytes());
        self.stream.write_all(packet)?;
        // TCP sends again by itself. What it could not deliver is lost, and what follows cannot be told apart.
        let lost = |why: &dyn Display| {
            Failure::from(format!("an echo over TCP was lost, after a wait of up to {PATIENCE:?}: {why}"))
        };
        match read_packet(&mut self.stream, pool) {
            Ok(Some(echo)) => Ok(Some(echo)),
            Ok(None) => Err(lost(&"the server closed the connection")),
            Err(error) => Err(lost(&error)),
        }
    }
}
