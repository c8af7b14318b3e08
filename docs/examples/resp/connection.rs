//! A connection: it holds buffers only while there is something in them, and reads on only when its replies are written.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::Poll;

use bytes::Buf;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Server;
use crate::commands::{MOST_WAITING, Session};
use crate::ending::Failure;
use crate::memory::{BUFFER, Memory};
use crate::protocol::{Replies, Unfinished, parse};

/// Serves a client until one of the two closes the connection. Why, does not matter to others.
pub(crate) async fn serve<M: Memory>(mut stream: TcpStream, server: Server<M>) {
    drop(converse(&mut stream, &server).await);
    server.borrow_mut().forget();
}

async fn converse<M: Memory>(stream: &mut TcpStream, server: &Server<M>) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let patience = server.borrow().options.patience;
    // One place more: for the end.
    let (inbox, mut told) = mpsc::channel(MOST_WAITING + 1);
    let mut session = Session { channels: 0, inbox };
    let mut buffers = None::<(M::Buffer, Replies<M>)>;
    // Bytes before there can be a request.
    let mut needed = 1;
    loop {
        // A message, or that there is something to read.
        let event = poll_fn(|context| match told.poll_recv(context) {
            // Too far behind.
            Poll::Ready(message) => Poll::Ready(message.flatten().map(Some).ok_or(ErrorKind::ConnectionAborted.into())),
            Poll::Pending => stream.poll_read_ready(context).map_ok(|()| None),
        });
        // Who has begun a request holds a buffer, and has to go on.
        let has_begun = buffers.as_ref().is_some_and(|(requests, _)| requests.has_remaining());
        let message = if has_begun { timeout(patience, event).await?? } else { event.await? };
        let (mut requests, mut replies) = match buffers.take() {
            Some(buffers) => buffers,
            None => (server.borrow().memory.buffer()?, Replies::new(server.borrow().memory.buffer()?)),
        };
        match message {
            Some(message) => replies.raw(&message, 0),
            None => match stream.try_read_buf(&mut requests) {
                Ok(0) => return Ok(()),
                // There was nothing after all. Tokio takes a socket for readable at first.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => drop(read?),
            },
        }
        let understood = loop {
            let (words, len) = match parse(requests.as_ref(), &mut needed) {
                Ok(request) => request,
                Err(Unfinished::Needs(_)) => break Ok(()),
                Err(Unfinished::Wrong(error)) => break Err(Failure::from(format!("Protocol error: {error}"))),
            };
            let done = server.borrow_mut().execute(words, &mut session, &mut replies);
            requests.advance(len);
            if let Err(error) = done {
                replies.line(format_args!("-{error}"));
            }
            if !replies.have_room() {
                replies.write_to(stream, patience).await?;
            }
        };
        let room = understood.and_then(|()| Ok(M::make_room(&mut requests, needed.max(BUFFER))?));
        if let Err(error) = &room {
            replies.line(format_args!("-ERR {error}"));
        }
        replies.write_to(stream, patience).await?;
        room?;
        buffers = (requests.has_remaining() || M::KEEPS).then_some((requests, replies));
    }
}
