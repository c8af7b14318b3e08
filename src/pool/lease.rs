//! One buffer on loan.

use core::slice;

use super::{Buffers, Permit, PoolError, PoolHeap, lend, take_out};
use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::content::IntoBytes;
use crate::derived::{dereference, from, iterate_by_reference, lend_as};
use crate::heap::{Global, HeapRef};

/// A buffer on loan from a [`BufPool`](crate::BufPool): an [`SmBuf`] whose block counts against the pool's limit.
///
/// It starts empty, and has the room that its [`capacity`](SmBuf::capacity) says. It does not grow, unless the pool was given
/// [growth](crate::BufPoolBuilder::growth): then as far as that goes, for all buffers of the pool together. So whatever a peer sends, the pool's memory is
/// bounded. `reserve`, `extend_from_slice` and their like panic where there is no room; [`try_reserve`](SmBuf::try_reserve) and
/// [`try_extend_from_slice`](SmBuf::try_extend_from_slice) return an error.
///
/// What is split off is another part of the same block, and has its permit with the others: the pool's limit is one of blocks. When the last part is
/// dropped, on whichever thread, whether or not a handle to the pool is left, the block goes back to the heap, then the permit to the pool. A copy needs a
/// second block, which is not the pool's to give: `lease.clone()` does not compile (`to_owned` is the buffer's, and panics), and `SmBuf::from(&lease[..])`
/// copies.
///
/// Its buffer's methods are called through `DerefMut`. So an argument that asks the lease itself is had before: `let half = lease.len() / 2; lease.split_to(half)`.
/// `lease.split_to(lease.len() / 2)` does not compile (E0502), where it would with an [`SmBuf`].
///
/// A lease keeps its permit and a block for as long as it lives, unless you take them from behind it: `*lease` is a buffer, for which another can be put, be
/// it one without a block, and `SmBuf::shrink_to_fit(&mut lease)` is the buffer's own; and one that is overwritten (feature `zeroize`) while a part is kept
/// elsewhere lets go of the block. Such a lease does not count, has no room and gets none.
///
/// ```
/// use smarena::{AllocError, BufPool};
///
/// let pool = BufPool::builder().buf_size(1024).build()?;
/// let mut lease = pool.try_acquire()?;
/// drop(pool);
/// let refused = lease.try_extend_from_slice(&[0; 5000]);
/// assert!(matches!(refused, Err(AllocError::PoolGrowth { block: 1024, left: 0, .. })));
/// std::thread::spawn(move || lease.extend_from_slice(b"still here")).join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lease<H: HeapRef = Global>(SmBuf<PoolHeap<H>>);

const _: () = assert!(size_of::<Option<Lease>>() == size_of::<Lease>());

impl<H: HeapRef> Lease<H> {
    /// Takes the buffer that `permit` stands for from the heap.
    #[inline(always)]
    pub(super) fn new(permit: Permit<Buffers<H>>) -> Result<Self, PoolError> {
        let class = permit.class.map(|class| (class, permit.buf_size + permit.headroom as usize));
        let mut buf = SmBuf::try_with_block_in(permit.block, class, permit.heap.clone())?;
        if permit.headroom > 0 {
            buf.set_front(permit.headroom);
        }
        Ok(Lease(lend(buf, permit)))
    }

    /// Keeps the buffer and ends the loan: the permit goes back to the pool at once, so the limit
    /// bounds the pool's leases and not such buffers.
    ///
    /// Nothing is copied, unless parts of the block were split off and are still there: then the content moves to a block of its own, aligned as the pool's,
    /// and the permit goes back with the last part.
    ///
    /// # Panics
    /// If the content has to move and the heap has no block for it.
    ///
    /// ```
    /// # use smarena::{BufPool, SmBuf};
    /// let pool = BufPool::builder().build()?;
    /// let buf: SmBuf = pool.try_acquire()?.into_buf();
    /// assert_eq!(pool.in_flight(), 0);
    /// assert!(buf.capacity() >= pool.buf_size());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "dropping the lease gives the buffer back as well"]
    #[track_caller]
    pub fn into_buf(self) -> SmBuf<H> {
        take_out(self.0)
    }

