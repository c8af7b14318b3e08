/* Threads that used the library end after it was closed: `unload LIBRARY`. Of what they had cached nothing is lost. */
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "smmalloc.h"

#ifdef _WIN32
#include <windows.h>
#define OPEN(name) LoadLibraryA(name)
#define FIND(name) (void *)GetProcAddress(library, name)
#define CLOSE() FreeLibrary(library)
#else
#include <dlfcn.h>
#define OPEN(name) dlopen(name, RTLD_NOW)
#define FIND(name) dlsym(library, name)
#define CLOSE() (dlclose(library) == 0)
#endif

enum { THREADS = 4, BLOCKS = 200 };

static void *(*create)(uint32_t, size_t);
static void (*destroy)(void *);
static void (*cache_create)(void *, int32_t, size_t);
static void *(*allocate)(void *, size_t, size_t);
static void (*give_back)(void *, void *);
static int32_t (*tell)(void *, int32_t, SmStatistics *);

static void *allocators[2];
static pthread_barrier_t used, closed;

static void *work(void *number) {
    void *allocator = allocators[(uintptr_t)number % 2], *blocks[BLOCKS];
    /* Half of them with a cache that they never destroy. */
    if ((uintptr_t)number < THREADS / 2)
        cache_create(allocator, 2, 64);
    for (int i = 0; i < BLOCKS; i++) {
        CHECK(blocks[i] = allocate(allocator, 1 + i % 128, 0));
        memset(blocks[i], i, 1 + i % 128);
    }
    for (int i = 0; i < BLOCKS; i++)
        give_back(allocator, blocks[i]);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    /* Again and again: what is opened anew must work as it did the first time. */
    for (int round = 0; round < 3; round++) {
        void *library = OPEN(arguments[1]);
        CHECK(library);
        CHECK(create = (void *(*)(uint32_t, size_t))FIND("sm_allocator_create"));
        CHECK(destroy = (void (*)(void *))FIND("sm_allocator_destroy"));
        CHECK(cache_create = (void (*)(void *, int32_t, size_t))FIND("sm_allocator_thread_cache_create"));
        CHECK(allocate = (void *(*)(void *, size_t, size_t))FIND("sm_malloc"));
        CHECK(give_back = (void (*)(void *, void *))FIND("sm_free"));
        CHECK(tell = (int32_t(*)(void *, int32_t, SmStatistics *))FIND("sm_allocator_statistics"));
        CHECK(allocators[0] = create(8, 1 << 20));
        CHECK(allocators[1] = create(8, 1 << 20));
        pthread_barrier_init(&used, NULL, THREADS + 1);
        pthread_barrier_init(&closed, NULL, THREADS + 1);
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
        pthread_barrier_wait(&used);
        destroy(allocators[0]);
        CHECK(CLOSE());
        pthread_barrier_wait(&closed);
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        SmStatistics told = {.size = sizeof told};
        CHECK(tell(allocators[1], -1, &told) == 1);
        CHECK(told.caches == 0 && told.cached_bytes == 0 && told.live_blocks == 0);
        destroy(allocators[1]);
    }
    puts("unload: ok");
}
