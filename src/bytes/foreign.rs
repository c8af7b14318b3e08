//! Bytes that lie in no block of a heap but in memory that a value of yours keeps: the value lies in a block, and the bytes are that block's.
//!
//! So they are counted and given up as all others; only the last owner has one thing more to do, and nobody may write them.

use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;

use super::SmBytes;
use crate::boxed::TryNewError;
use crate::buf::{BlockSize, DANGLING, MAX_CAPACITY, narrow};
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

/// What lies in the block of foreign bytes.
#[repr(C)]
struct Keeper<T> {
    /// Drops a `Keeper<T>`, which is what those who find it know of `T`.
    drop: unsafe fn(NonNull<u8>),
    owner: T,
}

impl<T> Keeper<T> {
    /// The block for one.
    fn block_size<H: HeapRef>() -> Result<BlockSize, AllocError> {
        BlockSize::aligned(align_of::<Self>())?.holding_same::<H::Classes>(size_of::<Self>())
    }

    /// # Safety
    /// A `Keeper<T>` is there, and nobody uses it afterwards.
    unsafe fn drop_at(first: NonNull<u8>) {
        // SAFETY: S1: as the caller promises.
        unsafe { first.cast::<Self>().drop_in_place() }
    }
}

impl SmBytes {
    /// Bytes in memory that `owner` keeps: a mapped file, a `bytes::Bytes`, a vector that is too large to be copied. Nothing is copied; `owner`
    /// moves into a block of the [`Global`] heap and is dropped with the last clone or slice of the bytes, on whatever thread.
    ///
    /// # Panics
    /// As [`from_owner_in`](SmBytes::from_owner_in).
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// let vector = b"a vector's memory".to_vec();
    /// let address = vector.as_ptr();
    /// let bytes = SmBytes::from_owner(vector);
    /// assert_eq!((&bytes[11..], bytes.as_ptr()), (&b"memory"[..], address));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn from_owner<T: AsRef<[u8]> + Send + 'static>(owner: T) -> Self {
        SmBytes::from_owner_in(owner, Global)
    }
}

impl<H: HeapRef> SmBytes<H> {
    /// [`from_owner`](SmBytes::from_owner), with the owner in a block of `heap`.
    ///
    /// # Panics
    /// If `owner` has more bytes than [`SmBuf::MAX_CAPACITY`](crate::SmBuf::MAX_CAPACITY), or the heap no block for it; and if `as_ref` panics, after dropping `owner`.
    ///
    /// ```
    /// # use smarena::{Heap, Linear, SmBytes};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let bytes = SmBytes::from_owner_in(vec![7; 1000], &heap);
    /// assert_eq!((bytes.len(), heap.stats().live()), (1000, 1));
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn from_owner_in<T: AsRef<[u8]> + Send + 'static>(owner: T, heap: H) -> Self {
        match Self::try_from_owner_in(owner, heap) {
            Ok(bytes) => bytes,
            Err(error) => error.error.fail(core::alloc::Layout::new::<Keeper<T>>()),
        }
    }

    /// [`from_owner_in`](SmBytes::from_owner_in), or the owner and the reason why not.
    ///
    /// # Errors
    /// [`AllocError::TooLarge`] if there are more bytes than [`SmBuf::MAX_CAPACITY`](crate::SmBuf::MAX_CAPACITY); otherwise what the heap says.
    ///
    /// # Panics
    /// If `as_ref` does, after dropping `owner`.
    ///
    /// ```
    /// # use smarena::{Global, SmBytes};
    /// let bytes = SmBytes::try_from_owner_in(String::from("text"), Global)?;
    /// assert_eq!(bytes, "text");
    /// # Ok::<(), smarena::TryNewError<String>>(())
    /// ```
    #[track_caller]
    pub fn try_from_owner_in<T: AsRef<[u8]> + Send + 'static>(owner: T, heap: H) -> Result<Self, TryNewError<T>> {
        let allocated = Keeper::<T>::block_size::<H>().and_then(|size| Ok((size, heap.allocate(size.layout())?)));
        let (size, first) = match allocated {
            Ok(allocated) => allocated,
            Err(reason) => return Err(TryNewError::new(owner, reason)),
        };
        let keeper = first.cast::<Keeper<T>>();
        // SAFETY: S1: a new block, large enough and aligned for it.
        unsafe { keeper.write(Keeper { drop: Keeper::<T>::drop_at, owner }) };
        // Whole but for the bytes: dropped while `as_ref` panics, it drops the owner and gives the block back.
        let mut bytes = SmBytes { start: DANGLING, first, len: 0, block: size.foreign(), heap };
        // SAFETY: S1: written above; the bytes' drop comes after every use of the reference.
        let content = unsafe { keeper.as_ref() }.owner.as_ref();
        if content.len() > MAX_CAPACITY {
            let reason = AllocError::TooLarge { size: content.len(), limit: MAX_CAPACITY };
            // SAFETY: S1: moved out once: the block is forgotten as one with an owner in it in the next line.
            let Keeper { owner, .. } = unsafe { keeper.read() };
            bytes.block = size;
            return Err(TryNewError::new(owner, reason));
        }
        // S2: nobody but the owner's drop gets at the owner any more.
        (bytes.start, bytes.len) = (NonNull::from(content).cast(), narrow(content.len()));
        if bytes.is_empty() {
            bytes.clear();
        }
        Ok(bytes)
    }
}

/// Drops the value in the block of foreign bytes and gives the block back, also if that panics. The heap reference comes by value and goes back so, that
/// the caller need not have it in memory.
///
/// # Safety
/// S1: `first` and `block` are those of foreign bytes of this heap, whose last owner the caller was.
#[cold]
#[inline(never)]
pub(super) unsafe fn end<H: HeapRef>(first: NonNull<u8>, block: BlockSize, heap: ManuallyDrop<H>) -> ManuallyDrop<H> {
    struct GiveBack<'h, H: HeapRef>(NonNull<u8>, BlockSize, &'h H);

    impl<H: HeapRef> Drop for GiveBack<'_, H> {
        fn drop(&mut self) {
            // SAFETY: S1: the caller was the block's last owner, and this is its layout.
            unsafe { self.2.deallocate_by_address(self.0, self.1.layout()) };
        }
    }

    let given_back = GiveBack(first, block, &*heap);
    // SAFETY: S1: a keeper of some type begins with this field.
    let drop = unsafe { *first.cast::<unsafe fn(NonNull<u8>)>().as_ref() };
    // SAFETY: S1: the drop of this keeper's type; nobody is left to use it.
    unsafe { drop(first) };
    mem::drop(given_back);
    heap
}
