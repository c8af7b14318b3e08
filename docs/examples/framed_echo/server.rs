//! The server: one thread, a task for each connection, a buffer only while there is something in it, and a table of who is
//! connected.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut};
use smarena::{Handle, SmArena};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::compare::Options;
use crate::ending::Failure;
use crate::{Net, PREFIX, Source};

/// What the server knows of a client.
struct Connection {
    peer: SocketAddr,
    /// Bytes that were sent back.
    echoed: u64,
}

/// Everybody who is connected. A task knows its connection by a handle, so that the table is free for others in between.
type Table = Arc<Mutex<SmArena<Connection, Net>>>;

/// Serves as many connections as there are clients, until these have closed them.
pub(crate) fn serve<S: Source>(listener: TcpListener, options: Options, source: &S) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let table = Table::new(Mutex::new(SmArena::new_in(Net)));
        let mut tasks = Vec::new();
        for _ in 0..options.peers {
            let (stream, peer) = listener.accept()?;
            stream.set_nonblocking(true)?;
            let handle = lock(&table).insert(Connection { peer, echoed: 0 });
            let (stream, source, table) = (TcpStream::from_std(stream)?, source.clone(), Arc::clone(&table));
            tasks.push(tokio::spawn(async move {
                let end = echo(stream, options.size, source, &table, handle).await;
                let connection = lock(&table).remove(handle).ok_or("a connection was not in the table")?;
                end.map_err(|error| {
                    let Connection { peer, echoed } = connection;
                    Failure::from(format!("{peer}, after {echoed} bytes: {error}"))
                })
            }));
        }
        for task in tasks {
            task.await??;
        }
        if lock(&table).is_empty() { Ok(()) } else { Err("a connection was left in the table".into()) }
    })
}

fn lock(table: &Table) -> std::sync::MutexGuard<'_, SmArena<Connection, Net>> {
    table.lock().expect("nobody panics with the table in hand")
}

/// Sends every frame back, until the client closes the connection.
async fn echo<S: Source>(
    mut stream: TcpStream,
    largest: usize,
    source: S,
    table: &Table,
    handle: Handle<Connection>,
) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    // Tokio takes a new socket for readable, whatever has come.
    stream.peek(&mut [0]).await?;
    loop {
        // A connection that is silent holds no buffer.
        stream.readable().await?;
        let mut buffer = source.buffer().await?;
        loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return if buffer.has_remaining() {
                    Err("a client left in the middle of a frame".into())
                } else {
                    Ok(())
                };
            }
            let frames = whole_frames(buffer.as_ref(), largest)?;
            stream.write_all(&buffer.as_ref()[..frames]).await?;
            lock(table)[handle].echoed += frames as u64;
            buffer.advance(frames);
            if !buffer.has_remaining() {
                // Here the buffer goes back to the pool.
                break;
            }
            if frames > 0 {
                // What is left began somewhere in the middle, and needs room for its end.
                let mut next = source.buffer().await?;
                next.put_slice(buffer.as_ref());
                buffer = next;
            }
        }
    }
}

/// The bytes of all frames that are there to the end. The length comes from outside: it is believed only as far as a buffer goes.
fn whole_frames(bytes: &[u8], largest: usize) -> io::Result<usize> {
    let mut end = 0;
    while let Some(prefix) = bytes[end..].first_chunk::<PREFIX>() {
        let len = u32::from_be_bytes(*prefix) as usize;
        if len > largest {
            return Err(io::Error::other(format!("a frame of {len} bytes arrived; {largest} is the most")));
        }
        if bytes.len() - end < PREFIX + len {
            break;
        }
        end += PREFIX + len;
    }
    Ok(end)
}
