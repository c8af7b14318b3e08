//! zeroize: secrets in blocks, overwritten before the blocks go back.
//!
//! What a buffer left behind when it moved to a larger block is out of reach here, as with a `Vec`: give it its room from the start, or
//! use a heap with [`zero_on_free`](crate::HeapBuilder::zero_on_free).

use zeroize::Zeroize;

use crate::boxed::SmBox;
use crate::buf::SmBuf;
use crate::heap::HeapRef;
use crate::pool::Lease;

/// The value's own.
impl<T: Zeroize + ?Sized, H: HeapRef> Zeroize for SmBox<T, H> {
    fn zeroize(&mut self) {
        (**self).zeroize();
    }
}

/// Overwrites all of the block that is the buffer's own, spare room and what was read from the front included, and empties it.
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
        // First: what was read is spare room again, unless another owner may have it.
        self.clear();
        self.spare_capacity_mut().zeroize();
    }
}

/// As its buffer.
impl<H: HeapRef> Zeroize for Lease<H> {
    fn zeroize(&mut self) {
        (**self).zeroize();
    }
}
