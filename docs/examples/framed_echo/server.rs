//! The server: one thread, a task for each connection, a buffer only while there is something in it.

use std::io;
use std::net::TcpListener;

use bytes::{Buf, BufMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::compare::{Failure, Options};
use crate::{PREFIX, Source};

/// Serves as many connections as there are clients, until these have closed them.
pub(crate) fn serve<S: Source>(listener: TcpListener, options: Options, source: &S) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..options.peers {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            tasks.push(tokio::spawn(echo(TcpStream::from_std(stream)?, options.size, source.clone())));
        }
        for task in tasks {
            task.await??;
        }
        Ok(())
    })
}

/// Sends every frame back, until the client closes the connection.
async fn echo<S: Source>(mut stream: TcpStream, largest: usize, source: S) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
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
