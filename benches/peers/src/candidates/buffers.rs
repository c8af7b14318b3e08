//! Who gives out buffers, and how a workload of buffers is bound to one of them.

use std::io::Write;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_pool::{Pool as OtherObjectPool, Reusable};
use opool::{Pool as Opool, PoolAllocator, RefGuard};
use smarena::{BufPool, Lease, Loan, ObjectPool, SmBuf, SmBytes};
use zeropool::ZeroPool;

use super::Entry;
use crate::candidate::Skip;
use crate::case::Bound;
use crate::ours::Packets;

/// Buffers that may be out at once, or are kept, where a candidate knows such a number. No workload has as many.
const LIMIT: usize = 1024;

/// A source of buffers of one size, empty at first, which go back when they are dropped.
pub trait Buffers: Send + Sync + 'static {
    /// One of them.
    type Buf<'a>: Send;

    /// What it can be frozen to.
    type Frozen: Clone + AsRef<[u8]>;

    /// Whether it can.
    const FREEZES: bool = false;

    /// An empty one. Never more than a few hundred are out.
    fn acquire(&self) -> Self::Buf<'_>;

    /// Appends `bytes`, for which there is room.
    fn put(buf: &mut Self::Buf<'_>, bytes: &[u8]);

    /// Where its content lies.
    fn content(buf: &Self::Buf<'_>) -> *const u8;

    /// Makes it shared; `None` from those who cannot.
    fn freeze(_: Self::Buf<'_>) -> Option<Self::Frozen> {
        None
    }
}

/// A workload of buffers.
pub trait BufferWork: Send + Sync + 'static {
    /// Bytes of each buffer.
    fn buf_size(&self) -> usize;

    /// Whether only candidates that freeze can take part.
    fn needs_freezing(&self) -> bool {
        false
    }

    /// One round: a number for each column of each row of the case, in order.
    fn round<B: Buffers>(&self, buffers: &B) -> Vec<f64>;
}

/// Readies the candidate of `entry` for `work`.
pub fn bind<W: BufferWork>(entry: &Entry, work: &Arc<W>) -> Result<Box<dyn Bound>, Skip> {
    let size = work.buf_size();
    match entry.name.as_str() {
        "smarena-pool" => {
            let pool = BufPool::builder().buf_size(size).limit(LIMIT).build_in(Packets);
            pair(pool.map_err(|error| error.to_string())?, work)
        }
        "smarena-objects" => {
            let pool = ObjectPool::builder(move || Vec::with_capacity(size)).reset(Vec::clear).limit(LIMIT).build();
            pair(pool.map_err(|error| error.to_string())?, work)
        }
        "smarena-buf" => pair(SmBufs(size), work),
        "bytes" => pair(BytesMuts(size), work),
        "vec" => pair(Vecs(size), work),
        "opool" => pair(Opool::new_prefilled(LIMIT, Vecs(size)), work),
        "object-pool" => pair(OtherObjectPool::new(LIMIT, || Vec::with_capacity(size)), work),
        "zeropool" => pair(ZeroPool::new().max_buffers_per_class(LIMIT), work),
        other => Err(format!("{other} gives out no buffers")),
    }
}

struct Pairing<W, B> {
    work: Arc<W>,
    buffers: B,
}

impl<W: BufferWork, B: Buffers> Bound for Pairing<W, B> {
    fn round(&self) -> Vec<f64> {
        self.work.round(&self.buffers)
    }
}

fn pair<W: BufferWork, B: Buffers>(buffers: B, work: &Arc<W>) -> Result<Box<dyn Bound>, Skip> {
    if work.needs_freezing() && !B::FREEZES {
        return Err("does not freeze".to_owned());
    }
    Ok(Box::new(Pairing { work: Arc::clone(work), buffers }))
}

impl Buffers for BufPool<Packets> {
    type Buf<'a> = Lease<Packets>;
    type Frozen = SmBytes<smarena::PoolHeap<Packets>>;
    const FREEZES: bool = true;

    #[inline(always)]
    fn acquire(&self) -> Lease<Packets> {
        self.try_acquire().expect("the limit is not reached")
    }

    #[inline(always)]
    fn put(buf: &mut Lease<Packets>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &Lease<Packets>) -> *const u8 {
        buf.as_ptr()
    }

    #[inline(always)]
    fn freeze(buf: Lease<Packets>) -> Option<Self::Frozen> {
        Some(buf.freeze())
    }
}

impl Buffers for ObjectPool<Vec<u8>> {
    type Buf<'a> = Loan<Vec<u8>>;
    type Frozen = SmBytes;
    const FREEZES: bool = true;

