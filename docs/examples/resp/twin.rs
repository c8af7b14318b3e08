//! The twin's memory: `BytesMut` and `Bytes`.

use bytes::{Bytes, BytesMut};
use smarena::{AllocError, PoolError};

use crate::memory::{BUFFER, ENTRIES, Memory};

/// As programs do it that have a `BytesMut` for each connection.
pub(crate) struct Plain;

impl Memory for Plain {
    type Buffer = BytesMut;
    type Bytes = Bytes;

    const KEEPS: bool = true;

    fn buffer(&self) -> Result<BytesMut, PoolError> {
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

    fn make_way(bytes: &Bytes, _: usize) -> bool {
        bytes.is_unique()
    }
}
