//! What a heap can be told: exhaustion policy, cache warm-up, huge pages, and all of it in one `Config`.

use core::time::Duration;

use crate::class::MAX_CLASSES;
use crate::derived::default;
use crate::error::ConfigError;

/// The most bytes a span can have: 1 TiB, up to which block numbers are computed exactly; 1 GiB where addresses have 32 bits.
pub(crate) const SPAN_LIMIT: usize = (usize::MAX >> if usize::BITS == 64 { 24 } else { 2 }) + 1;

/// What happens when a bucket has no free block left.
///
/// ```
/// use smarena::{AllocError, Exhausted, Heap, Linear};
///
/// let heap = Heap::<Linear<1>>::builder().bucket_bytes(32).on_exhausted(Exhausted::Refuse).build()?;
/// let _two = (heap.malloc(16, 0)?, heap.malloc(16, 0)?);
/// assert!(matches!(heap.malloc(16, 0), Err(AllocError::Exhausted { blocks: 2, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Exhausted {
    /// The next buckets whose blocks are aligned well enough, then the system allocator.
    #[default]
    NextBucketThenFallback,
    /// The bucket grows inside a range of addresses reserved for it, a `bucket_bytes` at a time; when that is used up, as
    /// `NextBucketThenFallback`.
    Grow {
        /// Bytes of address space for each bucket, its first `bucket_bytes` included; of one that has more, these.
        reserve: usize,
    },
    /// The call fails with [`AllocError::Exhausted`](crate::AllocError::Exhausted), and sizes beyond the largest class
    /// with [`AllocError::TooLarge`](crate::AllocError::TooLarge): a hard bound on the heap's memory.
    Refuse,
}

/// How full a thread cache is made when it is created.
///
/// ```
/// use smarena::{CacheWarmup, Heap, Linear};
///
/// let heap = Heap::<Linear<1>>::builder().thread_cache(4096, CacheWarmup::Hot).build()?;
/// heap.malloc(16, 0)?;
/// assert!(heap.stats().buckets()[0].cached > 128); // of 256
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheWarmup {
    /// Empty: blocks are fetched when they are first needed.
    #[default]
    Cold,
    /// Half full, or somewhat less.
    Warm,
    /// Full, but for the room that the first frees need: half or less of a small cache.
    Hot,
}

impl CacheWarmup {
    /// Halves of the cache to fill.
    pub(crate) fn halves(self) -> usize {
        match self {
            CacheWarmup::Cold => 0,
            CacheWarmup::Warm => 1,
            CacheWarmup::Hot => 2,
        }
    }
}

/// Whether the system is asked to back spans with huge pages (2 MiB).
///
/// Huge pages make scattered access to a large heap faster; the price is that the first byte of one makes all of it resident. When
/// such a heap is trimmed, Linux may fill a page up again of which a part is still in use, some time later.
///
/// ```
/// use smarena::{Heap, HugePages, Linear};
///
/// let heap = Heap::<Linear<1>>::builder().huge_pages(HugePages::Never).build()?;
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HugePages {
    /// Never; the system is told, whatever its own habit is.
    Never,
    /// For the part of a span beyond its first 2 MiB, once it has grown that far.
    #[default]
    Auto,
    /// For whole spans from the start.
    Always,
}

/// When a heap gives the memory of free pages back to the system by itself, as [`Heap::trim`](crate::Heap::trim) does when it is called.
///
/// There is no thread for it: whoever fetches blocks from a bucket, or puts some back, does a piece of that work when it is time, a few MiB at
/// the most. So a heap that nobody uses keeps what it has ([`Heap::purge`](crate::Heap::purge) is for a timer of your own), and the fast paths
/// know nothing of it. What lies in threads' caches stays there.
///
/// ```
/// use std::time::Duration;
/// use smarena::{Heap, Linear, Purge};
///
/// let heap = Heap::<Linear<8>>::builder().purge(Purge::After(Duration::from_secs(10))).build()?;
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Purge {
    /// What nobody has wanted for so long, and for twice as long at the most while the heap is in use. The lowest free blocks are handed out
    /// first, so that is what lies above all blocks that were taken meanwhile. The default is a second.
    After(Duration),
    /// Whatever page is free when blocks come back to their bucket. Costs a system call or more each time, and page faults when
    /// the blocks are used again.
    AtOnce,
    /// Nothing.
    Never,
}

impl Purge {
    /// As [`Default::default`], for constants.
    pub(crate) const DEFAULT: Self = Self::After(Duration::from_secs(1));
}

