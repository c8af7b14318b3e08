//! zeroize: secrets in blocks, overwritten before the blocks go back.

use core::mem;

use zeroize::Zeroize;

use crate::boxed::SmBox;
use crate::buf::SmBuf;
use crate::bytes::SmBytes;
use crate::chain::SmChain;
use crate::heap::HeapRef;
use crate::pool::Lease;

/// The value's own.
impl<T: Zeroize + ?Sized, H: HeapRef> Zeroize for SmBox<T, H> {
    fn zeroize(&mut self) {
        (**self).zeroize();
    }
}

/// Overwrites all of the block that nobody else owns, and empties the buffer: content, spare room, what was read from the front, and what
/// others had split off and dropped.
///
/// A buffer that [shares its block](SmBuf::split_to) at that moment overwrites its part, and lets go of the block. What it had read from that
/// part's front lies outside of it; the last of the block's owners, if that one is overwritten too, overwrites the whole block. So
/// of a block whose owners are all in `Zeroizing`, be they buffers or [`SmBytes`], nothing is left.
///
/// What a buffer left behind when it moved to another block is out of reach, as with a `Vec`: when it grew, when it
/// [shrank](SmBuf::shrink_to_fit), or when it was put behind another that was not its neighbour. Give it its room from the start, or use a heap
/// with [`zero_on_free`](crate::HeapBuilder::zero_on_free), which overwrites every block that comes back.
///
/// ```
/// use smarena::SmBuf;
/// use zeroize::Zeroizing;
///
/// let mut key = Zeroizing::new(SmBuf::with_capacity(32));
/// key.extend_from_slice(b"secret"); // overwritten when `key` is dropped
/// ```
impl<H: HeapRef> Zeroize for SmBuf<H> {
    fn zeroize(&mut self) {
        // Cleared first: then what was read is spare room again, and so is what other owners had that are gone.
        let alone = self.is_sole_owner();
        self.clear();
        self.spare_capacity_mut().zeroize();
        if !alone && self.leave_or_own() {
            // The other owners went meanwhile, and what they had has become ours.
            self.clear();
            self.spare_capacity_mut().zeroize();
        }
    }
}

/// Drops the bytes, and overwrites the whole block if nobody else owns any of it. Until then those others can read the bytes, so they stay as
/// they are; the last owner of the block, if that one is overwritten too, overwrites all of it. Static bytes stay, of course.
///
/// ```
/// use smarena::{SmBuf, SmBytes};
/// use zeroize::Zeroizing;
///
/// let key = Zeroizing::new(SmBytes::copy_from_slice(b"secret"));
/// let clone = key.clone();
/// drop(key);
/// assert_eq!(*clone, b"secret"); // overwritten when `clone` is dropped
/// ```
impl<H: HeapRef> Zeroize for SmBytes<H> {
    fn zeroize(&mut self) {
        let nothing = Self::new_in(self.heap().clone());
        if let Some(mut buf) = mem::replace(self, nothing).into_last() {
            buf.zeroize();
        }
    }
}

/// All parts, each as [`SmBytes`] are; the chain is empty then.
impl<H: HeapRef> Zeroize for SmChain<H> {
    fn zeroize(&mut self) {
        self.take_parts().for_each(|mut part| part.zeroize());
    }
}

/// As its buffer: one that shares its block at that moment is [a lease](Lease) without any block then.
impl<H: HeapRef> Zeroize for Lease<H> {
    fn zeroize(&mut self) {
        (**self).zeroize();
    }
}
