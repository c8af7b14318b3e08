//! What the server's memory is: leases of a pool and bytes in a bounded heap.

use bytes::{Buf, BufMut};
use smarena::class::class_for;
use smarena::{AllocError, BufPool, CacheWarmup, Exhausted, Lease, PoolError, SmBuf, SmBytes};

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

    /// Empty, with room for `BUFFER` bytes.
    fn buffer(&self) -> Result<Self::Buffer, PoolError>;
    /// Makes room for `len` bytes in all.
    fn make_room(buffer: &mut Self::Buffer, len: usize) -> Result<(), AllocError>;
    /// The parts in one piece, if there is room for them beside the `stored` bytes of all entries.
    fn bytes(parts: &[&[u8]], stored: usize) -> Option<Self::Bytes>;
    /// Whether dropping these bytes makes room for `len` others.
    fn make_way(bytes: &Self::Bytes, len: usize) -> bool;
}

impl Memory for BufPool<Net> {
    type Buffer = Lease<Net>;
    type Bytes = SmBytes<Values>;

    const KEEPS: bool = false;

    fn buffer(&self) -> Result<Lease<Net>, PoolError> {
        self.try_acquire()
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

    fn make_way(bytes: &SmBytes<Values>, len: usize) -> bool {
        bytes.is_unique() && class_for::<Entries>(bytes.len(), 1) == class_for::<Entries>(len, 1)
    }
}
