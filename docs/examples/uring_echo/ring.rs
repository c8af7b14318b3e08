//! By io_uring: what came in is sent as it is, or together with what came from the same peer, and one call submits and waits for all that there is.

use std::net::{SocketAddr, UdpSocket};

use smarena::{BufPool, Event, Lease, Socket, Uring};

use crate::ending::Failure;
use crate::{Net, Server};

/// Buffers that stand ready, and operations: a window's worth of both, and some.
const BUFFERS: usize = 128;
const OPERATIONS: usize = 256;
/// The most datagrams that are sent by one operation, and the most bytes.
const MOST_TOGETHER: usize = 64;
const MOST_SENT: usize = 65_507;

pub(crate) struct Echo {
    ring: Uring<Net>,
    socket: Socket,
    /// Buffers for several datagrams, if they are to be sent together.
    together: Option<BufPool<Net>>,
    /// What is to be sent next: datagrams of so many bytes, to whom.
    next: Option<(Lease<Net>, u16, SocketAddr)>,
    packets: u64,
}

impl Echo {
    pub(crate) fn new(socket: UdpSocket, pool: &BufPool<Net>, together: bool) -> Result<Self, Failure> {
        let mut ring = Uring::builder().buffers(BUFFERS).operations(OPERATIONS).build(pool.clone())?;
        let socket = ring.attach(socket)?;
        ring.receive(socket)?;
        let large = BufPool::builder().buf_size(MOST_SENT).limit(OPERATIONS);
        let together = together.then(|| large.build_in(Net)).transpose()?;
        Ok(Self { ring, socket, together, next: None, packets: 0 })
    }

    /// Sends a datagram, behind others of its size to the same peer if there are some.
    fn send(&mut self, lease: Lease<Net>, to: SocketAddr) -> Result<(), Failure> {
        let len = lease.len();
        if let (Some(large), Some((next, size, peer))) = (&self.together, &mut self.next) {
            let all = next.len() + len;
            if (*peer, usize::from(*size)) == (to, len) && all <= MOST_SENT.min(MOST_TOGETHER * len) {
                if next.room() < len {
                    let first = std::mem::replace(next, large.try_acquire()?);
                    next.extend_from_slice(&first);
                }
                next.extend_from_slice(&lease);
                return Ok(());
            }
        }
        self.send_next()?;
        self.next = Some((lease, u16::try_from(len)?, to));
        Ok(())
    }

    fn send_next(&mut self) -> Result<(), Failure> {
        if let Some((lease, size, to)) = self.next.take() {
            let several = lease.len() > usize::from(size);
            self.ring.send_segments(self.socket, lease, if several { size } else { 0 }, to)?;
        }
        Ok(())
    }
}

impl Server for Echo {
    fn serve(&mut self, until: u64) -> Result<(), Failure> {
        while self.packets < until {
            self.ring.wait(None)?;
            while let Some(event) = self.ring.next() {
                match event {
                    Event::Received { lease, .. } if lease.is_empty() => return Ok(()),
                    Event::Received { lease, from: Some(from), .. } => {
                        self.send(lease, from)?;
                        self.packets += 1;
                    }
                    // Here the buffer goes back to the pool.
                    Event::Sent { result, .. } => drop(result?),
                    other => return Err(format!("the ring says {other:?}").into()),
                }
            }
            self.send_next()?;
        }
        // What is to be sent goes out.
        Ok(self.ring.wait(None)?)
    }

    fn packets(&self) -> u64 {
        self.packets
    }

    fn calls(&self) -> u64 {
        self.ring.stats().calls
    }
}
