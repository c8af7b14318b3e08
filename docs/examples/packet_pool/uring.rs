//! Both servers in one thread, by io_uring: the kernel fills the buffers, and one call submits all that goes out and waits for what comes in.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use smarena::{BufPool, Event, Uring};

use crate::Net;
use crate::ending::Failure;
use crate::options::Options;
use crate::race::Race;
use crate::tcp::is_closed;

/// How long the server waits before it looks whether the run is over.
const PATIENCE: Duration = Duration::from_millis(100);
/// What the kernel says of a datagram, and a packet's length over TCP, have room in this.
const FRONT: usize = 64;
/// Buffers that stand ready for the kernel, and as many again that are being sent. When those are not enough, receiving waits for them.
const READY: usize = 64;

/// Sends everything back to where it came from, until the race is closed.
pub(crate) fn serve(udp: UdpSocket, tcp: TcpListener, options: &Options, race: &Race) -> Result<(), Failure> {
    // Of its own: what stands ready counts as on loan, and the clients would miss it.
    let pool = BufPool::builder().buf_size(options.largest_packet() + FRONT).limit(2 * READY).build_in(Net)?;
    // Of each client a connection, and of both sockets, something is received; all buffers may be on their way out.
    let operations = options.clients + 2 + pool.limit();
    let mut ring = Uring::builder().buffers(READY).operations(operations).build(pool.clone())?;
    let (udp, tcp) = (ring.attach(udp)?, ring.attach(tcp)?);
    ring.receive(udp)?;
    ring.accept(tcp)?;
    while !race.is_closed() {
        ring.wait(Some(PATIENCE))?;
        while let Some(event) = ring.next() {
            match event {
                Event::Received { socket, lease, from: Some(sender), .. } => drop(ring.send_to(socket, lease, sender)?),
                // A piece of a packet, or all of it: in the order in which they come.
                Event::Received { socket, lease, .. } => drop(ring.send(socket, lease)?),
                Event::Accepted { socket, .. } => {
                    let stream = ring.socket(socket).ok_or("a connection was not kept")?.try_clone_to_owned()?;
                    TcpStream::from(stream).set_nodelay(true)?;
                    ring.receive(socket)?;
                }
                Event::Sent { result: Err(error), .. } if !is_closed(&error) => return Err(error.into()),
                // Here the buffer goes back to the pool.
                Event::Sent { .. } => {}
                Event::Ended { socket, .. } if socket != udp && socket != tcp => ring.close(socket),
                other => return Err(format!("the ring says {other:?}").into()),
            }
        }
    }
    drop(ring);
    match pool.in_flight() {
        0 => Ok(()),
        left => Err(format!("the ring did not give {left} buffers back").into()),
    }
}
