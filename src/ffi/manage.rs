//! What a program may want of an allocator beside its blocks: all that it can be told when it is made, what it is doing, and memory back.
//!
//! Structs begin with their own size, as the caller's header has it, and grow at their end alone. A larger one has fields that this library does not
//! know: those of options must be zero, or nothing is done; those of statistics they stay as they were. Of a smaller one the rest counts as zero.

use core::ffi::{CStr, c_char, c_void};
use core::mem::offset_of;
use core::ptr;
use core::slice;
use core::time::Duration;

use super::{create, hardened, heap};
use crate::class::MAX_CLASSES;
use crate::class::table::late::LateTable;
use crate::config::{Exhausted, Purge};
use crate::heap::listed::{ListedHeap, Wishes};

/// When a bucket is used up, the next ones serve, then the system allocator.
pub const SM_OVERFLOW: u32 = 0;
/// It grows up to `reserve` bytes first.
pub const SM_GROW: u32 = 1;
/// NULL is returned, also for what is larger than any block: the allocator never has more than its buckets.
pub const SM_REFUSE: u32 = 2;

/// Blocks that are freed, moved or measured are checked, and misuse ends the process with a message; there are no thread caches.
pub const SM_HARDENED: u32 = 1;
/// Blocks are overwritten with zeros when they are freed.
pub const SM_ZERO_ON_FREE: u32 = 2;
/// Threads have caches if they create one, and not by themselves.
pub const SM_NO_THREAD_CACHE: u32 = 4;

/// Memory never goes back by itself.
pub const SM_PURGE_NEVER: u32 = u32::MAX;

/// What sm_allocator_create_with is told. Zero is the default of each but `size`, `buckets_count` and `bucket_size`.
///
/// ```
/// # use smarena::ffi::*;
/// let options = SmOptions { size: size_of::<SmOptions>(), buckets_count: 8, bucket_size: 1 << 20, ..Default::default() };
/// // SAFETY: no pointers are in it.
/// let allocator = unsafe { sm_allocator_create_with(&options) };
/// assert!(!allocator.is_null());
/// # unsafe { sm_allocator_destroy(allocator) };
/// ```
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SmOptions {
    /// sizeof(SmOptions).
    pub size: usize,
    /// 1 to 64 buckets, of blocks of 16, 32, 48, ... bytes, or of `block_sizes`.
    pub buckets_count: u32,
    /// SM_OVERFLOW, SM_GROW or SM_REFUSE.
    pub on_exhausted: u32,
    /// Bytes of each bucket.
    pub bucket_size: usize,
    /// Or NULL: bytes of one bucket after the other, as many as there are buckets; 0 for `bucket_size`.
    pub bucket_sizes: *const usize,
    /// Bytes that a bucket can grow to, more than those of the smallest bucket; counts with SM_GROW. Addresses are reserved for so many.
    pub reserve: usize,
    /// Bytes of blocks of each bucket that a thread caches by itself, at most; 0 for a 256th of `bucket_size`, whatever `bucket_sizes` say, 64 KiB at most.
    pub cache_bytes: usize,
    /// SM_HARDENED and others, added up.
    pub flags: u32,
    /// As often as so many milliseconds are over, threads that come to buckets give back what nobody has wanted since the time before: so after a silence it
    /// is the second time. 0 for a second, or SM_PURGE_NEVER. Where no thread comes it stays until sm_allocator_trim.
    pub purge_after: u32,
    /// The allocator's name in messages, in UTF-8; it is copied. Or NULL.
    pub name: *const c_char,
    /// Or NULL: bytes of a block of one bucket after the other, as many as there are buckets: multiples of 16, each larger than the one before it, 2 MiB at
    /// most. They are copied.
    pub block_sizes: *const usize,
}

impl Default for SmOptions {
    fn default() -> Self {
        Self {
            size: 0,
            buckets_count: 0,
            on_exhausted: SM_OVERFLOW,
            bucket_size: 0,
            bucket_sizes: ptr::null(),
            reserve: 0,
            cache_bytes: 0,
            flags: 0,
            purge_after: 0,
            name: ptr::null(),
            block_sizes: ptr::null(),
        }
    }
}

