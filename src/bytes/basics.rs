//! Making bytes, and what is first asked of them.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::slice;

use super::{SmBytes, foreign};
use crate::buf::{BlockSize, DANGLING, MAX_CAPACITY, Parts, SmBuf, narrow, share_count};
use crate::heap::{Global, HeapRef, ShareCount};

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
    pub(super) fn share_count(&self) -> Option<&ShareCount> {
        if !self.block.exists() {
            return None;
        }
        // SAFETY: S1: an owner as long as `self` is borrowed.
        Some(unsafe { share_count(&self.heap, self.first, self.block) })
    }

    /// Gives the share of the block up, if there is one, and the block back with the last share. Neither is to be used any more, only
    /// overwritten.
    #[inline(always)]
    pub(super) fn give_share_back(&mut self) {
        // SAFETY: S3: the copy is written back two lines below; it is not dropped in between, also if the call unwinds.
        let heap = ManuallyDrop::new(unsafe { core::ptr::read(&raw const self.heap) });
        // SAFETY: S1: no caller uses the share afterwards.
        let heap = unsafe { call_give_share_back(self.first, self.block, heap) };
        // SAFETY: S3: what is overwritten was moved out above.
        unsafe { (&raw mut self.heap).write(ManuallyDrop::into_inner(heap)) };
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

/// Gives a share of a block up, if there is one, and the block back with the last share. A call by value, the heap reference there and back: see
/// `call_give_block_back` of buffers.
///
/// # Safety
/// S1: `first` and `block` are those of bytes of this heap, whose share nobody uses afterwards.
#[inline(never)]
unsafe fn call_give_share_back<H: HeapRef>(
    first: NonNull<u8>,
    block: BlockSize,
    heap: ManuallyDrop<H>,
) -> ManuallyDrop<H> {
    // SAFETY: S1: an owner until here.
    if block.exists() && unsafe { share_count(&*heap, first, block) }.give_up() {
        if block.is_foreign() {
            // SAFETY: S1, I11: the last owner, told so once.
            return unsafe { foreign::end(first, block, heap) };
        }
        // SAFETY: S1, I11: as above; this is the block's layout. S3: the heap reference still exists.
        unsafe { heap.deallocate_by_address(first, block.layout()) };
    }
    heap
}
