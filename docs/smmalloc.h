/* The C interface of smarena: a bucket allocator with thread caches. Made from src/ffi.rs; do not edit.
 *
 * No call unwinds; what cannot be done is said by NULL, 0 or -1 and changes nothing, and a NULL allocator is told the same.
 * Any thread may use any allocator and free what another allocated; a thread that ends gives back what it had cached.
 * `memory` is NULL or a live block of the allocator. Allocators created while the environment variable SMMALLOC_HARDENED is
 * set, to anything but nothing and 0, check that and abort with a line that names the block; others trust the caller as free()
 * does. If SMMALLOC_RECORD names a file when the first allocator is created, what is asked of all allocators is recorded, and
 * written there when the process ends by exit() or by returning from main(); not of programs that run with more rights than who
 * started them, as set-user-ID ones do.
 *
 * The environment is read whenever an allocator is created, as by getenv(): no other thread may change it meanwhile. Where one of the two variables is
 * set, that takes a little memory of the process's own allocator; where it is refused the process ends by abort().
 *
 * On Linux with the GNU C library, x86-64: opened by dlopen(), the library needs 160 bytes of the room that is kept for thread-locals of such libraries
 * (some 1600 by default). If others took it, dlopen() says "cannot allocate memory in static TLS block": link with the library, or start the program with
 * more room, as GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096 in the environment. */

#ifndef SMMALLOC_H
#define SMMALLOC_H

#include <stddef.h>
#include <stdint.h>

/**
 * When a bucket is used up, the next ones serve, then the system allocator.
 */
#define SM_OVERFLOW 0

/**
 * It grows up to `reserve` bytes first.
 */
#define SM_GROW 1

/**
 * NULL is returned, also for what is larger than any block: the allocator never has more than its buckets.
 */
#define SM_REFUSE 2

/**
 * Blocks that are freed, moved or measured are checked, and misuse ends the process with a message; there are no thread caches.
 */
#define SM_HARDENED 1

/**
 * Blocks are overwritten with zeros when they are freed.
 */
#define SM_ZERO_ON_FREE 2

/**
 * Threads have caches if they create one, and not by themselves.
 */
#define SM_NO_THREAD_CACHE 4

/**
 * Memory never goes back by itself.
 */
#define SM_PURGE_NEVER UINT32_MAX

/**
 * What sm_allocator_create_with is told. Zero is the default of each but `size`, `buckets_count` and `bucket_size`.
 */
typedef struct {
  /**
   * sizeof(SmOptions).
   */
  size_t size;
  /**
   * 1 to 64 buckets, of blocks of 16, 32, 48, ... bytes, or of `block_sizes`.
   */
  uint32_t buckets_count;
  /**
   * SM_OVERFLOW, SM_GROW or SM_REFUSE.
   */
  uint32_t on_exhausted;
  /**
   * Bytes of each bucket.
   */
  size_t bucket_size;
  /**
   * Or NULL: bytes of one bucket after the other, as many as there are buckets; 0 for `bucket_size`.
   */
  const size_t *bucket_sizes;
  /**
   * Bytes that a bucket can grow to, more than those of the smallest bucket; counts with SM_GROW. Addresses are reserved for so many.
   */
  size_t reserve;
  /**
   * Bytes of blocks of each bucket that a thread caches by itself, at most; 0 for a 256th of `bucket_size`, whatever `bucket_sizes` say, 64 KiB at most.
   */
  size_t cache_bytes;
  /**
   * SM_HARDENED and others, added up.
   */
  uint32_t flags;
  /**
   * As often as so many milliseconds are over, threads that come to buckets give back what nobody has wanted since the time before: so after a silence it
   * is the second time. 0 for a second, or SM_PURGE_NEVER. Where no thread comes it stays until sm_allocator_trim.
   */
  uint32_t purge_after;
  /**
   * The allocator's name in messages, in UTF-8; it is copied. Or NULL.
   */
  const char *name;
  /**
   * Or NULL: bytes of a block of one bucket after the other, as many as there are buckets: multiples of 16, each larger than the one before it, 2 MiB at
   * most. They are copied.
   */
  const size_t *block_sizes;
} SmOptions;

/**
 * What an allocator, or one bucket of it, is doing. Exact while no other thread uses it.
 */
typedef struct {
  /**
   * sizeof(SmStatistics), set before the call.
   */
  size_t size;
  /**
   * Bytes of a block; 0 of all buckets together.
   */
  size_t block_size;
  /**
   * Blocks of buckets in the hands of the program.
   */
  size_t live_blocks;
  /**
   * Their bytes, as buckets count them.
   */
  size_t live_bytes;
  /**
   * Bytes of blocks that were used before and are free for every thread.
   */
  size_t free_bytes;
  /**
   * Bytes of free blocks in the caches of threads.
   */
  size_t cached_bytes;
  /**
   * Bytes of blocks that were ever used.
   */
  size_t used_bytes;
  /**
   * Bytes of all blocks that there can be, as it is now.
   */
  size_t capacity_bytes;
  /**
   * Bytes that are backed by memory; SIZE_MAX where the system does not say.
   */
  size_t resident_bytes;
  /**
   * Bytes of free pages that have gone back to the system, the same page perhaps more than once.
   */
  size_t purged_bytes;
  /**
   * Calls that had to be served elsewhere because their bucket was used up.
   */
  size_t overflowed;
  /**
   * Threads that have a cache; 0 of one bucket.
   */
  size_t caches;
  /**
   * Live blocks of the system's; 0 of one bucket.
   */
  size_t system_blocks;
  /**
   * Bytes that these were asked for with.
   */
  size_t system_bytes;
} SmStatistics;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates an allocator with `buckets_count` (1 to 64) buckets of `bucket_size` bytes each.
 *
 * The blocks of the first bucket have 16 bytes, of the second 32, and so on. Returns NULL if a bucket would have no block at all or more than
 * 1 TiB, for any other number of buckets, or if the system refuses.
 *
 * Addresses are reserved at once, and memory is used when it is first written. Each bucket takes the addresses of the least power of two that has room for
 * the largest of them and a page, twice its bytes if these are a power of two themselves: 64 buckets of 1 GiB take 129 GiB in all.
 *
 * To create an allocator takes 24 KiB of stack, more than PTHREAD_STACK_MIN; all other calls make do with that.
 */
