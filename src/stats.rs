//! What a heap is doing: blocks live, free and cached, memory resident. Counted when asked, so that it costs nothing otherwise.

mod advice;
mod change;
mod map;
#[cfg(feature = "pictures")]
mod picture;
mod table;
mod total;

use core::alloc::Layout;
use core::fmt;
use std::alloc::handle_alloc_error;
use std::borrow::Cow;

pub use change::{BucketChange, HeapChange};
pub use map::{BucketMap, HeapMap, Patch};
pub use total::HeapTotal;

use crate::class::{MAX_CLASSES, SizeClasses};
use crate::heap::Heap;
#[cfg(feature = "capi")]
use crate::heap::listed::ListedHeap;
use crate::raw::heap::RawHeap;

/// A heap's statistics, by [`Heap::stats`]. Its `Display` is a table.
///
/// The numbers are exact while nobody else uses the heap, and no other thread that used it is ending: wait for it by `join`. Otherwise caches are
/// looked at one after the other, then the buckets, and blocks move meanwhile. In any case, of each bucket `live + free + cached` is `watermark`,
/// which is `capacity` at most. Blocks that a cache gives back (as a thread ends, by [`Heap::trim`], because it is full) never count as live, but for a moment
/// perhaps twice as free, so that `live` is too low by as many. Blocks that a thread takes from a bucket into its cache meanwhile may count as live.
///
/// With the feature `serde` they can be saved and read; numbers that an earlier version did not have are read as zero, or as not known.
///
/// ```
/// use smarena::{Heap, Linear};
///
/// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 20).name("demo").build()?;
/// let block = heap.malloc(20, 0)?;
/// let stats = heap.stats();
/// assert_eq!((stats.live(), stats.buckets()[1].live), (1, 1));
/// println!("{stats}");
/// # unsafe { heap.free(block) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct HeapStats {
    /// The heap's name.
    pub name: Cow<'static, str>,
    /// Live blocks from the system allocator.
    pub fallback_live: usize,
    /// The bytes that these were asked for with.
    pub fallback_bytes: usize,
    /// How often the system served, and why.
    pub fallbacks: Fallbacks,
    /// Threads that have a cache in the heap.
    pub caches: usize,
    /// Bytes of memory behind the caches, in whole pages; those of threads that have ended included, until they are used again or
    /// [`Heap::trim`] gives them back. `None` where the system does not say.
    pub cache_resident: Option<usize>,
    buckets: Vec<BucketStats>,
    /// For each cache what it has of each bucket, one cache after the other.
    parked: Vec<usize>,
}

/// How often the system's allocator served in the place of a bucket, since the heap was made: by the reason. Part of [`HeapStats`].
///
/// Blocks of the system's that change their size there are not counted again.
///
/// ```
/// # use smarena::{Heap, Linear};
/// let heap = Heap::<Linear<2>>::builder().bucket_bytes(64).no_thread_cache().build()?;
/// let large = heap.malloc(33, 0)?;
/// let aligned = heap.malloc(10, 64)?;
/// let blocks = [(); 3].map(|()| heap.malloc(32, 0)); // there are two
/// let fallbacks = heap.stats().fallbacks;
/// assert_eq!((fallbacks.size, fallbacks.alignment, fallbacks.exhausted), (1, 1, 1));
/// # blocks.into_iter().chain([Ok(large), Ok(aligned)]).for_each(|block| unsafe { heap.free(block.unwrap()) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Fallbacks {
    /// For sizes above the largest block.
    pub size: usize,
    /// For alignments that no bucket has whose blocks are large enough.
    pub alignment: usize,
    /// Because the layout's own bucket, and all behind it that would do, were exhausted.
    pub exhausted: usize,
}

