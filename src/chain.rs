//! `SmChain`: several shared bytes seen as one, for messages that are made of parts and written without being put together.
//!
//! Consumed parts give up their blocks at once, and leave the list only when they are half of it: so consuming is O(1) a part
//! in the long run, however long the chain.

use core::mem;
use std::io::{self, BufRead, IoSlice, Read, Write};

use smallvec::SmallVec;

use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::content::copied;
use crate::derived::{collect, debug_entries, default, extend_by, from};
use crate::heap::{Global, HeapRef};

/// A chain of [`SmBytes`], read from its front and appended to at its back. Up to four parts need no memory but its own.
///
/// ```
/// use smarena::{SmBytes, SmChain};
///
/// let body = SmBytes::copy_from_slice(b"body");
/// let mut message = SmChain::new();
/// message.push(SmBytes::from_static(b"head "));
/// message.push(body.clone());
/// let mut socket = Vec::new();
/// while !message.is_empty() {
///     message.write_to(&mut socket)?;
/// }
/// assert_eq!(socket, b"head body");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SmChain<H: HeapRef = Global> {
    /// Empty ones first, as many as `consumed`; none of the others is empty.
    parts: SmallVec<[SmBytes<H>; 4]>,
    consumed: usize,
    /// Of all parts together.
    len: usize,
}

/// How many parts one system call is given: what Linux takes is 1024, and few chains have more than these.
const VECTOR: usize = 64;

impl<H: HeapRef> SmChain<H> {
    /// A chain without parts. Allocates nothing.
    ///
    /// ```
    /// # use smarena::SmChain;
    /// let chain: SmChain = SmChain::new();
    /// assert!(chain.is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { parts: SmallVec::new(), consumed: 0, len: 0 }
    }

    /// Appends a part, be it bytes or a buffer, which is frozen. Empty ones leave no trace. O(1) in the long run.
    ///
    /// # Panics
    /// If all parts together would have more than `usize::MAX` bytes.
    ///
    /// ```
    /// # use smarena::{SmBuf, SmChain};
    /// let mut chain = SmChain::new();
    /// chain.push(SmBuf::from(b"abc"));
    /// assert_eq!((chain.len(), chain.parts().len()), (3, 1));
    /// ```
    #[track_caller]
    pub fn push(&mut self, part: impl Into<SmBytes<H>>) {
        let part = part.into();
        if part.is_empty() {
            return;
        }
        // The same bytes may be in it any number of times.
        self.len = self.len.checked_add(part.len()).expect("a chain of more than usize::MAX bytes");
        self.parts.push(part);
    }

    /// The number of bytes in all parts.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// assert_eq!(SmChain::from(SmBytes::from_static(b"abc")).len(), 3);
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    ///
    /// ```
    /// # use smarena::SmChain;
    /// assert!(SmChain::<smarena::Global>::new().is_empty());
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts, none of which is empty.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// let chain = SmChain::from_iter([SmBytes::from_static(b"ab"), SmBytes::new(), SmBytes::from_static(b"c")]);
    /// assert_eq!(chain.parts(), [b"ab".as_slice(), b"c"]);
    /// ```
    #[inline]
    #[must_use]
    pub fn parts(&self) -> &[SmBytes<H>] {
        &self.parts[self.consumed..]
    }

    /// Drops all parts.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// let mut chain = SmChain::from(SmBytes::from_static(b"abc"));
    /// chain.clear();
    /// assert!(chain.is_empty());
    /// ```
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Leaves no part.
    #[cfg(feature = "zeroize")]
    pub(crate) fn take_parts(&mut self) -> impl Iterator<Item = SmBytes<H>> {
        mem::take(self).parts.into_iter()
    }

    /// Takes the first `at` bytes out. O(1) if they are in one part; otherwise they are copied to a block of that part's heap.
    ///
    /// # Panics
    /// If `at` is more than the length, or not 0 and the heap has no block for a copy.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// let mut chain = SmChain::from_iter([SmBytes::from_static(b"head"), SmBytes::from_static(b"er body")]);
    /// assert_eq!(chain.split_to(6).unwrap(), b"header");
    /// assert_eq!(chain.parts(), [b" body"]);
    /// ```
    ///
    /// `None` if `at` is 0 and the chain has no part whose heap empty bytes could be of:
    ///
    /// ```
    /// # use smarena::SmChain;
    /// assert!(SmChain::<smarena::Global>::new().split_to(0).is_none());
    /// ```
    #[must_use = "these bytes are taken out; `Buf::advance` drops them for less"]
    #[track_caller]
    pub fn split_to(&mut self, at: usize) -> Option<SmBytes<H>> {
        self.check(at);
        let first = self.parts.get_mut(self.consumed)?;
        if at <= first.len() {
            let bytes = first.split_to(at);
            self.len -= at;
            self.forget_consumed();
            return Some(bytes);
        }
        let mut copy = SmBuf::with_capacity_in(at, first.heap().clone());
        for part in self.parts() {
            copy.extend_from_slice(&part[..part.len().min(at - copy.len())]);
        }
        self.consume_front(at);
        Some(copy.freeze())
    }

    /// Writes what `target` takes in one vectored write, and drops that from the front; returns how much it was.
    ///
    /// # Errors
    /// What `target` says, and then the chain is as it was; of kind `InvalidData` if it claims to have written more than it was given,
    /// of kind `WriteZero` if it has written nothing of something.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// let mut chain = SmChain::from_iter([SmBytes::from_static(b"head"), SmBytes::from_static(b"body")]);
    /// let mut room = [0; 6];
    /// assert_eq!(chain.write_to(&mut &mut room[..])?, 6);
    /// assert_eq!((&room, chain.parts()), (b"headbo", &[SmBytes::from_static(b"dy")][..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn write_to<W: Write + ?Sized>(&mut self, target: &mut W) -> io::Result<usize> {
        if self.is_empty() {
            return Ok(0);
        }
        let mut slices = [IoSlice::new(&[]); VECTOR];
        let count = self.fill_io_slices(&mut slices);
        let given: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        match target.write_vectored(&slices[..count])? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written if written > given => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a writer claims more bytes than it was given"))
            }
            written => {
                self.consume_front(written);
                Ok(written)
            }
        }
    }

    /// Puts the first parts into `target`, as many as fit; returns how many.
    ///
    /// ```
    /// # use smarena::{SmBytes, SmChain};
    /// use std::io::IoSlice;
    ///
    /// let chain = SmChain::from_iter([SmBytes::from_static(b"ab"), SmBytes::from_static(b"c")]);
    /// let mut slices = [IoSlice::new(&[]); 8];
    /// assert_eq!(chain.fill_io_slices(&mut slices), 2);
    /// assert_eq!((&*slices[0], &*slices[1]), (&b"ab"[..], &b"c"[..]));
    /// ```
    pub fn fill_io_slices<'a>(&'a self, target: &mut [IoSlice<'a>]) -> usize {
        let both = target.iter_mut().zip(self.parts());
        both.map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    /// The first part's bytes.
    #[inline]
    pub(crate) fn first(&self) -> &[u8] {
        self.parts.get(self.consumed).map_or(&[], |part| part)
    }

    /// Drops the first `count` bytes. `count` is at most `len`.
    #[track_caller]
    pub(crate) fn consume_front(&mut self, count: usize) {
        self.check(count);
        let mut left = count;
        while left > 0 {
            let part = &mut self.parts[self.consumed];
            // All is counted before a part goes: what keeps its bytes may panic at that.
            if left < part.len() {
                self.len -= left;
                part.consume_front(left);
                break;
            }
            left -= part.len();
            self.len -= part.len();
            self.consumed += 1;
            part.clear();
        }
        self.forget_consumed();
    }

    #[track_caller]
    fn check(&self, count: usize) {
        let len = self.len;
        assert!(count <= len, "cannot advance by {count} bytes: the chain has {len}");
    }

    /// Takes note of a first part that has become empty, and drops the consumed ones from the list when they are half of it.
    fn forget_consumed(&mut self) {
        if self.parts.get(self.consumed).is_some_and(|part| part.is_empty()) {
            self.consumed += 1;
        }
        if self.consumed * 2 >= self.parts.len() {
            self.parts.drain(..mem::take(&mut self.consumed));
        }
    }
}

