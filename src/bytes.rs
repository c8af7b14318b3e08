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

// Declared before the others: what it has comes first on the page of the type.
mod basics;

mod convert;
mod foreign;
mod part;

use core::ptr::NonNull;

use crate::buf::{BlockSize, Parts, SmBuf, give_block_back};
use crate::derived::dereference;
use crate::heap::{Global, HeapRef};

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

/// Shares the block: O(1), one atomic addition (none for static bytes). Ends the process, as an `Arc` does, when 2^31 clones of a block
/// were forgotten.
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

dereference! { [H: HeapRef] SmBytes<H> => [u8]: |bytes| bytes.as_slice() }

crate::content::compares_by_content!(SmBytes);
crate::content::shows_content!(SmBytes);
crate::content::reads_from_the_front!(SmBytes);
crate::content::compares_with! {
    SmBytes:
    [G: HeapRef,] SmBuf<G>;
}
