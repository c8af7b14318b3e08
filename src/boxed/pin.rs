//! Pinned boxes, for heaps that never end before their references do.
//!
//! A pinned value's memory must not be used for anything else until the value was dropped. A box may
//! be forgotten, and then nothing drops its value. If its heap reference is a borrow, the heap can
//! be dropped afterwards, and the memory with it: the promise is broken. With `H: 'static` it holds:
//! either the heap lives for ever, or it is counted and the forgotten box still counts (B3).

use core::pin::Pin;

use super::SmBox;
use crate::derived::from;
use crate::heap::{Global, HeapRef};

impl<T> SmBox<T> {
    /// Puts `value` into a block of the [`Global`] heap, where it stays until it is dropped.
    ///
    /// # Panics
    /// As [`new`](SmBox::new).
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let mut future = SmBox::pin(async { 5 });
    /// let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// assert_eq!(future.as_mut().poll(&mut context), std::task::Poll::Ready(5));
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn pin(value: T) -> Pin<Self> {
        SmBox::pin_in(value, Global)
    }
}

impl<T, H: HeapRef + 'static> SmBox<T, H> {
    /// Puts `value` into a block of `heap`, where it stays until it is dropped.
    ///
    /// # Panics
    /// As [`new_in`](SmBox::new_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// assert_eq!(*SmBox::pin_in(5, Global), 5);
    /// ```
    ///
    /// Not for a heap that can end while the box is forgotten:
    ///
    /// ```compile_fail,E0597
    /// # use smarena::{Heap, Linear, SmBox};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let pinned = SmBox::pin_in(5, &heap);
    /// std::mem::forget(pinned);
    /// drop(heap); // the value is gone, and was not dropped
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn pin_in(value: T, heap: H) -> Pin<Self> {
        SmBox::into_pin(SmBox::new_in(value, heap))
    }
}

impl<T: ?Sized, H: HeapRef + 'static> SmBox<T, H> {
    /// Promises that the value does not leave its block any more.
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let pinned = SmBox::into_pin(SmBox::new(5));
    /// assert_eq!(*pinned, 5);
    /// ```
    ///
    /// ```compile_fail,E0597
    /// # use smarena::{Heap, Linear, SmBox};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let pinned = SmBox::into_pin(SmBox::new_in(5, &heap)); // as for `pin_in`
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn into_pin(boxed: Self) -> Pin<Self> {
        // SAFETY: a pinned box gives no `&mut T` unless `T` is `Unpin`, dereferencing is fixed to
        // one address (B1), and the memory is used for nothing else before the value is dropped,
        // even if the box is forgotten: the heap is never dropped before a `'static` reference to
        // it is (B3).
        unsafe { Pin::new_unchecked(boxed) }
    }
}

from! {
    /// As [`SmBox::into_pin`].
    [T: ?Sized, H: HeapRef + 'static] SmBox<T, H> => Pin<SmBox<T, H>>: |boxed| SmBox::into_pin(boxed);
}
