/* A process ends while threads make and destroy allocators: Windows ends them first, perhaps with a lock in their hands, and then tells the library. */
#include <pthread.h>
#include <stdint.h>

#include "check.h"
#include "smmalloc.h"

enum { THREADS = 8, ROUNDS = 200, STATUS = 7 };

static void round_of_one(void) {
    void *allocator;
    CHECK(allocator = sm_allocator_create(1, 4096));
    sm_free(allocator, sm_malloc(allocator, 16, 0));
    sm_allocator_destroy(allocator);
}

static void *work(void *nothing) {
    for (;;)
        round_of_one();
    return nothing;
}

int main(void) {
    pthread_t thread;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    for (int i = 0; i < ROUNDS; i++)
        round_of_one();
    exit(STATUS);
}
