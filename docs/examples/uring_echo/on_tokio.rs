//! On tokio: a call for each datagram that comes in, one for each that goes out, and one for each time there is none.

use std::io::ErrorKind;
use std::net::UdpSocket;

use bytes::{BufMut, BytesMut};
use smarena::{BufPool, Lease};
use tokio::runtime::Runtime;

use crate::ending::Failure;
use crate::{Net, Server};

/// Where the buffers come from.
pub(crate) trait Source {
    type Buffer: BufMut + AsRef<[u8]>;

    /// Empty, with room for a datagram.
    fn buffer(&mut self) -> Result<Self::Buffer, Failure>;

    /// That one is used no more.
    fn back(&mut self, buffer: Self::Buffer);
}

impl Source for BufPool<Net> {
    type Buffer = Lease<Net>;

    fn buffer(&mut self) -> Result<Lease<Net>, Failure> {
        Ok(self.try_acquire()?)
    }

    fn back(&mut self, buffer: Lease<Net>) {
        drop(buffer);
    }
}

/// A new `BytesMut` of so many bytes each time: what a server does that passes packets on.
pub(crate) struct New(pub(crate) usize);

impl Source for New {
    type Buffer = BytesMut;

    fn buffer(&mut self) -> Result<BytesMut, Failure> {
        Ok(BytesMut::with_capacity(self.0))
    }

    fn back(&mut self, buffer: BytesMut) {
        drop(buffer);
    }
}

/// Always the same: what only a server can do that has one packet at a time.
#[derive(Default)]
pub(crate) struct Same(BytesMut);

impl Source for Same {
    type Buffer = BytesMut;

    fn buffer(&mut self) -> Result<BytesMut, Failure> {
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        buffer.reserve(2048);
        Ok(buffer)
    }

    fn back(&mut self, buffer: BytesMut) {
        self.0 = buffer;
    }
}

pub(crate) struct Echo<S> {
    runtime: Runtime,
    socket: tokio::net::UdpSocket,
    source: S,
    packets: u64,
    calls: u64,
}

impl<S: Source> Echo<S> {
    pub(crate) fn new(socket: UdpSocket, source: S) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        socket.set_nonblocking(true)?;
        let entered = runtime.enter();
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        drop(entered);
        Ok(Self { runtime, socket, source, packets: 0, calls: 0 })
    }
}

impl<S: Source> Server for Echo<S> {
    fn serve(&mut self, until: u64) -> Result<(), Failure> {
        let Self { runtime, socket, source, packets, calls } = self;
        runtime.block_on(async {
            while *packets < until {
                socket.readable().await?;
                loop {
                    let mut buffer = source.buffer()?;
                    *calls += 1;
                    let from = match socket.try_recv_buf_from(&mut buffer) {
                        Ok((_, from)) => from,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            // And the runtime asks the system when there is something.
                            *calls += 1;
                            source.back(buffer);
                            break;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    if buffer.as_ref().is_empty() {
                        return Ok(());
                    }
                    *calls += 1;
                    socket.send_to(buffer.as_ref(), from).await?;
                    *packets += 1;
                    source.back(buffer);
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
