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

/// The longest line that one types, and the longest with a length: what has no end is looked at again whenever more of it comes.
const LONGEST_LINES: [usize; 2] = [4096, 32];
/// The fewest bytes of a word: `$0`, the end of its line, and the two behind the word.
const SHORTEST_WORD: usize = 5;

/// The request that `bytes` begin with, and how many of them it takes. What is only announced takes no room.
///
/// `needed` is 1 for a new request. From then on it says how many bytes there must be before anything is looked at again: who sends a request in
/// many pieces does not have all of it parsed with each.
pub(crate) fn parse<'b>(bytes: &'b [u8], needed: &mut usize) -> Result<(Words<'b>, usize), Unfinished> {
    if bytes.len() < *needed {
        return Err(Unfinished::Needs(*needed));
    }
    let request = look(bytes);
    *needed = if let Err(Unfinished::Needs(more)) = request { more } else { 1 };
    request
}

fn look(bytes: &[u8]) -> Result<(Words<'_>, usize), Unfinished> {
    // How long a request is at least of which so many words are still to begin here.
    let behind = |start: usize, left: usize| start.saturating_add(left.saturating_mul(SHORTEST_WORD));
    // A line without its end, and where the next begins. With it so many words are left.
    let line = |start: usize, left, longest| match bytes[start..].iter().take(longest).position(|byte| *byte == b'\n') {
        Some(len) => Ok((bytes[start..start + len].trim_ascii_end(), start + len + 1)),
        None if bytes.len() - start < longest => Err(needs(behind(start, left).max(bytes.len() + 1))),
        None => Err(Unfinished::Wrong("a line has 4 KiB at most, one with a length 32 bytes")),
    };
    let [typed, length] = LONGEST_LINES;
    let (first, mut at) = line(0, 0, if bytes.starts_with(b"*") { length } else { typed })?;
    let Some(count) = first.strip_prefix(b"*") else {
        // As one types it.
        return Ok((first.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect(), at));
    };
    let mut words = Words::new();
    for left in (0..number::<usize>(count).ok_or(NO_LENGTH)?).rev() {
        let (length, start) = line(at, left.saturating_add(1), length)?;
        let end = start.saturating_add(length.strip_prefix(b"$").and_then(number).ok_or(NO_LENGTH)?);
        at = end.saturating_add(2);
        if at > bytes.len() {
            return Err(needs(behind(at, left)));
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

#[cfg(test)]
mod tests {
    use super::{Unfinished, Words, parse};
    use crate::tests::request;

    /// The request that these bytes begin with, of which none was looked at before.
    fn anew(bytes: &[u8]) -> Result<(Words<'_>, usize), Unfinished> {
        parse(bytes, &mut 1)
    }

    #[test]
    fn requests_are_parsed_where_they_lie() {
        let bytes = request(&[b"SET", b"key", b"a\r\nb"]);
        for len in 0..bytes.len() {
            let Err(Unfinished::Needs(needed)) = anew(&bytes[..len]) else { panic!("{len} bytes are enough") };
            assert!(needed > len && needed <= bytes.len(), "{len} bytes need {needed}");
        }
        let pipelined = [&bytes[..], b"PING  \r\n"].concat();
        let Ok((words, len)) = anew(&pipelined) else { panic!("it is all there") };
        assert_eq!((&words[..], len), (&[&b"SET"[..], b"key", b"a\r\nb"][..], bytes.len()));
        assert!(pipelined.as_ptr_range().contains(&words[2].as_ptr()));
        assert!(matches!(anew(&pipelined[len..]), Ok((words, 8)) if words[..] == [b"PING"]));
        assert!(matches!(anew(b"\r\n"), Ok((words, 2)) if words.is_empty()));
        // The shortest words, for those who end their lines as they like.
        assert!(matches!(anew(b"*2\n$0\n\r\n$0\n\r\n"), Ok((words, 13)) if words[..] == [b"", b""]));

        let [length, too_long, line] = [
            "expected a length behind '*' or '$'",
            "a request has a MiB at most",
            "a line has 4 KiB at most, one with a length 32 bytes",
        ];
        for (bytes, complaint) in [
            (&b"*2\r\n+GET\r\n"[..], length),
            (b"*-1\r\n", length),
            (b"*1\r\n$99999999999999999999999\r\n", length),
            (b"*1\r\n$18446744073709551615\r\n", too_long),
            (b"*4000000000\r\n$1\r\na\r\n", too_long),
            (&[b' '; 4096], line),
            (b"*00000000000000000000000000000001\r\n", line),
            (b"*1\r\n$0000000000000000000000000000001\r\n", line),
        ] {
            assert!(
                matches!(anew(bytes), Err(Unfinished::Wrong(error)) if error == complaint),
                "{}",
                bytes.escape_ascii()
            );
        }
        assert!(matches!(anew(&[b' '; 4095]), Err(Unfinished::Needs(4096))));
    }

    #[test]
    fn a_request_that_comes_byte_by_byte_is_looked_at_now_and_then() {
        for (words, len) in [(100_000, 1), (1000, 1000), (1, 1_000_000)] {
            let bytes = request(&vec![&*vec![b'w'; len]; words]);
            let (mut needed, mut looks) = (1, 0);
            for end in 1..bytes.len() {
                let before = needed;
                assert!(parse(&bytes[..end], &mut needed).is_err());
                looks += usize::from(needed != before);
                assert!(looks < 1000, "{end} bytes of {words} words of {len} were looked at {looks} times");
            }
            assert_eq!(parse(&bytes, &mut needed).ok().map(|(words, _)| words.len()), Some(words));
            assert_eq!(needed, 1);
        }
        // Before there is enough it is not even seen what is wrong.
        let mut needed = 9;
        assert!(matches!(parse(b"*wrong\r\n", &mut needed), Err(Unfinished::Needs(9))));
    }
}
