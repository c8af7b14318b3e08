//! Boxes whose value is still to come.

use core::alloc::Layout;
use core::mem::MaybeUninit;

use super::SmBox;
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

impl<T> SmBox<T> {
    /// A box of the [`Global`] heap with room for a `T`, which is not there yet.
    ///
    /// # Panics
    /// As [`new`](SmBox::new).
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let page = SmBox::write(SmBox::new_uninit(), [0u8; 4096]);
    /// assert_eq!(page.len(), 4096);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_uninit() -> SmBox<MaybeUninit<T>> {
        SmBox::<T>::new_uninit_in(Global)
    }

    /// A box of the [`Global`] heap with room for a `T`, every byte of it 0.
    ///
    /// # Panics
    /// As [`new`](SmBox::new).
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let counters = SmBox::<[u64; 8]>::new_zeroed();
    /// // SAFETY: zero bytes are eight zeros.
    /// assert_eq!(unsafe { counters.assume_init() }[7], 0);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_zeroed() -> SmBox<MaybeUninit<T>> {
        SmBox::<T>::new_zeroed_in(Global)
    }
}

impl<T, H: HeapRef> SmBox<T, H> {
    /// A box of `heap` with room for a `T`, which is not there yet.
    ///
    /// # Panics
    /// As [`new_in`](SmBox::new_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let mut boxed = SmBox::<u32>::new_uninit_in(Global);
    /// boxed.write(5);
    /// // SAFETY: written in the line above.
    /// assert_eq!(*unsafe { boxed.assume_init() }, 5);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_uninit_in(heap: H) -> SmBox<MaybeUninit<T>, H> {
        match Self::allocate(heap) {
            Ok(block) => block,
            Err(error) => error.fail(Layout::new::<T>()),
        }
    }

    /// [`new_uninit_in`](SmBox::new_uninit_in), or the reason why not.
    ///
    /// # Errors
    /// What the heap says.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let boxed = SmBox::write(SmBox::<u32>::try_new_uninit_in(Global)?, 5);
    /// assert_eq!(*boxed, 5);
    /// # Ok::<(), smarena::AllocError>(())
    /// ```
    #[inline]
    pub fn try_new_uninit_in(heap: H) -> Result<SmBox<MaybeUninit<T>, H>, AllocError> {
        Self::allocate(heap)
    }

    /// A box of `heap` with room for a `T`, every byte of it 0.
    ///
    /// # Panics
    /// As [`new_in`](SmBox::new_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let boxed = SmBox::<u32>::new_zeroed_in(Global);
    /// // SAFETY: zero bytes are a zero.
    /// assert_eq!(*unsafe { boxed.assume_init() }, 0);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn new_zeroed_in(heap: H) -> SmBox<MaybeUninit<T>, H> {
        match Self::allocate_by(heap, H::allocate_zeroed) {
            Ok(block) => block,
            Err(error) => error.fail(Layout::new::<T>()),
        }
    }
}

impl<T, H: HeapRef> SmBox<MaybeUninit<T>, H> {
    /// Puts the value in. A value that was there before is not dropped.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let boxed: SmBox<u32> = SmBox::write(SmBox::new_uninit(), 5);
    /// assert_eq!(*boxed, 5);
    /// ```
    #[inline]
    #[must_use]
    pub fn write(mut boxed: Self, value: T) -> SmBox<T, H> {
        (*boxed).write(value);
        // SAFETY: B2: written in the line above.
        unsafe { boxed.assume_init() }
    }

    /// Says that the value is there.
    ///
    /// # Safety
    /// It is: the memory holds a valid `T`.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let mut boxed = SmBox::<u32>::new_uninit();
    /// boxed.write(5);
    /// // SAFETY: written in the line above.
    /// assert_eq!(*unsafe { boxed.assume_init() }, 5);
    /// ```
    #[inline]
    #[must_use]
    pub unsafe fn assume_init(self) -> SmBox<T, H> {
        let (ptr, heap) = SmBox::into_raw_with_heap(self);
        // SAFETY: the box was just taken apart; `T` and `MaybeUninit<T>` have one layout (B1), and
        // the caller promises the value (B2).
        unsafe { SmBox::from_raw_in(ptr.cast(), heap) }
    }
}
