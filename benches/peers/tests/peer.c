/* A library with the functions of rpmalloc, over the system's malloc, which ends the program if it is used as rpmalloc may not be. */
#include <stdlib.h>

static int initialized;
static __thread int begun;

int rpmalloc_initialize(void *interface) { return initialized = interface ? abort(), 0 : 1; }
void rpmalloc_thread_initialize(void) { initialized ? (void)++begun : abort(); }
void rpmalloc_thread_finalize(void) { begun ? (void)--begun : abort(); }

void *rpmalloc(size_t bytes) { return begun ? malloc(bytes) : (abort(), NULL); }
void *rprealloc(void *block, size_t bytes) { return realloc(block, bytes); }
void rpfree(void *block) { begun ? free(block) : abort(); }
