//! The publisher: one thread, a task and a mailbox for each subscriber.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::compare::Options;
use crate::ending::Failure;
use crate::{LIMIT, Source, payload};

pub(crate) struct Publisher<M> {
    runtime: Runtime,
    mailboxes: Vec<Arc<Mailbox<M>>>,
    /// For the moment in which it takes all the messages there can be.
    all: Vec<M>,
    size: usize,
    /// The number of the next message.
    number: u64,
}

/// Messages that one subscriber has not been sent yet: never more than exist. `None` when it has gone: a message that nobody fetches
/// would keep its buffer for ever, and the publisher would wait for it.
struct Mailbox<M> {
    messages: Mutex<Option<VecDeque<M>>>,
    filled: Notify,
}

impl<M> Mailbox<M> {
    fn messages(&self) -> MutexGuard<'_, Option<VecDeque<M>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: M) {
        if let Some(messages) = &mut *self.messages() {
            messages.push_back(message);
        }
        self.filled.notify_one();
    }

    async fn pop(&self) -> M {
        loop {
            let message = self.messages().as_mut().and_then(VecDeque::pop_front);
            match message {
                Some(message) => return message,
                None => self.filled.notified().await,
            }
        }
    }
}

impl<M: AsRef<[u8]> + Clone + Send + 'static> Publisher<M> {
    /// With a connection to each subscriber.
    pub(crate) fn new(streams: Vec<TcpStream>, options: Options) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let context = runtime.enter();
        let mut mailboxes = Vec::new();
        for stream in streams {
            stream.set_nonblocking(true)?;
            let messages = Mutex::new(Some(VecDeque::with_capacity(LIMIT)));
            let mailbox = Arc::new(Mailbox { messages, filled: Notify::new() });
            drop(runtime.spawn(deliver(tokio::net::TcpStream::from_std(stream)?, Arc::clone(&mailbox))));
            mailboxes.push(mailbox);
        }
        drop(context);
        Ok(Self { runtime, mailboxes, all: Vec::with_capacity(LIMIT), size: options.size, number: 0 })
    }

    /// Sends so many messages to everybody, and returns when the last buffer is free again.
    pub(crate) fn publish<S: Source<Message = M>>(&mut self, source: &S, messages: usize) -> Result<(), Failure> {
        let Self { runtime, mailboxes, all, size, number } = self;
        runtime.block_on(async {
            for sent in 1..=messages {
                let message = source.message(*size, |bytes| payload::fill(bytes, *number)).await?;
                for mailbox in &*mailboxes {
                    mailbox.push(message.clone());
                }
                drop(message);
                // When all the messages there can be are ours, all have been delivered. That is so at the end; and the very first one goes
                // alone, so that afterwards all tasks wait for the next, and the runtime's queues grow to their size at once.
                if sent == messages || *number == 0 {
                    while all.len() < LIMIT {
                        all.push(source.message(1, |_| ()).await?);
                    }
                    all.clear();
                }
                *number += 1;
            }
            Ok(())
        })
    }
}

/// Sends one subscriber its messages, until it has gone.
async fn deliver<M: AsRef<[u8]>>(mut stream: tokio::net::TcpStream, mailbox: Arc<Mailbox<M>>) {
    loop {
        let message = mailbox.pop().await;
        // A subscriber that has gone misses the rest. It knows best why.
        if stream.write_all(message.as_ref()).await.is_err() {
            *mailbox.messages() = None;
            return;
        }
    }
}