/// One bucket's statistics. `watermark == live + free + cached` while nobody else uses the heap.
///
/// ```
/// # use smarena::{Heap, Linear};
/// let stats = Heap::<Linear<1>>::new(1 << 20)?.stats();
/// assert_eq!((stats.buckets()[0].capacity, stats.buckets()[0].watermark), (65536, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct BucketStats {
    /// Bytes of a block.
    pub block_size: usize,
    /// Blocks the bucket can serve; may grow if the heap was told so.
    #[doc(alias = "blocks")]
    pub capacity: usize,
    /// Blocks in the hands of callers.
    pub live: usize,
    /// Blocks that were used before and are free for every thread.
    pub free: usize,
    /// Free blocks in the caches of threads, or that wait because the heap delays their reuse.
    pub cached: usize,
    /// Blocks that were ever used. It is the most that were ever live or cached at once, too: a block is used for the first time only when no
    /// other is found free, or when the rest of the page, or huge page, that the used ones end in is given back.
    pub watermark: usize,
    /// The most live blocks that a snapshot of this heap has seen, this one included. No fast path counts, so what was live between two snapshots
    /// is missed, and where others use the heap it is as inexact as `live` is: the most that were ever live is this at least, and `watermark` at most.
    pub peak: usize,
    /// Bytes of the span that are backed by memory, whether their blocks were ever used or not; `None` where the system does not say, as behind a
    /// filter of system calls that knows no `mincore`. A page that was read and never written counts; the process's own resident size leaves it out.
    pub resident: Option<usize>,
    /// Bytes of free pages that were given back to the system since the heap was made, the same page perhaps more than once: by themselves
    /// ([`Purge`](crate::Purge)), or by [`Heap::trim`].
    pub purged: usize,
    /// Layouts of this size class that were served elsewhere because the bucket was exhausted.
    pub overflowed: usize,
    /// How often a thread's cache ran out and took blocks from the bucket.
    pub refills: usize,
    /// How often a thread's cache was full and put blocks back into the bucket.
    pub spills: usize,
    /// Bytes that live blocks have beyond those they were asked for with; known on hardened heaps, which keep book, and `None` elsewhere.
    pub rounding: Option<usize>,
}

impl HeapStats {
    /// The buckets, smallest blocks first.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let stats = Heap::<Linear<2>>::new(1 << 20)?.stats();
    /// assert_eq!(stats.buckets().len(), 2);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn buckets(&self) -> &[BucketStats] {
        &self.buckets
    }

    /// For each thread with a cache, in no order that lasts, the blocks of each bucket that it keeps there. Of threads that opened a cache while
    /// it was counted some may be missing.
    ///
    /// ```
    /// # use smarena::{CacheWarmup, Heap, Linear};
    /// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 20).no_thread_cache().build()?;
    /// let cache = heap.thread_cache(320, CacheWarmup::Hot);
    /// let stats = heap.stats();
    /// assert_eq!(stats.cached_by_thread().collect::<Vec<_>>(), [[10, 5]]); // half of what there is room for
    /// # drop(cache);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub fn cached_by_thread(&self) -> impl Iterator<Item = &[usize]> {
        self.parked.chunks_exact(self.buckets.len().max(1))
    }

    /// Blocks in the hands of callers, those of the system allocator included.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let stats = Heap::<Linear<2>>::new(1 << 20)?.stats();
    /// assert_eq!(stats.live(), 0);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn live(&self) -> usize {
        sum(self.buckets.iter().map(|bucket| bucket.live)).saturating_add(self.fallback_live)
    }

    /// Bytes that live blocks have beyond those they were asked for with, in all buckets; `None` where that is not known, on heaps that are
    /// not hardened. A recording (feature `record`) estimates it for these.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 20).hardened(true).build()?;
    /// let block = heap.malloc(20, 0)?;
    /// assert_eq!(heap.stats().rounding(), Some(32 - 20));
    /// # unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn rounding(&self) -> Option<usize> {
        self.buckets.iter().try_fold(0_usize, |sum, bucket| Some(sum.saturating_add(bucket.rounding?)))
    }

    /// Bytes of all spans and caches that are backed by memory. Of a bucket of which that is not known, all blocks that were ever used count: then
    /// it is a bound. Caches of which it is not known do not count.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<1>>::new(1 << 20)?;
    /// let block = heap.malloc(16, 0)?;
    /// // SAFETY: live, 16 bytes.
    /// unsafe { block.write_bytes(1, 16) };
    /// assert!((16..1 << 20).contains(&heap.stats().resident()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resident(&self) -> usize {
        let of_bucket = |bucket: &BucketStats| bucket.resident.unwrap_or(bucket.bytes(bucket.watermark));
        sum(self.buckets.iter().map(of_bucket)).saturating_add(self.cache_resident.unwrap_or(0))
    }
}

