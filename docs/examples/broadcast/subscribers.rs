//! The subscribers: one thread that reads all connections in turn, message by message.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use crate::compare::Options;
use crate::ending::Failure;
use crate::payload;

/// A message that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Subscribers {
    streams: Vec<TcpStream>,
    /// The number of the next message.
    number: u64,
    expected: Vec<u8>,
    received: Vec<u8>,
}

impl Subscribers {
    /// With a connection of each to the publisher.
    pub(crate) fn new(streams: Vec<TcpStream>, options: Options) -> Result<Self, Failure> {
        for stream in &streams {
            stream.set_read_timeout(Some(PATIENCE))?;
        }
        Ok(Self { streams, number: 0, expected: vec![0; options.size], received: vec![0; options.size] })
    }

    /// Reads so many messages on every connection and checks them.
    pub(crate) fn receive(&mut self, messages: usize) -> Result<(), Failure> {
        for _ in 0..messages {
            payload::fill(&mut self.expected, self.number);
            for stream in &mut self.streams {
                stream.read_exact(&mut self.received)?;
                if self.received != self.expected {
                    return Err(format!("message {} was lost or damaged", self.number).into());
                }
            }
            self.number += 1;
        }
        Ok(())
    }
}
