//! The C interface, for C and for .NET clients of the library that this is the successor of.
//!
//! The functions that it had are the raw calls of a [`Heap`](crate::Heap) of [`Linear`](crate::Linear) blocks whose number of buckets is chosen at
//! run time, or of any block sizes that are; beside them is what a program may want of an allocator as a whole ([`sm_allocator_create_with`], [`sm_allocator_statistics`]). One
//! command makes the library, `libsmmalloc.so` and `libsmmalloc.a`, in `target/release` of the repository:
//!
//! ```text
//! cargo build --release -p smmalloc-library
//! ```
//!
//! `docs/smmalloc.h` is its header, made from this file; `docs/examples/dotnet` has a C# class around it. With
//! [cargo-c](https://crates.io/crates/cargo-c), `cargo cinstall --release --features capi` installs library, header and pkg-config file.
//!
//! # What holds for all of them
//!
//! - No call unwinds. What cannot be done is said by `NULL`, 0 or -1 and changes nothing; a `NULL` allocator is told the same.
//! - Any thread may use any allocator, and free what another thread allocated. A thread that ends gives back what it had cached.
//! - Blocks have the sizes 16, 32, 48, … bytes, unless options name others; a bucket of `bucket_size` bytes serves exactly as many as fit. When it is used up the next
//!   buckets serve, then the system allocator, which also has what is larger than any block.
//! - A thread that created no cache has a small one of its own accord, of a 256th of `bucket_size` at most, 64 KiB at most, unless it has called
//!   [`sm_allocator_thread_cache_destroy`]: then it caches nothing until it creates a cache.
//! - `allocator` is `NULL` or was returned by [`sm_allocator_create`] and has not been destroyed; `memory` is `NULL` or a live block of that
//!   allocator. Nothing checks the first. The second is checked by allocators created while the environment variable
//!   `SMMALLOC_HARDENED` is set, to anything but nothing and `0`: they end the process by `abort`, with a line on standard error that names
//!   the block. Others are as trusting as the C library's `free`; docs/SAFETY.md says what they notice.
//! - The environment is read whenever an allocator is created, as by `getenv`: no other thread may change it meanwhile. Where one of the two variables
//!   is set, that takes a little memory of the process's own allocator; where it is refused the process ends by `abort`.
//! - If `SMMALLOC_RECORD` names a file when the first allocator is created, what is asked of all allocators is recorded (feature `record`, on unix), and
//!   written there when the process ends by `exit` or by returning from `main`; `%p` in the name stands for the process's number. The example `tune`
//!   reads it and says which block sizes would fit. Recorded allocators have no thread caches, so the program is slower. A child of `fork` does not
//!   record, nor does a program with rights that who started it has not (set-user-ID and its kin). A program that it starts reads the variable itself, and
//!   wants a `%p` there to have a file of its own. What goes wrong with the file is said on standard error, and the program goes on.
//! - A library that was loaded with `dlopen` and has been used stays mapped after `dlclose`: threads that used it call into it once more when
//!   they end.
//!
//! # Invariants
//!
//! - **F1 allocator.** A non-null `allocator` is a `ListedHeap` that [`sm_allocator_create`] put on the heap and
//!   [`sm_allocator_destroy`] has not taken back: the callers' contract.
//! - **F2 block.** A non-null `memory` is a live block of the allocator, the caller's own: the callers' contract.
//!
//! ```
//! use smarena::ffi::*;
//!
//! // SAFETY: the allocator is used until it is destroyed, the block until it is freed.
//! unsafe {
//!     let allocator = sm_allocator_create(8, 16 << 20);
//!     sm_allocator_thread_cache_create(allocator, 2, 256);
//!     let block = sm_malloc(allocator, 50, 0);
//!     assert_eq!((sm_msize(allocator, block), sm_mbucket(allocator, block)), (64, 3));
//!     sm_free(allocator, block);
//!     sm_allocator_destroy(allocator);
//! }
//! ```

mod manage;
#[cfg_attr(not(all(feature = "record", unix)), path = "ffi/not_recorded.rs")]
mod recording;

