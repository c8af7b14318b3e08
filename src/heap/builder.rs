//! Everything a heap can be told before it is built.

use core::marker::PhantomData;

use super::Heap;
use crate::class::SizeClasses;
use crate::config::{CacheWarmup, Config, Exhausted, HugePages, Purge};
use crate::derived::setters;
use crate::error::ConfigError;

/// Settings of a [`Heap`].
///
/// | setting | default |
/// |---|---|
/// | [`bucket_bytes`](Self::bucket_bytes) | 16 MiB |
/// | [`on_exhausted`](Self::on_exhausted) | the next buckets, then the system allocator |
/// | [`thread_cache`](Self::thread_cache) | every thread gets one, 64 KiB of blocks a bucket, cold |
/// | [`huge_pages`](Self::huge_pages) | beyond a span's first 2 MiB |
/// | [`purge`](Self::purge) | free pages that nobody wanted for a second go back to the system |
/// | [`zero_on_free`](Self::zero_on_free) | off |
/// | [`hardened`](Self::hardened), and with it [`canary`](Self::canary), [`delayed_reuse`](Self::delayed_reuse) | off |
///
/// ```
/// use smarena::{CacheWarmup, Exhausted, Heap, HugePages};
///
/// smarena::size_classes! { Packets: [64, 256, 1536, 2048, 9216, 65536] }
///
/// let heap = Heap::<Packets>::builder()
///     .bucket_bytes(1 << 20)
///     .bucket_bytes_of(2048, 64 << 20)
///     .on_exhausted(Exhausted::Refuse)
///     .thread_cache(32 << 10, CacheWarmup::Warm)
///     .huge_pages(HugePages::Never)
///     .name("net")
///     .build()?;
/// assert_eq!(heap.stats().buckets()[3].capacity, (64 << 20) / 2048);
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[must_use = "a builder does nothing until `build`"]
pub struct HeapBuilder<C> {
    config: Config,
    /// A block size that a setting named and the table does not have: `build` reports it.
    unknown: Option<usize>,
    /// Invariant: the block sizes in `config` are those of `C` and of no other table.
    classes: PhantomData<fn(C) -> C>,
}

/// What [`static_heap!`](crate::static_heap) builds a heap from when it is first needed: checked settings of a builder for the same table.
#[doc(hidden)]
#[derive(Debug)]
pub struct Settings<C> {
    pub(super) config: Config,
    /// Invariant, as the builder is.
    classes: PhantomData<fn(C) -> C>,
}

impl<C: SizeClasses> HeapBuilder<C> {
    pub(crate) const fn new() -> Self {
        Self { config: Config::new(C::BLOCK_SIZES, 16 << 20), unknown: None, classes: PhantomData }
    }

