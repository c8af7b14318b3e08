//! Where in its buckets a heap's blocks are taken: to see how full they are, and whether free blocks lie together.

use core::fmt;
use std::borrow::Cow;

use crate::class::SizeClasses;
use crate::heap::Heap;

/// Which blocks of a heap are taken, by [`Heap::map`]. Its `Display` is for a terminal: a line for each bucket, a letter for each [`Patch`].
///
/// ```
/// use smarena::{Heap, Linear, SmBox};
///
/// let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().name("demo").build()?;
/// let mut boxes: Vec<_> = (0..60_u64).map(|n| Some(SmBox::new_in(n, &heap))).collect();
/// boxes[20..30].fill_with(|| None);
/// boxes[39..49].fill_with(|| None);
/// assert!(heap.map(6).to_string().contains("        16 ██·▓░█  10 blocks each"));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeapMap {
    /// The heap's name.
    pub name: Cow<'static, str>,
    buckets: Vec<BucketMap>,
}

/// One bucket's line of a [`HeapMap`].
///
/// ```
/// # use smarena::{Heap, Linear};
/// let map = Heap::<Linear<1>>::new(1 << 20)?.map(80);
/// assert_eq!((map.buckets()[0].block_size, map.buckets()[0].patches().len()), (16, 0));
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BucketMap {
    /// Bytes of a block.
    pub block_size: usize,
    /// Blocks of each patch but the last, which may have fewer.
    pub patch_blocks: usize,
    patches: Vec<Patch>,
}

/// Some neighbouring blocks of a bucket.
///
/// ```
/// # use smarena::{Heap, Linear, SmBox};
/// let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build()?;
/// let boxed = SmBox::new_in(7, &heap);
/// let patch = heap.map(80).buckets()[0].patches()[0];
/// assert_eq!((patch.blocks, patch.taken), (1, 1));
/// # drop(boxed);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Patch {
    /// How many there are.
    pub blocks: usize,
    /// How many of these are not free for every thread: live, in the cache of a thread, or waiting because the heap delays their reuse.
    pub taken: usize,
}

impl<C: SizeClasses> Heap<C> {
    /// Looks where in each bucket the blocks are taken. The blocks that were ever used are divided into at most `columns` patches of equal
    /// length; 0 is taken for 1.
    ///
    /// Linear in the number of blocks that were ever used (one bit each). Each patch is right for some moment. Allocates a vector for
    /// each bucket.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// println!("{}", heap.map(80));
    /// assert_eq!(heap.map(80).buckets().len(), 8);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn map(&self, columns: usize) -> HeapMap {
        let state = self.raw().state();
        let buckets = state.buckets().iter().map(|bucket| {
            let used = bucket.watermark();
            let patch_blocks = used.div_ceil(columns.max(1)).max(1);
            let patch = |first: usize| {
                let blocks = first..used.min(first + patch_blocks);
                Patch { blocks: blocks.len(), taken: blocks.len() - bucket.free_among(blocks) }
            };
            let patches = (0..used).step_by(patch_blocks).map(patch).collect();
            BucketMap { block_size: bucket.block_size(), patch_blocks, patches }
        });
        HeapMap { name: state.config.name.into(), buckets: buckets.collect() }
    }
}

impl HeapMap {
    /// The buckets, smallest blocks first.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// assert_eq!(Heap::<Linear<2>>::new(1 << 20)?.map(80).buckets()[1].block_size, 32);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn buckets(&self) -> &[BucketMap] {
        &self.buckets
    }

    /// Those of which a block was ever used.
    pub(super) fn used(&self) -> impl Iterator<Item = &BucketMap> {
        self.buckets.iter().filter(|bucket| !bucket.patches.is_empty())
    }
}

impl BucketMap {
    /// The patches, lowest addresses first; none above the watermark.
    ///
    /// ```
    /// # use smarena::{Heap, Linear, SmBox};
    /// let heap = Heap::<Linear<1>>::builder().bucket_bytes(1 << 20).no_thread_cache().build()?;
    /// let boxes: Vec<_> = (0..10).map(|n| SmBox::new_in(n, &heap)).collect();
    /// let blocks: Vec<usize> = heap.map(3).buckets()[0].patches().iter().map(|patch| patch.blocks).collect();
    /// assert_eq!(blocks, [4, 4, 2]);
    /// # drop(boxes);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// What a square stands for, in words.
    pub(super) fn unit(&self) -> String {
        format!("{} {} each", self.patch_blocks, if self.patch_blocks == 1 { "block" } else { "blocks" })
    }
}

impl Patch {
    /// How full it is, from 0 to `steps`: the ends for none and all alone.
    pub(super) fn shade(self, steps: usize) -> usize {
        match self.taken {
            0 => 0,
            taken if taken >= self.blocks => steps,
            taken => 1 + taken * (steps - 1) / self.blocks,
        }
    }
}

impl fmt::Display for HeapMap {
    /// A line for each bucket that was ever used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHADES: [char; 5] = ['·', '░', '▒', '▓', '█'];
        let widest = self.used().map(|bucket| bucket.patches.len()).max().unwrap_or(0);
        writeln!(f, "heap \"{}\": blocks taken, from none (·) to all (█)", self.name)?;
        for bucket in self.used() {
            let shades: String = bucket.patches.iter().map(|patch| SHADES[patch.shade(SHADES.len() - 1)]).collect();
            writeln!(f, "{:>10} {shades:widest$}  {}", bucket.block_size, bucket.unit())?;
        }
        Ok(())
    }
}
