//! A client: sends a window of frames, reads as much, compares. Its buffers are made once.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::ending::Failure;
use crate::{PREFIX, payload};

/// Frames under way at a time, as far as they fit into what a connection surely holds.
const MOST_FRAMES: usize = 32;
const MOST_BYTES: usize = 128 << 10;

/// An echo that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: TcpStream,
    size: usize,
    window: usize,
    /// Frames sent so far.
    number: u64,
    sent: Vec<u8>,
    echoed: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr, size: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let window = (MOST_BYTES / (PREFIX + size)).clamp(1, MOST_FRAMES);
        let room = window * (PREFIX + size);
        Ok(Self { stream, size, window, number: 0, sent: vec![0; room], echoed: vec![0; room] })
    }

    /// Sends `frames` frames and checks their echoes.
    pub(crate) fn exchange(&mut self, frames: usize) -> Result<(), Failure> {
        let mut left = frames;
        while left > 0 {
            let count = left.min(self.window);
            let bytes = count * (PREFIX + self.size);
            for frame in self.sent[..bytes].chunks_exact_mut(PREFIX + self.size) {
                let (prefix, content) = frame.split_at_mut(PREFIX);
                prefix.copy_from_slice(&u32::try_from(self.size)?.to_be_bytes());
                payload::fill(content, self.number);
                self.number += 1;
            }
            self.stream.write_all(&self.sent[..bytes])?;
            self.stream.read_exact(&mut self.echoed[..bytes])?;
            if self.sent[..bytes] != self.echoed[..bytes] {
                return Err("an echo differed from what was sent".into());
            }
            left -= count;
        }
        Ok(())
    }
}
