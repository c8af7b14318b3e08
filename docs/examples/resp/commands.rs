//! What is understood, and what it does.

use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;

use crate::Options;
use crate::ending::Failure;
use crate::memory::Memory;
use crate::protocol::{Replies, Words, number};
use crate::store::{NEVER, Store};

/// So many messages may wait for a subscriber, and about so many bytes. Who is further behind is cut off.
pub(crate) const MOST_WAITING: usize = 8192;
const MOST_BYTES_WAITING: usize = 4 << 20;
/// So many channels may a connection subscribe to, with names of so many bytes.
const MOST_CHANNELS: usize = 16;
const LONGEST_NAME: usize = 256;

const NO_NUMBER: &str = "ERR value is not an integer or out of range";

/// Whether a request was done, or else what the client is told.
pub(crate) type Done = Result<(), Failure>;

/// What all connections see and change.
pub(crate) struct State<M: Memory> {
    pub(crate) options: Options,
    pub(crate) memory: M,
    pub(crate) store: Store<M>,
    /// Who listens.
    channels: HashMap<Box<[u8]>, Vec<Sender<Told<M>>>>,
    pub(crate) stop: Rc<Notify>,
}

/// A message, or that no more comes, to a subscriber who is too far behind.
pub(crate) type Told<M> = Option<<M as Memory>::Bytes>;

/// What others know of one connection.
pub(crate) struct Session<M: Memory> {
    pub(crate) channels: usize,
    pub(crate) inbox: Sender<Told<M>>,
}

impl<M: Memory> State<M> {
    pub(crate) fn new(options: Options, memory: M) -> Self {
        Self { options, memory, store: Store::new(), channels: HashMap::new(), stop: Rc::default() }
    }

    /// Forgets subscribers that have gone.
    pub(crate) fn forget(&mut self) {
        self.channels.retain(|_, listeners| {
            listeners.retain(|listener| !listener.is_closed());
            !listeners.is_empty()
        });
    }

    /// Does what a request says and adds its replies, `LARGEST_REPLY` bytes at most. The error is a reply, too.
    pub(crate) fn execute(&mut self, words: Words<'_>, session: &mut Session<M>, replies: &mut Replies<M>) -> Done {
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
        let name: SmallVec<[u8; 16]> = name.iter().map(u8::to_ascii_uppercase).collect();
        let store = &mut self.store;
        match (&name[..], arguments) {
            (b"GET", [key]) => match store.get(key) {
                Some(entry) => replies.value(&entry.bytes, usize::from(entry.key_len)),
                None => replies.line(format_args!("$-1")),
            },
            (b"SET" | b"MSET", [_, _]) | (b"MSET", [_, _, ..]) if arguments.len() % 2 == 0 => {
                arguments.chunks_exact(2).try_for_each(|pair| store.set(pair[0], pair[1], NEVER))?;
                replies.line(format_args!("+OK"));
            }
            (b"DEL", keys @ [_, ..]) => {
                let there = keys.iter().filter(|key| store.remove(key)).count();
                replies.line(format_args!(":{there}"));
            }
            (b"INCR", [key]) => {
                let old = store.get(key).map(|entry| (entry.key_and_value().1, entry.expires));
                let (old, expires) = old.unwrap_or((b"0", NEVER));
                let new = number(old).and_then(|old: i64| old.checked_add(1)).ok_or(NO_NUMBER)?.to_string();
                store.set(key, new.as_bytes(), expires)?;
                replies.line(format_args!(":{new}"));
            }
            (b"EXPIRE", [key, seconds]) => {
                let seconds = u32::try_from(number::<i64>(seconds).ok_or(NO_NUMBER)?.max(0)).unwrap_or(NEVER);
                let expires = store.now.saturating_add(seconds).min(NEVER - 1);
                replies
                    .line(format_args!(":{}", u8::from(store.get(key).map(|entry| entry.expires = expires).is_some())));
            }
            (b"PUBLISH", [channel, text]) => replies.line(format_args!(":{}", self.publish(channel, text)?)),
            (b"SUBSCRIBE", channels @ [_, ..]) if channels.len() <= MOST_CHANNELS => {
                for channel in channels {
                    if session.channels == MOST_CHANNELS || channel.len() > LONGEST_NAME {
                        return Err("ERR at most 16 channels with names of 256 bytes".into());
                    }
                    let listeners = self.channels.entry((*channel).into()).or_default();
                    let is_new = !listeners.iter().any(|listener| listener.same_channel(&session.inbox));
                    listeners.extend(is_new.then(|| session.inbox.clone()));
                    session.channels += usize::from(is_new);
                    let head = format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n", channel.len());
                    replies.raw(&store.bytes(&[head.as_bytes(), channel, b"\r\n"])?, 0);
                    replies.line(format_args!(":{}", session.channels));
                }
            }
            (b"PING", []) => replies.line(format_args!("+PONG")),
            // What redis-benchmark asks before it begins: all settings are empty.
            (b"CONFIG", [_, setting]) if setting.len() < 64 => {
                replies.line(format_args!("*2\r\n+{}\r\n+", setting.escape_ascii()));
            }
            (b"SHUTDOWN", _) => self.stop.notify_one(),
            _ => {
                let name = name[..name.len().min(64)].escape_ascii();
                return Err(format!("ERR unknown command '{name}', or not with {} arguments", arguments.len()).into());
            }
        }
        Ok(())
    }

    /// Sends one block to all who listen, and returns how many these are. Who is too far behind is no more.
    pub(crate) fn publish(&mut self, channel: &[u8], text: &[u8]) -> Result<usize, Failure> {
        let Some(listeners) = self.channels.get_mut(channel) else { return Ok(0) };
        let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n", channel.len());
        let middle = format!("\r\n${}\r\n", text.len());
        let message = self.store.bytes(&[head.as_bytes(), channel, middle.as_bytes(), text, b"\r\n"])?;
        let least_free = 1 + MOST_WAITING.saturating_sub(MOST_BYTES_WAITING / message.as_ref().len());
        listeners.retain(|listener| {
            let keeps_up = listener.capacity() > least_free;
            listener.try_send(keeps_up.then(|| message.clone())).is_ok() && keeps_up
        });
        Ok(listeners.len())
    }
}
