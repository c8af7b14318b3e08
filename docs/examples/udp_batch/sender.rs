//! A sender: some datagrams, then a wait until the consumer has had them, so that no socket's buffer overflows and none is lost.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use crate::compare::Failure;
use crate::payload;

/// Datagrams under way at a time: those of all senders fit into the smallest receive buffer that systems give.
pub(crate) const WINDOW: usize = 16;

/// A receipt that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Sender {
    socket: UdpSocket,
    /// The number of the next datagram. The upper bits are the sender's own, so that no two datagrams are equal.
    number: u64,
    /// Datagrams that the last receipt has not covered.
    unconfirmed: usize,
    datagram: Vec<u8>,
}

impl Sender {
    pub(crate) fn connect(receiver: SocketAddr, sender: usize, size: usize) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(receiver)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, number: (sender as u64) << 48, unconfirmed: 0, datagram: vec![0; size] })
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
                self.socket.recv(&mut [0]).map_err(|error| format!("a datagram was lost, or damaged: {error}"))?;
                self.unconfirmed = 0;
            }
        }
        Ok(())
    }
}
