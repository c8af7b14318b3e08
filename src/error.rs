//! What can go wrong, with the value that was asked for and the limit it met.

use crate::derived::{from, says};
use crate::text::Text;
use core::alloc::Layout;
use core::fmt;
use std::io;

/// A heap's configuration that cannot be built.
///
/// Every variant names the value and the limit, so that the message alone is enough to mend the call.
///
/// ```
/// use smarena::{Heap, Linear};
///
/// let error = Heap::<Linear<8>>::new(0).unwrap_err();
/// assert_eq!(error.to_string(), "bucket 0 of 16-byte blocks was given 0 bytes; it needs at least 16");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A bucket was given fewer bytes than one of its blocks takes.
    BucketTooSmall {
        /// The bucket's number.
        bucket: usize,
        /// The size of its blocks in bytes.
        block_size: usize,
        /// The bytes it was given.
        bytes: usize,
    },
    /// A bucket was given more bytes than a span can have.
    BucketTooLarge {
        /// The bucket's number.
        bucket: usize,
        /// The size of its blocks in bytes.
        block_size: usize,
        /// The bytes it was given.
        bytes: usize,
        /// The most bytes a span can have.
        limit: usize,
    },
    /// The reserve of [`Exhausted::Grow`](crate::Exhausted::Grow) is no block more than any bucket has to begin with: none could grow.
    ReserveTooSmall {
        /// The bytes of address space for each bucket.
        reserve: usize,
        /// The bytes that the smallest bucket has to begin with.
        least: usize,
    },
    /// The reserve of [`Exhausted::Grow`](crate::Exhausted::Grow) is more than a span can have.
    ReserveTooLarge {
        /// The bytes of address space for each bucket.
        reserve: usize,
        /// The most bytes a span can have.
        limit: usize,
    },
    /// The number of buckets is not one a heap can have.
    BucketCount {
        /// The number asked for.
        count: usize,
        /// The most buckets the table has.
        limit: usize,
    },
    /// A setting named a block size that no bucket of the table has.
    NoSuchBucket {
        /// The block size asked for.
        block_size: usize,
        /// The sizes there are.
        block_sizes: &'static [usize],
    },
    /// A pool's buffers were given a size no buffer can have.
    PoolBufSize {
        /// The bytes asked for.
        bytes: usize,
        /// The bytes asked for in front of them.
        headroom: usize,
        /// The most bytes a buffer can have.
        limit: usize,
    },
    /// A pool's buffers are larger, or aligned to more, than the blocks of a heap that refuses what no bucket serves.
    PoolBlock {
        /// The bytes asked for.
        bytes: usize,
        /// The bytes asked for in front of them.
        headroom: usize,
        /// The alignment asked for.
        align: usize,
        /// The bytes of the heap's largest blocks.
        largest: usize,
    },
    /// A pool's buffers were given an alignment that no buffer has.
    PoolAlignment {
        /// The alignment asked for.
        align: usize,
        /// The largest there is.
        limit: usize,
    },
    /// A pool was given a number of buffers it cannot have.
    PoolLimit {
        /// The number asked for.
        buffers: usize,
        /// The most buffers a pool can have.
        limit: usize,
    },
    /// A pool's watermarks are not in order.
    PoolWatermarks {
        /// The low one.
        low: usize,
        /// The high one.
        high: usize,
        /// The most buffers the pool has.
        limit: usize,
    },
    /// All spans together do not fit into the address space.
    AddressSpace {
        /// The number of spans.
        buckets: usize,
        /// The distance from one span to the next in bytes.
        stride: usize,
        /// The most bytes a region may have.
        limit: usize,
    },
    /// The system refused to reserve the heap's memory.
    Refused {
        /// The bytes asked for.
        bytes: usize,
        /// The system's own code (`errno`, or what `GetLastError` says).
        code: i32,
    },
}

