//! `SmBytes`: shared, immutable bytes in one block of a heap, or in static memory.
//!
//! ```text
//!  first                      start
//!  |                          |
//!  |                          |<------ len ------>|
//!  |   others' bytes, spare   |   the content     |  others' bytes, spare
//!  |<--------------------------- block ---------------------------->|
//! ```
//!
//! Freezing a buffer writes nothing: the bytes take over its block, whose share count is zero then. Clones and
//! slices count themselves there, in the heap's side table; the last of all owners, be they bytes or
//! buffers that were split off, gives the block back. Bytes that have become empty are no owner any more: of where they were, only the address
//! is left.
//!
//! # Invariants
//!
//! * **S1** If `block.exists()`, these bytes are an owner (I11) of a live block of `heap`, allocated or last reallocated with
//!   `block.layout()`, whose first byte is `first`. If it is not marked as foreign, the `len` bytes from `start` lie in it. If it is, the
//!   block begins with a `Keeper` (see `foreign.rs`), which is dropped by the last owner and touched by nobody before, and whose value keeps
//!   the `len` bytes from `start` valid.
//!   Without a block, `first` is `start`, which points to `len` bytes of static memory; or `len` is 0, and it is any address.
//! * **S2** The `len` bytes from `start` are initialised, and nobody writes them while an owner exists that sees them.
//! * **S3** The block stays valid for as long as `heap` or a clone of it exists, on every thread (promised by `HeapRef`); `heap` is
//!   dropped after the share of the block was given up.
//! * **S4** Empty bytes have no block. (So they keep none from being reused, or from being somebody's alone.)

mod convert;
mod foreign;
mod part;

use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::slice;

use crate::buf::{BlockSize, DANGLING, MAX_CAPACITY, Parts, SmBuf, give_block_back, narrow, share_count};
use crate::heap::{Global, HeapRef, ShareCount};

/// Shared, immutable bytes: what a [`SmBuf`] becomes when it is [frozen](SmBuf::freeze).
///
/// Freezing, cloning, slicing and splitting allocate nothing and copy nothing. The block goes back to its heap when the last
/// of those that share it is dropped, on whatever thread: `deallocate` is called exactly once, with the layout
/// that the block was allocated with. Who finds itself alone can have [the buffer back](SmBytes::try_into_mut).
///
/// Names that `bytes::Bytes` has too mean the same here. With a zero-sized heap such as [`Global`] it is 24 bytes large, and so
/// is an `Option` of it; with a reference or an `Arc` for a heap, 32.
///
/// ```
/// use smarena::{SmBuf, SmBytes};
///
/// let packet: SmBytes = SmBuf::from(b"header|payload").freeze();
/// let payload = packet.slice(7..);
/// std::thread::spawn(move || assert_eq!(payload, b"payload")).join().unwrap();
/// assert!(packet.is_unique());
/// ```
///
/// They go to another thread only with a heap that may:
///
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBytes};
/// fn is_send<T: Send>() {}
/// fn with<H: HeapRef>() { is_send::<SmBytes<H>>() }
/// ```
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBytes};
/// fn is_sync<T: Sync>() {}
/// fn with<H: HeapRef>() { is_sync::<SmBytes<H>>() }
/// ```
pub struct SmBytes<H: HeapRef = Global> {
    start: NonNull<u8>,
    first: NonNull<u8>,
    len: u32,
    block: BlockSize,
    heap: H,
}

const _: () = assert!(size_of::<SmBytes>() <= 24);
const _: () = assert!(size_of::<Option<SmBytes>>() == size_of::<SmBytes>());

// SAFETY: S1, S2: the bytes are not written while they are shared, the count is an atomic, and any thread may give the block
// back (S3) and drop what keeps foreign bytes, which is `Send`; the heap reference is the only other part, and it is `Send`.
unsafe impl<H: HeapRef + Send> Send for SmBytes<H> {}
// SAFETY: S2: through `&SmBytes` bytes are read, the atomic count is changed, and the heap reference is cloned, which is `Sync`.
unsafe impl<H: HeapRef + Sync> Sync for SmBytes<H> {}

impl SmBytes {
    /// No bytes. Allocates nothing.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert!(SmBytes::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        SmBytes::new_in(Global)
    }

    /// Bytes that are static, as they are: no block is held, nothing is copied or counted.
    ///
    /// # Panics
    /// If there are more than [`SmBuf::MAX_CAPACITY`].
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// const REFUSAL: SmBytes = SmBytes::from_static(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    /// assert_eq!(REFUSAL.slice(9..12), b"503");
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        SmBytes::from_static_in(bytes, Global)
    }

    /// A copy of `bytes` in the [`Global`] heap.
    ///
    /// # Panics
    /// As [`SmBuf::with_capacity`].
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert_eq!(SmBytes::copy_from_slice(b"abc"), b"abc");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        SmBytes::copy_from_slice_in(bytes, Global)
    }
}

