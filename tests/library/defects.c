/* The original library's defects, as far as C code can reach them, by their numbers in docs/SAFETY.md. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "check.h"
#include "smmalloc.h"

enum { BYTES = 64 * 1024, BUCKETS = 4, ALL = BYTES / 16 };

/* Runs a function on a thread of its own, to its end. */
static void elsewhere(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* How many blocks of a bucket this thread can get, which gives them back. */
static int available(void *allocator, int bucket) {
    static void *blocks[ALL];
    int count = 0, got;
    /* Without a cache, so that asking changes nothing. */
    sm_allocator_thread_cache_create(allocator, 0, 0);
    for (got = 0; got < ALL; got++) {
        CHECK(blocks[got] = sm_malloc(allocator, 16 * (bucket + 1), 0));
        if (sm_mbucket(allocator, blocks[got]) != bucket) {
            sm_free(allocator, blocks[got]);
            break;
        }
        count++;
    }
    sm_free_batch(allocator, blocks, count);
    sm_allocator_thread_cache_destroy(allocator);
    return count;
}

static int counts[BUCKETS];

static void *count_all(void *allocator) {
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        counts[bucket] = available(allocator, bucket);
    return NULL;
}

static void all_available(void *allocator) {
    elsewhere(count_all, allocator);
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        CHECK(counts[bucket] == BYTES / (16 * (bucket + 1)));
}

static void defect_2(void *allocator) {
    unsigned char *block = sm_malloc(allocator, 20, 0);
    memset(block, 7, 32);
    CHECK(sm_realloc(allocator, block, 32, 0) == block && sm_realloc(allocator, block, 1, 0) == block);
    for (int i = 0; i < 32; i++)
        CHECK(block[i] == 7);
    CHECK(sm_malloc(allocator, 20, 0) != block);
}

static void defect_3_every_bucket_is_cached(void *allocator) {
    sm_allocator_thread_cache_create(allocator, 2, 100);
    elsewhere(count_all, allocator);
    for (int bucket = 0; bucket < BUCKETS; bucket++)
        CHECK(counts[bucket] < BYTES / (16 * (bucket + 1)) && counts[bucket] >= BYTES / (16 * (bucket + 1)) - 100);
    sm_allocator_thread_cache_destroy(allocator);
    all_available(allocator);
}

static void defects_4_and_5(void *allocator) {
    void *other = sm_allocator_create(BUCKETS, BYTES);
    sm_allocator_thread_cache_create(allocator, 2, 100);
    sm_allocator_thread_cache_create(other, 2, 100);
    for (int i = 0; i < 300; i++) {
        void *block = sm_malloc(other, 16 + i % 48, 0);
        CHECK(sm_mbucket(other, block) == (16 + i % 48 - 1) / 16 && sm_mbucket(allocator, block) == -1);
        sm_free(other, block);
    }
    /* With full caches, and with what comes after. */
    sm_allocator_destroy(other);
    other = sm_allocator_create(BUCKETS, BYTES);
    for (int i = 0; i < 300; i++) {
        void *block = sm_malloc(other, 16, 0);
        CHECK(sm_mbucket(other, block) == 0);
        memset(block, 1, 16);
    }
    sm_allocator_destroy(other);
    sm_allocator_thread_cache_destroy(allocator);
    all_available(allocator);
}

static void *leave_cache(void *allocator) {
    sm_allocator_thread_cache_create(allocator, 2, 1000);
    sm_free(allocator, sm_malloc(allocator, 50, 0));
    return NULL;
}

static void defect_6_a_thread_ends_with_its_cache(void *allocator) {
    for (int i = 0; i < 20; i++)
        elsewhere(leave_cache, allocator);
    all_available(allocator);
}

static void defect_7_a_cache_is_created_twice(void *allocator) {
    for (int i = 0; i < 20; i++)
        sm_allocator_thread_cache_create(allocator, 2, 200 + i);
    sm_allocator_thread_cache_destroy(allocator);
    sm_allocator_thread_cache_destroy(allocator);
    all_available(allocator);
}

enum { SHARED = 64 };
static void *allocator_of_all;

/* Takes blocks, marks them as its own, and sees whether they still are. */
static void *contend(void *mark) {
    uintptr_t *blocks[SHARED];
    sm_allocator_thread_cache_create(allocator_of_all, 0, (uintptr_t)mark % 2 ? 0 : 16);
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < SHARED; i++)
            *(blocks[i] = sm_malloc(allocator_of_all, 16, 0)) = (uintptr_t)mark + i;
        for (int i = 0; i < SHARED; i++) {
            CHECK(*blocks[i] == (uintptr_t)mark + i);
            sm_free(allocator_of_all, blocks[i]);
        }
    }
    return NULL;
}

static void defects_8_and_9_contention(void *allocator) {
    pthread_t threads[4];
    allocator_of_all = allocator;
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, contend, (void *)(1001 * (i + 1))) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    all_available(allocator);
}

static void defect_10_more_than_4_gib(void) {
    size_t bytes = (size_t)5 << 30, block_size = 1024, all = bytes / block_size;
    void *large = sm_allocator_create(64, bytes);
    CHECK(large);
    unsigned char *seen = calloc(all, 1), *lowest = sm_malloc(large, block_size, 0);
    seen[0] = 1;
    for (size_t i = 1; i < all; i++) {
        unsigned char *block = sm_malloc(large, block_size, 0);
        size_t index = (size_t)(block - lowest) / block_size;
        CHECK(block > lowest && index < all && !seen[index]);
        seen[index] = 1;
    }
    CHECK(sm_mbucket(large, sm_malloc(large, block_size, 0)) == -1);
    free(seen);
    sm_allocator_destroy(large);
}

