//! A box does what its value does: the standard library's traits, forwarded.

use core::cmp::Ordering;
use core::error::Error;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::SmBox;
use crate::derived::{format_as, from, lend_as};
use crate::heap::HeapRef;

/// A clone of the value in a block of its own, of the same heap.
impl<T: Clone, H: HeapRef> Clone for SmBox<T, H> {
    #[inline]
    #[track_caller]
    fn clone(&self) -> Self {
        // The block comes first, so that the clone can be built in it. If cloning panics, it is
        // dropped as what it is, a box without a value.
        let block = Self::new_uninit_in(self.heap.clone());
        SmBox::write(block, T::clone(self))
    }

    #[inline]
    #[track_caller]
    fn clone_from(&mut self, source: &Self) {
        T::clone_from(self, source);
    }
}

impl<T: Default, H: HeapRef + Default> Default for SmBox<T, H> {
    #[inline]
    #[track_caller]
    fn default() -> Self {
        SmBox::new_in(T::default(), H::default())
    }
}

from! { [T] T => SmBox<T>: |value| SmBox::new(value); }

lend_as! { [T: ?Sized, H: HeapRef] SmBox<T, H> => mut T }

format_as! { [T: ?Sized + fmt::Debug, H: HeapRef] SmBox<T, H>: Debug |boxed| **boxed }

format_as! { [T: ?Sized + fmt::Display, H: HeapRef] SmBox<T, H>: Display |boxed| **boxed }

format_as! {
    /// The value's address.
    [T: ?Sized, H: HeapRef] SmBox<T, H>: Pointer |boxed| boxed.ptr
}

impl<T: ?Sized + Error, H: HeapRef> Error for SmBox<T, H> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        T::source(self)
    }
}

impl<T: ?Sized + PartialEq, H: HeapRef> PartialEq for SmBox<T, H> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        T::eq(self, other)
    }
}

impl<T: ?Sized + Eq, H: HeapRef> Eq for SmBox<T, H> {}

impl<T: ?Sized + PartialOrd, H: HeapRef> PartialOrd for SmBox<T, H> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        T::partial_cmp(self, other)
    }
}

impl<T: ?Sized + Ord, H: HeapRef> Ord for SmBox<T, H> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        T::cmp(self, other)
    }
}

impl<T: ?Sized + Hash, H: HeapRef> Hash for SmBox<T, H> {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        T::hash(self, state);
    }
}

macro_rules! forward_to {
    ($Of:ident: $($method:ident($type:ty)),+) => {$(
        #[inline]
        fn $method(&mut self, what: $type) {
            $Of::$method(self, what);
        }
    )+};
}

/// Every number is forwarded as itself: a hasher may treat it differently from its bytes.
impl<S: ?Sized + Hasher, H: HeapRef> Hasher for SmBox<S, H> {
    #[inline]
    fn finish(&self) -> u64 {
        S::finish(self)
    }

    forward_to! {
        S: write(&[u8]), write_u8(u8), write_u16(u16), write_u32(u32), write_u64(u64), write_u128(u128), write_usize(usize),
        write_i8(i8), write_i16(i16), write_i32(i32), write_i64(i64), write_i128(i128), write_isize(isize)
    }
}

impl<I: ?Sized + Iterator, H: HeapRef> Iterator for SmBox<I, H> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        I::next(self)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        I::size_hint(self)
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<I::Item> {
        I::nth(self, n)
    }
}

impl<I: ?Sized + DoubleEndedIterator, H: HeapRef> DoubleEndedIterator for SmBox<I, H> {
    #[inline]
    fn next_back(&mut self) -> Option<I::Item> {
        I::next_back(self)
    }

    #[inline]
    fn nth_back(&mut self, n: usize) -> Option<I::Item> {
        I::nth_back(self, n)
    }
}

impl<I: ?Sized + ExactSizeIterator, H: HeapRef> ExactSizeIterator for SmBox<I, H> {
    #[inline]
    fn len(&self) -> usize {
        I::len(self)
    }
}

impl<I: ?Sized + FusedIterator, H: HeapRef> FusedIterator for SmBox<I, H> {}

/// For a future that may move; one that may not is pinned by [`SmBox::pin`], and a pinned box is a
/// future too.
impl<F: ?Sized + Future + Unpin, H: HeapRef> Future for SmBox<F, H> {
    type Output = F::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut **self).poll(context)
    }
}
