//! The typed heap: `Heap<C>`, how it is configured, and the ways to refer to one.
//!
//! | | |
//! |---|---|
//! | [`Heap`] | the raw calls: malloc, free, realloc, introspection |
//! | [`HeapBuilder`] | everything a heap can be told |
//! | [`HeapRef`] | what a box, buf or pool holds: `&Heap`, `Arc<Heap>`, [`Global`], a [`static_heap!`](crate::static_heap) |
//! | [`ThreadCache`] | this thread's cache held in the hand |

mod builder;
mod calls;
mod global;
mod lazy;
#[cfg(feature = "capi")]
pub(crate) mod listed;
#[cfg(any(feature = "capi", feature = "record"))]
pub(crate) mod noted;
mod reference;
mod regions;
mod shortcut;
mod thread_cache;
#[cfg(doctest)]
mod variance;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

pub use builder::{HeapBuilder, Settings};
pub use global::{Global, StaticHeap};
pub use lazy::LazyHeap;
pub use reference::{HeapRef, IfStatic};
pub use regions::Regions;
pub use shortcut::Shortcut;
#[cfg(any(feature = "global-alloc", feature = "allocator-api2-02", feature = "allocator-api2-04"))]
pub(crate) use shortcut::by_type;
pub use thread_cache::ThreadCache;

use crate::class::{MAX_ALIGN, SizeClasses, class_for};
use crate::config::{CacheWarmup, Config, Exhausted};
use crate::derived::debug_by;
use crate::error::{AllocError, ConfigError};
pub use crate::raw::heap::ShareCount;
use crate::raw::heap::{MOST_ALIGN, RawHeap, checked_align};

/// A heap: one bucket of equal blocks for each size class of `C`, side by side in one reservation of address space, and
/// the system allocator behind them.
///
/// Blocks can be allocated and freed from any thread. Each thread that uses the heap has a cache in it, from which most calls
/// are served without an atomic operation. Dropping the heap gives everything back to the system, live blocks included.
///
/// The raw calls are for who builds an owner or speaks to another language; [`SmBox`](crate::SmBox) and [`SmBuf`](crate::SmBuf) are the safe way.
///
/// ```
/// use smarena::{Heap, Linear};
///
/// // 8 buckets, 16 MiB each, 128 bytes maximum block size.
/// let heap = Heap::<Linear<8>>::new(16 << 20)?;
/// let block = heap.malloc(64, 0)?;
/// assert_eq!(heap.bucket_of(block), Some(3));
/// // SAFETY: the block is live, has 64 bytes, and is freed once.
/// unsafe {
///     block.write_bytes(7, 64);
///     heap.free(block);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Heap<C: SizeClasses> {
    raw: RawHeap,
    /// Invariant: no heap of one table is a heap of another, not even of a subtype's.
    classes: PhantomData<fn(C) -> C>,
}

// No call of a heap runs code of its user's, so no panic of that code finds it half changed.
impl<C: SizeClasses> UnwindSafe for Heap<C> {}
impl<C: SizeClasses> RefUnwindSafe for Heap<C> {}

impl<C: SizeClasses> Heap<C> {
    /// A heap whose buckets each have `bucket_bytes` bytes of blocks, everything else as [`HeapBuilder`] has it by default.
    ///
    /// Address space is reserved, memory is not: a block costs memory when it is first written.
    ///
    /// # Errors
    /// [`ConfigError`] if a bucket would have no block at all or more than 1 TiB, or the system refuses.
    ///
    /// ```
    /// use smarena::{ConfigError, Heap, Piecewise};
    ///
    /// assert!(Heap::<Piecewise<15>>::new(1 << 20).is_ok());
    /// assert!(matches!(Heap::<Piecewise<15>>::new(1000), Err(ConfigError::BucketTooSmall { block_size: 1024, .. })));
    /// ```
    pub fn new(bucket_bytes: usize) -> Result<Self, ConfigError> {
        Self::builder().bucket_bytes(bucket_bytes).build()
    }

