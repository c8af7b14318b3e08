//! A connection: it holds buffers only while there is something in them, and reads on only when its replies are written.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;

use bytes::Buf;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Server;
use crate::commands::Session;
use crate::memory::{BUFFER, Memory};
use crate::protocol::{Parsed, Replies, parse};
use crate::store::NEVER;

/// What a connection does next.
#[derive(PartialEq)]
enum Next {
    /// Wait until there are so many bytes; 0: for a new request.
    Wait(usize),
    /// Write the replies: there is no room for more.
    Write,
    /// Close the connection.
    Close,
}

/// Serves a client until one of the two closes the connection. Why, does not matter to others.
pub(crate) async fn serve<M: Memory>(stream: TcpStream, server: Arc<Server<M>>) {
    let mut session = Session::new();
    drop(converse(stream, &server, &mut session).await);
    server.state.lock().unwrap_or_else(PoisonError::into_inner).end(&session);
}

async fn converse<M: Memory>(mut stream: TcpStream, server: &Server<M>, session: &mut Session<M>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffers = None;
    // Bytes without which the request that has begun is not complete.
    let mut needed = 0;
    loop {
        // A message, or that there is something to read.
        let event = poll_fn(|context| match session.poll_message(context) {
            Poll::Ready(message) => Poll::Ready(message.map(Some)),
            Poll::Pending => stream.poll_read_ready(context).map_ok(|()| None),
        });
        // Who has begun a request holds a buffer, and has to go on.
        let message = if needed > 0 { timeout(server.patience, event).await?? } else { event.await? };

        let buffer = || server.memory.buffer().map_err(io::Error::other);
        let (mut requests, mut replies) = match buffers.take() {
            Some(buffers) => buffers,
            None => (buffer()?, Replies::<M>::new(buffer()?)),
        };
        match message {
            Some(message) => replies.raw(&message, 0),
            None => match poll_fn(|context| Poll::Ready(pin!(stream.read_buf(&mut requests)).poll(context))).await {
                Poll::Ready(Ok(0)) => return Ok(()),
                Poll::Ready(read) => drop(read?),
                // There was nothing after all, so nothing is held. Tokio takes a socket for readable at first.
                Poll::Pending if needed == 0 && !M::KEEPS => continue,
                Poll::Pending => {}
            },
        }
        let next = loop {
            let next = answer(server, session, needed, &mut requests, &mut replies);
            replies.write_to(&mut stream, server.patience).await?;
            if next != Next::Write {
                break next;
            }
            needed = 0;
        };
        let Next::Wait(bytes) = next else { return Ok(()) };
        needed = bytes;
        if needed > 0 || M::KEEPS {
            if let Err(error) = M::make_room(&mut requests, needed.max(BUFFER)) {
                replies.line(format_args!("-ERR {error}"));
                return replies.write_to(&mut stream, server.patience).await;
            }
            buffers = Some((requests, replies));
        }
    }
}

/// Answers requests as far as they are complete and there is room for replies.
fn answer<M: Memory>(
    server: &Server<M>,
    session: &mut Session<M>,
    needed: usize,
    requests: &mut M::Buffer,
    replies: &mut Replies<M>,
) -> Next {
    let bytes = requests.as_ref();
    if bytes.len() < needed {
        return Next::Wait(needed);
    }
    let mut state = server.state.lock().unwrap_or_else(PoisonError::into_inner);
    let now = u32::try_from(server.started.elapsed().as_secs()).unwrap_or(NEVER - 1);
    let mut done = 0;
    let next = loop {
        if done == bytes.len() {
            break Next::Wait(0);
        }
        if !replies.have_room() {
            break Next::Write;
        }
        match parse(&bytes[done..]) {
            Ok(Parsed::Needs(bytes)) => break Next::Wait(bytes),
            Ok(Parsed::Request(words, len)) => {
                done += len;
                match state.execute(&words, now, session, replies) {
                    Ok(true) => {}
                    Ok(false) => {
                        server.stop.notify_one();
                        break Next::Close;
                    }
                    Err(error) => replies.line(format_args!("-{error}")),
                }
            }
            Err(error) => {
                replies.line(format_args!("-ERR {error}"));
                break Next::Close;
            }
        }
    };
    requests.advance(done);
    next
}
