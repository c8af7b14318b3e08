//! Making boxes, and taking values out of them.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::{SmBox, TryNewError};
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

impl<T> SmBox<T> {
    /// Puts `value` into a block of the [`Global`] heap.
    ///
    /// # Panics
    /// If no memory is left; [`try_new`](SmBox::try_new) gives the value back instead.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// assert_eq!(*SmBox::new(5), 5);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new(value: T) -> Self {
        let () = Self::FITS;
        SmBox::new_in(value, Global)
    }

    /// [`new`](SmBox::new), or the value back with the reason why not.
    ///
    /// # Errors
    /// [`TryNewError`], with the value and what the heap says.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let boxed = SmBox::try_new(5)?;
    /// assert_eq!(*boxed, 5);
    /// # Ok::<(), smarena::TryNewError<i32>>(())
    /// ```
    #[inline]
    pub fn try_new(value: T) -> Result<Self, TryNewError<T>> {
        let () = Self::FITS;
        SmBox::try_new_in(value, Global)
    }
}

impl<T, H: HeapRef> SmBox<T, H> {
    /// Puts `value` into a block of `heap`.
    ///
    /// The block is allocated after the value was made: as an argument it exists before this
    /// function begins. To have a large value built in its place instead, use
    /// [`new_uninit_in`](SmBox::new_uninit_in) and [`write`](SmBox::write).
    ///
    /// # Panics
    /// If the heap has no block; [`try_new_in`](SmBox::try_new_in) gives the value back instead.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// assert_eq!(*SmBox::new_in("abc", Global), "abc");
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_in(value: T, heap: H) -> Self {
        let () = Self::FITS;
        SmBox::write(Self::new_uninit_in(heap), value)
    }

    /// [`new_in`](SmBox::new_in), or the value back with the reason why not.
    ///
    /// # Errors
    /// [`TryNewError`], with the value and what the heap says.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let name = SmBox::try_new_in(String::from("eth0"), Global).map_err(|error| error.into_value());
    /// assert_eq!(*name.unwrap(), "eth0");
    /// ```
    #[inline]
    pub fn try_new_in(value: T, heap: H) -> Result<Self, TryNewError<T>> {
        let () = Self::FITS;
        match Self::try_new_uninit_in(heap) {
            Ok(block) => Ok(SmBox::write(block, value)),
            Err(reason) => Err(TryNewError::new(value, reason)),
        }
    }

    #[inline]
    pub(super) fn allocate(heap: H) -> Result<SmBox<MaybeUninit<T>, H>, AllocError> {
        Self::allocate_by(heap, H::allocate)
    }

    /// The block of one `T`: the one place where boxes allocate.
    #[inline]
    pub(super) fn allocate_by(
        heap: H,
        allocate: impl FnOnce(&H, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<SmBox<MaybeUninit<T>, H>, AllocError> {
        let layout = Self::LAYOUT;
        let ptr = if layout.size() == 0 { NonNull::dangling() } else { allocate(&heap, layout)?.cast() };
        // B1: a block of this layout, or none; B2: a `MaybeUninit` needs no content.
        Ok(SmBox { ptr, heap, _value: PhantomData })
    }

    /// Takes the value out and gives the block back.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let name: String = SmBox::into_inner(SmBox::new(String::from("eth0")));
    /// assert_eq!(name, "eth0");
    /// ```
    #[inline]
    #[must_use]
    pub fn into_inner(boxed: Self) -> T {
        let (ptr, heap) = SmBox::into_raw_with_heap(boxed);
        // SAFETY: B2: an initialised value; from here on it is only a `MaybeUninit` for the box,
        // which will not drop it. B1 holds as before, the layouts being the same.
        let block: SmBox<MaybeUninit<T>, H> = unsafe { SmBox::from_raw_in(ptr.cast(), heap) };
        // SAFETY: B2: the value is still there, and this is the only time it is read.
        let value = unsafe { block.assume_init_read() };
        // Not left to the end: there the compiler loses what is returned, should dropping the heap reference panic.
        drop(block);
        value
    }
}

impl<T: ?Sized, H: HeapRef> SmBox<T, H> {
    /// The heap that the block belongs to.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// assert_eq!(SmBox::heap(&SmBox::new(5)), &Global);
    /// ```
    #[inline]
    #[must_use]
    pub const fn heap(boxed: &Self) -> &H {
        &boxed.heap
    }
}