pub use manage::{
    SM_GROW, SM_HARDENED, SM_NO_THREAD_CACHE, SM_OVERFLOW, SM_PURGE_NEVER, SM_REFUSE, SM_ZERO_ON_FREE, SmOptions,
    SmStatistics, sm_allocator_create_with, sm_allocator_statistics, sm_allocator_thread_cache_reset,
    sm_allocator_trim,
};

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use crate::class::table::late::LateTable;
use crate::config::CacheWarmup;
use crate::error::ConfigError;
use crate::heap::listed::{ListedHeap, Wishes};
use crate::heap::noted::Note;

/// The most pointers that a batch may have: what a C `int` counts. A negative length, whatever it was widened to, is above it.
const LONGEST_BATCH: usize = i32::MAX as usize;

/// # Safety
/// F1, for as long as the reference is used.
#[inline(always)]
unsafe fn heap<'a>(allocator: *mut c_void) -> Option<&'a ListedHeap> {
    // SAFETY: F1: null or a heap.
    unsafe { allocator.cast::<ListedHeap>().as_ref() }
}

#[inline(always)]
fn or_null(block: Option<NonNull<u8>>) -> *mut c_void {
    block.map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

#[inline(always)]
fn block(memory: *mut c_void) -> Option<NonNull<u8>> {
    NonNull::new(memory.cast())
}

/// Whether allocators created now check what they are given.
fn hardened() -> bool {
    std::env::var_os("SMMALLOC_HARDENED").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Creates an allocator with `buckets_count` (1 to 64) buckets of `bucket_size` bytes each.
///
/// The blocks of the first bucket have 16 bytes, of the second 32, and so on. Returns NULL if a bucket would have no block at all or more than
/// 1 TiB, for any other number of buckets, or if the system refuses.
///
/// Addresses are reserved at once, and memory is used when it is first written. Each bucket takes the addresses of the least power of two that has room for
/// the largest of them and a page, twice its bytes if these are a power of two themselves: 64 buckets of 1 GiB take 129 GiB in all.
///
/// To create an allocator takes 24 KiB of stack, more than PTHREAD_STACK_MIN; all other calls make do with that.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// assert!(sm_allocator_create(65, 1 << 20).is_null());
/// assert!(sm_allocator_create(8, 100).is_null()); // the last bucket has blocks of 128 bytes
/// # }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn sm_allocator_create(buckets_count: u32, bucket_size: usize) -> *mut c_void {
    let Some(table) = LateTable::linear(buckets_count as usize) else { return ptr::null_mut() };
    let wishes = Wishes { hardened: hardened(), ..Wishes::of_buckets(bucket_size) };
    create(|note| ListedHeap::new(&wishes, table, None, note))
}

/// The heap that `make` makes, told what notes its calls if anything does, as callers know it; null if there is none.
fn create(make: impl FnOnce(Option<Note>) -> Result<ListedHeap, ConfigError>) -> *mut c_void {
    let Ok(heap) = make(recording::asked_for()) else { return ptr::null_mut() };
    // A vector, because a box cannot tell that there is no memory.
    let mut place = Vec::new();
    if place.try_reserve_exact(1).is_err() {
        return ptr::null_mut();
    }
    place.push(heap);
    Box::into_raw(place.into_boxed_slice()).cast()
}

/// Destroys an allocator and gives all its memory back, live blocks included. NULL is ignored.
///
/// The caches that threads have in it go with it. No other thread may be using it, or use it afterwards.
///
/// # Safety
/// `allocator` is NULL or was returned by [`sm_allocator_create`], is not destroyed yet, and neither it nor its blocks are used any more.
///
/// ```
/// # use smarena::ffi::*;
/// // SAFETY: ignored.
/// unsafe { sm_allocator_destroy(std::ptr::null_mut()) };
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_destroy(allocator: *mut c_void) {
    if !allocator.is_null() {
        let heap = ptr::slice_from_raw_parts_mut(allocator.cast::<ListedHeap>(), 1);
        // SAFETY: F1: made of such a box, and taken back once.
        drop(unsafe { Box::from_raw(heap) });
    }
}

/// Gives the calling thread a cache of up to `cache_size` blocks of each bucket.
///
/// `warmup` says how full it is made: 0 empty, 1 half or somewhat less, 2 full but for the room that the first frees need, so half or less of a small cache;
/// anything else counts as 0. What the thread had cached before goes back first. With `cache_size` 0 the thread takes every block from its bucket. Threads
/// that call neither this nor sm_allocator_thread_cache_destroy have a small cache, in each bucket of a 256th of `bucket_size` at most and never more than 64 KiB.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// sm_allocator_thread_cache_create(allocator, 1, usize::MAX); // never more than a bucket has
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_thread_cache_create(allocator: *mut c_void, warmup: i32, cache_size: usize) {
    let warmup = match warmup {
        1 => CacheWarmup::Warm,
        2 => CacheWarmup::Hot,
        _ => CacheWarmup::Cold,
    };
    // SAFETY: F1: the caller's contract.
    if let Some(heap) = unsafe { heap(allocator) } {
        heap.open_cache(cache_size, warmup);
    }
}

/// Gives the blocks that the calling thread has cached back to their buckets. The allocator can be used as before.
///
/// From now on the thread takes every block from its bucket, until it creates a cache again. While no thread has a cache of the allocator, any
/// thread can have every block of a bucket: exactly as many as `bucket_size` bytes hold. A thread that has called neither this nor
/// sm_allocator_thread_cache_create has a small cache of its own accord, of a 256th of `bucket_size` at most in each bucket, which may be most of one that
/// `bucket_sizes` makes much smaller; other threads do not get the blocks that lie there. Call this on each thread that must not keep any.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// sm_allocator_thread_cache_destroy(allocator); // there is none: nothing happens
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_allocator_thread_cache_destroy(allocator: *mut c_void) {
    // SAFETY: F1: the caller's contract.
    if let Some(heap) = unsafe { heap(allocator) } {
        heap.close_cache();
    }
}

/// A block of at least `bytes` bytes at a multiple of `alignment`; its content is undefined.
///
/// `alignment` is a power of two up to 4096; 0 stands for 16. Returns NULL for any other, and when there is no memory. A block of 0 bytes is a block like
/// any other.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// assert!(sm_malloc(allocator, 100, 48).is_null());
/// assert!(sm_malloc(allocator, usize::MAX, 16).is_null());
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sm_malloc(allocator: *mut c_void, bytes: usize, alignment: usize) -> *mut c_void {
    // SAFETY: F1: the caller's contract.
    match unsafe { heap(allocator) } {
        Some(heap) => or_null(heap.malloc(bytes, alignment)),
        None => ptr::null_mut(),
    }
}

/// Gives a block back. NULL is ignored.
///
/// # Safety
/// `allocator` is NULL or a live allocator, `memory` NULL or a live block of it that is not used any more.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// sm_free(allocator, sm_malloc(allocator, 10, 0));
/// sm_free(allocator, std::ptr::null_mut());
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_free(allocator: *mut c_void, memory: *mut c_void) {
    // SAFETY: F1: the caller's contract.
    if let (Some(heap), Some(block)) = (unsafe { heap(allocator) }, block(memory)) {
        // SAFETY: I10, F2: the caller's contract.
        unsafe { heap.free(block) }
    }
}

/// As `sm_free`, told the size and the alignment that the block was last asked for with: less to find out.
///
/// A hardened allocator ends the process if it was another size.
///
/// # Safety
/// As [`sm_free`]; `bytes` and `alignment` are what was asked for.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// sm_free_sized(allocator, sm_malloc(allocator, 10, 0), 10, 0);
/// sm_free_sized(allocator, std::ptr::null_mut(), 10, 0);
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
#[expect(unused_variables, reason = "a caller that knows the one knows the other, as for a layout")]
pub unsafe extern "C" fn sm_free_sized(allocator: *mut c_void, memory: *mut c_void, bytes: usize, alignment: usize) {
    // SAFETY: F1: the caller's contract.
    if let (Some(heap), Some(block)) = (unsafe { heap(allocator) }, block(memory)) {
        // SAFETY: I10, F2: the caller's contract.
        unsafe { heap.free_sized(block, bytes) }
    }
}

/// Gives `length` blocks back, whose addresses stand at `batch`.
///
/// NULL among them is skipped. Nothing happens if `batch` is NULL, or `length` is more than 2147483647, as a negative number is.
///
/// # Safety
/// As [`sm_free`] for each; none is there twice; `length` pointers can be read at `batch`.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// let mut batch = [sm_malloc(allocator, 10, 0), std::ptr::null_mut(), sm_malloc(allocator, 5000, 0)];
/// sm_free_batch(allocator, batch.as_mut_ptr(), batch.len());
/// sm_free_batch(allocator, batch.as_mut_ptr(), -1_isize as usize);
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sm_free_batch(allocator: *mut c_void, batch: *mut *mut c_void, length: usize) {
    // SAFETY: F1: the caller's contract.
    let (Some(heap), false) = (unsafe { heap(allocator) }, batch.is_null() || length > LONGEST_BATCH) else { return };
    for index in 0..length {
        // SAFETY: I10: the caller says so many can be read.
        let memory = unsafe { batch.add(index) };
        // SAFETY: I10: as above.
        if let Some(block) = block(unsafe { memory.read_unaligned() }) {
            // SAFETY: I10, F2: the caller's contract.
            unsafe { heap.free(block) }
        }
    }
}

/// A block of at least `bytes` bytes at a multiple of `alignment`, with the content of `memory` as far as both go.
///
/// The same block, untouched, if it is large enough and aligned. Returns NULL when there is no memory or the alignment is none; then `memory` is as it was.
/// But with `bytes` 0 it frees `memory`, whatever the alignment, and returns NULL; with `memory` NULL it is sm_malloc.
///
/// # Safety
/// As [`sm_malloc`], and as [`sm_free`] unless NULL is returned for want of memory or `memory` itself.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// let block = sm_malloc(allocator, 20, 0);
/// assert_eq!(sm_realloc(allocator, block, 32, 0), block);
/// assert!(sm_realloc(allocator, block, usize::MAX, 0).is_null()); // the block is still there
/// assert!(sm_realloc(allocator, block, 0, 0).is_null()); // now it is not
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sm_realloc(
    allocator: *mut c_void,
    memory: *mut c_void,
    bytes: usize,
    alignment: usize,
) -> *mut c_void {
    // SAFETY: F1: the caller's contract.
    let Some(heap) = (unsafe { heap(allocator) }) else { return ptr::null_mut() };
    let Some(block) = block(memory) else { return or_null(heap.malloc(bytes, alignment)) };
    if bytes == 0 {
        // SAFETY: I10, F2: the caller's contract.
        unsafe { heap.free(block) };
        return ptr::null_mut();
    }
    // SAFETY: I10, F2: the caller's contract.
    or_null(unsafe { heap.realloc(block, bytes, alignment) })
}

/// The bytes of a block that may be used: what its bucket's blocks have, or what was asked of the system allocator. 0 for NULL.
///
/// # Safety
/// `allocator` is NULL or a live allocator, `memory` NULL or a live block of it.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// let (small, large) = (sm_malloc(allocator, 1, 0), sm_malloc(allocator, 1000, 0));
/// assert_eq!((sm_msize(allocator, small), sm_msize(allocator, large)), (16, 1000));
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sm_msize(allocator: *mut c_void, memory: *mut c_void) -> usize {
    // SAFETY: F1: the caller's contract.
    match (unsafe { heap(allocator) }, block(memory)) {
        // SAFETY: I10, F2: the caller's contract.
        (Some(heap), Some(block)) => unsafe { heap.usable_size(block) },
        _ => 0,
    }
}

/// The number of the bucket that a block came from, from 0; -1 if it came from none.
///
/// Any pointer may be asked about.
///
/// # Safety
/// `allocator` is NULL or a live allocator.
///
/// ```
/// # use smarena::ffi::*;
/// # unsafe {
/// # let allocator = sm_allocator_create(8, 16 << 20);
/// assert_eq!(sm_mbucket(allocator, sm_malloc(allocator, 17, 0)), 1);
/// assert_eq!(sm_mbucket(allocator, sm_malloc(allocator, 129, 0)), -1);
/// # sm_allocator_destroy(allocator);
/// # }
/// ```
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn sm_mbucket(allocator: *mut c_void, memory: *mut c_void) -> i32 {
    // SAFETY: F1: the caller's contract.
    let bucket = unsafe { heap(allocator) }.and_then(|heap| heap.bucket_of(block(memory)?));
    bucket.and_then(|bucket| i32::try_from(bucket).ok()).unwrap_or(-1)
}
