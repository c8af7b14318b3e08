//! Comparing and hashing buffers: by content, against everything that is bytes.

use core::cmp::Ordering;
use core::hash::{Hash, Hasher};

use super::SmBuf;
use crate::heap::HeapRef;

impl<H: HeapRef> Eq for SmBuf<H> {}

impl<H: HeapRef, G: HeapRef> PartialEq<SmBuf<G>> for SmBuf<H> {
    #[inline]
    fn eq(&self, other: &SmBuf<G>) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<H: HeapRef> Ord for SmBuf<H> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl<H: HeapRef, G: HeapRef> PartialOrd<SmBuf<G>> for SmBuf<H> {
    #[inline]
    fn partial_cmp(&self, other: &SmBuf<G>) -> Option<Ordering> {
        self.as_slice().partial_cmp(other.as_slice())
    }
}

/// As the slice hashes, so that a map keyed by buffers can be asked with a `&[u8]`.
impl<H: HeapRef> Hash for SmBuf<H> {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_slice().hash(state);
    }
}

/// Equality and order between a buffer and another type of bytes, in both directions.
macro_rules! compares_with {
    ($([$($parameter:tt)*] $other:ty;)+) => {$(
        impl<$($parameter)* H: HeapRef> PartialEq<$other> for SmBuf<H> {
            #[inline]
            fn eq(&self, other: &$other) -> bool {
                self.as_slice() == AsRef::<[u8]>::as_ref(other)
            }
        }

        impl<$($parameter)* H: HeapRef> PartialEq<SmBuf<H>> for $other {
            #[inline]
            fn eq(&self, other: &SmBuf<H>) -> bool {
                AsRef::<[u8]>::as_ref(self) == other.as_slice()
            }
        }

        impl<$($parameter)* H: HeapRef> PartialOrd<$other> for SmBuf<H> {
            #[inline]
            fn partial_cmp(&self, other: &$other) -> Option<Ordering> {
                self.as_slice().partial_cmp(AsRef::<[u8]>::as_ref(other))
            }
        }

        impl<$($parameter)* H: HeapRef> PartialOrd<SmBuf<H>> for $other {
            #[inline]
            fn partial_cmp(&self, other: &SmBuf<H>) -> Option<Ordering> {
                AsRef::<[u8]>::as_ref(self).partial_cmp(other.as_slice())
            }
        }
    )+};
}

compares_with! {
    [] [u8];
    [] &[u8];
    [const N: usize,] [u8; N];
    [const N: usize,] &[u8; N];
    [] Vec<u8>;
    [] str;
    [] &str;
    [] String;
}