/// What an allocator, or one bucket of it, is doing. Exact while no other thread uses it.
///
/// ```
/// # use smarena::ffi::*;
/// let statistics = SmStatistics { size: size_of::<SmStatistics>(), ..Default::default() };
/// assert_eq!(statistics.live_blocks, 0);
/// ```
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SmStatistics {
    /// sizeof(SmStatistics), set before the call.
    pub size: usize,
    /// Bytes of a block; 0 of all buckets together.
    pub block_size: usize,
    /// Blocks of buckets in the hands of the program.
    pub live_blocks: usize,
    /// Their bytes, as buckets count them.
    pub live_bytes: usize,
    /// Bytes of blocks that were used before and are free for every thread.
    pub free_bytes: usize,
    /// Bytes of free blocks in the caches of threads.
    pub cached_bytes: usize,
    /// Bytes of blocks that were ever used.
    pub used_bytes: usize,
    /// Bytes of all blocks that there can be, as it is now.
    pub capacity_bytes: usize,
    /// Bytes that are backed by memory; SIZE_MAX where the system does not say.
    pub resident_bytes: usize,
    /// Bytes of free pages that have gone back to the system, the same page perhaps more than once.
    pub purged_bytes: usize,
    /// Calls that had to be served elsewhere because their bucket was used up.
    pub overflowed: usize,
    /// Threads that have a cache; 0 of one bucket.
    pub caches: usize,
    /// Live blocks of the system's; 0 of one bucket.
    pub system_blocks: usize,
    /// Bytes that these were asked for with.
    pub system_bytes: usize,
}

/// Larger than any version's options will be. Whoever forgot to set `size` has any number there, and not so many bytes to be read.
const LARGEST_OPTIONS: usize = 4096;

/// The caller's options as far as both sides know them, and zero for the rest; `None` if there are some that this library does not know.
///
/// # Safety
/// `theirs` can be read for as many bytes as its first word says, if these are not more than `LARGEST_OPTIONS`.
unsafe fn read(theirs: *const SmOptions) -> Option<SmOptions> {
    // SAFETY: I10: the caller says so.
    let size = unsafe { theirs.cast::<usize>().read_unaligned() };
    if size > LARGEST_OPTIONS {
        return None;
    }
    // SAFETY: I10: as above.
    let bytes = unsafe { slice::from_raw_parts(theirs.cast::<u8>(), size) };
    let (known, unknown) = bytes.split_at(size.min(size_of::<SmOptions>()));
    let mut ours = SmOptions::default();
    // SAFETY: I10: so many bytes are there on both sides, and numbers and pointers may be anything.
    unsafe { ptr::from_mut(&mut ours).cast::<u8>().copy_from_nonoverlapping(known.as_ptr(), known.len()) };
    unknown.iter().all(|&byte| byte == 0).then_some(ours)
}

/// Creates an allocator as `options` say.
///
/// Returns NULL for what cannot be (as sm_allocator_create, which has no more than `buckets_count` and `bucket_size`), for options that there are
/// none of, for a `size` of more than 4096, or if the system or the process's own allocator refuses. The environment variable SMMALLOC_HARDENED makes it
/// hardened, too.
///
/// # Safety
/// `options` is NULL or leads to as many bytes as its `size` says, or to that alone if it is more than 4096; and what it leads to can be read: `buckets_count` sizes each, a name that ends with 0.
///
/// ```
/// # use smarena::ffi::*;
/// let options = SmOptions {
///     size: size_of::<SmOptions>(),
///     buckets_count: 4,
///     bucket_size: 1024,
///     on_exhausted: SM_REFUSE,
///     flags: SM_NO_THREAD_CACHE,
///     name: c"packets".as_ptr(),
///     ..Default::default()
/// };
/// // SAFETY: the allocator is used until it is destroyed.
/// unsafe {
///     let allocator = sm_allocator_create_with(&options);
///     let blocks: Vec<_> = (0..17).map(|_| sm_malloc(allocator, 64, 0)).collect();
///     assert!(!blocks[15].is_null() && blocks[16].is_null());
///     sm_allocator_destroy(allocator);
/// }
/// ```
///
/// Buffers of 16 to 4096 bytes, a bucket for each doubling:
///
/// ```
/// # use smarena::ffi::*;
/// let block_sizes: Vec<usize> = (0..9).map(|doubling| 16 << doubling).collect();
/// let options = SmOptions {
///     size: size_of::<SmOptions>(),
///     buckets_count: 9,
///     bucket_size: 1 << 20,
///     block_sizes: block_sizes.as_ptr(),
///     ..Default::default()
/// };
/// // SAFETY: the list is there; the allocator is used until it is destroyed.
/// unsafe {
///     let allocator = sm_allocator_create_with(&options);
///     assert_eq!(sm_msize(allocator, sm_malloc(allocator, 1500, 0)), 2048);
///     sm_allocator_destroy(allocator);
/// }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sm_allocator_create_with(options: *const SmOptions) -> *mut c_void {
    if options.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: I10: the caller's contract.
    let read = unsafe { read(options) };
    // SAFETY: I10: as above.
    let wishes = read.and_then(|options| unsafe { wishes(&options) });
    wishes.map_or(ptr::null_mut(), |(wishes, table, name)| create(|note| ListedHeap::new(&wishes, table, name, note)))
}

