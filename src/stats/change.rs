//! What has happened between two looks at a heap.

use core::fmt;

use super::{BucketStats, Fallbacks, HeapStats, table};

/// The difference between two [`HeapStats`] of a heap, by [`HeapStats::since`]. Its `Display` is a table.
///
/// Amounts may have risen or fallen; what is counted for ever only rises.
///
/// ```
/// use smarena::{Heap, Linear};
///
/// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 20).name("demo").build()?;
/// let kept = heap.malloc(20, 0)?;
/// let earlier = heap.stats();
/// let block = heap.malloc(10, 0)?;
/// # unsafe { heap.free(kept) };
/// let change = heap.stats().since(&earlier);
/// assert_eq!([change.buckets()[0].live, change.buckets()[1].live], [1, -1]);
/// # unsafe { heap.free(block) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeapChange {
    /// Blocks in the hands of callers, those of the system allocator included.
    pub live: isize,
    /// Live blocks from the system allocator.
    pub fallback_live: isize,
    /// Bytes that these were asked for with.
    pub fallback_bytes: isize,
    /// How often the system served in the place of a bucket, and why.
    pub fallbacks: Fallbacks,
    /// Threads that have a cache.
    pub caches: isize,
    /// Bytes of memory behind spans and caches.
    pub resident: isize,
    buckets: Vec<BucketChange>,
}

/// What has happened to one bucket, a part of [`HeapChange`].
///
/// ```
/// # use smarena::{Heap, Linear};
/// let heap = Heap::<Linear<1>>::new(1 << 20)?;
/// let earlier = heap.stats();
/// let bucket = heap.stats().since(&earlier).buckets()[0];
/// assert_eq!((bucket.block_size, bucket.live, bucket.refills), (16, 0, 0));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BucketChange {
    /// Bytes of a block.
    pub block_size: usize,
    /// Blocks in the hands of callers.
    pub live: isize,
    /// Free blocks that are nobody's.
    pub free: isize,
    /// Free blocks in caches, or that wait.
    pub cached: isize,
    /// Blocks that were used for the first time.
    pub used: usize,
    /// Bytes of free pages that were given back to the system.
    pub purged: usize,
    /// Layouts that were served elsewhere.
    pub overflowed: usize,
    /// Refills of caches.
    pub refills: usize,
    /// Spills of caches.
    pub spills: usize,
}

impl HeapStats {
    /// What has happened since `earlier` was taken of the same heap.
    ///
    /// A bucket that `earlier` does not have, by its block size, counts from zero.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let earlier = heap.stats();
    /// let block = heap.malloc(100, 0)?;
    /// println!("{}", heap.stats().since(&earlier));
    /// assert_eq!(heap.stats().since(&earlier).live, 1);
    /// # unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn since(&self, earlier: &Self) -> HeapChange {
        let of_bucket = |now: &BucketStats| {
            let before = earlier.buckets.iter().find(|before| before.block_size == now.block_size);
            BucketChange::new(now, &before.copied().unwrap_or_default())
        };
        HeapChange {
            live: change(self.live(), earlier.live()),
            fallback_live: change(self.fallback_live, earlier.fallback_live),
            fallback_bytes: change(self.fallback_bytes, earlier.fallback_bytes),
            fallbacks: Fallbacks {
                size: counted(self.fallbacks.size, earlier.fallbacks.size),
                alignment: counted(self.fallbacks.alignment, earlier.fallbacks.alignment),
                exhausted: counted(self.fallbacks.exhausted, earlier.fallbacks.exhausted),
            },
            caches: change(self.caches, earlier.caches),
            resident: change(self.resident(), earlier.resident()),
            buckets: self.buckets.iter().map(of_bucket).collect(),
        }
    }
}

impl HeapChange {
    /// The buckets, smallest blocks first.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let stats = Heap::<Linear<2>>::new(1 << 20)?.stats();
    /// assert_eq!(stats.since(&stats).buckets().len(), 2);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn buckets(&self) -> &[BucketChange] {
        &self.buckets
    }
}

impl BucketChange {
    fn new(now: &BucketStats, before: &BucketStats) -> Self {
        Self {
            block_size: now.block_size,
            live: change(now.live, before.live),
            free: change(now.free, before.free),
            cached: change(now.cached, before.cached),
            used: counted(now.watermark, before.watermark),
            purged: counted(now.purged, before.purged),
            overflowed: counted(now.overflowed, before.overflowed),
            refills: counted(now.refills, before.refills),
            spills: counted(now.spills, before.spills),
        }
    }

    fn is_nothing(&self) -> bool {
        let Self { block_size: _, live, free, cached, used, purged, overflowed, refills, spills } = *self;
        [live, free, cached] == [0; 3] && [used, purged, overflowed, refills, spills] == [0; 5]
    }
}

/// What was counted since. Another thread may have been between two numbers of a snapshot: then what only rises seems to have fallen.
fn counted(now: usize, before: usize) -> usize {
    now.saturating_sub(before)
}

/// What leads from `before` to `now`. Bytes and blocks that a process has at a time fit.
fn change(now: usize, before: usize) -> isize {
    now.wrapping_sub(before) as isize
}

impl fmt::Display for HeapChange {
    /// A table with one line for each bucket to which something has happened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live, fallback_live, fallback_bytes, fallbacks, caches, resident, buckets } = self;
        let Fallbacks { size, alignment, exhausted } = fallbacks;
        writeln!(
            f,
            "live {live:+}, of these from the system {fallback_live:+} ({fallback_bytes:+} bytes; it served {size} times for the size, {alignment} \
             for the alignment, {exhausted} because buckets were exhausted); thread caches {caches:+}, resident bytes {resident:+}"
        )?;
        let headings = ["block size", "live", "free", "cached", "used", "purged", "overflowed", "refills", "spills"];
        let cells = buckets.iter().filter(|bucket| !bucket.is_nothing()).flat_map(|bucket| {
            let BucketChange { block_size, live, free, cached, used, purged, overflowed, refills, spills } = bucket;
            let [live, free, cached] = [live, free, cached].map(|change| format!("{change:+}"));
            let [used, purged, overflowed, refills, spills] =
                [used, purged, overflowed, refills, spills].map(|count| format!("+{count}"));
            [block_size.to_string(), live, free, cached, used, purged, overflowed, refills, spills]
        });
        f.write_str(&table::aligned(&headings, &cells.collect::<Vec<_>>()))
    }
}
