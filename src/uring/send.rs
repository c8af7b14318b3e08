//! What is sent: on a stream, to an address, and several datagrams at once.

use std::net::SocketAddr;

use super::{Operation, Payload, Sending, Socket, Uring, UringError, What};
use crate::heap::HeapRef;

impl<H: HeapRef + 'static> Uring<H> {
    /// Sends to whom the socket is connected: all of it, on a stream, behind what was sent there before. Should only a part go out, all that waits behind it
    /// is cancelled.
    ///
    /// # Errors
    /// As [`receive`](Uring::receive); the payload is dropped.
    ///
    /// ```
    /// # use smarena::{BufPool, Event, SmBytes, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let (peer, ours) = std::os::unix::net::UnixStream::pair()?;
    /// let socket = ring.attach(ours)?;
    /// ring.send(socket, SmBytes::from_static(b"bytes"))?;
    /// ring.wait(None)?;
    /// assert!(matches!(ring.next(), Some(Event::Sent { result: Ok(5), .. })));
    /// # drop(peer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&mut self, socket: Socket, payload: impl Into<Payload<H>>) -> Result<Operation, UringError> {
        self.send_payload(socket, payload.into(), None, 0)
    }

    /// Sends a datagram to an address.
    ///
    /// # Errors
    /// As [`send`](Uring::send).
    ///
    /// ```
    /// # use smarena::{BufPool, Event, SmBytes, Uring};
    /// # use std::net::UdpSocket;
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = ring.attach(UdpSocket::bind("127.0.0.1:0")?)?;
    /// ring.send_to(socket, SmBytes::from_static(b"datagram"), peer.local_addr()?)?;
    /// ring.wait(None)?;
    /// assert_eq!(peer.recv(&mut [0; 9])?, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_to(
        &mut self,
        socket: Socket,
        payload: impl Into<Payload<H>>,
        to: SocketAddr,
    ) -> Result<Operation, UringError> {
        self.send_payload(socket, payload.into(), Some(to), 0)
    }

    /// Sends datagrams of so many bytes each, the last perhaps of fewer, which lie one behind the other in the payload. They go through the kernel as one
    /// (generic segmentation offload), which takes little longer than a single one does, and arrive one by one. 0 bytes: as [`send_to`](Uring::send_to).
    ///
    /// # Errors
    /// As [`send`](Uring::send). With the event comes the system's error for more datagrams than it takes as one (64, or 128 where it is newer), for more than 65,507 bytes, and for datagrams that would have to be
    /// sent in fragments.
    ///
    /// ```
    /// # use smarena::{BufPool, Event, SmBytes, Uring};
    /// # let Ok(mut ring) = Uring::builder().build(BufPool::builder().build()?) else { return Ok(()) };
    /// # use std::net::UdpSocket;
    /// let peer = UdpSocket::bind("127.0.0.1:0")?;
    /// let socket = ring.attach(UdpSocket::bind("127.0.0.1:0")?)?;
    /// ring.send_segments(socket, SmBytes::from_static(b"one|two|3"), 4, peer.local_addr()?)?;
    /// ring.wait(None)?;
    /// let mut datagram = [0; 5];
    /// for text in ["one|", "two|", "3"] {
    ///     let len = peer.recv(&mut datagram)?;
    ///     assert_eq!(datagram[..len], *text.as_bytes());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_segments(
        &mut self,
        socket: Socket,
        payload: impl Into<Payload<H>>,
        bytes: u16,
        to: SocketAddr,
    ) -> Result<Operation, UringError> {
        self.send_payload(socket, payload.into(), Some(to), bytes)
    }

    fn send_payload(
        &mut self,
        socket: Socket,
        payload: Payload<H>,
        to: Option<SocketAddr>,
        segment: u16,
    ) -> Result<Operation, UringError> {
        let in_place = self.attached(socket)?.is_internets && payload.len() >= self.zero_copy;
        Ok(self.begin(socket, What::Send(Sending::new(payload, to.map(Into::into), in_place, segment))))
    }
}
