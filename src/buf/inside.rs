//! Changing a buffer's content in its middle: what stands behind moves.

use core::ops::RangeBounds;

use super::SmBuf;
use crate::content::part_of;
use crate::heap::HeapRef;

impl<H: HeapRef> SmBuf<H> {
    /// Puts one byte in front of the one at `index`, or behind all. O(length).
    ///
    /// # Panics
    /// If `index` is above the length; and as [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"ac");
    /// buf.insert(1, b'b');
    /// assert_eq!(buf, b"abc");
    /// ```
    #[track_caller]
    pub fn insert(&mut self, index: usize, byte: u8) {
        let len = self.len();
        assert!(index <= len, "cannot insert at byte {index}: there are {len} bytes");
        self.replace_range(index..index, &[byte]);
    }

    /// Takes the byte at `index` out. O(length).
    ///
    /// # Panics
    /// If there is none.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"abc");
    /// assert_eq!((buf.remove(1), &buf[..]), (b'b', &b"ac"[..]));
    /// ```
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> u8 {
        let byte = self[index];
        self.replace_range(index..=index, b"");
        byte
    }

    /// Puts `bytes`, of any length, in the place of those of `range`. O(length).
    ///
    /// This is what `Vec::splice` and `Vec::drain` do, for bytes that are there.
    ///
    /// # Panics
    /// If the range ends behind the last byte, or before it starts; and as [`reserve`](SmBuf::reserve).
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"GET /index HTTP/1.1");
    /// buf.replace_range(4..10, b"/");
    /// assert_eq!(buf, b"GET / HTTP/1.1");
    /// ```
    #[track_caller]
    pub fn replace_range(&mut self, range: impl RangeBounds<usize>, bytes: &[u8]) {
        let len = self.len();
        let (from, to) = part_of(&range, len);
        let behind = from + bytes.len();
        if behind > to {
            self.resize(len + (behind - to), 0);
        }
        self.copy_within(to..len, behind);
        self[from..behind].copy_from_slice(bytes);
        self.truncate(behind + (len - to));
    }

    /// Keeps only the bytes for which `keep` returns true, in their order. O(length).
    ///
    /// If `keep` panics, the buffer is as long as before, and each of its bytes one that it had.
    ///
    /// ```
    /// # use smarena::SmBuf;
    /// let mut buf = SmBuf::from(b"a-b-c");
    /// buf.retain(|byte| *byte != b'-');
    /// assert_eq!(buf, b"abc");
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&u8) -> bool) {
        let mut kept = 0;
        for at in 0..self.len() {
            if keep(&self[at]) {
                self[kept] = self[at];
                kept += 1;
            }
        }
        self.truncate(kept);
    }
}
