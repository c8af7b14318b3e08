//! A heap's buckets, taken together.

use core::fmt;

use super::{BucketStats, HeapStats};

/// All buckets of a heap together, by [`HeapStats::total`]: blocks in bytes, since they differ in size. Its `Display` is a line.
///
/// ```
/// use smarena::{Heap, Linear, SmBox};
///
/// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 10).no_thread_cache().build()?;
/// let boxes = (SmBox::new_in([0_u8; 10], &heap), SmBox::new_in([0_u8; 30], &heap));
/// let total = heap.stats().total();
/// assert_eq!((total.capacity, total.live, total.free, total.overflowed), (2 << 10, 16 + 32, 0, 0));
/// assert!(total.to_string().starts_with("in all, of 2 KiB: 0 KiB live (peak seen: 0 KiB), 0 KiB free,"));
/// # drop(boxes);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeapTotal {
    /// Bytes of all blocks that the buckets can serve.
    pub capacity: usize,
    /// Bytes of blocks in the hands of callers.
    pub live: usize,
    /// Bytes of blocks that were used before and are free for every thread.
    pub free: usize,
    /// Bytes of free blocks in caches, or that wait.
    pub cached: usize,
    /// Bytes of blocks that were ever used.
    pub watermark: usize,
    /// Each bucket's peak, in bytes: they may have been at different times, so it is a bound of what snapshots have seen live together.
    pub peak: usize,
    /// Bytes of the spans that are backed by memory; `None` if the system does not say it of one of them.
    pub resident: Option<usize>,
    /// Bytes that live blocks have beyond those asked for, where that is known.
    pub rounding: Option<usize>,
    /// Bytes of free pages that were given back to the system.
    pub purged: usize,
    /// Layouts that were served elsewhere than by their own bucket.
    pub overflowed: usize,
    /// Refills of caches.
    pub refills: usize,
    /// Spills of caches.
    pub spills: usize,
}

impl HeapStats {
    /// What the buckets come to together. Blocks of the system's are not among them.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let stats = Heap::<Linear<4>>::new(1 << 20)?.stats();
    /// assert_eq!(stats.total().watermark, 0);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn total(&self) -> HeapTotal {
        let sum = |count: fn(&BucketStats) -> usize| super::sum(self.buckets().iter().map(count));
        HeapTotal {
            capacity: sum(|bucket| bucket.bytes(bucket.capacity)),
            live: sum(|bucket| bucket.bytes(bucket.live)),
            free: sum(|bucket| bucket.bytes(bucket.free)),
            cached: sum(|bucket| bucket.bytes(bucket.cached)),
            watermark: sum(|bucket| bucket.bytes(bucket.watermark)),
            peak: sum(|bucket| bucket.bytes(bucket.peak)),
            resident: self.buckets().iter().try_fold(0_usize, |sum, bucket| Some(sum.saturating_add(bucket.resident?))),
            rounding: self.rounding(),
            purged: sum(|bucket| bucket.purged),
            overflowed: sum(|bucket| bucket.overflowed),
            refills: sum(|bucket| bucket.refills),
            spills: sum(|bucket| bucket.spills),
        }
    }
}

impl fmt::Display for HeapTotal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
        let [capacity, live, free, cached, peak, watermark, purged] =
            [self.capacity, self.live, self.free, self.cached, self.peak, self.watermark, self.purged].map(kib);
        write!(
            f,
            "in all, of {capacity}: {live} live (peak seen: {peak}), {free} free, {cached} cached; {watermark} were ever used, "
        )?;
        if let Some(resident) = self.resident {
            write!(f, "{} are resident, ", kib(resident))?;
        }
        write!(f, "{purged} were given back")
    }
}
