#!/usr/bin/env bash
# glibc 2.36: malloc_trim(0) says "memory was released" every time, also the hundredth time in a row, when nothing is left to release.
#
# A guess: as its manual has it, 1 means that memory was given back and 0 that it was not possible to; so of two calls in a row the second says 0.
# Seen: 9 MiB are free in the middle of the heap. The first call gives them back, as the resident size shows; ninety-nine more change nothing, and each says 1: the pages of
# every free chunk are handed to the system again, and that they went long ago is written down nowhere. It says 0 where there is no free chunk of a whole page.
# Why it matters here: a program that trims when it is idle, until there is nothing more to give, never ends; and each call costs a system call for every such chunk, here
# one hundred, for nothing.
# Needs a C compiler.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* In KiB, read without allocating. */
static long resident(void) {
    char text[128] = "";
    int file = open("/proc/self/statm", O_RDONLY);
    if (read(file, text, sizeof text - 1) < 0) exit(2);
    close(file);
    return atol(strchr(text, ' ')) * 4;
}
int main(void) {
    static void *blocks[200];
    static char out[4096];
    setvbuf(stdout, out, _IOFBF, sizeof out);
    printf("nothing free: %d\n", malloc_trim(1 << 20));
    for (int n = 0; n < 200; n++) memset(blocks[n] = malloc(100000), 1, 100000);
    for (int n = 0; n < 200; n += 2) free(blocks[n]);
    long before = resident();
    int first = malloc_trim(0), again = 0;
    long after = resident();
    for (int n = 0; n < 99; n++) again += malloc_trim(0);
    printf("first: %d, %ld MiB given back\n", first, (before - after) / 1024);
    printf("then: %d of 99, %ld MiB given back\n", again, (after - resident()) / 1024);
}
C
cc -O0 -o probe probe.c
./probe >seen
getconf GNU_LIBC_VERSION
cat seen
printf '%s\n' "nothing free: 0" "first: 1, 9 MiB given back" "then: 99 of 99, 0 MiB given back" | cmp -s - seen || { echo "changed"; exit 1; }
