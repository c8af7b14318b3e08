//! What happens where a bucket has no block left.

use core::ptr::NonNull;

use super::State;
use crate::config::Exhausted;
use crate::raw::cache::Cache;

impl State {
    /// As `take`, with whatever the heap was told to do for the bucket before it is exhausted: a refusal must be true, and a bucket grows first.
    pub(crate) fn take_own(&self, cache: Option<&Cache>, class: usize) -> Option<NonNull<u8>> {
        let bucket = &self.buckets()[class];
        let block = self.take(cache, class);
        match self.config.exhausted {
            _ if block.is_some() => return block,
            Exhausted::Refuse => return bucket.withdraw_one_exact().ok(),
            Exhausted::Grow { .. } => {}
            Exhausted::NextBucketThenFallback => return None,
        }
        let step = self.config.blocks(class);
        while bucket.can_grow() {
            let capacity = match bucket.withdraw_one_exact() {
                Ok(block) => return Some(block),
                Err(capacity) => capacity,
            };
            if !bucket.grow(capacity, step) {
                break;
            }
            if let Some(block) = self.take(cache, class) {
                return Some(block);
            }
        }
        None
    }

    /// A block for a layout whose own bucket, `class`, has none left: what the heap was told to do then.
    pub(crate) fn elsewhere(
        &self,
        cache: Option<&Cache>,
        class: usize,
        size: usize,
        align: usize,
    ) -> Option<NonNull<u8>> {
        if self.refuses() {
            return None;
        }
        let is_first = self.buckets()[class].count_overflow();
        let system = || self.fallback.allocate(self.size_at_systems(class, size), align);
        let block = (class + 1..self.buckets().len())
            .filter(|&next| self.config.block_sizes[next] % align == 0)
            .find_map(|next| self.take(cache, next))
            .or_else(|| self.fallbacks.count_exhausted(system()));
        // Last, since it may come back for blocks.
        if is_first {
            self.tell_of_overflow(class);
        }
        block
    }

    /// The bytes of a block of the system's for `size` bytes, which are of `class`: as many as a block of its own bucket has, since who knows
    /// the layout grows inside the class without asking. Unless the heap is hardened, and must be asked, and keeps book of the bytes.
    fn size_at_systems(&self, class: usize, size: usize) -> usize {
        if self.config.hardened { size } else { self.config.block_sizes[class] }
    }

    /// Leaves a block where it is, since it fits there and its own bucket, `class`, has none left. The system may have back what is not needed.
    ///
    /// # Safety
    /// `block` is a live block of this heap, by the heap's own pointer, and fits; the caller owns it, and gives it up for the one returned.
    pub(crate) unsafe fn keep(
        &self,
        block: NonNull<u8>,
        class: Option<usize>,
        size: usize,
        align: usize,
    ) -> NonNull<u8> {
        let is_first = class.is_some_and(|class| self.buckets()[class].count_overflow());
        let kept = match self.locate(block) {
            Some(_) => block,
            None => {
                let size = class.map_or(size, |class| self.size_at_systems(class, size));
                // SAFETY: I10: in no bucket, so the fallback's.
                unsafe { self.resize_elsewhere(block, size, align) }.unwrap_or(block)
            }
        };
        if let Some(class) = class.filter(|_| is_first) {
            self.tell_of_overflow(class);
        }
        kept
    }
}
