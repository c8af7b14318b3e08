//! What is understood, and what it does.

use std::collections::HashMap;
use std::io;
use std::task::{Context, Poll};

use smallvec::SmallVec;
use tokio::sync::mpsc::{self, Receiver, Sender, WeakSender};

use crate::memory::Memory;
use crate::protocol::Replies;
use crate::store::{NEVER, Store};

/// So many messages may wait for a subscriber, and about so many bytes. Who is further behind is cut off.
const MOST_WAITING: usize = 8192;
const MOST_BYTES_WAITING: usize = 4 << 20;
/// So many channels may a connection subscribe to, with names of so many bytes.
const MOST_CHANNELS: usize = 16;
const LONGEST_NAME: usize = 256;

const NO_ROOM: &str = "OOM no room for such an entry";
const NO_NUMBER: &str = "ERR value is not an integer or out of range";

/// What all connections see and change.
pub(crate) struct State<M: Memory> {
    pub(crate) store: Store<M>,
    /// Who listens to each channel.
    channels: HashMap<Box<[u8]>, Vec<Sender<M::Bytes>>>,
}

type Inbox<B> = (WeakSender<B>, Receiver<B>);

/// What one connection is, apart from its stream and buffers.
pub(crate) struct Session<M: Memory> {
    channels: usize,
    /// Where its messages come from, once it has subscribed. The channels alone hold the other end.
    inbox: Option<Inbox<M::Bytes>>,
}

impl<M: Memory> Session<M> {
    pub(crate) fn new() -> Self {
        Self { channels: 0, inbox: None }
    }

    /// Pending for ever if it has not subscribed; an error once it is cut off.
    pub(crate) fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<io::Result<M::Bytes>> {
        let Some((_, inbox)) = &mut self.inbox else { return Poll::Pending };
        inbox.poll_recv(context).map(|message| message.ok_or_else(|| io::ErrorKind::ConnectionAborted.into()))
    }
}

impl<M: Memory> State<M> {
    pub(crate) fn new() -> Self {
        Self { store: Store::new(), channels: HashMap::new() }
    }

    /// Does what a request says and adds its replies, `LARGEST_REPLY` bytes at most. The error is a reply, too. False: the server ends.
    pub(crate) fn execute(
        &mut self,
        words: &[&[u8]],
        now: u32,
        session: &mut Session<M>,
        replies: &mut Replies<M>,
    ) -> Result<bool, String> {
        let Some((name, arguments)) = words.split_first() else { return Ok(true) };
        let name: SmallVec<[u8; 16]> = name.iter().map(u8::to_ascii_uppercase).collect();
        let store = &mut self.store;
        match (&name[..], arguments) {
            (b"GET", [key]) => match store.get(key, now) {
                Some(entry) => replies.value(&entry.bytes, usize::from(entry.key_len)),
                None => replies.line(format_args!("$-1")),
            },
            (b"SET" | b"MSET", [_, _]) | (b"MSET", [_, _, ..]) if arguments.len() % 2 == 0 => {
                for pair in arguments.chunks_exact(2) {
                    store.set(pair[0], pair[1], NEVER, now).ok_or(NO_ROOM)?;
                }
                replies.line(format_args!("+OK"));
            }
            (b"DEL", keys) => {
                let there = keys.iter().filter(|key| store.remove(key, now));
                replies.line(format_args!(":{}", there.count()));
            }
            (b"INCR", [key]) => {
                let old = store.get(key, now).map(|entry| Ok::<_, String>((integer(entry.value())?, entry.expires)));
                let (old, expires) = old.unwrap_or(Ok((0, NEVER)))?;
                let new = old.checked_add(1).ok_or(NO_NUMBER)?;
                store.set(key, new.to_string().as_bytes(), expires, now).ok_or(NO_ROOM)?;
                replies.line(format_args!(":{new}"));
            }
            (b"EXPIRE", [key, seconds]) => {
                let seconds = u32::try_from(integer(seconds)?.max(0)).unwrap_or(NEVER);
                let found = store.get(key, now).map(|entry| entry.expires = now.saturating_add(seconds).min(NEVER - 1));
                replies.line(format_args!(":{}", u8::from(found.is_some())));
            }
            (b"PUBLISH", [channel, text]) => {
                let reached = self.publish(channel, text).ok_or(NO_ROOM)?;
                replies.line(format_args!(":{reached}"));
            }
            (b"SUBSCRIBE", channels) if channels.len() <= MOST_CHANNELS => {
                for channel in channels {
                    self.subscribe(channel, session)?;
                    replies.line(format_args!("*3\r\n$9\r\nsubscribe\r\n${}", channel.len()));
                    replies.slice(channel);
                    replies.line(format_args!("\r\n:{}", session.channels));
                }
            }
            (b"PING", []) => replies.line(format_args!("+PONG")),
            // What clients ask before they begin: all settings are empty.
            (b"CONFIG", [_, setting]) if setting.len() < 64 => {
                replies.line(format_args!("*2\r\n+{}\r\n+", setting.escape_ascii()));
            }
            (b"COMMAND", _) => replies.line(format_args!("*0")),
            (b"SHUTDOWN", _) => return Ok(false),
            _ => {
                let name = name[..name.len().min(64)].escape_ascii();
                return Err(format!("ERR unknown command '{name}', or not with {} arguments", arguments.len()));
            }
        }
        Ok(true)
    }

    /// Sends one block to all who listen, and returns how many these are.
    fn publish(&mut self, channel: &[u8], text: &[u8]) -> Option<usize> {
        let Some(listeners) = self.channels.get(channel) else { return Some(0) };
        let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n", channel.len());
        let middle = format!("\r\n${}\r\n", text.len());
        let message = self.store.bytes(&[head.as_bytes(), channel, middle.as_bytes(), text, b"\r\n"])?;
        let (reached, behind): (Vec<_>, Vec<_>) = listeners.iter().cloned().partition(|listener| {
            let waiting = (MOST_WAITING - listener.capacity()) * message.as_ref().len();
            waiting <= MOST_BYTES_WAITING && listener.try_send(message.clone()).is_ok()
        });
        behind.iter().for_each(|gone| self.unsubscribe(gone));
        Some(reached.len())
    }

    fn subscribe(&mut self, channel: &[u8], session: &mut Session<M>) -> Result<(), String> {
        if session.channels == MOST_CHANNELS || channel.len() > LONGEST_NAME {
            return Err(format!("ERR at most {MOST_CHANNELS} channels with names of {LONGEST_NAME} bytes"));
        }
        // Who was cut off gets nothing more from its inbox, and is closed.
        let sender = session.inbox.as_ref().and_then(|(sender, _)| sender.upgrade()).unwrap_or_else(|| {
            let (sender, inbox) = mpsc::channel(MOST_WAITING);
            session.inbox.get_or_insert((sender.downgrade(), inbox));
            sender
        });
        let listeners = self.channels.entry(channel.into()).or_default();
        if !listeners.iter().any(|listener| listener.same_channel(&sender)) {
            listeners.push(sender);
            session.channels += 1;
        }
        Ok(())
    }

    fn unsubscribe(&mut self, gone: &Sender<M::Bytes>) {
        self.channels.retain(|_, listeners| {
            listeners.retain(|listener| !listener.same_channel(gone));
            !listeners.is_empty()
        });
    }

    pub(crate) fn end(&mut self, session: &Session<M>) {
        session.inbox.iter().filter_map(|(sender, _)| sender.upgrade()).for_each(|gone| self.unsubscribe(&gone));
    }
}

fn integer(text: &[u8]) -> Result<i64, String> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| NO_NUMBER.to_owned())
}