    /// Bytes of blocks in each bucket: exactly `bytes / block size` blocks are served from it.
    ///
    /// Overrides every [`bucket_bytes_of`](Self::bucket_bytes_of) that came before.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<2>>::builder().bucket_bytes(1 << 20).build()?;
    /// assert_eq!(heap.stats().buckets()[1].capacity, (1 << 20) / 32);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn bucket_bytes(mut self, bytes: usize) -> Self {
        self.config.bytes = [bytes; crate::class::MAX_CLASSES];
        self
    }

    /// Bytes of blocks in the bucket whose blocks have `block_size` bytes.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<2>>::builder().bucket_bytes_of(32, 64).build()?;
    /// assert_eq!(heap.stats().buckets()[1].capacity, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn bucket_bytes_of(mut self, block_size: usize, bytes: usize) -> Self {
        let mut bucket = 0;
        while bucket < C::BLOCK_SIZES.len() {
            if C::BLOCK_SIZES[bucket] == block_size {
                self.config.bytes[bucket] = bytes;
                return self;
            }
            bucket += 1;
        }
        self.unknown = Some(block_size);
        self
    }

    setters! {
        /// What happens when a bucket has no free block left.
        ///
        /// ```
        /// # use smarena::{Exhausted, Heap, Linear};
        /// let heap = Heap::<Linear<2>>::builder().on_exhausted(Exhausted::Refuse).build()?;
        /// assert!(heap.malloc(33, 0).is_err());
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        on_exhausted(policy: Exhausted) => config.exhausted;
    }

    /// The cache that a thread gets when it first uses the heap: up to `bytes` bytes of blocks of each bucket.
    ///
    /// ```
    /// # use smarena::{CacheWarmup, Heap, Linear};
    /// let heap = Heap::<Linear<1>>::builder().thread_cache(160, CacheWarmup::Cold).build()?;
    /// heap.malloc(16, 0)?;
    /// assert!(heap.stats().buckets()[0].cached <= 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn thread_cache(mut self, bytes: usize, warmup: CacheWarmup) -> Self {
        self.config.automatic_cache = true;
        self.config.cache_bytes = bytes;
        self.config.warmup = warmup;
        self
    }

    /// Threads get no cache by themselves, only by [`Heap::thread_cache`].
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<1>>::builder().no_thread_cache().build()?;
    /// heap.malloc(16, 0)?;
    /// assert_eq!(heap.stats().buckets()[0].cached, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn no_thread_cache(mut self) -> Self {
        self.config.automatic_cache = false;
        self
    }

    setters! {
        /// Whether spans ask for huge pages.
        ///
        /// ```
        /// # use smarena::{Heap, HugePages, Linear};
        /// let heap = Heap::<Linear<1>>::builder().huge_pages(HugePages::Always).build()?;
        /// # Ok::<(), smarena::ConfigError>(())
        /// ```
        huge_pages(huge_pages: HugePages) => config.huge_pages;

        /// When the memory of free pages goes back to the system by itself.
        ///
        /// ```
        /// # use smarena::{Heap, Linear, Purge};
        /// let heap = Heap::<Linear<1>>::builder().purge(Purge::Never).build()?; // only by `trim`
        /// # Ok::<(), smarena::ConfigError>(())
        /// ```
        purge(purge: Purge) => config.purge;

        /// Whether a block's bytes are overwritten with zeros when it is freed. Every free then takes the slow path.
        ///
        /// A hardened heap also looks, before it hands a block out again, whether it is still zero: a write through a freed block
        /// is found then.
        ///
        /// ```
        /// # use smarena::{Heap, Linear};
        /// let heap = Heap::<Linear<8>>::builder().zero_on_free(true).build()?;
        /// let block = heap.malloc(64, 0)?;
        /// // SAFETY: live, 64 bytes, from this heap, not used any more.
        /// unsafe {
        ///     block.write_bytes(b'k', 64); // a key, say
        ///     heap.free(block);
        /// }
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        zero_on_free(zero: bool) => config.zero_on_free;
    }

    /// Whether every call that is given a block is checked: a block freed twice or used after its free, a pointer into the middle of
    /// a block, one that is not this heap's, or a block given back with another size than it was asked for abort the
    /// process with a message that names heap, bucket, block and address. `docs/SAFETY.md` has the whole list.
    ///
    /// Threads have no caches then, and each block costs four bytes of book-keeping; blocks of the system's are looked for in a list. A heap
    /// that is not hardened pays nothing. `false` turns everything off that only a hardened heap does.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::builder().hardened(true).canary(true).delayed_reuse(64).zero_on_free(true).name("net").build()?;
    /// let block = heap.malloc(50, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { heap.free(block) };
    /// // Freeing it again would end the process: heap "net": double free of block 0 of bucket 3 (64-byte blocks) at 0x7f…
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn hardened(mut self, hardened: bool) -> Self {
        self.config.hardened = hardened;
        if !hardened {
            self.config.canary = false;
            self.config.delay = 0;
        }
        self
    }

    /// Whether the bytes of a block behind those that were asked for hold a canary, which is looked at when the block is freed, moved or
    /// measured: an overrun that changed it aborts the process. `true` makes the heap a [`hardened`](Self::hardened) one.
    ///
    /// The owner then may use what was asked for and no more, and [`usable_size`](Heap::usable_size) says so. Where the bytes asked for
    /// fill the block there is no canary behind them; a block of the system's always has one.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::builder().canary(true).build()?;
    /// let block = heap.malloc(50, 0)?;
    /// // SAFETY: live, from this heap; not used any more after its free.
    /// unsafe {
    ///     assert_eq!(heap.usable_size(block), 50); // of a block of 64
    ///     heap.free(block);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn canary(mut self, canary: bool) -> Self {
        self.config.hardened |= canary;
        self.config.canary = canary;
        self
    }

    /// How many blocks of its bucket must be freed after a block before that one is used again, at least; then it comes back at
    /// random. Up to twice as many blocks of each bucket wait, unless the bucket runs out of others: then they are used early.
    /// More than 0 makes the heap a [`hardened`](Self::hardened) one.
    ///
    /// The longer a freed block waits, the likelier a stale pointer to it is found out. In statistics those that wait are cached blocks.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::builder().delayed_reuse(100).build()?;
    /// let block = heap.malloc(50, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { heap.free(block) };
    /// assert_ne!(heap.malloc(50, 0)?, block);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub const fn delayed_reuse(mut self, frees: usize) -> Self {
        self.config.hardened |= frees > 0;
        self.config.delay = frees;
        self
    }

    setters! {
        /// What statistics call the heap, the error of an exhausted bucket, and the messages that end the process when memory was misused.
        ///
        /// ```
        /// # use smarena::{Exhausted, Heap, Linear};
        /// let heap = Heap::<Linear<1>>::builder().bucket_bytes(16).on_exhausted(Exhausted::Refuse).name("net").build()?;
        /// assert_eq!(heap.stats().name, "net");
        /// # let block = heap.malloc(16, 0)?;
        /// let text = heap.malloc(16, 0).unwrap_err().to_string();
        /// assert_eq!(text, "bucket 0 of heap `net` is exhausted: all its 1 blocks of 16 bytes are in use, or in caches of other threads if it has such");
        /// # // SAFETY: live, from this heap.
        /// # unsafe { heap.free(block) };
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        name(name: &'static str) => config.name;
    }

    /// Reserves the heap's address space and builds it.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting and its limit.
    ///
    /// ```
    /// use smarena::{ConfigError, Heap, Linear};
    ///
    /// let error = Heap::<Linear<2>>::builder().bucket_bytes_of(48, 1 << 20).build().unwrap_err();
    /// assert_eq!(error, ConfigError::NoSuchBucket { block_size: 48, block_sizes: &[16, 32] });
    /// ```
    pub fn build(self) -> Result<Heap<C>, ConfigError> {
        Heap::from_config(&self.checked()?)
    }

    /// The configuration, if a heap can be built from it.
    const fn checked(&self) -> Result<Config, ConfigError> {
        if let Some(block_size) = self.unknown {
            return Err(ConfigError::NoSuchBucket { block_size, block_sizes: C::BLOCK_SIZES });
        }
        match self.config.check() {
            Ok(()) => Ok(self.config),
            Err(error) => Err(error),
        }
    }

    /// The settings of a static heap; those of one that cannot be built do not compile.
    #[doc(hidden)]
    #[must_use]
    pub const fn for_static(self) -> Settings<C> {
        match self.checked() {
            Ok(config) => Settings { config, classes: PhantomData },
            Err(error) => panic!("{}", error.in_const().as_str()),
        }
    }
}