    /// Makes the content immutable, to be shared; it goes on counting against the pool's limit until the last clone or slice is dropped,
    /// on whatever thread, whether or not a handle to the pool is left. Copies nothing. Bytes that are or become empty count no more.
    ///
    /// Clones cost what those of any [`SmBytes`] do: the pool is told of the last one only.
    /// [`try_into_mut`](SmBytes::try_into_mut) gives back a buffer that can be written, and counts on, as a lease does.
    /// But it gets no second block: [`compact`](SmBytes::compact) leaves frozen buffers of a pool as they are. To keep a few bytes and let go
    /// of the buffer, copy them: [`SmBytes::copy_from_slice`]. `SmBuf::from(bytes)` and a clone of such a buffer need a second block, and panic.
    ///
    /// ```
    /// use smarena::BufPool;
    ///
    /// let pool = BufPool::builder().limit(1).build()?;
    /// let mut lease = pool.try_acquire()?;
    /// lease.extend_from_slice(b"to everybody");
    /// let message = lease.freeze();
    /// let subscribers = [message.clone(), message.clone(), message.slice(3..)];
    /// drop(message);
    /// assert_eq!((pool.in_flight(), &subscribers[2][..]), (1, &b"everybody"[..]));
    /// drop(subscribers);
    /// assert_eq!(pool.in_flight(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use = "the buffer goes back when it is dropped"]
    pub fn freeze(self) -> SmBytes<PoolHeap<H>> {
        self.0.freeze()
    }

    /// The whole lease as a slice to be written to: its content, and behind that zeros to the end of its room, which count as content from now on.
    /// [`truncate`](SmBuf::truncate) says how many bytes were written.
    ///
    /// For interfaces that read into initialised slices: `recv_from` of the standard library, the `IoSliceMut` of quinn-udp. What is content is not zeroed
    /// again: a lease that was truncated costs O(what was cut off), any other O(1). So take the bytes that were read by their number, and truncate
    /// a lease only when it is passed on; then one that is read into again and again, and each of a batch that stayed empty, is zeroed once.
    ///
    /// A new lease shows no byte of an earlier one and is zeroed each time: who had the whole room as a slice may have written anywhere in it, and who had it
    /// as `MaybeUninit` may have put there what is no byte at all, so nobody can know that less would do. Who
    /// reads into uninitialised room (`recv_buf_from` and its like, which a lease serves as a `BufMut`) needs none of this. And who does not mind the bytes of
    /// earlier buffers says so by an [`ObjectPool`](crate::ObjectPool) of slices: each is zeroed when it is made, and is all bytes ever after.
    ///
    /// ```
    /// use smarena::{BufPool, ObjectPool, SmBytes};
    /// use std::net::UdpSocket;
    ///
    /// let (from, to) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// from.send_to(b"datagram", to.local_addr()?)?;
    /// let mut lease = BufPool::builder().buf_size(1500).build()?.try_acquire()?;
    /// let (len, _) = to.recv_from(lease.initialized())?;
    /// lease.truncate(len);
    /// assert_eq!(lease[..], *b"datagram");
    ///
    /// // Zeroed once, and shared without a copy as well.
    /// let slices = ObjectPool::builder(|| vec![0; 1500]).build()?;
    /// from.send_to(b"another", to.local_addr()?)?;
    /// let mut slice = slices.try_acquire()?;
    /// let (len, _) = to.recv_from(&mut slice[..])?;
    /// let bytes = SmBytes::from_owner(slice).slice(..len);
    /// assert_eq!((&bytes[..], slices.in_flight()), (&b"another"[..], 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn initialized(&mut self) -> &mut [u8] {
        let all = self.0.capacity();
        self.0.resize(all, 0);
        &mut self.0
    }

    /// As [that of a buffer](SmBuf::shrink_to_fit); but an empty lease keeps a block, the smallest, since it would never get another. It can have as much
    /// room as it was acquired with again.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let pool = BufPool::builder().buf_size(64).growth(1 << 20).build()?;
    /// let mut lease = pool.try_acquire()?;
    /// lease.reserve(1 << 20);
    /// lease.shrink_to_fit();
    /// assert_eq!((pool.in_flight(), pool.stats().grown, lease.room()), (1, 0, 16));
    /// assert!(lease.try_reserve(64).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to(self.len().max(1));
    }

    /// Does not compile: a copy needs a buffer of its own. [`freeze`](Lease::freeze) makes what can be cloned.
    ///
    /// ```compile_fail,E0277
    /// # use smarena::BufPool;
    /// let lease = BufPool::builder().build()?.try_acquire()?;
    /// let copy = lease.clone();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "it is in the way of the buffer's")]
    pub fn clone(&self) -> Self
    where
        Self: CloneLease,
    {
        unreachable!("no lease can be cloned")
    }

    /// Takes the content out, and keeps the room behind it.
    #[cfg(all(target_os = "linux", target_pointer_width = "64", feature = "io-uring"))]
    pub(crate) fn split_front(&mut self) -> Self {
        Lease(self.0.split())
    }

    /// The bytes that can be written behind the content without growing.
    ///
    /// ```
    /// # use smarena::BufPool;
    /// let mut lease = BufPool::builder().buf_size(64).build()?.try_acquire()?;
    /// lease.extend_from_slice(b"abcd");
    /// assert_eq!(lease.room(), 60);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn room(&self) -> usize {
        self.0.capacity() - self.0.len()
    }
}