says! {
    [] ConfigError:
    Self::BucketTooSmall { bucket, block_size, bytes } =>
        "bucket {bucket} of {block_size}-byte blocks was given {bytes} bytes; it needs at least {block_size}";
    Self::BucketTooLarge { bucket, block_size, bytes, limit } =>
        "bucket {bucket} of {block_size}-byte blocks was given {bytes} bytes; a span holds at most {limit}";
    Self::ReserveTooSmall { reserve, least } =>
        "each bucket may grow to a reserve of {reserve} bytes; they have at least {least} to begin with, which is a part of it, and none grows by a block";
    Self::ReserveTooLarge { reserve, limit } =>
        "each bucket may grow to a reserve of {reserve} bytes; a span holds at most {limit}";
    Self::BucketCount { count, limit } => "{count} buckets were asked for; a heap of this table has 1 to {limit}";
    Self::NoSuchBucket { block_size, block_sizes } =>
        "no bucket has blocks of {block_size} bytes; the table's sizes are {block_sizes:?}";
    Self::PoolBufSize { bytes, headroom, limit } =>
        "a pool's buffers were given {bytes} bytes each behind {headroom} of headroom; they have at least 1, and {limit} at most with the headroom";
    Self::PoolBlock { bytes, headroom, align, largest } =>
        "a pool's buffers were given {bytes} bytes each behind {headroom} of headroom, aligned to {align}; the heap refuses what no bucket serves, and its largest blocks have {largest}";
    Self::PoolAlignment { align, limit } =>
        "a pool's buffers were given the alignment {align}; it is a power of two up to {limit} (0 stands for 16)";
    Self::PoolLimit { buffers, limit } => "a pool was given {buffers} buffers; it has 1 to {limit}";
    Self::PoolWatermarks { low, high, limit } =>
        "a pool of {limit} buffers was given the watermarks {low} and {high}; the low one is below the high one, and that at most {limit}";
    Self::AddressSpace { buckets, stride, limit } =>
        "{buckets} spans of {stride} bytes each do not fit into {limit} bytes of address space";
    Self::Refused { bytes, code } =>
        "the system refused to reserve {bytes} bytes: {}{}", io::Error::from_raw_os_error(*code), what_is_short(*code);
}

impl core::error::Error for ConfigError {}

impl ConfigError {
    /// What is wrong with a static heap, where nothing can be formatted.
    pub(crate) const fn in_const(&self) -> Text {
        let says = Text::new("static_heap!: ");
        match *self {
            Self::BucketTooSmall { block_size, bytes, .. } => says
                .number(bytes)
                .with(" bytes are too few for the bucket of ")
                .number(block_size)
                .with("-byte blocks, of which it has at least one"),
            Self::BucketTooLarge { block_size, bytes, limit, .. } => says
                .number(bytes)
                .with(" bytes are too many for the bucket of ")
                .number(block_size)
                .with("-byte blocks; the limit is ")
                .number(limit),
            Self::NoSuchBucket { block_size, .. } => {
                says.with("the table has no blocks of ").number(block_size).with(" bytes")
            }
            Self::ReserveTooSmall { reserve, least } => says
                .with("a reserve of ")
                .number(reserve)
                .with(" bytes lets no bucket grow; each has at least ")
                .number(least)
                .with(" to begin with"),
            Self::ReserveTooLarge { reserve, limit } => {
                says.with("a reserve of ").number(reserve).with(" bytes is too much; the limit is ").number(limit)
            }
            _ => says.with("no heap can be built from these settings"),
        }
    }
}

/// A [`ConfigError`] in words that take no memory to make: what the system says about its code would take some.
pub(crate) struct Plainly<'e>(pub(crate) &'e ConfigError);

impl fmt::Display for Plainly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self.0 {
            ConfigError::Refused { bytes, code } => {
                let short = what_is_short(code);
                write!(f, "the system refused to reserve {bytes} bytes: error {code}{short}")
            }
            ref error => error.fmt(f),
        }
    }
}

/// The system's code for "out of memory", on all systems this is meant for.
pub(crate) const NO_MEMORY: i32 = if cfg!(windows) { 8 } else { 12 };

/// What the system means by that, and Linux by the one for "try again".
fn what_is_short(code: i32) -> &'static str {
    match code {
        NO_MEMORY => {
            ". Too little memory, a limit on addresses or data, or too many mappings (on Linux: vm.max_map_count)"
        }
        11 if cfg!(target_os = "linux") => {
            ". All memory of this process is locked (mlockall), and the limit on that (ulimit -l) counts addresses, used or not"
        }
        _ => "",
    }
}

