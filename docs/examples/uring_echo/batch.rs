//! On tokio, a call for all datagrams that have come in, and one for all that came from one sender in a row.
//!
//! By the crate quinn-udp: `recvmmsg` fills a lease with each datagram; and where the system puts datagrams of one sender and one size together
//! (generic receive offload), a lease with all of them. As they lie there they can be sent, by one call (generic segmentation offload); to pass them on one by one,
//! `lease.split_to(stride).freeze()` makes each an `SmBytes`, all in the one block, without a copy.

use std::io::{ErrorKind, IoSliceMut};
use std::net::UdpSocket;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use smarena::{BufPool, Lease};
use tokio::io::Interest;
use tokio::runtime::Runtime;

use crate::ending::Failure;
use crate::{Net, Server};

/// The most datagrams that the system puts together, and the most bytes.
const TOGETHER: usize = 64;
const MOST_BYTES: usize = 65_535;

/// The room that datagrams of this size want together.
pub(crate) fn room(size: usize) -> usize {
    (size * TOGETHER).min(MOST_BYTES)
}

pub(crate) struct Echo {
    runtime: Runtime,
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// Sent as they are, and filled again: each is zeroed once.
    leases: [Lease<Net>; BATCH_SIZE],
    packets: u64,
    calls: u64,
}

impl Echo {
    pub(crate) fn new(socket: UdpSocket, pool: &BufPool<Net>) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        // Which also makes it one that does not block.
        let state = UdpSocketState::new((&socket).into())?;
        let entered = runtime.enter();
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        drop(entered);
        let leases = pool.acquire_batch(BATCH_SIZE)?.collect::<Result<Vec<_>, _>>()?;
        let leases = leases.try_into().map_err(|_| "the pool has too few buffers")?;
        Ok(Self { runtime, socket, state, leases, packets: 0, calls: 0 })
    }
}

impl Server for Echo {
    fn serve(&mut self, until: u64) -> Result<(), Failure> {
        let Self { runtime, socket, state, leases, packets, calls } = self;
        runtime.block_on(async {
            let mut about = [RecvMeta::default(); BATCH_SIZE];
            while *packets < until {
                socket.readable().await?;
                *calls += 1;
                let mut slices = leases.each_mut().map(|lease| IoSliceMut::new(lease.initialized()));
                let receive = || state.recv((&*socket).into(), &mut slices, &mut about);
                let count = match socket.try_io(Interest::READABLE, receive) {
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        // And the runtime asks the system when there is something.
                        *calls += 1;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                for (lease, about) in leases.iter().zip(&about[..count]) {
                    if about.len == 0 {
                        return Ok(());
                    }
                    for contents in lease[..about.len].chunks(about.stride * state.max_gso_segments()) {
                        let segment_size = (contents.len() > about.stride).then_some(about.stride);
                        let echo =
                            Transmit { destination: about.addr, ecn: None, contents, segment_size, src_ip: None };
                        *calls += 1;
                        socket.async_io(Interest::WRITABLE, || state.try_send((&*socket).into(), &echo)).await?;
                    }
                    *packets += about.len.div_ceil(about.stride) as u64;
                }
            }
            Ok(())
        })
    }

    fn packets(&self) -> u64 {
        self.packets
    }

    fn calls(&self) -> u64 {
        self.calls
    }
}
