/* What a program may want of an allocator beside its blocks: options, statistics, memory back. By the shared library and the static one. */
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "smmalloc.h"

enum { BLOCKS = 1000 };

static SmStatistics told(void *allocator, int32_t bucket) {
    SmStatistics statistics = {.size = sizeof statistics};
    CHECK(sm_allocator_statistics(allocator, bucket, &statistics) == 1);
    return statistics;
}

/* Sixteen bytes to four thousand in nine buckets, as buffers for a network have them. */
static void listed(void) {
    size_t sizes[9];
    for (int i = 0; i < 9; i++)
        sizes[i] = (size_t)16 << i;
    SmOptions options = {.size = sizeof options, .buckets_count = 9, .bucket_size = 1 << 20, .block_sizes = sizes};
    void *allocator;
    CHECK(allocator = sm_allocator_create_with(&options));
    memset(sizes, 0, sizeof sizes); /* they were copied */
    for (size_t bytes = 9; bytes <= 4096; bytes++) {
        void *block = sm_malloc(allocator, bytes, 0);
        size_t size = sm_msize(allocator, block);
        int32_t bucket = sm_mbucket(allocator, block);
        CHECK(block && size == (size_t)16 << bucket && bytes <= size && (bucket == 0 || bytes > size / 2));
        memset(block, 1, bytes);
        CHECK(block = sm_realloc(allocator, block, 2 * bytes, 64));
        CHECK(sm_mbucket(allocator, block) == (bytes > 2048 ? -1 : bytes > 32 ? bucket + 1 : 2));
        sm_free_sized(allocator, block, 2 * bytes, 64);
    }
    CHECK(told(allocator, 8).block_size == 4096 && told(allocator, -1).live_blocks == 0);
    options.buckets_count = 2; /* of 0 bytes each */
    CHECK(!sm_allocator_create_with(&options));
    sm_allocator_destroy(allocator);
}

int main(void) {
    listed();
    static const size_t sizes[4] = {0, 0, 0, BLOCKS * 64};
    static void *blocks[BLOCKS];
    char name[] = "packets";
    SmOptions options = {.size = sizeof options, .buckets_count = 4, .bucket_size = 65536, .bucket_sizes = sizes,
                         .on_exhausted = SM_REFUSE, .flags = SM_NO_THREAD_CACHE, .purge_after = SM_PURGE_NEVER, .name = name};
    void *allocator;
    CHECK(allocator = sm_allocator_create_with(&options));
    memset(name, '?', sizeof name); /* it was copied */
    for (int i = 0; i < BLOCKS; i++)
        CHECK((blocks[i] = sm_malloc(allocator, 50, 0)) && memset(blocks[i], i, 50));
    CHECK(!sm_malloc(allocator, 50, 0) && !sm_malloc(allocator, 65, 0));
    CHECK(told(allocator, 3).live_blocks == BLOCKS && told(allocator, 3).block_size == 64);
    CHECK(told(allocator, -1).live_bytes == BLOCKS * 64 && told(allocator, -1).caches == 0);
    sm_allocator_thread_cache_create(allocator, 0, 100);
    sm_free_sized(allocator, blocks[0], 50, 0);
    sm_free_batch(allocator, blocks + 1, BLOCKS - 1);
    CHECK(told(allocator, -1).cached_bytes > 0 && told(allocator, -1).caches == 1);
    sm_allocator_thread_cache_reset(allocator);
    CHECK(told(allocator, -1).cached_bytes == 0 && told(allocator, -1).live_blocks == 0);
    CHECK(sm_allocator_trim(allocator) >= 60000);
    options.flags = 1u << 31;
    CHECK(!sm_allocator_create_with(&options) && !sm_allocator_create_with(NULL));
    sm_allocator_destroy(allocator);
    puts("manage: ok");
    return 0;
}
