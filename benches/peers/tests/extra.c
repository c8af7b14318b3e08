/* A library with the C interface that --extra wants, over the system's malloc; with -DCRASH, one that crashes in a workload. */
#include <stdint.h>
#include <stdlib.h>

void *sm_allocator_create(uint32_t buckets, size_t bytes) { return buckets && bytes ? malloc(1) : NULL; }
void sm_allocator_destroy(void *allocator) { free(allocator); }
void sm_allocator_thread_cache_create(void *allocator, int32_t warmup, size_t blocks) { (void)allocator, (void)warmup, (void)blocks; }
void sm_allocator_thread_cache_destroy(void *allocator) { (void)allocator; }
void sm_free(void *allocator, void *block) { (void)allocator, free(block); }

void *sm_malloc(void *allocator, size_t bytes, size_t align) {
    (void)allocator, (void)align;
#ifdef CRASH
    abort();
#endif
    return malloc(bytes);
}

void *sm_realloc(void *allocator, void *block, size_t bytes, size_t align) {
    (void)allocator, (void)align;
    return realloc(block, bytes);
}