dereference! { [H: HeapRef] Lease<H> => SmBuf<PoolHeap<H>>: |lease| &lease.0, mut &mut lease.0 }

crate::content::compares_by_content!(Lease);
crate::content::compares_with! {
    Lease:
    [G: HeapRef,] SmBuf<G>;
    [G: HeapRef,] SmBytes<G>;
}
crate::content::shows_content!(Lease);
crate::content::reads_from_the_front!(Lease by "SmBuf");
crate::content::writes_to_the_end!(Lease);
iterate_by_reference! { [H: HeapRef] Lease<H>: slice::Iter<'a, u8> => &'a u8, slice::IterMut<'a, u8> => &'a mut u8 }
lend_as! { [H: HeapRef] Lease<H> => mut [u8] }

/// Takes the bytes out one by one; the buffer goes back with the iterator.
impl<H: HeapRef> IntoIterator for Lease<H> {
    type Item = u8;
    type IntoIter = IntoBytes<Self>;

    fn into_iter(self) -> Self::IntoIter {
        IntoBytes::new(self)
    }
}

/// As the buffer on loan: bytes, and whatever has some.
impl<H: HeapRef, T> Extend<T> for Lease<H>
where
    SmBuf<PoolHeap<H>>: Extend<T>,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        self.0.extend(items);
    }
}

from! {
    /// [`freeze`](Lease::freeze).
    [H: HeapRef] Lease<H> => SmBytes<PoolHeap<H>>: |lease| lease.freeze();
    /// A copy: a vector's memory belongs to the system's allocator.
    [H: HeapRef] Lease<H> => Vec<u8>: |lease| lease.0.into();
}

/// What was split off a lease, or frozen and is alone again, as a lease: it has its permit still. The error is what was given, if nothing was in it,
/// neither content nor room, when it was split off, and others have parts of the block still; or if it was empty when it was frozen.
///
/// ```
/// use smarena::{BufPool, Lease};
///
/// let pool = BufPool::builder().build()?;
/// let mut lease = pool.try_acquire()?;
/// lease.extend_from_slice(b"headerpayload");
/// let header: Lease = lease.split_to(6).try_into().unwrap();
/// assert_eq!(header, b"header");
/// drop(header);
/// let mut payload: Lease = lease.freeze().try_into_mut().unwrap().try_into().unwrap();
/// assert_eq!(payload, b"payload");
///
/// payload.clear();
/// let nothing = payload.freeze().try_into_mut().unwrap();
/// assert!(Lease::try_from(nothing).is_err());
/// assert_eq!(pool.in_flight(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<H: HeapRef> TryFrom<SmBuf<PoolHeap<H>>> for Lease<H> {
    type Error = SmBuf<PoolHeap<H>>;

    fn try_from(mut buf: SmBuf<PoolHeap<H>>) -> Result<Self, Self::Error> {
        if buf.capacity() == 0 && buf.is_sole_owner() {
            // All of the block.
            buf.clear();
        }
        if buf.capacity() > 0 { Ok(Lease(buf)) } else { Err(buf) }
    }
}

/// What a lease is not. Without it `lease.clone()` would be that of the buffer behind it, which has no second block to copy to.
#[diagnostic::on_unimplemented(
    message = "a lease has one buffer and cannot be cloned",
    label = "a copy needs a buffer of its own",
    note = "`lease.freeze()` can be cloned, and copies nothing; `SmBuf::from(&lease[..])` copies to the `Global` heap"
)]
pub trait CloneLease {}