default! { [] Purge: Self::DEFAULT }

/// Everything a heap is built from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Config {
    pub(crate) block_sizes: &'static [usize],
    /// Bytes of each bucket; entries beyond the number of buckets are unused.
    pub(crate) bytes: [usize; MAX_CLASSES],
    pub(crate) exhausted: Exhausted,
    /// Whether a thread gets a cache by itself when it first uses the heap.
    pub(crate) automatic_cache: bool,
    pub(crate) cache_bytes: usize,
    pub(crate) warmup: CacheWarmup,
    pub(crate) huge_pages: HugePages,
    pub(crate) purge: Purge,
    pub(crate) zero_on_free: bool,
    pub(crate) hardened: bool,
    /// Whether there is a canary behind each block's bytes. Only of a hardened heap.
    pub(crate) canary: bool,
    /// How many frees of its bucket a freed block waits for. Only of a hardened heap.
    pub(crate) delay: usize,
    pub(crate) name: &'static str,
    /// Whether a heap that the system refuses is tried again with half the bytes.
    pub(crate) halve_when_refused: bool,
}

impl Config {
    /// Bytes of blocks that a thread's cache holds of each bucket unless it is told otherwise.
    pub(crate) const CACHE_BYTES: usize = 64 << 10;

    pub(crate) const fn new(block_sizes: &'static [usize], bucket_bytes: usize) -> Self {
        Self {
            block_sizes,
            bytes: [bucket_bytes; MAX_CLASSES],
            exhausted: Exhausted::NextBucketThenFallback,
            automatic_cache: true,
            cache_bytes: Self::CACHE_BYTES,
            warmup: CacheWarmup::Cold,
            huge_pages: HugePages::Auto,
            purge: Purge::DEFAULT,
            zero_on_free: false,
            hardened: false,
            canary: false,
            delay: 0,
            name: "heap",
            halve_when_refused: false,
        }
    }

    /// Blocks that bucket `bucket` starts with.
    pub(crate) const fn blocks(&self, bucket: usize) -> usize {
        self.bytes[bucket] / self.block_sizes[bucket]
    }

    /// Blocks that bucket `bucket` can grow to.
    pub(crate) fn most_blocks(&self, bucket: usize) -> usize {
        match self.exhausted {
            Exhausted::Grow { reserve } => (reserve / self.block_sizes[bucket]).max(self.blocks(bucket)),
            _ => self.blocks(bucket),
        }
    }

    /// How many frees a freed block of bucket `bucket` waits for.
    pub(crate) fn waiting(&self, bucket: usize) -> usize {
        self.delay.min(self.most_blocks(bucket))
    }

    /// Refuses what no heap can be built from.
    pub(crate) const fn check(&self) -> Result<(), ConfigError> {
        let reserve = if let Exhausted::Grow { reserve } = self.exhausted { reserve } else { 0 };
        let (mut least, mut grows) = (usize::MAX, false);
        let mut bucket = 0;
        while bucket < self.block_sizes.len() {
            let (block_size, given) = (self.block_sizes[bucket], self.bytes[bucket]);
            if given < block_size {
                return Err(ConfigError::BucketTooSmall { bucket, block_size, bytes: given });
            }
            if given > SPAN_LIMIT {
                return Err(ConfigError::BucketTooLarge { bucket, block_size, bytes: given, limit: SPAN_LIMIT });
            }
            grows |= reserve / block_size > self.blocks(bucket);
            least = if given < least { given } else { least };
            bucket += 1;
        }
        match self.exhausted {
            Exhausted::Grow { reserve } if reserve > SPAN_LIMIT => {
                Err(ConfigError::ReserveTooLarge { reserve, limit: SPAN_LIMIT })
            }
            Exhausted::Grow { reserve } if !grows => Err(ConfigError::ReserveTooSmall { reserve, least }),
            _ => Ok(()),
        }
    }

    /// Whether the heap makes do with less. Down to 128 KiB a bucket: who has fewer addresses than that takes cannot run anyway.
    pub(crate) fn can_be_halved(&self) -> bool {
        self.halve_when_refused && self.bytes[0] > 128 << 10
    }

    /// The same with half the bytes in every bucket, or a block at least.
    pub(crate) fn halved(mut self) -> Self {
        for (bytes, &block_size) in self.bytes.iter_mut().zip(self.block_sizes) {
            *bytes = (*bytes / 2).max(block_size);
        }
        self
    }
}
