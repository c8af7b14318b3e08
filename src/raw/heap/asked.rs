//! What a heap is asked about a block.

use core::ptr::NonNull;

use super::{RawHeap, ShareCount};
use crate::raw::fault::Misuse;

impl RawHeap {
    /// The count of the block's owners: valid until the block is given back or moved.
    ///
    /// # Safety
    /// `block` is a live block of this heap; the caller is one of its owners.
    #[inline]
    pub(crate) unsafe fn share_count(&self, block: NonNull<u8>) -> NonNull<ShareCount> {
        let state = self.state();
        match state.bucket_at(block) {
            Some(bucket) => NonNull::from(bucket.share_count(block)),
            // SAFETY: I10: in no bucket, so the fallback's.
            None => unsafe { state.fallback().share_count(block) },
        }
    }

    /// The bucket that could have returned this pointer.
    pub(crate) fn bucket_of(&self, block: NonNull<u8>) -> Option<usize> {
        let state = self.state();
        let class = state.locate(block)?;
        state.buckets()[class].is_block(block).then_some(class)
    }

    /// The bytes of `block` that its owner may use.
    ///
    /// # Safety
    /// `block` is a live block of this heap; the caller owns it.
    #[inline]
    pub(crate) unsafe fn usable_size(&self, block: NonNull<u8>) -> usize {
        if let Some(lane) = self.cache().lane_of(block) {
            return lane.block_size();
        }
        let state = self.state();
        if self.checked {
            return state.held(block, None, Misuse::UsedWhileFree).usable;
        }
        state.measured(block).1
    }
}
