//! The client: a window of datagrams, of which each that comes back makes room for the next.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quinn_udp::{Transmit, UdpSocketState};

use crate::ending::Failure;
use crate::{Options, payload};

/// An echo that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking whether the server is still there.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) struct Client {
    socket: UdpSocket,
    size: usize,
    window: usize,
    batch: usize,
    /// What sends and receives several datagrams by one call, if that is wanted.
    together: Option<UdpSocketState>,
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
    pub(crate) fn connect(server: SocketAddr, options: &Options) -> io::Result<Self> {
        let Options { size, window, batch, .. } = *options;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(GLANCE))?;
        let together = (batch > 1).then(|| UdpSocketState::new((&socket).into())).transpose()?;
        // This one waits.
        socket.set_nonblocking(false)?;
        Ok(Self { socket, size, window, batch, together })
    }

    /// Sends so many packets, whole windows, and compares what comes back; the last window may be cut short by the server's end.
    pub(crate) fn run(&self, packets: usize, over: &AtomicBool) -> Result<(), Failure> {
        let _last = Last(&self.socket);
        let (mut packets_out, mut packet) = (vec![0; self.size * self.batch], vec![0; self.size]);
        // Datagrams that were sent together may come back so.
        let mut echoes = vec![0; self.size * self.window + 1];
        let (mut sent, mut back) = (0, 0);
        while back < packets as u64 {
            while sent + self.batch as u64 <= back + self.window as u64 {
                for packet in packets_out.chunks_mut(self.size) {
                    payload::fill(packet, sent);
                    sent += 1;
                }
                match self.send(&packets_out) {
                    // The server's socket is closed.
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => return self.gone(over),
                    other => other?,
                }
            }
            // Half of what is under way comes back before more is sent.
            while sent - back > self.window as u64 / 2 {
                let Some(len) = self.receive(&mut echoes, over)? else { return self.gone(over) };
                for echo in echoes[..len].chunks(self.size) {
                    payload::fill(&mut packet, back);
                    if echo != packet {
                        return Err(format!("echo {back} is not what was sent").into());
                    }
                    back += 1;
                }
            }
        }
        Ok(())
    }

    /// Sends datagrams that lie one behind the other.
    fn send(&self, datagrams: &[u8]) -> io::Result<()> {
        let Some(together) = &self.together else { return self.socket.send(datagrams).map(drop) };
        let most = together.max_gso_segments() * self.size;
        datagrams.chunks(most).try_for_each(|contents| {
            let destination = self.socket.peer_addr()?;
            let transmit = Transmit { destination, ecn: None, contents, segment_size: Some(self.size), src_ip: None };
            together.try_send((&self.socket).into(), &transmit)
        })
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

    /// The next echo, or some, unless the server is gone.
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