impl<H: HeapRef> SmBytes<H> {
    /// No bytes. Allocates nothing.
    ///
    /// ```
    /// # use smarena::{Global, SmBytes};
    /// assert!(SmBytes::new_in(Global).is_empty());
    /// ```
    #[must_use]
    pub const fn new_in(heap: H) -> Self {
        SmBytes { start: DANGLING, first: DANGLING, len: 0, block: BlockSize::NONE, heap }
    }

    /// [`from_static`](SmBytes::from_static), for where bytes of another heap are wanted.
    ///
    /// # Panics
    /// If there are more than [`SmBuf::MAX_CAPACITY`].
    ///
    /// ```
    /// # use smarena::{Global, SmBytes};
    /// assert_eq!(SmBytes::from_static_in(b"abc", Global), b"abc");
    /// ```
    #[must_use]
    #[track_caller]
    pub const fn from_static_in(bytes: &'static [u8], heap: H) -> Self {
        assert!(bytes.len() <= MAX_CAPACITY, "more static bytes than SmBuf::MAX_CAPACITY");
        // SAFETY: S1: a slice's pointer is not null.
        let start = unsafe { NonNull::new_unchecked(bytes.as_ptr().cast_mut()) };
        SmBytes { start, first: start, len: narrow(bytes.len()), block: BlockSize::NONE, heap }
    }

    /// A copy of `bytes` in `heap`.
    ///
    /// # Panics
    /// As [`SmBuf::with_capacity_in`].
    ///
    /// ```
    /// # use smarena::{Global, SmBytes};
    /// assert_eq!(SmBytes::copy_from_slice_in(b"abc", Global), b"abc");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn copy_from_slice_in(bytes: &[u8], heap: H) -> Self {
        SmBuf::copy_from_slice_in(bytes, heap).freeze()
    }

    /// The number of bytes.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert_eq!(SmBytes::from_static(b"abc").len(), 3);
    /// ```
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no byte.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert!(!SmBytes::from_static(b"abc").is_empty());
    /// ```
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes, as a slice.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert_eq!(SmBytes::from_static(b"abc").as_slice(), b"abc");
    /// ```
    #[inline]
    #[must_use]
    pub const fn as_slice(&self) -> &[u8] {
        // SAFETY: S1, S2: `len` initialised bytes that nobody writes as long as we are here.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len as usize) }
    }

    /// Those that are static, or none at all.
    #[cfg(feature = "bytes")]
    pub(crate) fn as_static(&self) -> Option<&'static [u8]> {
        if self.block.exists() {
            return None;
        }
        // SAFETY: S1, S2: without a block these bytes are static, or there is none.
        Some(unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len as usize) })
    }

    /// The heap that the block belongs to.
    ///
    /// ```
    /// # use smarena::{Global, SmBytes};
    /// assert_eq!(SmBytes::new().heap(), &Global);
    /// ```
    #[inline]
    #[must_use]
    pub const fn heap(&self) -> &H {
        &self.heap
    }

    /// Whether nobody else shares the block, so that it can be had [as a buffer](SmBytes::try_into_mut). Never so for bytes that have none, which
    /// are empty ones and static ones, nor for [an owner's](SmBytes::from_owner).
    ///
    /// True stays true, since only who has the bytes can share them; false may be out of date at once.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let bytes = SmBytes::copy_from_slice(b"abc");
    /// let clone = bytes.clone();
    /// assert!(!bytes.is_unique());
    /// drop(clone);
    /// assert!(bytes.is_unique());
    /// ```
    #[inline]
    #[must_use]
    pub fn is_unique(&self) -> bool {
        !self.block.is_foreign() && self.share_count().is_some_and(ShareCount::is_sole)
    }

    /// The bytes back as a buffer, with the whole block for its room, if nobody else shares it; an empty buffer without a block for empty bytes. O(1).
    ///
    /// # Errors
    /// The bytes as they were, if they are not [unique](SmBytes::is_unique) and not empty.
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let bytes = SmBytes::copy_from_slice(b"abc");
    /// let clone = bytes.clone();
    /// let bytes = bytes.try_into_mut().unwrap_err();
    /// drop(clone);
    /// let mut buf = bytes.try_into_mut().unwrap();
    /// buf[0] = b'x';
    /// assert_eq!(buf, b"xbc");
    /// ```
    #[inline]
    pub fn try_into_mut(self) -> Result<SmBuf<H>, Self> {
        if !self.is_unique() && !self.is_empty() {
            return Err(self);
        }
        // SAFETY: U1, I11, S4: there is no block, or one that we are the only owner of.
        Ok(unsafe { SmBuf::from_sole_parts(self.into_parts()) })
    }

    /// Gives up the share of the block. The last of its owners gets the block back as a buffer; of several that go at once, exactly one.
    #[cfg(feature = "zeroize")]
    pub(crate) fn into_last(self) -> Option<SmBuf<H>> {
        if self.block.is_foreign() {
            return None;
        }
        if !self.share_count()?.give_up() {
            // The share is gone already: only the heap reference is left to be dropped.
            drop(self.into_parts());
            return None;
        }
        // SAFETY: U1, I11: there is a block, and its other owners are gone; its count is as new, that of one owner.
        Some(unsafe { SmBuf::from_sole_parts(self.into_parts()) })
    }

    /// The count of the block's owners, if there is a block.
    #[inline]
    fn share_count(&self) -> Option<&ShareCount> {
        if !self.block.exists() {
            return None;
        }
        // SAFETY: S1: an owner as long as `self` is borrowed.
        Some(unsafe { share_count(&self.heap, self.first, self.block) })
    }

    /// Gives the share of the block up, if there is one, and the block back with the last share. Neither is to be used any more, only
    /// overwritten.
    #[inline]
    fn give_share_back(&self) {
        if !self.share_count().is_some_and(ShareCount::give_up) {
            return;
        }
        if self.block.is_foreign() {
            // SAFETY: S1, I11: the last owner, told so once.
            return unsafe { foreign::end(self.first, self.block, &self.heap) };
        }
        // SAFETY: S1, I11: as above; this is the block's layout. S3: the heap reference still exists.
        unsafe { self.heap.deallocate_by_address(self.first, self.block.layout()) };
    }

    /// Takes the bytes apart; the share of the block goes with the parts.
    #[inline]
    fn into_parts(self) -> Parts<H> {
        let this = ManuallyDrop::new(self);
        // SAFETY: S3: moved out once: `this` is never dropped or used again.
        let heap = unsafe { core::ptr::read(&raw const this.heap) };
        Parts { start: this.start, first: this.first, len: this.len, block: this.block, heap }
    }
}