/// What the options come to, with block sizes and a name; `None` if there are no such.
///
/// # Safety
/// What they lead to can be read.
unsafe fn wishes(options: &SmOptions) -> Option<(Wishes, LateTable, Option<Box<str>>)> {
    const KNOWN: u32 = SM_HARDENED | SM_ZERO_ON_FREE | SM_NO_THREAD_CACHE;
    let buckets = usize::try_from(options.buckets_count).ok().filter(|count| (1..=MAX_CLASSES).contains(count))?;
    if options.size < offset_of!(SmOptions, bucket_sizes) || options.flags & !KNOWN != 0 {
        return None;
    }
    // SAFETY: I10: the caller says that there is one for each bucket.
    let list = |sizes: *const usize| (!sizes.is_null()).then(|| unsafe { slice::from_raw_parts(sizes, buckets) });
    let table = match list(options.block_sizes) {
        Some(sizes) => {
            // Not collected, which cannot tell that there is no memory.
            let mut own = Vec::new();
            own.try_reserve_exact(buckets).ok()?;
            own.extend_from_slice(sizes);
            LateTable::new(own.into())?
        }
        None => LateTable::linear(buckets)?,
    };
    let mut wishes = Wishes::of_buckets(options.bucket_size);
    if let Some(sizes) = list(options.bucket_sizes) {
        let given = wishes.bytes.iter_mut().zip(sizes).filter(|&(_, &bytes)| bytes > 0);
        given.for_each(|(own, &bytes)| *own = bytes);
    }
    wishes.exhausted = match options.on_exhausted {
        SM_OVERFLOW => Exhausted::NextBucketThenFallback,
        SM_GROW => Exhausted::Grow { reserve: options.reserve },
        SM_REFUSE => Exhausted::Refuse,
        _ => return None,
    };
    if options.cache_bytes > 0 {
        wishes.cache_bytes = options.cache_bytes;
    }
    wishes.automatic_cache = options.flags & SM_NO_THREAD_CACHE == 0;
    wishes.zero_on_free = options.flags & SM_ZERO_ON_FREE != 0;
    wishes.hardened = options.flags & SM_HARDENED != 0 || hardened();
    wishes.purge = match options.purge_after {
        0 => Purge::default(),
        SM_PURGE_NEVER => Purge::Never,
        milliseconds => Purge::After(Duration::from_millis(milliseconds.into())),
    };
    let name = if options.name.is_null() {
        None
    } else {
        // SAFETY: I10: the caller says that it ends.
        Some(copied(unsafe { CStr::from_ptr(options.name) })?)
    };
    Some((wishes, table, name))
}

/// The name as UTF-8, with a mark for what is none; `None` if there is no memory for it, which `CStr::to_string_lossy` cannot tell.
fn copied(name: &CStr) -> Option<Box<str>> {
    let pieces = || {
        let chunks = name.to_bytes().utf8_chunks();
        chunks.flat_map(|chunk| [chunk.valid(), if chunk.invalid().is_empty() { "" } else { "\u{FFFD}" }])
    };
    let mut own = String::new();
    own.try_reserve_exact(pieces().map(str::len).sum()).ok()?;
    own.extend(pieces());
    Some(own.into_boxed_str())
}