#[cfg(feature = "capi")]
impl ListedHeap {
    /// As `Heap::stats`; `None` where the process has no memory for them.
    pub(crate) fn stats(&self) -> Option<HeapStats> {
        HeapStats::of(self.raw()).ok()
    }
}

impl<C: SizeClasses> Heap<C> {
    /// Counts what the heap is doing right now.
    ///
    /// Linear in the number of blocks that were ever used (one bit each) and of threads with a cache. Allocates two vectors.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// assert_eq!(heap.stats().live(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        HeapStats::of(self.raw()).unwrap_or_else(|bytes| handle_alloc_error(bytes))
    }
}

impl HeapStats {
    /// An error is what the process has no memory for.
    fn of(heap: &RawHeap) -> Result<Self, Layout> {
        let state = heap.state();
        // Room for each cache, made first: where caches are looked at, a lock is held that an allocation may want.
        let mut caches = 0;
        state.each_cache(|_| caches += 1);
        let mut of_caches = vec_of(caches * state.buckets().len())?;
        let mut buckets = vec_of(state.buckets().len())?;
        caches = 0;
        let mut parked = [0; MAX_CLASSES];
        let mut crossings = [[0; 2]; MAX_CLASSES];
        // Before the caches: what one of them tells its bucket meanwhile is missed, and not counted twice.
        crossings.iter_mut().zip(state.buckets()).for_each(|(sums, bucket)| *sums = bucket.crossings());
        state.each_cache(|cache| {
            caches += 1;
            let has_room = of_caches.capacity() - of_caches.len() >= state.buckets().len();
            let sums = parked.iter_mut().zip(&mut crossings).take(state.buckets().len());
            for (number, (parked, [refills, spills])) in sums.enumerate() {
                let lane = cache.lane(number);
                let cached = lane.cached();
                *parked += cached;
                if has_room {
                    of_caches.push(cached);
                }
                let of_lane = lane.crossings();
                *refills += of_lane[0];
                *spills += of_lane[1];
            }
        });
        buckets.extend(state.buckets().iter().enumerate().map(|(number, bucket)| {
            let (free, watermark) = bucket.free_of_used();
            // Last, since it never falls.
            let capacity = bucket.capacity();
            let (live, free, cached) = shares(watermark, free, parked[number] + state.waiting(number));
            let [refills, spills] = crossings[number];
            BucketStats {
                block_size: bucket.block_size(),
                capacity,
                live,
                free,
                cached,
                watermark,
                peak: bucket.note_live(live),
                purged: bucket.purged(),
                resident: state.resident(number),
                overflowed: bucket.overflowed(),
                refills,
                spills,
                rounding: state.rounding(number),
            }
        }));
        let (fallback_live, fallback_bytes) = state.fallback().live();
        let [size, alignment, exhausted] = state.fallbacks.counts();
        Ok(Self {
            name: state.config.name.into(),
            fallback_live,
            fallback_bytes,
            fallbacks: Fallbacks { size, alignment, exhausted },
            caches,
            cache_resident: state.resident_caches(),
            buckets,
            parked: of_caches,
        })
    }
}

