#!/usr/bin/env bash
# Linux 6.18: a memfd cannot be sealed against writing while it is mapped anywhere for reading, by its own descriptor; mapped so after the seal, it is no obstacle.
#
# A guess: F_SEAL_WRITE is refused (EBUSY), as its manual has it, while there is a writable, shared mapping. One that was made for reading, or that mprotect has closed to
# writing, is none, so a buffer is filled, closed by mprotect, sealed and handed on with its mapping kept.
# Seen: what counts is whether the mapping's descriptor was open for writing. A mapping that was never more than readable stands in the way, and so does
# one that is closed to every access; only unmapping helps. Made a moment later, over the sealed file, the same mapping by the same descriptor succeeds. By a descriptor
# that was opened for reading alone, from /proc/self/fd, a mapping does no harm before the seal either.
# Why it matters here: a pool whose buffers are shared with another process by memfd and then sealed must give its own view up and map it anew, at an
# address that another thread may have taken meanwhile, or read by a second descriptor from the start.
# Needs a C compiler.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define SIZE (1 << 20)
static int file, reader;
static char *map(int descriptor, int access) {
    char *at = mmap(0, SIZE, access, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED) exit(2);
    return at;
}
static void fresh(void) {
    char path[64];
    file = memfd_create("buffer", MFD_ALLOW_SEALING);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    reader = open(path, O_RDONLY);
    if (file < 0 || reader < 0 || ftruncate(file, SIZE)) exit(2);
}
static void seal(const char *name) {
    int refused = fcntl(file, F_ADD_SEALS, F_SEAL_WRITE);
    printf("%s: %s\n", name, refused ? errno == EBUSY ? "busy" : strerror(errno) : "sealed");
}
int main(void) {
    fresh();
    seal("not mapped");
    map(file, PROT_READ);
    puts("mapped for reading after it");
    fresh();
    char *at = map(file, PROT_READ | PROT_WRITE);
    memset(at, 1, SIZE);
    seal("mapped for writing");
    if (mprotect(at, SIZE, PROT_READ)) return 2;
    seal("closed to writing");
    if (mprotect(at, SIZE, PROT_NONE)) return 2;
    seal("closed to all");
    munmap(at, SIZE);
    seal("unmapped");
    fresh();
    map(file, PROT_READ);
    seal("mapped for reading");
    fresh();
    map(reader, PROT_READ);
    seal("mapped by a reader's descriptor");
}
C
cc -O0 -o probe probe.c
./probe >seen
uname -r
cat seen
printf '%s\n' "not mapped: sealed" "mapped for reading after it" "mapped for writing: busy" "closed to writing: busy" "closed to all: busy" "unmapped: sealed" \
    "mapped for reading: busy" "mapped by a reader's descriptor: sealed" | cmp -s - seen || { echo "changed"; exit 1; }
