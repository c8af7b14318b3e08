//! The client: a window of datagrams, of which each that comes back makes room for the next.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::ending::Failure;
use crate::payload;

/// An echo that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking whether the server is still there.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) struct Client {
    socket: UdpSocket,
    size: usize,
    window: usize,
}

/// Says at its end, however that comes, that the server is gone.
pub(crate) struct Over<'o>(pub(crate) &'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Says to the server at its end, however that comes, that there is no more.
struct Last<'c>(&'c UdpSocket);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        drop(self.0.send(&[]));
    }
}

impl Client {
    pub(crate) fn connect(server: SocketAddr, size: usize, window: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(GLANCE))?;
        Ok(Self { socket, size, window })
    }

    /// Sends so many packets, whole windows, and compares what comes back; the last window may be cut short by the server's end.
    pub(crate) fn run(&self, packets: usize, over: &AtomicBool) -> Result<(), Failure> {
        let _last = Last(&self.socket);
        let (mut packet, mut echo) = (vec![0; self.size], vec![0; self.size + 1]);
        let (mut sent, mut back) = (0, 0);
        while back < packets as u64 {
            while sent < back + self.window as u64 {
                payload::fill(&mut packet, sent);
                match self.socket.send(&packet) {
                    // The server's socket is closed.
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => return self.gone(over),
                    other => other?,
                };
                sent += 1;
            }
            // Half of what is under way comes back before more is sent.
            while sent - back > self.window as u64 / 2 {
                let Some(len) = self.receive(&mut echo, over)? else { return self.gone(over) };
                payload::fill(&mut packet, back);
                if echo[..len] != packet {
                    return Err(format!("echo {back} is not what was sent").into());
                }
                back += 1;
            }
        }
        Ok(())
    }

    /// The server has gone: it says why.
    fn gone(&self, over: &AtomicBool) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !over.load(Ordering::Relaxed) {
            if Instant::now() > deadline {
                return Err("nobody listens, but the server goes on".into());
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// The next echo, unless the server is gone.
    fn receive(&self, echo: &mut [u8], over: &AtomicBool) -> Result<Option<usize>, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.socket.recv(echo) {
                Ok(len) => return Ok(Some(len)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                // Its socket is closed.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
            }
            if over.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if Instant::now() > deadline {
                return Err("an echo was lost".into());
            }
        }
    }
}
