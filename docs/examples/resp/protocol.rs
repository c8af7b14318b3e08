//! The protocol: requests, which stay where they were read, and replies, which share what is large.

use std::fmt;
use std::io::{IoSlice, Write};
use std::time::Duration;

use bytes::{Buf, BufMut};
use smallvec::SmallVec;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::ending::Failure;
use crate::memory::{BUFFER, LARGEST, Memory};

/// The words of a request.
pub(crate) type Words<'b> = SmallVec<[&'b [u8]; 8]>;

/// Why there is no request.
pub(crate) enum Unfinished {
    /// It is not complete before there are so many bytes.
    Needs(usize),
    /// What the client is told, to whom nobody listens any more.
    Wrong(&'static str),
}

const NO_LENGTH: Unfinished = Unfinished::Wrong("expected a length behind '*' or '$'");

/// The request that `bytes` begin with, and how many of them it takes. What is only announced takes no room.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Words<'_>, usize), Unfinished> {
    // A line without its end, and where the next begins.
    let line = |start: usize| match bytes[start..].iter().position(|byte| *byte == b'\n') {
        Some(len) => Ok((bytes[start..start + len].trim_ascii_end(), start + len + 1)),
        None => Err(needs(bytes.len() + 1)),
    };
    let (first, mut at) = line(0)?;
    let Some(count) = first.strip_prefix(b"*") else {
        // As one types it.
        return Ok((first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect(), at));
    };
    let mut words = Words::new();
    for _ in 0..number::<usize>(count).ok_or(NO_LENGTH)? {
        let (length, start) = line(at)?;
        let end = start.saturating_add(length.strip_prefix(b"$").and_then(number).ok_or(NO_LENGTH)?);
        at = end.saturating_add(2);
        if at > bytes.len() {
            return Err(needs(at));
        }
        words.push(&bytes[start..end]);
    }
    Ok((words, at))
}

pub(crate) fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn needs(bytes: usize) -> Unfinished {
    if bytes > LARGEST { Unfinished::Wrong("a request has a MiB at most") } else { Unfinished::Needs(bytes) }
}

/// From this length on a reply's bytes are shared instead of copied.
const LARGE: usize = 4096;
/// The most of these before all is written.
const MOST_LARGE: usize = 8;
/// No request's reply takes more of the buffer.
const LARGEST_REPLY: usize = 8192;

/// Replies on their way to a client.
pub(crate) struct Replies<M: Memory> {
    buffer: M::Buffer,
    /// Where in the buffer they belong; bytes, from which one on.
    large: SmallVec<[(usize, M::Bytes, usize); 2]>,
}

impl<M: Memory> Replies<M> {
    pub(crate) fn new(buffer: M::Buffer) -> Self {
        Self { buffer, large: SmallVec::new() }
    }

    /// Whether there is room for another. If not, it is time to write: so a client that does not read holds little.
    pub(crate) fn have_room(&self) -> bool {
        self.buffer.remaining() + LARGEST_REPLY <= BUFFER && self.large.len() < MOST_LARGE
    }

    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        write!((&mut self.buffer).writer(), "{line}\r\n").expect("there is room");
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
            self.large.push((self.buffer.remaining(), bytes.clone(), from));
        }
    }

    /// Writes all, if there is something, unless the client reads nothing for too long.
    pub(crate) async fn write_to(&mut self, stream: &mut TcpStream, patience: Duration) -> Result<(), Failure> {
        let mut parts = SmallVec::<[IoSlice<'_>; 2 * MOST_LARGE + 1]>::new();
        let mut at = 0;
        for (position, bytes, from) in &self.large {
            parts.extend([&self.buffer.chunk()[at..*position], &bytes.as_ref()[*from..]].map(IoSlice::new));
            at = *position;
        }
        parts.push(IoSlice::new(&self.buffer.chunk()[at..]));
        let mut slices = &mut parts[..];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let written = timeout(patience, stream.write_vectored(slices)).await??;
            IoSlice::advance_slices(&mut slices, written);
        }
        drop(parts);
        self.large.clear();
        self.buffer.advance(self.buffer.remaining());
        Ok(M::make_room(&mut self.buffer, BUFFER)?)
    }
}