/// No bytes, of a buffer whose block goes back. A call by value: see `call_give_block_back`.
///
/// # Safety
/// As for `give_block_back`.
#[inline(never)]
unsafe fn nothing_of<H: HeapRef>(start: NonNull<u8>, first: NonNull<u8>, block: BlockSize, heap: H) -> SmBytes<H> {
    let nothing = SmBytes::empty(start, block, heap);
    // A waker that panics, of one who waits for a pool's buffer, leaves the heap reference to be dropped.
    // SAFETY: U1: as the caller promises.
    unsafe { give_block_back(first, block, &nothing.heap) };
    nothing
}

impl<H: HeapRef> SmBuf<H> {
    /// Makes the bytes immutable, to be shared. O(1): allocates nothing, copies nothing.
    ///
    /// The whole block is kept, spare room too; [`compact`](SmBytes::compact) lets go of one that is much too large. An empty buffer's goes back.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abc");
    /// let address = buf.as_ptr();
    /// let bytes = buf.freeze();
    /// assert_eq!((&bytes[..], bytes.as_ptr()), (&b"abc"[..], address));
    /// ```
    #[inline]
    #[must_use]
    pub fn freeze(self) -> SmBytes<H> {
        let Parts { start, first, len, block, heap } = self.into_parts();
        if len == 0 {
            // SAFETY: U1: the block of a buffer that is no more, or its share of it.
            return unsafe { nothing_of(start, first, block, heap) };
        }
        // S1, S2 hold: the buffer's share of the block is ours, and with it went the right to write.
        SmBytes { start, first, len, block: block.whole(), heap }
    }
}

/// Shares the block: O(1), one atomic addition (none for static bytes).
///
/// # Panics
/// Aborts, as an `Arc` does, when 2^31 clones of a block were forgotten.
impl<H: HeapRef> Clone for SmBytes<H> {
    #[inline]
    fn clone(&self) -> Self {
        // First: it may panic.
        let heap = self.heap.clone();
        if let Some(count) = self.share_count() {
            count.add();
        }
        SmBytes { start: self.start, first: self.first, len: self.len, block: self.block, heap }
    }
}

impl<H: HeapRef> Drop for SmBytes<H> {
    #[inline]
    fn drop(&mut self) {
        self.give_share_back();
    }
}

impl<H: HeapRef> Deref for SmBytes<H> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

crate::content::compares_by_content!(SmBytes);
crate::content::shows_content!(SmBytes);
crate::content::reads_from_the_front!(SmBytes);
crate::content::compares_with! {
    SmBytes:
    [G: HeapRef,] SmBuf<G>;
}
