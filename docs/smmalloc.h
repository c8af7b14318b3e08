/* The C interface of smarena: a bucket allocator with thread caches. Made from src/ffi.rs; do not edit.
 *
 * No call unwinds; what cannot be done is said by NULL, 0 or -1 and changes nothing, and a NULL allocator is told the same.
 * Any thread may use any allocator and free what another allocated; a thread that ends gives back what it had cached.
 * `memory` is NULL or a live block of the allocator. Allocators created while the environment variable SMMALLOC_HARDENED is
 * set, to anything but nothing and 0, check that and abort with a line that names the block; others trust the caller as free()
 * does. If SMMALLOC_RECORD names a file when the first allocator is created, what is asked of all allocators is recorded, and
 * written there when the process ends by exit() or by returning from main(); not of programs that run with more rights than who
 * started them, as set-user-ID ones do. */

#ifndef SMMALLOC_H
#define SMMALLOC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Creates an allocator with `buckets_count` (1 to 64) buckets of `bucket_size` bytes each.
 *
 * The blocks of the first bucket have 16 bytes, of the second 32, and so on. Returns NULL if a bucket would have no block at all or more than
 * 1 TiB, for any other number of buckets, or if the system refuses. Memory is reserved, and used when it is first written.
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
 * `warmup` says how full it is made: 0 empty, 1 half, 2 full; anything else counts as 0. What the thread had cached before goes back first. With
 * `cache_size` 0 the thread takes every block from its bucket. Threads that call neither this nor sm_allocator_thread_cache_destroy have a small
 * cache in buckets that are large: of a 256th of the bucket's bytes at most.
 */
void sm_allocator_thread_cache_create(void *allocator,
                                      int32_t warmup,
                                      size_t cache_size);

/**
 * Gives the blocks that the calling thread has cached back to their buckets. The allocator can be used as before.
 *
 * From now on the thread takes every block from its bucket, until it creates a cache again. While no thread has a cache of the allocator, any
 * thread can have every block of a bucket: exactly as many as `bucket_size` bytes hold. A thread that has called neither this nor
 * sm_allocator_thread_cache_create has a small cache of its own accord, of a 256th of a bucket's bytes at most; other threads do not get
 * the blocks that lie there. Call this on each thread that must not keep any.
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
 * With `bytes` 0 it frees `memory` and returns NULL; with `memory` NULL it is sm_malloc.
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

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SMMALLOC_H */