/// Empty, with room for so many.
fn vec_of<T>(count: usize) -> Result<Vec<T>, Layout> {
    let mut vec = Vec::new();
    match vec.try_reserve_exact(count) {
        Ok(()) => Ok(vec),
        Err(_) => Err(Layout::array::<T>(count).unwrap_or(Layout::new::<T>())),
    }
}

/// Of `watermark` blocks those that are live, free and cached. The last two were counted one after the other, while blocks moved
/// perhaps: together they are no more than there are.
fn shares(watermark: usize, free: usize, cached: usize) -> (usize, usize, usize) {
    let free = free.min(watermark);
    let cached = cached.min(watermark - free);
    (watermark - free - cached, free, cached)
}

/// Numbers may have been read from anywhere.
fn sum(numbers: impl Iterator<Item = usize>) -> usize {
    numbers.fold(0, usize::saturating_add)
}

impl BucketStats {
    /// What so many of its blocks come to.
    fn bytes(&self, blocks: usize) -> usize {
        blocks.saturating_mul(self.block_size)
    }

    /// What a line of the table says of it, each with its heading.
    fn cells(&self) -> [(&'static str, String); 12] {
        [
            ("block size", self.block_size.to_string()),
            ("capacity", self.capacity.to_string()),
            ("live", self.live.to_string()),
            ("free", self.free.to_string()),
            ("cached", self.cached.to_string()),
            ("peak seen", self.peak.to_string()),
            ("watermark", self.watermark.to_string()),
            ("resident KiB", self.resident.map_or("not known".into(), |bytes| (bytes / 1024).to_string())),
            ("purged KiB", (self.purged / 1024).to_string()),
            ("overflowed", self.overflowed.to_string()),
            ("refills", self.refills.to_string()),
            ("spills", self.spills.to_string()),
        ]
    }
}

impl fmt::Display for HeapStats {
    /// A table with one line for each bucket that was ever used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, caches, fallback_live, fallback_bytes, fallbacks, .. } = self;
        let lost = self.rounding().map_or_else(String::new, |bytes| format!(", {bytes} bytes lost to rounding"));
        writeln!(
            f,
            "heap \"{name}\": {caches} thread caches, {fallback_live} blocks ({fallback_bytes} bytes) from the system{lost}"
        )?;
        let Fallbacks { size, alignment, exhausted } = fallbacks;
        if [size, alignment, exhausted] != [&0; 3] {
            writeln!(
                f,
                "the system served {size} times for the size, {alignment} for the alignment, {exhausted} because buckets were exhausted"
            )?;
        }
        let headings = BucketStats::default().cells().map(|(heading, _)| heading);
        let used = self.buckets.iter().filter(|bucket| bucket.watermark > 0);
        let cells: Vec<_> = used.flat_map(|bucket| bucket.cells().map(|(_, cell)| cell)).collect();
        f.write_str(&table::aligned(&headings, &cells))?;
        writeln!(f, "{}", self.total())?;
        let unused = self.buckets.iter().filter(|bucket| bucket.watermark == 0).count();
        if unused > 0 { writeln!(f, "{unused} buckets were never used") } else { Ok(()) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::shares;

    #[test]
    fn whatever_was_counted_the_shares_are_those_of_the_blocks_there_are() {
        let counts = [0, 1, 7, 8, 9, 100, usize::MAX];
        for watermark in [0, 1, 8, 100] {
            for (free, cached) in counts.into_iter().flat_map(|free| counts.map(|cached| (free, cached))) {
                let (live, shown_free, shown_cached) = shares(watermark, free, cached);
                assert_eq!(live + shown_free + shown_cached, watermark);
                assert!(shown_free <= free && shown_cached <= cached);
                if free.saturating_add(cached) <= watermark {
                    assert_eq!((shown_free, shown_cached), (free, cached));
                }
            }
        }
    }
}