/// Takes bytes from the front, from as many parts as it takes. Never fails.
///
/// ```
/// use smarena::{SmBytes, SmChain};
/// use std::io::Read;
///
/// let mut chain = SmChain::from_iter([SmBytes::from_static(b"a"), SmBytes::from_static(b"bc")]);
/// let mut two = [0; 2];
/// chain.read_exact(&mut two)?;
/// assert_eq!((&two, chain.len()), (b"ab", 1));
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> Read for SmChain<H> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < target.len() && !self.is_empty() {
            let part = self.first();
            let count = part.len().min(target.len() - read);
            target[read..read + count].copy_from_slice(&part[..count]);
            self.consume_front(count);
            read += count;
        }
        Ok(read)
    }
}

/// The rest of the first part at a time. `consume` panics if told of more bytes than the chain has.
///
/// ```
/// use smarena::{SmBytes, SmChain};
/// use std::io::BufRead;
///
/// let chain = SmChain::from_iter([SmBytes::from_static(b"one\nt"), SmBytes::from_static(b"wo\n")]);
/// assert_eq!(chain.lines().collect::<Result<Vec<_>, _>>()?, ["one", "two"]);
/// # Ok::<(), std::io::Error>(())
/// ```
impl<H: HeapRef> BufRead for SmChain<H> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.first())
    }

    #[track_caller]
    fn consume(&mut self, count: usize) {
        self.consume_front(count);
    }
}

default! { [H: HeapRef] SmChain<H>: Self::new() }

extend_by! { [H: HeapRef, B: Into<SmBytes<H>>] SmChain<H>: push(B) }
collect! { [H: HeapRef, B: Into<SmBytes<H>>] SmChain<H>: B }

from! {
    /// A chain of one part.
    [H: HeapRef] SmBytes<H> => SmChain<H>: |part| Self::from_iter([part]);
}

/// A copy of all parts in a row.
///
/// ```
/// # use smarena::{SmBytes, SmChain};
/// let chain = SmChain::from_iter([SmBytes::from(b"head"), SmBytes::from(b"body")]);
/// assert_eq!(Vec::from(chain), b"headbody");
/// ```
impl<H: HeapRef> From<SmChain<H>> for Vec<u8> {
    fn from(chain: SmChain<H>) -> Self {
        let mut bytes = Vec::with_capacity(chain.len());
        chain.parts().iter().for_each(|part| bytes.extend_from_slice(part));
        copied(bytes, chain)
    }
}

debug_entries! {
    /// The parts, as byte strings.
    [H: HeapRef] SmChain<H>: debug_list |chain| chain.parts()
}
