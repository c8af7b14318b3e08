//! Boxes taken apart and put together again.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use super::SmBox;
use crate::heap::{Global, HeapRef};

impl<T: ?Sized> SmBox<T> {
    /// Gives up the ownership for a pointer, which [`from_raw`](SmBox::from_raw) takes back.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let ptr = SmBox::into_raw(SmBox::new(5));
    /// // SAFETY: the pointer comes from `into_raw`, and is used once.
    /// assert_eq!(*unsafe { SmBox::from_raw(ptr) }, 5);
    /// ```
    #[inline]
    #[must_use = "the value is never dropped and its block never given back without the pointer"]
    pub fn into_raw(boxed: Self) -> *mut T {
        SmBox::into_raw_with_heap(boxed).0
    }

    /// The box whose [`into_raw`](SmBox::into_raw) gave `ptr`.
    ///
    /// # Safety
    /// As [`from_raw_in`](SmBox::from_raw_in), with the [`Global`] heap.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let ptr = SmBox::into_raw(SmBox::new(5)) as *mut dyn std::fmt::Display;
    /// // SAFETY: the pointer comes from `into_raw`, and is used once.
    /// let shown = unsafe { SmBox::from_raw(ptr) };
    /// assert_eq!(shown.to_string(), "5");
    /// ```
    #[inline]
    #[must_use]
    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        // SAFETY: B1: the caller's promise, the heap being the one that all pointers of `into_raw` are of.
        unsafe { SmBox::from_raw_in(ptr, Global) }
    }
}

impl<T: ?Sized, H: HeapRef> SmBox<T, H> {
    /// Gives up the ownership for a pointer and the heap, which
    /// [`from_raw_in`](SmBox::from_raw_in) takes back.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let (ptr, heap) = SmBox::into_raw_with_heap(SmBox::new_in(5, Global));
    /// // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
    /// assert_eq!(*unsafe { SmBox::from_raw_in(ptr, heap) }, 5);
    /// ```
    #[inline]
    #[must_use = "the value is never dropped and its block never given back without the pointer"]
    pub fn into_raw_with_heap(boxed: Self) -> (*mut T, H) {
        let boxed = ManuallyDrop::new(boxed);
        // SAFETY: B3: a valid heap reference, which the box will not drop: it is moved out.
        let heap = unsafe { ptr::read(&boxed.heap) };
        (boxed.ptr.as_ptr(), heap)
    }

    /// The box whose [`into_raw_with_heap`](SmBox::into_raw_with_heap) gave `ptr` and `heap`.
    ///
    /// # Safety
    /// * `ptr` came from `into_raw` or `into_raw_with_heap` of a box of this heap, and points to a
    ///   valid value of the same layout. It may have been unsized meanwhile.
    /// * Nobody else uses it: not for another box, nor for the value.
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let (ptr, heap) = SmBox::into_raw_with_heap(SmBox::new_in([1, 2, 3], Global));
    /// // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
    /// let slice: SmBox<[i32]> = unsafe { SmBox::from_raw_in(ptr as *mut [i32], heap) };
    /// assert_eq!(slice.len(), 3);
    /// ```
    #[inline]
    #[must_use]
    pub unsafe fn from_raw_in(ptr: *mut T, heap: H) -> Self {
        // SAFETY: B1: it came out of a box, where it was a `NonNull`.
        let ptr = unsafe { NonNull::new_unchecked(ptr) };
        // B1, B2: they held for the box it came from, and the caller has changed nothing about it.
        SmBox { ptr, heap, _value: PhantomData }
    }

    /// Gives up the ownership: the value stays where it is for as long as the heap lives, is never
    /// dropped, and its block is never given back.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let config: &'static mut u32 = SmBox::leak(SmBox::new(5));
    /// *config += 1;
    /// assert_eq!(*config, 6);
    /// ```
    ///
    /// The reference does not outlive the heap:
    ///
    /// ```compile_fail,E0505
    /// # use smarena::{Heap, Linear, SmBox};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let value = SmBox::leak(SmBox::new_in(5, &heap));
    /// drop(heap);
    /// *value += 1;
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[inline]
    #[must_use = "the value is out of reach for good without the reference"]
    pub fn leak<'a>(boxed: Self) -> &'a mut T
    where
        H: 'a,
    {
        // Not dropping the box also keeps its heap reference from being dropped, and with it a
        // heap that is counted.
        let mut ptr = ManuallyDrop::new(boxed).ptr;
        // SAFETY: B2: an initialised value whose owner is gone, so this is the only reference to it;
        // B3: the heap reference is never dropped, and outlives `'a`.
        unsafe { ptr.as_mut() }
    }
}
