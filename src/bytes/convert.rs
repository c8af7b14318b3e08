//! Shared bytes out of other types of bytes, and seen as such.

use core::slice;

use super::SmBytes;
use crate::buf::SmBuf;
use crate::content::{IntoBytes, copied};
use crate::derived::{default, from, iterate_by_reference, lend_as};
use crate::heap::HeapRef;

from! {
    /// [`freeze`](SmBuf::freeze).
    [H: HeapRef] SmBuf<H> => SmBytes<H>: |buf| buf.freeze();
}

/// [`try_into_mut`](SmBytes::try_into_mut), or else a copy, aligned as their block.
///
/// # Panics
/// If the heap has no block for the copy. The heap of a pool's [frozen buffers](crate::Lease::freeze) never has: copy those that are shared by
/// `SmBuf::from(&bytes[..])`.
///
/// ```
/// use smarena::{SmBuf, SmBytes};
///
/// let bytes = SmBytes::from_static(b"abc");
/// let mut buf = SmBuf::from(bytes);
/// buf.push(b'd');
/// assert_eq!(buf, b"abcd");
/// ```
impl<H: HeapRef> From<SmBytes<H>> for SmBuf<H> {
    #[inline]
    #[track_caller]
    fn from(bytes: SmBytes<H>) -> Self {
        match bytes.try_into_mut() {
            Ok(buf) => buf,
            Err(shared) => {
                let copy = SmBuf::copy_like(&shared, shared.like(), shared.heap.clone());
                copied(copy, shared)
            }
        }
    }
}

/// Appends copies; but an empty buffer takes the block of the first over if nobody else shares it, it is of the same heap, and the
/// buffer's room would not do. The buffer stays in its heap.
///
/// # Panics
/// As [`reserve`](SmBuf::reserve).
///
/// ```
/// use smarena::{SmBuf, SmBytes};
///
/// let first = SmBytes::copy_from_slice(b"head");
/// let address = first.as_ptr();
/// let mut buf = SmBuf::new();
/// buf.extend([first, SmBytes::from_static(b"body")]);
/// assert_eq!((&buf[..], buf.as_ptr()), (&b"headbody"[..], address));
/// ```
impl<H: HeapRef> Extend<SmBytes<H>> for SmBuf<H> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = SmBytes<H>>>(&mut self, parts: I) {
        for part in parts {
            let large = self.is_empty() && part.len() > self.capacity();
            match if large { part.try_into_mut() } else { Err(part) } {
                Ok(buf) => self.become_or_copy(buf),
                Err(part) => self.extend_from_slice(&part),
            }
        }
    }
}

from! {
    /// [`from_static`](SmBytes::from_static).
    [] &'static [u8] => SmBytes: |bytes| SmBytes::from_static(bytes);
    /// [`from_static`](SmBytes::from_static).
    ///
    /// ```
    /// # use smarena::SmBytes;
    /// assert_eq!(SmBytes::from(b"abc"), b"abc");
    /// ```
    [const N: usize] &'static [u8; N] => SmBytes: |bytes| SmBytes::from_static(bytes);
    /// [`from_static`](SmBytes::from_static).
    [] &'static str => SmBytes: |text| SmBytes::from_static(text.as_bytes());
    /// A copy: the vector's memory belongs to another allocator.
    [] Vec<u8> => SmBytes: |bytes| SmBytes::copy_from_slice(&bytes);
    /// A copy: the slice's memory belongs to another allocator.
    [] Box<[u8]> => SmBytes: |bytes| SmBytes::copy_from_slice(&bytes);
    /// A copy: the text's memory belongs to another allocator.
    [] String => SmBytes: |text| SmBytes::copy_from_slice(text.as_bytes());
    /// A copy: a vector's memory belongs to the system's allocator.
    [H: HeapRef] SmBytes<H> => Vec<u8>: |bytes| copied(bytes.to_vec(), bytes);
}

impl<H: HeapRef + Default> FromIterator<u8> for SmBytes<H> {
    #[inline]
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        bytes.into_iter().collect::<SmBuf<H>>().freeze()
    }
}

/// Gives the bytes out one by one; the share of the block goes back with the iterator.
///
/// ```
/// # use smarena::SmBytes;
/// let mut bytes = SmBytes::copy_from_slice(b"abc").into_iter();
/// assert_eq!((bytes.next(), bytes.next_back(), bytes.len()), (Some(b'a'), Some(b'c'), 1));
/// ```
impl<H: HeapRef> IntoIterator for SmBytes<H> {
    type Item = u8;
    type IntoIter = IntoBytes<Self>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        IntoBytes::new(self)
    }
}

default! {
    /// No bytes, which hold no block.
    [H: HeapRef + Default] SmBytes<H>: SmBytes::new_in(H::default())
}

iterate_by_reference! { [H: HeapRef] SmBytes<H>: slice::Iter<'a, u8> => &'a u8 }
lend_as! { [H: HeapRef] SmBytes<H> => [u8] }
