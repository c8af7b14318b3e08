/* Prints what the library does: line by line the same as Transcript.cs, to compare with transcript.txt. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "smmalloc.h"

enum { BUCKET_BYTES = 64 * 1024, EXHAUST = BUCKET_BYTES / 16 + 1, THREADS = 4, BLOCKS = 200 };

static void *allocator;

static void placed(int bytes, int alignment) {
    void *block = sm_malloc(allocator, bytes, alignment);
    long misplaced = (uintptr_t)block % (alignment == 0 ? 16 : alignment);
    printf("malloc %d %d: size %zu bucket %d off %ld\n", bytes, alignment, sm_msize(allocator, block),
           sm_mbucket(allocator, block), misplaced);
    sm_free(allocator, block);
}

static void exhaust(void) {
    static void *blocks[EXHAUST];
    int own = 0;
    for (int i = 0; i < EXHAUST; i++) {
        blocks[i] = sm_malloc(allocator, 16, 0);
        own += sm_mbucket(allocator, blocks[i]) == 0;
    }
    printf("exhausted: %d from bucket 0, the last from %d\n", own, sm_mbucket(allocator, blocks[EXHAUST - 1]));
    sm_free_batch(allocator, blocks, EXHAUST);
}

static void *work(void *sound) {
    void *blocks[BLOCKS];
    sm_allocator_thread_cache_create(allocator, 1, 128);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = sm_malloc(allocator, 8 + i % 56, 0);
            memcpy(blocks[i], &blocks[i], sizeof blocks[i]);
        }
        for (int i = 0; i < BLOCKS; i++) {
            *(int *)sound += memcmp(blocks[i], &blocks[i], sizeof blocks[i]) == 0;
            sm_free(allocator, blocks[i]);
        }
    }
    return NULL;
}

static const char *refused(const char *what, int is) {
    static char text[80];
    snprintf(text, sizeof text, "%s: %s", what, is ? "refused" : "done");
    return text;
}

int main(void) {
    static const int sizes[] = {0, 1, 16, 17, 32, 33, 48, 50, 64, 65, 1000}, alignments[] = {1, 8, 32, 64, 4096};
    CHECK(allocator = sm_allocator_create(4, BUCKET_BYTES));
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        placed(sizes[i], 0);
    for (unsigned i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        placed(20, alignments[i]);
        placed(33, alignments[i]);
    }

    sm_allocator_thread_cache_create(allocator, 2, 4 * 1024);
    unsigned char *block = sm_malloc(allocator, 64, 0), copy[64];
    unsigned char data = 0;
    for (size_t i = 0; i < sm_msize(allocator, block); i++)
        block[i] = data++;
    int sum = 0;
    for (size_t i = 0; i < sm_msize(allocator, block); i++)
        sum += block[i];
    printf("written and read: %d\n", sum);
    memcpy(copy, block, 64);
    memcpy(block, copy, 64);
    printf("copied: %d\n", block[63]);

    printf("realloc that fits: %s\n", sm_realloc(allocator, block, 50, 0) == block ? "same" : "other");
    unsigned char *moved = sm_realloc(allocator, block, 500, 64);
    sum = 0;
    for (int i = 0; i < 64; i++)
        sum += moved[i];
    printf("realloc that moves: size %zu bucket %d sum %d\n", sm_msize(allocator, moved), sm_mbucket(allocator, moved), sum);
    printf("realloc to nothing: %s\n", sm_realloc(allocator, moved, 0, 0) == NULL ? "freed" : "kept");
    sm_allocator_thread_cache_destroy(allocator);

    exhaust();
    exhaust();

    pthread_t threads[THREADS];
    int sound[THREADS] = {0}, all = 0;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &sound[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        all += sound[i];
    }
    printf("threads: %d blocks sound\n", all);
    exhaust();

    puts(refused("alignment 48", !sm_malloc(allocator, 16, 48)));
    puts(refused("alignment 8192", !sm_malloc(allocator, 16, 8192)));
    puts(refused("negative size", !sm_malloc(allocator, -1, 0)));
    puts(refused("no buckets", !sm_allocator_create(0, BUCKET_BYTES)));
    puts(refused("65 buckets", !sm_allocator_create(65, BUCKET_BYTES)));
    puts(refused("negative bucket", !sm_allocator_create(4, -1)));
    void *largest = sm_allocator_create(64, 1024);
    puts(refused("64 buckets", !largest));
    sm_allocator_destroy(largest);
    sm_allocator_destroy(allocator);
}
