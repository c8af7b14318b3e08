//! Blocks of zeros: nothing is written where there are zeros already.

use core::ptr::NonNull;

use super::{Fallback, RawCall};
use crate::raw::testing::poison;

impl RawCall<'_> {
    /// As `allocate`, and the first `size` bytes are zero. Those of a block that was never used are, and those that the system has zeroed; what
    /// this thread has at hand was used, mostly.
    ///
    /// For a page or more: of less there is nothing to be gained.
    #[cold]
    #[inline(never)]
    pub(crate) fn allocate_zeroed(self, class: Option<usize>, size: usize, align: usize) -> Option<NonNull<u8>> {
        let state = self.heap.state();
        let Some(class) = class else {
            return state.beyond(size, align, Fallback::allocate_zeroed);
        };
        let lane = self.cache().lane(class);
        let block = lane.pop().or_else(|| lane.refill_from_stack());
        let told = if block.is_none() { state.take_told(class) } else { None };
        if let Some((block, fresh)) = told {
            if self.heap.checked {
                state.hand_out(block, size);
            }
            if fresh {
                poison::has_content(block, size);
                return Some(block);
            }
        }
        let block = block.or(told.map(|told| told.0)).or_else(|| self.allocate_slow(Some(class), size, align))?;
        // SAFETY: I4: ours, and at least so many bytes.
        unsafe { block.write_bytes(0, size) };
        Some(block)
    }
}
