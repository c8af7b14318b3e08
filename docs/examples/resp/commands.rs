//! What is understood, and what it does.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::memory::Memory;
use crate::protocol::{Replies, Words};
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
    /// Of each session, by its number, unless it is cut off.
    inboxes: HashMap<u64, Sender<M::Bytes>>,
    /// Who listens.
    channels: HashMap<Box<[u8]>, HashSet<u64>>,
    sessions: u64,
    pub(crate) stop: Rc<Notify>,
}

/// What one connection is, apart from its stream and buffers.
pub(crate) struct Session<M: Memory> {
    number: u64,
    channels: usize,
    pub(crate) inbox: Receiver<M::Bytes>,
}

impl<M: Memory> State<M> {
    pub(crate) fn new() -> Self {
        let (inboxes, channels) = (HashMap::new(), HashMap::new());
        Self { store: Store::new(), inboxes, channels, sessions: 0, stop: Rc::default() }
    }

    pub(crate) fn begin(&mut self) -> Session<M> {
        let (sender, inbox) = mpsc::channel(MOST_WAITING);
        self.sessions += 1;
        self.inboxes.insert(self.sessions, sender);
        Session { number: self.sessions, channels: 0, inbox }
    }

    pub(crate) fn end(&mut self, session: &Session<M>) {
        self.inboxes.remove(&session.number);
        self.channels.retain(|_, listeners| {
            listeners.remove(&session.number);
            !listeners.is_empty()
        });
    }

    /// Does what a request says and adds its replies, `LARGEST_REPLY` bytes at most. The error is a reply, too.
    pub(crate) fn execute(
        &mut self,
        words: Words<'_>,
        now: u32,
        session: &mut Session<M>,
        replies: &mut Replies<M>,
    ) -> Result<(), String> {
        let Some((name, arguments)) = words.split_first() else { return Ok(()) };
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
            (b"DEL", keys @ [_, ..]) => {
                let there = keys.iter().filter(|key| store.remove(key, now));
                replies.line(format_args!(":{}", there.count()));
            }
            (b"INCR", [key]) => {
                let (old, expires) =
                    store.get(key, now).map_or((&b"0"[..], NEVER), |entry| (entry.value(), entry.expires));
                let new = integer(old)?.checked_add(1).ok_or(NO_NUMBER)?.to_string();
                store.set(key, new.as_bytes(), expires, now).ok_or(NO_ROOM)?;
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
            (b"SUBSCRIBE", channels @ [_, ..]) if channels.len() <= MOST_CHANNELS => {
                for channel in channels {
                    if session.channels == MOST_CHANNELS || channel.len() > LONGEST_NAME {
                        return Err(format!("ERR at most {MOST_CHANNELS} channels with names of {LONGEST_NAME} bytes"));
                    }
                    let listeners = self.channels.entry((*channel).into()).or_default();
                    session.channels += usize::from(listeners.insert(session.number));
                    let head = format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n", channel.len());
                    let end = format!("\r\n:{}\r\n", session.channels);
                    replies.raw(&store.bytes(&[head.as_bytes(), channel, end.as_bytes()]).ok_or(NO_ROOM)?, 0);
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
                return Err(format!("ERR unknown command '{name}', or not with {} arguments", arguments.len()));
            }
        }
        Ok(())
    }

    /// Sends one block to all who listen, and returns how many these are. Who is too far behind is no more.
    fn publish(&mut self, channel: &[u8], text: &[u8]) -> Option<usize> {
        let Some(listeners) = self.channels.get_mut(channel) else { return Some(0) };
        let head = format!("*3\r\n$7\r\nmessage\r\n${}\r\n", channel.len());
        let middle = format!("\r\n${}\r\n", text.len());
        let message = self.store.bytes(&[head.as_bytes(), channel, middle.as_bytes(), text, b"\r\n"])?;
        let most_waiting = MOST_WAITING.min(MOST_BYTES_WAITING / message.as_ref().len());
        listeners.retain(|listener| {
            let inbox = self.inboxes.get(listener);
            let inbox = inbox.filter(|inbox| MOST_WAITING - inbox.capacity() <= most_waiting);
            let hears = inbox.is_some_and(|inbox| inbox.try_send(message.clone()).is_ok());
            if !hears {
                self.inboxes.remove(listener);
            }
            hears
        });
        Some(listeners.len())
    }
}

fn integer(text: &[u8]) -> Result<i64, String> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| NO_NUMBER.to_owned())
}
