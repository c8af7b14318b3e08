//! The twin's memory: `BytesMut` and `Bytes`.

use std::io;

use bytes::{Bytes, BytesMut};
use smarena::AllocError;

use crate::memory::{BUFFER, ENTRIES, Memory};

/// As programs do it that have a `BytesMut` for each connection.
pub(crate) struct Plain;

impl Memory for Plain {
    type Buffer = BytesMut;
    type Bytes = Bytes;

    const KEEPS: bool = true;

    fn class(_: usize) -> usize {
        0
    }

    fn buffer(&self) -> io::Result<BytesMut> {
        Ok(BytesMut::with_capacity(BUFFER))
    }

    fn make_room(buffer: &mut BytesMut, len: usize) -> Result<(), AllocError> {
        buffer.reserve(len - buffer.len());
        Ok(())
    }

    fn bytes(parts: &[&[u8]], stored: usize) -> Option<Bytes> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        (stored + len <= ENTRIES).then(|| parts.concat().into())
    }

    fn is_unique(bytes: &Bytes) -> bool {
        bytes.is_unique()
    }
}
