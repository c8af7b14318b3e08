//! By io_uring: what came in is sent as it is, and one call submits and waits for all that there is.

use std::net::UdpSocket;

use smarena::{BufPool, Event, Uring};

use crate::ending::Failure;
use crate::{Net, Server};

/// Buffers that stand ready, and operations: a window's worth of both, and some.
const BUFFERS: usize = 128;
const OPERATIONS: usize = 256;

pub(crate) struct Echo {
    ring: Uring<Net>,
    packets: u64,
}

impl Echo {
    pub(crate) fn new(socket: UdpSocket, pool: &BufPool<Net>) -> Result<Self, Failure> {
        let mut ring = Uring::builder().buffers(BUFFERS).operations(OPERATIONS).build(pool.clone())?;
        let socket = ring.attach(socket)?;
        ring.receive(socket)?;
        Ok(Self { ring, packets: 0 })
    }
}

impl Server for Echo {
    fn serve(&mut self, until: u64) -> Result<(), Failure> {
        while self.packets < until {
            self.ring.wait(None)?;
            while let Some(event) = self.ring.next() {
                match event {
                    Event::Received { lease, .. } if lease.is_empty() => return Ok(()),
                    Event::Received { socket, lease, from: Some(from), .. } => {
                        self.ring.send_to(socket, lease, from)?;
                        self.packets += 1;
                    }
                    // Here the buffer goes back to the pool.
                    Event::Sent { result, .. } => drop(result?),
                    other => return Err(format!("the ring says {other:?}").into()),
                }
            }
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