void *sm_allocator_create(uint32_t buckets_count,
                          size_t bucket_size);

/**
 * Destroys an allocator and gives all its memory back, live blocks included. NULL is ignored.
 *
 * The caches that threads have in it go with it. No other thread may be using it, or use it afterwards.
 */
void sm_allocator_destroy(void *allocator);

/**
 * Gives the calling thread a cache of up to `cache_size` blocks of each bucket.
 *
 * `warmup` says how full it is made: 0 empty, 1 half or somewhat less, 2 full but for the room that the first frees need, so half or less of a small cache;
 * anything else counts as 0. What the thread had cached before goes back first. With `cache_size` 0 the thread takes every block from its bucket. Threads
 * that call neither this nor sm_allocator_thread_cache_destroy have a small cache, in each bucket of a 256th of `bucket_size` at most and never more than 64 KiB.
 */
void sm_allocator_thread_cache_create(void *allocator,
                                      int32_t warmup,
                                      size_t cache_size);

/**
 * Gives the blocks that the calling thread has cached back to their buckets. The allocator can be used as before.
 *
 * From now on the thread takes every block from its bucket, until it creates a cache again. While no thread has a cache of the allocator, any
 * thread can have every block of a bucket: exactly as many as `bucket_size` bytes hold. A thread that has called neither this nor
 * sm_allocator_thread_cache_create has a small cache of its own accord, of a 256th of `bucket_size` at most in each bucket, which may be most of one that
 * `bucket_sizes` makes much smaller; other threads do not get the blocks that lie there. Call this on each thread that must not keep any.
 */
void sm_allocator_thread_cache_destroy(void *allocator);

/**
 * A block of at least `bytes` bytes at a multiple of `alignment`; its content is undefined.
 *
 * `alignment` is a power of two up to 4096; 0 stands for 16. Returns NULL for any other, and when there is no memory. A block of 0 bytes is a block like
 * any other.
 */
void *sm_malloc(void *allocator,
                size_t bytes,
                size_t alignment);

/**
 * Gives a block back. NULL is ignored.
 */
void sm_free(void *allocator,
             void *memory);

/**
 * As `sm_free`, told the size and the alignment that the block was last asked for with: less to find out.
 *
 * A hardened allocator ends the process if it was another size.
 */
void sm_free_sized(void *allocator,
                   void *memory,
                   size_t bytes,
                   size_t alignment);

/**
 * Gives `length` blocks back, whose addresses stand at `batch`.
 *
 * NULL among them is skipped. Nothing happens if `batch` is NULL, or `length` is more than 2147483647, as a negative number is.
 */
void sm_free_batch(void *allocator,
                   void **batch,
                   size_t length);

/**
 * A block of at least `bytes` bytes at a multiple of `alignment`, with the content of `memory` as far as both go.
 *
 * The same block, untouched, if it is large enough and aligned. Returns NULL when there is no memory or the alignment is none; then `memory` is as it was.
 * But with `bytes` 0 it frees `memory`, whatever the alignment, and returns NULL; with `memory` NULL it is sm_malloc.
 */
void *sm_realloc(void *allocator,
                 void *memory,
                 size_t bytes,
                 size_t alignment);

/**
 * The bytes of a block that may be used: what its bucket's blocks have, or what was asked of the system allocator. 0 for NULL.
 */
size_t sm_msize(void *allocator,
                void *memory);

/**
 * The number of the bucket that a block came from, from 0; -1 if it came from none.
 *
 * Any pointer may be asked about.
 */
int32_t sm_mbucket(void *allocator, void *memory);

/**
 * Creates an allocator as `options` say.
 *
 * Returns NULL for what cannot be (as sm_allocator_create, which has no more than `buckets_count` and `bucket_size`), for options that there are
 * none of, for a `size` of more than 4096, or if the system or the process's own allocator refuses. The environment variable SMMALLOC_HARDENED makes it
 * hardened, too.
 */
void *sm_allocator_create_with(const SmOptions *options);

/**
 * Says what an allocator is doing, or one bucket of it: -1 stands for all together.
 *
 * Fills in as much of `statistics` as its `size` has room for. Returns 1, or 0 and does nothing if there is no such bucket, or `size` is less than that of
 * the first word, or the process's own allocator has no memory for it. It takes a moment: it looks at every bucket, and at the cache of every thread.
 */
int32_t sm_allocator_statistics(void *allocator,
                                int32_t bucket,
                                SmStatistics *statistics);

/**
 * Gives the memory of free blocks back to the system, with what the calling thread has cached and ended threads left. Returns the bytes.
 *
 * Other threads may use the allocator meanwhile. The memory of free blocks that nobody has wanted for a while goes back without this, too, but not before
 * some thread comes to their bucket: call it in a program that falls silent.
 */
size_t sm_allocator_trim(void *allocator);

/**
 * Gives the blocks that the calling thread has cached back to their buckets, where all threads find them. It keeps its cache, empty.
 *
 * For a thread that will have nothing to do for a while, as one of a pool of threads.
 */
void sm_allocator_thread_cache_reset(void *allocator);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SMMALLOC_H */
