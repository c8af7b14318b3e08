//! The protocol: requests, which stay where they were read, and replies, which share what is large.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::time::Duration;

use bytes::{Buf, BufMut};
use smallvec::SmallVec;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::memory::{BUFFER, LARGEST, Memory};

pub(crate) enum Parsed<'b> {
    /// The words of a request, and how many bytes it takes.
    Request(SmallVec<[&'b [u8]; 8]>, usize),
    /// It is not complete before there are so many bytes.
    Needs(usize),
}

/// The request that `bytes` begin with. The error is for the client, to whom nobody listens any more.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, String> {
    // A line without its end, and where the next begins.
    let line = |start: usize| {
        let len = bytes[start..].iter().position(|byte| *byte == b'\n')?;
        Some((bytes[start..start + len].trim_ascii_end(), start + len + 1))
    };
    let number = |kind: &str, line: &[u8]| {
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix(kind));
        let number = text.and_then(|text| text.parse::<usize>().ok());
        number.ok_or_else(|| format!("Protocol error: expected '{kind}' and a length"))
    };
    let unfinished = || match bytes.len() + 1 {
        more if more > LARGEST => Err(format!("Protocol error: a request has {LARGEST} bytes at most")),
        more => Ok(Parsed::Needs(more)),
    };
    let Some((first, mut at)) = line(0) else { return unfinished() };
    if first.first() != Some(&b'*') {
        // As one types it.
        let words = first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok(Parsed::Request(words.collect(), at));
    }
    // What is only announced takes no room.
    let mut words = SmallVec::new();
    for _ in 0..number("*", first)? {
        let Some((length, start)) = line(at) else { return unfinished() };
        let length = number("$", length)?;
        at = start.saturating_add(length).saturating_add(2);
        if at > LARGEST {
            return Err(format!("Protocol error: {at} bytes are announced, a request has {LARGEST} at most"));
        }
        if at > bytes.len() {
            return Ok(Parsed::Needs(at));
        }
        words.push(&bytes[start..start + length]);
    }
    Ok(Parsed::Request(words, at))
}

/// From this length on a reply's bytes are shared instead of copied.
const LARGE: usize = 4096;
/// The most of these before all is written.
const MOST_LARGE: usize = 16;
/// No request's reply takes more of the buffer.
const LARGEST_REPLY: usize = 8192;

/// Replies on their way to a client.
pub(crate) struct Replies<M: Memory> {
    buffer: M::Buffer,
    /// Where in the buffer they belong; bytes, from which one on.
    large: SmallVec<[(usize, M::Bytes, usize); 2]>,
    large_len: usize,
}

impl<M: Memory> Replies<M> {
    pub(crate) fn new(buffer: M::Buffer) -> Self {
        Self { buffer, large: SmallVec::new(), large_len: 0 }
    }

    /// Whether there is room for another. If not, it is time to write: so a client that does not read holds little.
    pub(crate) fn have_room(&self) -> bool {
        self.buffer.remaining() + LARGEST_REPLY <= BUFFER && self.large.len() < MOST_LARGE && self.large_len < BUFFER
    }

    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        write!((&mut self.buffer).writer(), "{line}\r\n").expect("there is room");
    }

    pub(crate) fn slice(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// An entry's value: what is behind its key.
    pub(crate) fn value(&mut self, bytes: &M::Bytes, key_len: usize) {
        self.line(format_args!("${}", bytes.as_ref().len() - key_len));
        self.raw(bytes, key_len);
        self.buffer.put_slice(b"\r\n");
    }

    /// The bytes as they are, from one on.
    pub(crate) fn raw(&mut self, bytes: &M::Bytes, from: usize) {
        let part = &bytes.as_ref()[from..];
        if part.len() < LARGE {
            self.buffer.put_slice(part);
        } else {
            self.large_len += part.len();
            self.large.push((self.buffer.remaining(), bytes.clone(), from));
        }
    }

    /// Writes all, if there is something, unless the client reads nothing for too long.
    pub(crate) async fn write_to(&mut self, stream: &mut TcpStream, patience: Duration) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); 2 * MOST_LARGE + 1];
        let mut at = 0;
        for (pair, (position, bytes, from)) in slices.chunks_exact_mut(2).zip(&self.large) {
            pair[0] = IoSlice::new(&self.buffer.chunk()[at..*position]);
            pair[1] = IoSlice::new(&bytes.as_ref()[*from..]);
            at = *position;
        }
        slices[2 * self.large.len()] = IoSlice::new(&self.buffer.chunk()[at..]);
        let mut slices = &mut slices[..=2 * self.large.len()];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            // Almost always all is written at once, and no clock is asked.
            let written = match stream.try_write_vectored(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::timeout(patience, stream.write_vectored(slices)).await??
                }
                written => written?,
            };
            IoSlice::advance_slices(&mut slices, written);
        }
        self.large.clear();
        self.large_len = 0;
        self.buffer.advance(self.buffer.remaining());
        M::make_room(&mut self.buffer, BUFFER).map_err(io::Error::other)
    }
}
