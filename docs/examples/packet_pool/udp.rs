//! Echo over UDP: one buffer from the pool for each datagram.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::client::Connection;
use crate::ending::Failure;
use crate::race::{Counter, Race};
use crate::{Buffer, Pool, payload};

/// How long the server waits before it looks whether the run is over.
const SERVER_PATIENCE: Duration = Duration::from_millis(100);
/// How long a client waits for an echo before it sends the packet again.
const CLIENT_PATIENCE: Duration = Duration::from_millis(200);
/// How often a client sends a packet before it gives it up.
const ATTEMPTS: u32 = 10;

/// Sends every datagram back to where it came from, until the race is closed.
pub(crate) fn serve(socket: &UdpSocket, pool: &Pool, race: &Race) -> Result<(), Failure> {
    socket.set_read_timeout(Some(SERVER_PATIENCE))?;
    while !race.is_closed() {
        let mut datagram = pool.try_acquire()?;
        let Some((len, sender)) = in_time(socket.recv_from(datagram.initialized()))? else { continue };
        socket.send_to(&datagram[..len], sender)?;
        // Here the buffer goes back to the pool.
    }
    Ok(())
}

pub(crate) struct Client {
    socket: UdpSocket,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(CLIENT_PATIENCE))?;
        Ok(Self { socket })
    }
}

impl Connection for Client {
    const PREFIX: usize = 0;

    fn counter(race: &Race) -> &Counter {
        &race.udp
    }

    fn exchange(
        &mut self,
        packet: &mut Buffer,
        pool: &Pool,
        race: &Race,
        resent: &mut u64,
    ) -> Result<Option<Buffer>, Failure> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 && race.is_over() {
                break;
            }
            *resent += u64::from(attempt > 0);
            self.socket.send(packet)?;
            loop {
                let mut echo = pool.try_acquire()?;
                let Some(len) = in_time(self.socket.recv(echo.initialized()))? else { break };
                echo.truncate(len);
                // A packet that was sent twice may be echoed twice, the second time when we wait for the next one.
                if !payload::is_older(&echo, packet) {
                    return Ok(Some(echo));
                }
            }
        }
        Ok(None)
    }
}

/// `None` instead of an error if nothing came before the socket's timeout.
fn in_time<T>(received: io::Result<T>) -> io::Result<Option<T>> {
    match received {
        Ok(value) => Ok(Some(value)),
        // Which of the two it is depends on the system.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}
