//! Canaries: bytes that nobody can guess, behind what was asked for, which an overrun changes.

use core::ptr::NonNull;
use std::hash::{BuildHasher, RandomState};

/// A heap's secret. Immutable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Canary(u64);

impl Canary {
    pub(crate) fn new() -> Self {
        Self(secret())
    }

    /// The canary of the block at `block`. No byte of it is zero, so that a string's end written one byte too far is seen.
    fn bytes(self, block: NonNull<u8>) -> [u8; 8] {
        let mixed = (self.0 ^ block.addr().get() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 32)) | 0x0101_0101_0101_0101).to_ne_bytes()
    }

    /// Writes the canary into bytes `from..to` of `block`.
    ///
    /// # Safety
    /// The caller owns these bytes.
    pub(crate) unsafe fn write(self, block: NonNull<u8>, from: usize, to: usize) {
        let canary = self.bytes(block);
        for byte in from..to {
            // SAFETY: I4, I10: inside the bytes that the caller owns.
            let place = unsafe { block.add(byte) };
            // SAFETY: as above.
            unsafe { place.write(canary[byte % 8]) };
        }
    }

    /// The first of bytes `from..to` of `block` that is not as `write` left it.
    ///
    /// # Safety
    /// The caller owns these bytes, and `write` wrote them.
    pub(crate) unsafe fn changed(self, block: NonNull<u8>, from: usize, to: usize) -> Option<usize> {
        let canary = self.bytes(block);
        (from..to).find(|&byte| {
            // SAFETY: I4, I10: inside the bytes that the caller owns.
            let place = unsafe { block.add(byte) };
            // SAFETY: as above; written, so initialised.
            (unsafe { place.read() }) != canary[byte % 8]
        })
    }
}

/// A number that differs from process to process and from heap to heap. Allocates nothing.
pub(crate) fn secret() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_seen_and_zero_is_always_a_change() {
        let canary = Canary::new();
        let mut place = [0_u64; 8];
        let block = NonNull::from(&mut place).cast::<u8>();
        for asked in 0..=64 {
            // SAFETY: I4: 64 bytes of our own.
            unsafe { canary.write(block, asked, 64) };
            // SAFETY: I4: as above, written.
            assert_eq!(unsafe { canary.changed(block, asked, 64) }, None);
            for byte in asked..64 {
                // SAFETY: I4: as above.
                let at = unsafe { block.add(byte) };
                // SAFETY: I4: as above.
                let was = unsafe { at.replace(0) };
                // SAFETY: I4: as above.
                assert_eq!(unsafe { canary.changed(block, asked, 64) }, Some(byte));
                // SAFETY: I4: as above.
                unsafe { at.write(was) };
            }
        }
    }

    #[test]
    fn canaries_differ_from_heap_to_heap_and_from_block_to_block() {
        let (one, two) = (Canary::new(), Canary::new());
        let blocks = [16, 32].map(|address| NonNull::new(core::ptr::without_provenance_mut(address)).unwrap());
        assert_ne!(one.bytes(blocks[0]), two.bytes(blocks[0]));
        assert_ne!(one.bytes(blocks[0]), one.bytes(blocks[1]));
    }
}