    #[inline(always)]
    fn acquire(&self) -> Loan<Vec<u8>> {
        self.try_acquire().expect("the limit is not reached")
    }

    #[inline(always)]
    fn put(buf: &mut Loan<Vec<u8>>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &Loan<Vec<u8>>) -> *const u8 {
        buf.as_ptr()
    }

    #[inline(always)]
    fn freeze(buf: Loan<Vec<u8>>) -> Option<SmBytes> {
        Some(SmBytes::from_owner(buf))
    }
}

/// `SmBuf` without a pool, with this much room.
struct SmBufs(usize);

impl Buffers for SmBufs {
    type Buf<'a> = SmBuf<Packets>;
    type Frozen = SmBytes<Packets>;
    const FREEZES: bool = true;

    #[inline(always)]
    fn acquire(&self) -> SmBuf<Packets> {
        SmBuf::with_capacity_in(self.0, Packets)
    }

    #[inline(always)]
    fn put(buf: &mut SmBuf<Packets>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &SmBuf<Packets>) -> *const u8 {
        buf.as_ptr()
    }

    #[inline(always)]
    fn freeze(buf: SmBuf<Packets>) -> Option<Self::Frozen> {
        Some(buf.freeze())
    }
}

/// `BytesMut` with this much room.
struct BytesMuts(usize);

impl Buffers for BytesMuts {
    type Buf<'a> = BytesMut;
    type Frozen = Bytes;
    const FREEZES: bool = true;

    #[inline(always)]
    fn acquire(&self) -> BytesMut {
        BytesMut::with_capacity(self.0)
    }

    #[inline(always)]
    fn put(buf: &mut BytesMut, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &BytesMut) -> *const u8 {
        buf.as_ptr()
    }

    #[inline(always)]
    fn freeze(buf: BytesMut) -> Option<Bytes> {
        Some(buf.freeze())
    }
}

/// `Vec<u8>` with this much room; also what `opool` keeps.
struct Vecs(usize);

impl Buffers for Vecs {
    type Buf<'a> = Vec<u8>;
    type Frozen = [u8; 0];

    #[inline(always)]
    fn acquire(&self) -> Vec<u8> {
        Vec::with_capacity(self.0)
    }

    #[inline(always)]
    fn put(buf: &mut Vec<u8>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &Vec<u8>) -> *const u8 {
        buf.as_ptr()
    }
}

impl PoolAllocator<Vec<u8>> for Vecs {
    #[inline(always)]
    fn reset(&self, buf: &mut Vec<u8>) {
        buf.clear();
    }

    fn allocate(&self) -> Vec<u8> {
        self.acquire()
    }
}

impl Buffers for Opool<Vecs, Vec<u8>> {
    type Buf<'a> = RefGuard<'a, Vecs, Vec<u8>>;
    type Frozen = [u8; 0];

    #[inline(always)]
    fn acquire(&self) -> Self::Buf<'_> {
        self.try_get().expect("the limit is not reached")
    }

    #[inline(always)]
    fn put(buf: &mut Self::Buf<'_>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &Self::Buf<'_>) -> *const u8 {
        buf.as_ptr()
    }
}

impl Buffers for OtherObjectPool<Vec<u8>> {
    type Buf<'a> = Reusable<'a, Vec<u8>>;
    type Frozen = [u8; 0];

    #[inline(always)]
    fn acquire(&self) -> Self::Buf<'_> {
        let mut buf = self.try_pull().expect("the limit is not reached");
        buf.clear();
        buf
    }

    #[inline(always)]
    fn put(buf: &mut Self::Buf<'_>, bytes: &[u8]) {
        buf.extend_from_slice(bytes);
    }

    #[inline(always)]
    fn content(buf: &Self::Buf<'_>) -> *const u8 {
        buf.as_ptr()
    }
}

/// Its smallest buffers have room for 4 KiB. Of length 0 it has nothing to clear.
impl Buffers for ZeroPool {
    type Buf<'a> = zeropool::Buf<'a>;
    type Frozen = [u8; 0];

    #[inline(always)]
    fn acquire(&self) -> Self::Buf<'_> {
        self.alloc(0)
    }

    #[inline(always)]
    fn put(buf: &mut Self::Buf<'_>, bytes: &[u8]) {
        buf.write_all(bytes).expect("writing to memory");
    }

    #[inline(always)]
    fn content(buf: &Self::Buf<'_>) -> *const u8 {
        buf.as_ptr()
    }
}
