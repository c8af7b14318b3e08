/* Misuse of a hardened allocator, each case in a process of its own: it must end by abort, with words that name the place. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "smmalloc.h"

static void *allocator;

static void freed_twice(void) {
    void *block = sm_malloc(allocator, 64, 0);
    sm_free(allocator, block);
    sm_free(allocator, block);
}

static void freed_twice_in_a_batch(void) {
    void *batch[2] = {sm_malloc(allocator, 16, 0), NULL};
    batch[1] = batch[0];
    sm_free_batch(allocator, batch, 2);
}

static void freed_inside(void) { sm_free(allocator, (char *)sm_malloc(allocator, 64, 0) + 16); }

static void freed_foreign(void) {
    int local;
    sm_free(allocator, &local);
}

static void freed_in_another(void) { sm_free(sm_allocator_create(4, 65536), sm_malloc(allocator, 64, 0)); }

static void moved_after_free(void) {
    void *block = sm_malloc(allocator, 16, 0);
    sm_free(allocator, block);
    block = sm_realloc(allocator, block, 100, 0);
}

static void measured_after_free(void) {
    void *block = sm_malloc(allocator, 32, 0);
    sm_free(allocator, block);
    printf("%zu\n", sm_msize(allocator, block));
}

static void large_freed_twice(void) {
    void *block = sm_malloc(allocator, 5000, 0);
    sm_free(allocator, block);
    sm_free(allocator, block);
}

static void large_freed_inside(void) { sm_free(allocator, (char *)sm_malloc(allocator, 5000, 0) + 16); }

static void large_moved_after_free(void) {
    void *block = sm_malloc(allocator, 5000, 0);
    sm_free(allocator, block);
    block = sm_realloc(allocator, block, 9000, 0);
}

static void large_freed_twice_in_a_batch(void) {
    void *batch[2] = {sm_malloc(allocator, 5000, 0), NULL};
    batch[1] = batch[0];
    sm_free_batch(allocator, batch, 2);
}

static void large_measured_after_free(void) {
    void *block = sm_malloc(allocator, 5000, 0);
    sm_free(allocator, block);
    printf("%zu\n", sm_msize(allocator, block));
}

static void nothing(void) {
    sm_allocator_thread_cache_create(allocator, 2, 100);
    void *block = sm_realloc(allocator, sm_malloc(allocator, 20, 0), 500, 64);
    CHECK(sm_msize(allocator, block) == 500 && sm_mbucket(allocator, &block) == -1);
    sm_free(allocator, block);
    sm_allocator_thread_cache_destroy(allocator);
    sm_allocator_destroy(allocator);
    _exit(42);
}

static const struct {
    const char *name, *words;
    void (*misuse)(void);
} cases[] = {
    {"freed twice", "double free of block 0 of bucket 3", freed_twice},
    {"freed twice in a batch", "double free of block 0 of bucket 0", freed_twice_in_a_batch},
    {"freed inside", "lies 16 bytes into block 0 of bucket 3", freed_inside},
    {"freed foreign", "no live block of this heap", freed_foreign},
    {"freed in another", "belongs to heap", freed_in_another},
    {"moved after free", "use of block 0 of bucket 0 (16-byte blocks)", moved_after_free},
    {"measured after free", "use of block 0 of bucket 1 (32-byte blocks)", measured_after_free},
    {"large freed twice", "no live block of this heap", large_freed_twice},
    {"large freed inside", "lies 16 bytes into a block of 5000 bytes from the system", large_freed_inside},
    {"large moved after free", "no live block of this heap", large_moved_after_free},
    {"large freed twice in a batch", "no live block of this heap", large_freed_twice_in_a_batch},
    {"large measured after free", "no live block of this heap", large_measured_after_free},
    {"nothing", NULL, nothing},
};

int main(void) {
    CHECK(setenv("SMMALLOC_HARDENED", "1", 1) == 0);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        int ends[2], status;
        CHECK(pipe(ends) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            dup2(ends[1], STDERR_FILENO);
            allocator = sm_allocator_create(8, 1 << 20);
            cases[i].misuse();
            _exit(0);
        }
        close(ends[1]);
        char said[1000] = "";
        size_t length = 0;
        for (ssize_t more; (more = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
            length += more;
        close(ends[0]);
        CHECK(waitpid(child, &status, 0) == child);
        int right = cases[i].words ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(said, cases[i].words)
                                   : WIFEXITED(status) && WEXITSTATUS(status) == 42;
        if (!right) {
            fprintf(stderr, "%s: status %#x, said: %s\n", cases[i].name, status, said);
            return 1;
        }
    }
    puts("misuse: ok");
}
