//! A sender: some datagrams, then a wait until the consumer has had them, so that no socket's buffer overflows and none is lost.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::ending::Failure;
use crate::gates::Gates;
use crate::payload;

/// Datagrams under way at a time: those of all senders fit into the smallest receive buffer that systems give.
pub(crate) const WINDOW: usize = 16;

/// A receipt that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking whether the receiver is still there.
const GLANCE: Duration = Duration::from_millis(100);

pub(crate) struct Sender<'g> {
    socket: UdpSocket,
    gates: &'g Gates,
    /// The number of the next datagram. The upper bits are the sender's own, so that no two datagrams are equal.
    number: u64,
    /// Datagrams that the last receipt has not covered.
    unconfirmed: usize,
    datagram: Vec<u8>,
}

impl<'g> Sender<'g> {
    pub(crate) fn connect(receiver: SocketAddr, sender: usize, size: usize, gates: &'g Gates) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(receiver)?;
        socket.set_read_timeout(Some(GLANCE))?;
        Ok(Self { socket, gates, number: (sender as u64) << 48, unconfirmed: 0, datagram: vec![0; size] })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends `count` datagrams. Up to a window of them may be under way afterwards.
    pub(crate) fn send(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            payload::fill(&mut self.datagram, self.number);
            self.socket.send(&self.datagram)?;
            self.number += 1;
            self.unconfirmed += 1;
            if self.unconfirmed == WINDOW {
                self.confirmed()?;
                self.unconfirmed = 0;
            }
        }
        Ok(())
    }

    /// Waits for a receipt.
    fn confirmed(&self) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.socket.recv(&mut [0]) {
                Ok(_) => return Ok(()),
                // Which of the two it is depends on the system.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
            self.gates.still_on()?;
            if Instant::now() > deadline {
                return Err("a datagram was lost, or damaged: there is no receipt".into());
            }
        }
    }
}
