//! A connection: it holds buffers only while there is something in them, and reads on only when its replies are written.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::task::Poll;

use bytes::Buf;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Server;
use crate::commands::Session;
use crate::memory::{BUFFER, Memory};
use crate::protocol::{Replies, Unfinished, parse};
use crate::store::NEVER;

/// Serves a client until one of the two closes the connection. Why, does not matter to others.
pub(crate) async fn serve<M: Memory>(mut stream: TcpStream, server: Rc<Server<M>>) {
    let mut session = server.state.borrow_mut().begin();
    drop(converse(&mut stream, &server, &mut session).await);
    server.state.borrow_mut().end(&session);
}

async fn converse<M: Memory>(stream: &mut TcpStream, server: &Server<M>, session: &mut Session<M>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let patience = server.options.patience;
    let mut buffers = None;
    let mut has_begun = false;
    loop {
        // A message, or that there is something to read.
        let event = poll_fn(|context| match session.inbox.poll_recv(context) {
            Poll::Ready(message) => Poll::Ready(message.map(Some).ok_or(ErrorKind::ConnectionAborted.into())),
            Poll::Pending => stream.poll_read_ready(context).map_ok(|()| None),
        });
        // Who has begun a request holds a buffer, and has to go on.
        let message = if has_begun { timeout(patience, event).await?? } else { event.await? };
        let (mut requests, mut replies) = match buffers.take() {
            Some(buffers) => buffers,
            None => (server.memory.buffer()?, Replies::<M>::new(server.memory.buffer()?)),
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
        let now = u32::try_from(server.started.elapsed().as_secs()).unwrap_or(NEVER - 1);
        let needed = loop {
            let (words, len) = match parse(requests.as_ref()) {
                Ok(request) => request,
                Err(Unfinished::Needs(bytes)) => break bytes,
                Err(Unfinished::Wrong(error)) => {
                    replies.line(format_args!("-ERR Protocol error: {error}"));
                    return replies.write_to(stream, patience).await;
                }
            };
            let done = server.state.borrow_mut().execute(words, now, session, &mut replies);
            requests.advance(len);
            if let Err(error) = done {
                replies.line(format_args!("-{error}"));
            }
            if !replies.have_room() {
                replies.write_to(stream, patience).await?;
            }
        };
        replies.write_to(stream, patience).await?;
        has_begun = requests.has_remaining();
        if has_begun || M::KEEPS {
            if let Err(error) = M::make_room(&mut requests, needed.max(BUFFER)) {
                replies.line(format_args!("-ERR {error}"));
                return replies.write_to(stream, patience).await;
            }
            buffers = Some((requests, replies));
        }
    }
}