    /// A builder with every setting at its default.
    ///
    /// ```
    /// use smarena::{Exhausted, Heap, Linear};
    ///
    /// let heap = Heap::<Linear<4>>::builder().bucket_bytes(1 << 20).on_exhausted(Exhausted::Refuse).build()?;
    /// assert!(heap.malloc(65, 0).is_err());
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    pub const fn builder() -> HeapBuilder<C> {
        HeapBuilder::new()
    }

    pub(crate) fn from_config(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self { raw: RawHeap::new(config)?, classes: PhantomData })
    }

    pub(crate) fn raw(&self) -> &RawHeap {
        &self.raw
    }

    /// A block of at least `size` bytes at a multiple of `align`; 0 stands for 16. Its content is undefined.
    ///
    /// Any size is served, 0 too; alignments are powers of two up to 4096. The block comes from the first bucket whose blocks
    /// are large enough and aligned; when that has none left, the heap does what [`Exhausted`] told it.
    ///
    /// A dozen instructions while this thread's cache has a block; one atomic for up to 64 blocks otherwise.
    ///
    /// # Errors
    /// [`AllocError`]; the heap is as it was.
    ///
    /// ```
    /// # use smarena::{AllocError, Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let page = heap.malloc(100, 4096)?; // no bucket is aligned like that: from the system
    /// assert_eq!(page.addr().get() % 4096, 0);
    /// assert!(matches!(heap.malloc(100, 8192), Err(AllocError::Alignment { align: 8192, limit: 4096 })));
    /// # unsafe { heap.free(page) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn malloc(&self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        self.called().malloc(size, align)
    }

    /// The class that serves a request; `None` also for an alignment that is none.
    #[inline(always)]
    fn class(size: usize, align: usize) -> Option<usize> {
        if align & align.wrapping_sub(1) == 0 { class_for::<C>(size, align) } else { None }
    }

    /// Why a request was refused.
    #[cold]
    fn refusal(&self, size: usize, align: usize) -> AllocError {
        match checked_align(align) {
            Some(align) => self.refusal_of(size, align),
            None => AllocError::Alignment { align, limit: MAX_ALIGN },
        }
    }

    /// Why a layout was refused, whose alignment is a power of two.
    #[cold]
    fn refusal_of(&self, size: usize, align: usize) -> AllocError {
        let state = self.raw.state();
        let heap = state.config.name;
        if state.config.exhausted != Exhausted::Refuse {
            let limit = state.fallback().largest(align);
            return match () {
                () if align > MOST_ALIGN => AllocError::Alignment { align, limit: MOST_ALIGN },
                () if size > limit => AllocError::TooLarge { size, limit },
                () => AllocError::OutOfMemory { heap, size, align },
            };
        }
        if size > C::LARGEST {
            return AllocError::TooLarge { size, limit: C::LARGEST };
        }
        match Self::class(size, align) {
            None => AllocError::NoBucket { heap, size, align },
            Some(bucket) => {
                let shared = &state.buckets()[bucket];
                if shared.is_refused() {
                    return AllocError::OutOfMemory { heap, size, align };
                }
                AllocError::Exhausted { heap, bucket, block_size: C::BLOCK_SIZES[bucket], blocks: shared.capacity() }
            }
        }
    }

    /// As [`malloc`](Self::malloc), and the first `size` bytes are zero.
    ///
    /// # Errors
    /// As `malloc`.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let block = heap.malloc_zeroed(100, 0)?;
    /// // SAFETY: live, 100 bytes, written.
    /// assert!(unsafe { core::slice::from_raw_parts(block.as_ptr(), 100) }.iter().all(|byte| *byte == 0));
    /// # unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn malloc_zeroed(&self, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        match checked_align(align).map(|align| Layout::from_size_align(size, align)) {
            Some(Ok(layout)) => self.called().allocate_zeroed(layout),
            _ => Err(self.refusal(size, align)),
        }
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` was returned by this heap, is live, and is not used any more. A heap built with
    /// [`hardened`](HeapBuilder::hardened) aborts the process with a message if it sees that this is not so; others may not see it.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let block = heap.malloc(1, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub unsafe fn free(&self, block: NonNull<u8>) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.called().free(block) }
    }

    /// As [`free`](Self::free), told the size and the alignment that the block was last asked for with.
    ///
    /// Faster where they are known when the program is built, and where sizes change from block to block: which cache the block goes
    /// to need not be found out from its address.
    ///
    /// # Safety
    /// As [`free`](Self::free); `size` and `align` are what was asked for. A hardened heap aborts if it was another size.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let block = heap.malloc(100, 32)?;
    /// // SAFETY: live, from this heap, asked for like this, not used any more.
    /// unsafe { heap.free_sized(block, 100, 32) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub unsafe fn free_sized(&self, block: NonNull<u8>, size: usize, align: usize) {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.called().free_sized(block, size, align) }
    }

    /// Gives all blocks of a slice back.
    ///
    /// # Safety
    /// As [`free`](Self::free) for each; no block is in the slice twice.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let blocks = [heap.malloc(1, 0)?, heap.malloc(100, 0)?, heap.malloc(1000, 0)?];
    /// // SAFETY: all live, from this heap, not used any more.
    /// unsafe { heap.free_batch(&blocks) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn free_batch(&self, blocks: &[NonNull<u8>]) {
        for &block in blocks {
            // SAFETY: I10: the caller's contract is the same.
            unsafe { self.called().free(block) }
        }
    }

    /// A block of at least `size` bytes at a multiple of `align`, with the content of `block` up to the smaller size.
    ///
    /// If `block` is large enough and aligned it is returned, untouched. Otherwise the content moves, between bucket and
    /// bucket, bucket and system allocator, in either direction.
    ///
    /// # Safety
    /// As [`free`](Self::free) on success, unless the same block is returned.
    ///
    /// # Errors
    /// [`AllocError`]; then `block` is still live and as it was.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let small = heap.malloc(20, 0)?;
    /// // SAFETY: live, from this heap; used no more once it has moved.
    /// let same = unsafe { heap.realloc(small, 32, 0)? };
    /// assert_eq!(same, small);
    /// // SAFETY: as above.
    /// let large = unsafe { heap.realloc(small, 5000, 64)? };
    /// assert_eq!((heap.bucket_of(large), large.addr().get() % 64), (None, 0));
    /// # unsafe { heap.free(large) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub unsafe fn realloc(&self, block: NonNull<u8>, size: usize, align: usize) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.called().realloc(block, size, align) }
    }

    /// The bytes of `block` that may be used: the size of its bucket's blocks, or the size that was asked of the system.
    ///
    /// # Safety
    /// `block` was returned by this heap and is live.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let block = heap.malloc(50, 0)?;
    /// // SAFETY: live, from this heap.
    /// assert_eq!(unsafe { heap.usable_size(block) }, 64);
    /// # unsafe { heap.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub unsafe fn usable_size(&self, block: NonNull<u8>) -> usize {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.raw.usable_size(block) }
    }

    /// The number of the bucket that `block` came from; `None` for a pointer that no bucket of this heap could have returned.
    ///
    /// Any pointer may be asked about. The answer does not say whether the block is live.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// # let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// assert_eq!(heap.bucket_of(core::ptr::NonNull::from(&heap).cast()), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn bucket_of(&self, block: NonNull<u8>) -> Option<usize> {
        self.raw.bucket_of(block)
    }

    /// Gives this thread a cache of its own size, and the means to use it without looking it up.
    ///
    /// The cache holds up to `bytes` bytes of blocks of each bucket; 0 means none, and no more blocks than the bucket
    /// has. Blocks that this thread had cached before go back into their buckets first. When the guard is dropped, the cache's blocks go
    /// back too; a thread that ends without dropping it loses nothing either.
    ///
    /// If the system refuses memory for the cache, or there are more than 1023 threads with caches, the guard works without one.
    ///
    /// ```
    /// use smarena::{CacheWarmup, Heap, Linear};
    ///
    /// let heap = Heap::<Linear<8>>::new(16 << 20)?;
    /// // 4 KiB of thread cache for each bucket, hot warmup.
    /// let cache = heap.thread_cache(4 * 1024, CacheWarmup::Hot);
    /// let block = cache.alloc(64, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { cache.free(block) };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_cache(&self, bytes: usize, warmup: CacheWarmup) -> ThreadCache<'_, C> {
        ThreadCache::new(self, bytes, warmup)
    }

    /// Gives the memory of free pages back to the system, and returns how many bytes that was: of all free pages, where the system does not
    /// say which are backed by memory.
    ///
    /// This thread's cached blocks go back into their buckets first; what other threads have cached stays. Linear in the number of blocks
    /// that were ever used. Others may allocate and free meanwhile. For a moment they do not see some of the blocks being trimmed, and are
    /// served elsewhere; where the heap refuses, or the bucket can still grow, they wait for the end of such a moment rather than take it for
    /// exhausted. Pages that are locked into memory stay, and of a bucket perhaps one more: that in which ends what was ever used.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let block = heap.malloc_zeroed(100, 0)?;
    /// // SAFETY: live, from this heap, not used any more.
    /// unsafe { heap.free(block) };
    /// let before = heap.stats().resident();
    /// let given_back = heap.trim();
    /// assert_eq!(heap.stats().resident(), before - given_back);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&self) -> usize {
        self.raw.state().trim()
    }

    /// Gives the memory of free pages back to the system that nobody has wanted since this was last done, and returns how many bytes that was.
    ///
    /// This is what whoever comes by a slow path does when it is time ([`Purge`](crate::Purge)), a piece at a time. A program that may fall silent while
    /// its heaps are full of free blocks starts a [`Purger`](crate::Purger) or calls it by a timer; the second call in a silence gives back all that there
    /// is but threads' caches and what [`trim`](Self::trim) leaves; what those of ended threads took goes at once. Linear in the number of blocks that
    /// came back since.
    ///
    /// ```
    /// # use smarena::{Heap, Linear, SmBox};
    /// let heap = Heap::<Linear<8>>::builder().no_thread_cache().build()?;
    /// drop((0..10_000).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect::<Vec<_>>());
    /// let given_back = heap.purge() + heap.purge();
    /// # assert!(given_back >= 1 << 20 || cfg!(not(target_os = "linux")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn purge(&self) -> usize {
        self.raw.state().purge()
    }

    /// The addresses that blocks of each bucket come from, in the order of the buckets.
    ///
    /// For those who must name them to somebody else, as when buffers are registered with `io_uring`. The memory belongs to
    /// whoever owns the blocks in it. Keep the [`Regions`] as long as the other side knows the addresses: until it is dropped,
    /// no page behind them is given back, not by [`trim`](Self::trim) nor by itself, so that both sides see the same memory.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// let heap = Heap::<Linear<8>>::new(1 << 20)?;
    /// let mut regions = heap.regions();
    /// assert_eq!(regions.by_ref().map(|region| region.len()).sum::<usize>(), (1..=8).map(|n| (1 << 20) / (16 * n) * 16 * n).sum());
    /// // … registered …
    /// assert_eq!(heap.trim(), 0);
    /// drop(regions);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn regions(&self) -> Regions<'_, C> {
        Regions::new(self)
    }

    /// What the builder was told to call it.
    ///
    /// ```
    /// # use smarena::{Heap, Linear};
    /// assert_eq!(Heap::<Linear<1>>::builder().name("net").build()?.name(), "net");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.raw.state().config.name
    }
}

debug_by! { [C: SizeClasses] Heap<C> |heap| { name: heap.name(), block_sizes: C::BLOCK_SIZES } }
