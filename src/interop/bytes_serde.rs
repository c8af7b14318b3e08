//! serde: owners of bytes, as bytes.
//!
//! Formats without a form for bytes write them as a sequence, and a text is read as its bytes. A length that a file only claims
//! makes room for no more than [`TRUSTED`] bytes beforehand; a heap that refuses is an error and no panic.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::heap::HeapRef;
use crate::pool::Lease;

/// How many bytes a claimed length is believed for.
const TRUSTED: usize = 4096;

impl<H: HeapRef> Serialize for SmBuf<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<H: HeapRef> Serialize for SmBytes<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

/// As its buffer.
impl<H: HeapRef> Serialize for Lease<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de, H: HeapRef + Default> Deserialize<'de> for SmBuf<H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Content(PhantomData))
    }
}

impl<'de, H: HeapRef + Default> Deserialize<'de> for SmBytes<H> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmBuf::deserialize(deserializer).map(SmBuf::freeze)
    }
}

/// Reads a buffer.
struct Content<H>(PhantomData<H>);

impl<'de, H: HeapRef + Default> Visitor<'de> for Content<H> {
    type Value = SmBuf<H>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<SmBuf<H>, E> {
        let mut buf = SmBuf::try_with_capacity_in(bytes.len(), H::default()).map_err(E::custom)?;
        buf.extend_from_slice(bytes);
        Ok(buf)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SmBuf<H>, E> {
        self.visit_bytes(text.as_bytes())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<SmBuf<H>, A::Error> {
        let claimed = bytes.size_hint().unwrap_or(0).min(TRUSTED);
        let mut buf = SmBuf::try_with_capacity_in(claimed, H::default()).map_err(de::Error::custom)?;
        while let Some(byte) = bytes.next_element()? {
            buf.try_reserve(1).map_err(de::Error::custom)?;
            buf.push(byte);
        }
        Ok(buf)
    }
}