static void defects_11_and_12_alignment(void *allocator) {
    for (int exhausted = 0; exhausted < 2; exhausted++) {
        for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
            for (size_t bytes = 0; bytes <= 200; bytes++) {
                unsigned char *block = sm_malloc(allocator, bytes, alignment);
                CHECK(block && (uintptr_t)block % alignment == 0 && sm_msize(allocator, block) >= bytes);
                memset(block, 3, bytes);
                unsigned char *moved = sm_realloc(allocator, block, bytes + 1, 4096 / alignment);
                CHECK(moved && (uintptr_t)moved % (4096 / alignment) == 0);
                for (size_t i = 0; i < bytes; i++)
                    CHECK(moved[i] == 3);
                sm_free(allocator, moved);
            }
        /* These stay: the second time the buckets overflow. */
        for (int i = 0; !exhausted && i < 4 * ALL; i++)
            CHECK(sm_malloc(allocator, 16 * (1 + i % BUCKETS), 0));
    }
}

static void defect_13_cache_sizes(void) {
    static const size_t sizes[] = {0, 1, 2, 3, 7, 63, 64, 65, 100000, (size_t)1 << 40, SIZE_MAX / 16, SIZE_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int warmup = -1; warmup < 4; warmup++) {
            void *allocator = sm_allocator_create(BUCKETS, BYTES);
            sm_allocator_thread_cache_create(allocator, warmup, sizes[i]);
            unsigned char *blocks[200];
            for (int round = 0; round < 2; round++) {
                for (int j = 0; j < 200; j++)
                    memset(blocks[j] = sm_malloc(allocator, 40, 0), j, 40);
                for (int j = 0; j < 200; j++) {
                    CHECK(blocks[j][0] == j && blocks[j][39] == j);
                    sm_free(allocator, blocks[j]);
                }
            }
            sm_allocator_thread_cache_destroy(allocator);
            all_available(allocator);
            sm_allocator_destroy(allocator);
        }
}

static void defect_14_impossible_allocators(void) {
    CHECK(!sm_allocator_create(0, BYTES) && !sm_allocator_create(65, BYTES) && !sm_allocator_create(UINT32_MAX, BYTES));
    CHECK(!sm_allocator_create(8, 0) && !sm_allocator_create(8, 127) && !sm_allocator_create(8, SIZE_MAX));
    CHECK(!sm_allocator_create(8, (size_t)-1 << 4) && !sm_allocator_create(64, (size_t)1 << 40 | 1));
    struct rlimit before, little;
    CHECK(getrlimit(RLIMIT_AS, &before) == 0);
    little = before;
    little.rlim_cur = (size_t)1 << 30;
    CHECK(setrlimit(RLIMIT_AS, &little) == 0);
    CHECK(!sm_allocator_create(8, (size_t)1 << 30));
    CHECK(setrlimit(RLIMIT_AS, &before) == 0);
}

static void defect_15_batch_lengths(void *allocator) {
    void *batch[3] = {sm_malloc(allocator, 1, 0), NULL, sm_malloc(allocator, 5000, 0)};
    sm_free_batch(allocator, batch, (size_t)-1);
    sm_free_batch(allocator, batch, (uint32_t)-1);
    sm_free_batch(allocator, NULL, 3);
    sm_free_batch(allocator, batch, 0);
    CHECK(sm_msize(allocator, batch[0]) == 16 && sm_malloc(allocator, 1, 0) != batch[0]);
    sm_free_batch(allocator, batch, 3);
}

static void defects_16_to_18_sizes(void *allocator) {
    unsigned char *block = sm_malloc(allocator, 30, 0);
    memset(block, 9, 32);
    CHECK(!sm_realloc(allocator, block, SIZE_MAX, 0) && !sm_realloc(allocator, block, SIZE_MAX / 2, 16));
    CHECK(!sm_realloc(allocator, block, 40, 3) && !sm_realloc(allocator, block, 40, 8192));
    for (int i = 0; i < 32; i++)
        CHECK(block[i] == 9);
    CHECK(!sm_realloc(allocator, block, 0, 0));
    for (size_t less = 0; less < 40; less++)
        CHECK(!sm_malloc(allocator, SIZE_MAX - less, 16) && !sm_malloc(allocator, SIZE_MAX - less, 4096));
    CHECK(!sm_malloc(allocator, 0, 65536) && !sm_malloc(allocator, 0, SIZE_MAX));
    void *nothing = sm_malloc(allocator, 0, 0), *another = sm_malloc(allocator, 0, 4096);
    CHECK(nothing && another && nothing != another);
    CHECK(nothing == sm_realloc(allocator, nothing, 1, 0));
    sm_free(allocator, nothing);
    sm_free(allocator, another);
    /* The small cache that this thread has by itself. */
    sm_allocator_thread_cache_destroy(allocator);
    all_available(allocator);
}

static void with_a_new_one(void (*test)(void *)) {
    void *allocator = sm_allocator_create(BUCKETS, BYTES);
    CHECK(allocator);
    test(allocator);
    sm_allocator_destroy(allocator);
}

int main(void) {
    with_a_new_one(all_available);
    with_a_new_one(defect_2);
    with_a_new_one(defect_3_every_bucket_is_cached);
    with_a_new_one(defects_4_and_5);
    with_a_new_one(defect_6_a_thread_ends_with_its_cache);
    with_a_new_one(defect_7_a_cache_is_created_twice);
    with_a_new_one(defects_8_and_9_contention);
    with_a_new_one(defects_11_and_12_alignment);
    defect_13_cache_sizes();
    defect_14_impossible_allocators();
    with_a_new_one(defect_15_batch_lengths);
    with_a_new_one(defects_16_to_18_sizes);
    defect_10_more_than_4_gib();
    puts("defects: ok");
}
