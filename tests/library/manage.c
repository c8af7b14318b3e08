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

int main(void) {
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
