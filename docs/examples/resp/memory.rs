//! What the server's memory is: leases of a pool and bytes in a bounded heap.

use std::io;

use bytes::{Buf, BufMut};
use smarena::{AllocError, BufPool, CacheWarmup, ConfigError, Exhausted, Lease, SizeClasses, SmBuf, SmBytes};

/// Bytes of a buffer for requests, or for replies.
pub(crate) const BUFFER: usize = 64 << 10;
/// The largest request.
pub(crate) const LARGEST: usize = 1 << 20;
/// What entries of each block size may take; in the twin, all of them together.
pub(crate) const ENTRIES: usize = 64 << 20;

smarena::size_classes! {
    /// Buffers, and what they become for larger requests.
    pub(crate) Buffers: [65536, 131072, 262144, 524288, 1048576]
}

smarena::size_classes! {
    /// A round number of bytes for a value, and some more for its key, which lies in front of it.
    pub(crate) Entries: [
        16, 32, 48, 64, 80, 96, 128, 160, 192, 224, 288, 352, 416, 544, 672, 800, 1056, 1312, 1568, 2080, 2592, 3104, 4128, 5152, 6176, 8224,
        10272, 12320, 16416, 20512, 24608, 32800, 40992, 49184, 65568, 98336, 131104, 196640, 262176, 524320, 1048576
    ]
}

smarena::static_heap! {
    /// Where buffers lie.
    pub(crate) struct Net: Buffers {
        bucket_bytes: 32 << 20, bucket_bytes_of(BUFFER, 1280 << 20), on_exhausted: Exhausted::Refuse,
        thread_cache(1 << 20, CacheWarmup::Cold), name: "net"
    }

    /// Where keys and values lie. When it refuses, the store makes room.
    pub(crate) struct Values: Entries {
        bucket_bytes: ENTRIES, on_exhausted: Exhausted::Refuse, thread_cache(1 << 20, CacheWarmup::Cold), name: "values"
    }
}

pub(crate) trait Memory: 'static {
    type Buffer: Buf + BufMut + AsRef<[u8]>;
    type Bytes: AsRef<[u8]> + Clone;

    /// Whether a connection keeps its buffers when they are empty.
    const KEEPS: bool;

    /// Entries of a class make room for each other.
    fn class(len: usize) -> usize;
    /// Empty, with room for `BUFFER` bytes.
    fn buffer(&self) -> io::Result<Self::Buffer>;
    /// Makes room for `len` bytes in all.
    fn make_room(buffer: &mut Self::Buffer, len: usize) -> Result<(), AllocError>;
    /// The parts in one piece, if there is room for them beside the `stored` bytes of all entries.
    fn bytes(parts: &[&[u8]], stored: usize) -> Option<Self::Bytes>;
    /// Whether dropping these bytes makes room.
    fn is_unique(bytes: &Self::Bytes) -> bool;
}

/// Each client holds two buffers at most, so nobody has to wait for anybody.
pub(crate) fn pool(clients: usize) -> Result<BufPool<Net>, ConfigError> {
    BufPool::builder().buf_size(BUFFER).limit(2 * clients).growth(16 * LARGEST).build_in(Net)
}

impl Memory for BufPool<Net> {
    type Buffer = Lease<Net>;
    type Bytes = SmBytes<Values>;

    const KEEPS: bool = false;

    fn class(len: usize) -> usize {
        Entries::BLOCK_SIZES.partition_point(|size| *size < len)
    }

    fn buffer(&self) -> io::Result<Lease<Net>> {
        self.try_acquire().map_err(io::Error::other)
    }

    fn make_room(buffer: &mut Lease<Net>, len: usize) -> Result<(), AllocError> {
        let more = len - buffer.len();
        if buffer.try_reclaim(more) { Ok(()) } else { buffer.try_reserve(more) }
    }

    fn bytes(parts: &[&[u8]], _: usize) -> Option<SmBytes<Values>> {
        let mut buf = SmBuf::try_with_capacity_in(parts.iter().map(|part| part.len()).sum(), Values).ok()?;
        parts.iter().for_each(|part| buf.extend_from_slice(part));
        Some(buf.freeze())
    }

    fn is_unique(bytes: &SmBytes<Values>) -> bool {
        bytes.is_unique()
    }
}
