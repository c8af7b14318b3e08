#!/usr/bin/env bash
# memkind 1.14: a kind of fixed size (64 MiB) that was full of small blocks, all of which were freed, has no room for a single one of 14000 bytes.
#
# A guess: what was freed is joined with its neighbours, as in jemalloc, on which it is built, so that an emptied kind serves what a new one does, or nearly.
# Seen: a new kind serves 4670 blocks of 14000 bytes; once it was full of blocks of 1000 or 4000, and emptied, none, nor any larger one. Filled with 14000 and emptied it
# serves 1244 of these again, and 17572 of 1000 where a new one serves 65536: three quarters are lost to every size. Its own number of allocated bytes is 0 in between.
# Why it matters here: this is a library for heaps in memory of one's own (persistent, shared, mapped twice), to which nobody can add. Such a heap must be cut up by
# size beforehand, as into buckets, or be made anew.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libmemkind0=1.14.0-2 libmemkind-dev=1.14.0-2 libdaxctl1=76.1-1 libkmod2=30+20221128-1 libhwloc15=2.9.0-1 libnuma1=2.0.16-1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#include <memkind.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#define SIZE (64 << 20)
#define MOST 200000
static void *blocks[MOST];
static int fill(memkind_t kind, size_t size, int most) {
    int count = 0;
    while (count < most && (blocks[count] = memkind_malloc(kind, size))) count++;
    return count;
}
static void empty(memkind_t kind, int count) {
    while (count) memkind_free(kind, blocks[--count]);
}
static size_t allocated(memkind_t kind) {
    size_t bytes = 0;
    if (memkind_update_cached_stats() || memkind_get_stat(kind, MEMKIND_STAT_TYPE_ALLOCATED, &bytes)) exit(2);
    return bytes;
}
static memkind_t fixed(void) {
    memkind_t kind;
    void *memory = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || memkind_create_fixed(memory, SIZE, &kind)) exit(2);
    return kind;
}
int main(void) {
    static const size_t sizes[] = {1000, 4000, 14000, 100000};
    for (int n = 0; n < 4; n++) {
        memkind_t kind = fixed();
        int count = fill(kind, sizes[n], MOST);
        empty(kind, count);
        printf("%d of %zu bytes; emptied, %zu allocated, there is room for:", count, sizes[n], allocated(kind));
        for (int next = 0; next < 4; next++) {
            /* Each in a kind of its own, which has had nothing else. */
            kind = fixed();
            empty(kind, fill(kind, sizes[n], MOST));
            printf(" %d of %zu%s", fill(kind, sizes[next], MOST), sizes[next], next < 3 ? "," : "\n");
        }
    }
}
C
cc -O0 -Iusr/include -o probe probe.c "$libraries/libmemkind.so.0" -Wl,--allow-shlib-undefined
LD_LIBRARY_PATH=$libraries ./probe >seen
cat seen
cat >wanted <<'END'
65536 of 1000 bytes; emptied, 0 allocated, there is room for: 65536 of 1000, 16384 of 4000, 0 of 14000, 0 of 100000
16384 of 4000 bytes; emptied, 0 allocated, there is room for: 65536 of 1000, 16384 of 4000, 0 of 14000, 0 of 100000
4670 of 14000 bytes; emptied, 0 allocated, there is room for: 17572 of 1000, 4393 of 4000, 1244 of 14000, 477 of 100000
558 of 100000 bytes; emptied, 0 allocated, there is room for: 18208 of 1000, 4552 of 4000, 1290 of 14000, 488 of 100000
END
cmp -s wanted seen || { echo "changed"; exit 1; }
