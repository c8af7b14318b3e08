//! What no bucket served: how often and why, and who is told.

use core::ptr::NonNull;

use super::State;
use crate::raw::fallback::Fallback;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicUsize;

/// How often the system served in the place of a bucket. Shared; counts for people, so Relaxed throughout.
#[derive(Debug)]
pub(crate) struct Fallbacks {
    size: AtomicUsize,
    alignment: AtomicUsize,
    exhausted: AtomicUsize,
}

impl Fallbacks {
    pub(super) const fn new() -> Self {
        let [size, alignment, exhausted] = [const { AtomicUsize::new(0) }; 3];
        Self { size, alignment, exhausted }
    }

    /// For a size above the largest block, for an alignment that no bucket has, and because buckets were exhausted.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [&self.size, &self.alignment, &self.exhausted].map(|count| count.load(Relaxed))
    }

    /// Notes a block, if it is one, that stands in for one of a bucket that had none.
    pub(super) fn count_exhausted(&self, block: Option<NonNull<u8>>) -> Option<NonNull<u8>> {
        self.exhausted.fetch_add(usize::from(block.is_some()), Relaxed);
        block
    }
}

impl State {
    /// A block for a layout that no bucket has blocks for, unless the heap refuses: `allocate` asks the system for it.
    pub(crate) fn beyond(
        &self,
        size: usize,
        align: usize,
        allocate: impl FnOnce(&Fallback, usize, usize) -> Option<NonNull<u8>>,
    ) -> Option<NonNull<u8>> {
        if self.refuses() {
            return None;
        }
        let block = allocate(&self.fallback, size, align)?;
        let is_large = self.config.block_sizes.last().is_some_and(|&largest| size > largest);
        let count = if is_large { &self.fallbacks.size } else { &self.fallbacks.alignment };
        count.fetch_add(1, Relaxed);
        Some(block)
    }

    /// Tells that a block of bucket `class` was served elsewhere for the first time, when nothing of the call is half done: whoever listens may
    /// allocate. Panics end here, since the heap may be a program's global allocator, which must not unwind.
    #[cfg(feature = "tracing")]
    #[cold]
    pub(super) fn tell_of_overflow(&self, class: usize) {
        let bucket = &self.buckets()[class];
        let told = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            tracing::warn!(
                target: "smarena",
                heap = self.config.name,
                block_size = bucket.block_size(),
                capacity = bucket.capacity(),
                "a bucket is exhausted: some of its layouts are served elsewhere from now on"
            );
        }));
        // What was thrown may throw again when it is dropped.
        let _kept = told.map_err(core::mem::ManuallyDrop::new);
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(super) const fn tell_of_overflow(&self, _: usize) {}
}