/// Says what an allocator is doing, or one bucket of it: -1 stands for all together.
///
/// Fills in as much of `statistics` as its `size` has room for. Returns 1, or 0 and does nothing if there is no such bucket, or `size` is less than that of
/// the first word, or the process's own allocator has no memory for it. It takes a moment: it looks at every bucket, and at the cache of every thread.
///
/// # Safety
/// `allocator` is NULL or a live allocator; `statistics` is NULL or leads to as many bytes as its `size` says.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 1 << 20);
/// let block = sm_malloc(allocator, 50, 0);
/// let mut statistics = SmStatistics { size: size_of::<SmStatistics>(), ..Default::default() };
/// assert_eq!(sm_allocator_statistics(allocator, -1, &mut statistics), 1);
/// assert_eq!((statistics.live_blocks, statistics.live_bytes), (1, 64));
/// assert_eq!(sm_allocator_statistics(allocator, 8, &mut statistics), 0); // they count from 0
/// # sm_free(allocator, block);
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_statistics(
    allocator: *mut c_void,
    bucket: i32,
    statistics: *mut SmStatistics,
) -> i32 {
    // SAFETY: F1: the caller's contract.
    let Some(heap) = (unsafe { heap(allocator) }).filter(|_| !statistics.is_null()) else { return 0 };
    // SAFETY: I10: the caller's contract.
    let size = unsafe { statistics.cast::<usize>().read_unaligned() };
    let Some(told) = told(heap, bucket, size).filter(|_| size >= size_of::<usize>()) else { return 0 };
    let bytes = size.min(size_of::<SmStatistics>());
    // SAFETY: I10: so many bytes are there on both sides.
    unsafe { statistics.cast::<u8>().copy_from_nonoverlapping(ptr::from_ref(&told).cast(), bytes) };
    1
}

fn told(heap: &ListedHeap, bucket: i32, size: usize) -> Option<SmStatistics> {
    let stats = heap.stats()?;
    if bucket >= 0 {
        let of_bucket = stats.buckets().get(usize::try_from(bucket).ok()?)?;
        let bytes = |blocks: usize| blocks.saturating_mul(of_bucket.block_size);
        return Some(SmStatistics {
            size,
            block_size: of_bucket.block_size,
            live_blocks: of_bucket.live,
            live_bytes: bytes(of_bucket.live),
            free_bytes: bytes(of_bucket.free),
            cached_bytes: bytes(of_bucket.cached),
            used_bytes: bytes(of_bucket.watermark),
            capacity_bytes: bytes(of_bucket.capacity),
            resident_bytes: of_bucket.resident.unwrap_or(usize::MAX),
            purged_bytes: of_bucket.purged,
            overflowed: of_bucket.overflowed,
            ..SmStatistics::default()
        });
    }
    let total = stats.total();
    (bucket == -1).then(|| SmStatistics {
        size,
        block_size: 0,
        live_blocks: stats.buckets().iter().map(|bucket| bucket.live).sum(),
        live_bytes: total.live,
        free_bytes: total.free,
        cached_bytes: total.cached,
        used_bytes: total.watermark,
        capacity_bytes: total.capacity,
        resident_bytes: total.resident.unwrap_or(usize::MAX),
        purged_bytes: total.purged,
        overflowed: total.overflowed,
        caches: stats.caches,
        system_blocks: stats.fallback_live,
        system_bytes: stats.fallback_bytes,
    })
}

/// Gives the memory of free blocks back to the system, with what the calling thread has cached and ended threads left. Returns the bytes.
///
/// Other threads may use the allocator meanwhile. The memory of free blocks that nobody has wanted for a while goes back without this, too, but not before
/// some thread comes to their bucket: call it in a program that falls silent.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 1 << 20);
/// sm_allocator_trim(allocator);
/// assert_eq!(sm_allocator_trim(std::ptr::null_mut()), 0);
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_trim(allocator: *mut c_void) -> usize {
    // SAFETY: F1: the caller's contract.
    unsafe { heap(allocator) }.map_or(0, ListedHeap::trim)
}

/// Gives the blocks that the calling thread has cached back to their buckets, where all threads find them. It keeps its cache, empty.
///
/// For a thread that will have nothing to do for a while, as one of a pool of threads.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// sm_allocator_thread_cache_create(allocator, 2, 64);
/// sm_allocator_thread_cache_reset(allocator);
/// let mut statistics = SmStatistics { size: size_of::<SmStatistics>(), ..Default::default() };
/// sm_allocator_statistics(allocator, -1, &mut statistics);
/// assert_eq!((statistics.cached_bytes, statistics.caches), (0, 1));
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_thread_cache_reset(allocator: *mut c_void) {
    // SAFETY: F1: the caller's contract.
    if let Some(heap) = unsafe { heap(allocator) } {
        heap.reset_cache();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_copied_with_a_mark_for_what_is_no_text() {
        for name in [c"", c"packets", c"p\u{e4}ckchen", c"a\xFF\xFFb\xC3", c"\xE2\x82"] {
            assert_eq!(*copied(name).unwrap(), *name.to_string_lossy());
        }
    }
}
