//! On tokio, a call for all datagrams that have come in, and one for all that came from one sender in a row.
//!
//! By the crate quinn-udp: `recvmmsg` fills a lease with each datagram; and where the system puts datagrams of one sender and one size together
//! (generic receive offload), a lease with all of them. As they lie there they can be sent, by one call (generic segmentation offload); to pass them on one by one,
//! `lease.split_to(stride).freeze()` makes each an `SmBytes`, all in the one block, without a copy.
//!
//! Datagrams that came one by one are copied together first: a copy of a thousand bytes takes a hundredth of what a way through the kernel does. That is also why
//! nothing is sent by `sendmmsg`, which spares the calls and not the ways.

use std::io::{ErrorKind, IoSliceMut};
use std::net::UdpSocket;

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use smarena::{BufPool, Lease};
use tokio::io::Interest;
use tokio::runtime::Runtime;

use crate::ending::Failure;
use crate::{Net, Server};

/// The most datagrams that the system puts together, the most bytes, and the most that it sends.
const TOGETHER: usize = 64;
const MOST_BYTES: usize = 65_535;
const MOST_SENT: usize = 65_507;

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
    together: Lease<Net>,
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
        Ok(Self { runtime, socket, state, leases, together: pool.try_acquire()?, packets: 0, calls: 0 })
    }
}

impl Server for Echo {
    fn serve(&mut self, until: u64) -> Result<(), Failure> {
        let Self { runtime, socket, state, leases, together, packets, calls } = self;
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
                let mut came =
                    leases.iter().zip(&about[..count]).map(|(lease, about)| (&lease[..about.len], about)).peekable();
                while let Some((mut contents, first)) = came.next() {
                    if first.len == 0 {
                        return Ok(());
                    }
                    together.clear();
                    // Of one sender and one size, as far as they are whole.
                    while let Some((more, _)) = came.next_if(|(more, about)| {
                        let len = contents.len().max(together.len());
                        (about.addr, about.stride) == (first.addr, first.stride)
                            && len % first.stride == 0
                            && (1..=together.capacity().min(MOST_SENT) - len).contains(&more.len())
                    }) {
                        if together.is_empty() {
                            together.extend_from_slice(contents);
                        }
                        together.extend_from_slice(more);
                    }
                    if !together.is_empty() {
                        contents = &together[..];
                    }
                    for contents in contents.chunks(first.stride * state.max_gso_segments()) {
                        let segment_size = (contents.len() > first.stride).then_some(first.stride);
                        let echo =
                            Transmit { destination: first.addr, ecn: None, contents, segment_size, src_ip: None };
                        *calls += 1;
                        socket.async_io(Interest::WRITABLE, || state.try_send((&*socket).into(), &echo)).await?;
                    }
                    *packets += contents.len().div_ceil(first.stride) as u64;
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
