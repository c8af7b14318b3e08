//! The receiver, and the consumer behind it: batches go round between the two, full in one direction and empty in the other.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::ending::{Failure, spawn};
use crate::sender::WINDOW;
use crate::way::{End, Way};
use crate::{Source, payload};

/// Datagrams of a batch, and batches there are.
pub(crate) const BATCH: usize = 32;
pub(crate) const BATCHES: usize = 8;

/// The lists are made once and used again; the buffers in them come and go.
struct Batch<B> {
    buffers: Vec<B>,
    senders: Vec<SocketAddr>,
}

/// Receives until it is over; checks what it received on a thread of its own.
pub(crate) fn run<S: Source>(
    socket: UdpSocket,
    senders: &[SocketAddr],
    source: &S,
    over: &AtomicBool,
) -> Result<(), Failure> {
    let confirming = socket.try_clone()?;
    let (full, empty) = (Way::new(BATCHES), Way::new(BATCHES));
    for _ in 0..BATCHES {
        empty.put(Batch { buffers: Vec::with_capacity(BATCH), senders: Vec::with_capacity(BATCH) });
    }
    thread::scope(|scope| {
        let (full, empty) = (&full, &empty);
        let consumer = spawn(scope, "the consumer", move || consume(full, End(empty), &confirming, senders))?;
        // At its end the consumer is told that no more comes.
        let received = receive(socket, source, empty, End(full), over);
        consumer.join().map_err(|_| "the consumer panicked")??;
        received
    })
}

fn receive<S: Source>(
    socket: UdpSocket,
    source: &S,
    empty: &Way<Batch<S::Buffer>>,
    full: End<'_, Batch<S::Buffer>>,
    over: &AtomicBool,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        // Buffers that the last batch had no datagram for.
        let mut spare = Vec::with_capacity(BATCH);
        while !over.load(Ordering::Relaxed) {
            socket.readable().await?;
            // This thread has nothing else to do than to wait for the consumer, if that is behind.
            let mut batch = empty.take().ok_or("the consumer has gone")?;
            let wanted = BATCH - spare.len();
            source.fill(&mut spare, wanted)?;
            while let Some(mut buffer) = spare.pop() {
                match socket.try_recv_buf_from(&mut buffer) {
                    Ok((_, sender)) => {
                        batch.buffers.push(buffer);
                        batch.senders.push(sender);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        spare.push(buffer);
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            full.0.put(batch);
        }
        Ok(())
    })
}

/// Checks every datagram, tells the senders, and gives the buffers back.
fn consume<B: AsRef<[u8]>>(
    full: &Way<Batch<B>>,
    empty: End<'_, Batch<B>>,
    socket: &UdpSocket,
    senders: &[SocketAddr],
) -> Result<(), Failure> {
    // Of each sender: the number of the next datagram.
    let mut expected: Vec<u64> = (0..senders.len()).map(|sender| (sender as u64) << 48).collect();
    let mut correct = Vec::new();
    while let Some(mut batch) = full.take() {
        // Here the buffers go back to the pool.
        for (buffer, address) in batch.buffers.drain(..).zip(batch.senders.drain(..)) {
            // The last one, from nobody we know.
            let Some(sender) = senders.iter().position(|sender| *sender == address) else { continue };
            let datagram = buffer.as_ref();
            correct.resize(datagram.len(), 0);
            payload::fill(&mut correct, expected[sender]);
            if datagram != correct {
                return Err(format!(
                    "sender {sender}'s datagram {} was lost or damaged",
                    expected[sender] & 0xffff_ffff
                )
                .into());
            }
            expected[sender] += 1;
            if expected[sender] % WINDOW as u64 == 0 {
                confirm(socket, address)?;
            }
        }
        empty.0.put(batch);
    }
    Ok(())
}

/// Sends a receipt. The socket is the receiver's, which does not block.
fn confirm(socket: &UdpSocket, sender: SocketAddr) -> io::Result<()> {
    loop {
        match socket.send_to(&[1], sender) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            other => return other.map(drop),
        }
    }
}