/// A block that could not be had. The heap is as it was before the call.
///
/// ```
/// use smarena::{AllocError, Heap, Linear};
///
/// let heap = Heap::<Linear<8>>::new(1 << 20)?;
/// let error = heap.malloc(64, 48).unwrap_err();
/// assert_eq!(error, AllocError::Alignment { align: 48, limit: 4096 });
/// assert_eq!(error.to_string(), "alignment 48 is not a power of two from 1 to 4096 (0 stands for 16)");
/// assert_eq!(heap.malloc(64, 8192).unwrap_err().to_string(), "alignment 8192 is above the limit of 4096");
/// # Ok::<(), smarena::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllocError {
    /// The alignment is not a power of two, or is too large.
    Alignment {
        /// The alignment asked for.
        align: usize,
        /// The largest alignment that is served.
        limit: usize,
    },
    /// The size is larger than anything this heap serves, or than a buffer can be.
    TooLarge {
        /// The size asked for in bytes.
        size: usize,
        /// The largest size served in bytes.
        limit: usize,
    },
    /// No bucket has blocks of this size and alignment, and the heap was told to refuse then.
    NoBucket {
        /// The heap's name.
        heap: &'static str,
        /// The size asked for in bytes.
        size: usize,
        /// The alignment asked for in bytes.
        align: usize,
    },
    /// The bucket has no free block and the heap was told to refuse then.
    Exhausted {
        /// The heap's name, which [`HeapBuilder::name`](crate::HeapBuilder::name) gives it.
        heap: &'static str,
        /// The bucket's number.
        bucket: usize,
        /// The size of its blocks in bytes.
        block_size: usize,
        /// The number of blocks it has.
        blocks: usize,
    },
    /// A pool's buffer was to get a larger block than the pool's growth allows.
    PoolGrowth {
        /// The size asked for in bytes: as large as blocks of the heap are.
        size: usize,
        /// The size of the block that it has.
        block: usize,
        /// What is left of the growth of all buffers of the pool.
        left: usize,
        /// The size of the largest block that one of them could get, if no other had grown.
        most: usize,
    },
    /// A pool's buffer asked for a block beside its own, which is all that its permit stands for: for its copy, or to grow while others
    /// [have parts](crate::SmBuf::split_to) of that. When those are gone it grows again, as far as the pool says.
    OneBlock {
        /// The size asked for in bytes.
        size: usize,
    },
    /// The system had no memory left: for a block that no bucket could serve, or for more of a bucket's span.
    OutOfMemory {
        /// The heap's name.
        heap: &'static str,
        /// The size asked for in bytes.
        size: usize,
        /// The alignment asked for in bytes.
        align: usize,
    },
}

says! {
    [] AllocError:
    Self::Alignment { align, limit } if align.is_power_of_two() => "alignment {align} is above the limit of {limit}";
    Self::Alignment { align, limit } => "alignment {align} is not a power of two from 1 to {limit} (0 stands for 16)";
    Self::TooLarge { size, limit } => "{size} bytes are more than can be had at once; the limit is {limit}";
    Self::NoBucket { heap, size, align } =>
        "no bucket of heap `{heap}` has blocks for {size} bytes aligned to {align}, and it refuses what no bucket serves";
    Self::Exhausted { heap, bucket, block_size, blocks } =>
        "bucket {bucket} of heap `{heap}` is exhausted: all its {blocks} blocks of {block_size} bytes are in use, or in caches of other threads if it has such";
    Self::PoolGrowth { size, block, left, most } =>
        "a pool's buffer with a block of {block} bytes was to get one of {size}; the pool's buffers may grow by {left} bytes more, none beyond {most} (`BufPoolBuilder::growth`)";
    Self::OneBlock { size } => "a buffer of a pool has one block and gets no second one, so it does not grow while others have parts of that; {size} bytes were asked for";
    Self::OutOfMemory { heap, size, align } =>
        "the system refused memory to heap `{heap}`: {size} bytes aligned to {align} were asked for";
}

impl core::error::Error for AllocError {}

impl AllocError {
    /// What `std::io` calls it: memory that is short now, or a block that others have parts of now; or a call that the heap never serves.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match self {
            AllocError::Exhausted { .. } | AllocError::OneBlock { .. } | AllocError::OutOfMemory { .. } => {
                io::ErrorKind::OutOfMemory
            }
            AllocError::PoolGrowth { size, most, .. } if size <= most => io::ErrorKind::OutOfMemory,
            AllocError::Alignment { .. }
            | AllocError::TooLarge { .. }
            | AllocError::NoBucket { .. }
            | AllocError::PoolGrowth { .. } => io::ErrorKind::InvalidInput,
        }
    }

    /// Ends an infallible call: out of memory as the standard library reports it, everything else
    /// as a panic with this error's own text.
    #[cold]
    #[inline(never)]
    #[track_caller]
    pub(crate) fn fail(self, layout: Layout) -> ! {
        match self {
            AllocError::OutOfMemory { .. } => std::alloc::handle_alloc_error(layout),
            other => panic!("{other}"),
        }
    }
}

from! {
    /// Of kind `OutOfMemory` if memory is short now, or others have parts of a pool's buffer; of kind `InvalidInput` if the heap never serves this. The error itself is inside.
    ///
    /// ```
    /// use smarena::SmBuf;
    /// use std::io;
    ///
    /// fn read(len: usize) -> io::Result<SmBuf> {
    ///     let buf = SmBuf::try_with_capacity(len)?;
    ///     Ok(buf)
    /// }
    /// assert_eq!(read(usize::MAX).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    /// ```
    [] AllocError => io::Error: |error| io::Error::new(error.kind(), error);
}
