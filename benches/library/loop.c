/* Times sm_malloc and sm_free of one or more libraries in turn, as a C program calls them.
 *
 *   cc -O2 -o target/loop benches/library/loop.c -ldl && target/loop 9 target/release/libsmmalloc.so [OTHER.so ...]
 *
 * One thread; CPU time; the median over the rounds. `pair` is a malloc and its free at once, `batch` 1000 mallocs of 16 to 128 bytes
 * and then their frees; both with a thread cache of 4096 blocks, with what a thread has by itself, and with none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 1000, PAIRS = 4000000, MOST_LIBRARIES = 8, MOST_ROUNDS = 99, CASES = 6 };

static const char *const names[CASES] = {
    "pair, cache created", "pair, no cache created", "pair, cache of size 0",
    "batch, cache created", "batch, no cache created", "batch, cache of size 0",
};

struct library {
    void *(*create)(uint32_t, size_t);
    void (*destroy)(void *);
    void (*cache_create)(void *, int32_t, size_t);
    void *(*malloc)(void *, size_t, size_t);
    void (*free)(void *, void *);
};

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return found;
}

static struct library load(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    struct library calls = {
        symbol(library, "sm_allocator_create"), symbol(library, "sm_allocator_destroy"),
        symbol(library, "sm_allocator_thread_cache_create"), symbol(library, "sm_malloc"), symbol(library, "sm_free"),
    };
    return calls;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static void *volatile sink;

/* Nanoseconds for a malloc and its free. */
static double measure(const struct library *calls, int number, long pairs) {
    static void *blocks[BATCH];
    void *allocator = calls->create(8, 16 << 20);
    if (number % 3 != 1)
        calls->cache_create(allocator, 0, number % 3 == 0 ? 4096 : 0);
    if (number % 3 == 2)
        pairs /= 8;
    double start = now();
    if (number < 3) {
        for (long i = 0; i < pairs; i++) {
            sink = calls->malloc(allocator, 64, 0);
            calls->free(allocator, sink);
        }
    } else {
        for (long round = 0; round < pairs / BATCH; round++) {
            for (int i = 0; i < BATCH; i++)
                blocks[i] = calls->malloc(allocator, 16 + i * 37 % 113, 0);
            for (int i = 0; i < BATCH; i++)
                calls->free(allocator, blocks[i]);
        }
    }
    double taken = now() - start;
    calls->destroy(allocator);
    return taken / pairs;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int count, char **arguments) {
    static double taken[CASES][MOST_LIBRARIES][MOST_ROUNDS];
    struct library libraries[MOST_LIBRARIES];
    int rounds = count > 2 ? atoi(arguments[1]) : 0, loaded = count - 2;
    if (rounds < 1 || rounds > MOST_ROUNDS || loaded > MOST_LIBRARIES) {
        fprintf(stderr, "%s ROUNDS LIBRARY.so ...\n", arguments[0]);
        return 2;
    }
    for (int i = 0; i < loaded; i++)
        libraries[i] = load(arguments[i + 2]);
    for (int round = -1; round < rounds; round++)
        for (int number = 0; number < CASES; number++)
            for (int i = 0; i < loaded; i++) {
                double ns = measure(&libraries[i], number, PAIRS);
                if (round >= 0)
                    taken[number][i][round] = ns;
            }
    for (int number = 0; number < CASES; number++) {
        printf("%-24s", names[number]);
        for (int i = 0; i < loaded; i++) {
            qsort(taken[number][i], rounds, sizeof(double), ascending);
            printf("  %7.2f", taken[number][i][rounds / 2]);
        }
        printf("  ns\n");
    }
}
