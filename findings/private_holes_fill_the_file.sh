#!/usr/bin/env bash
# Linux 6.18: of an empty memfd that is mapped privately every page that is written takes two: 64 MiB written, 64 resident, 128 taken.
#
# A guess: what is written to a private mapping is the process's own copy, and a hole has nothing to copy: the page is a new one of zeros, as in anonymous memory, and the
# file stays as empty as it was.
# Seen: a page of the file is made for the hole first, filled with zeros, and copied. It stays in the file, which nobody has written to; the process's resident size
# knows the copies alone. MADV_POPULATE_WRITE does the same; reading through the mapping fills the file, too, while read() of a hole does not. Punching the holes again gives
# it back, and a private mapping of /dev/zero takes what one would guess.
# Why it matters here: an image that processes share and each change for themselves (a heap that is made once and taken over by copy on write) is such a file; what its
# holes cost is in no process's number, and without swap it cannot be reclaimed.
# Needs a C compiler.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define SIZE (64L << 20)
static long resident(void) {
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "Rss:", 4)) kib = atol(line + 4);
    fclose(file);
    return kib;
}
static long in_file(int file) {
    struct stat about;
    if (fstat(file, &about)) exit(2);
    return (long)about.st_blocks >> 11;
}
enum how { READ, LOOK, WRITE, POPULATE };
static void probe(const char *name, int file, enum how how) {
    static char page[4096];
    long before = resident();
    char *at = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED) exit(2);
    if (how == POPULATE && madvise(at, SIZE, MADV_POPULATE_WRITE)) exit(2);
    for (long n = 0; n < SIZE; n += 4096) {
        if (how == READ && pread(file, page, 4096, n) != 4096) exit(2);
        if (how == LOOK && *(volatile char *)(at + n)) exit(2);
        if (how == WRITE) at[n] = 1;
    }
    printf("%s: %ld MiB resident, %ld in the file\n", name, (resident() - before + 512) >> 10, in_file(file));
    munmap(at, SIZE);
}
static int empty(void) {
    int file = memfd_create("image", 0);
    if (file < 0 || ftruncate(file, SIZE)) exit(2);
    return file;
}
int main(void) {
    probe("read", empty(), READ);
    probe("looked at", empty(), LOOK);
    int file = empty();
    probe("written", file, WRITE);
    if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, SIZE)) return 2;
    printf("unmapped and punched: %ld in the file\n", in_file(file));
    probe("populated", empty(), POPULATE);
    probe("/dev/zero, written", open("/dev/zero", O_RDWR), WRITE);
}
C
cc -O0 -o probe probe.c
./probe >seen
uname -r
cat seen
cat >wanted <<'END'
read: 0 MiB resident, 0 in the file
looked at: 64 MiB resident, 64 in the file
written: 64 MiB resident, 64 in the file
unmapped and punched: 0 in the file
populated: 64 MiB resident, 64 in the file
/dev/zero, written: 64 MiB resident, 0 in the file
END
cmp -s wanted seen || { echo "changed"; exit 1; }
