#!/usr/bin/env bash
# Sizes with a letter in an allocator's settings: glibc 2.36 takes 1M for 1, tcmalloc 2.10 64M for 64 and so for its least; neither says a word.
#
# A guess: what is no number is refused with a message and the default kept, as by jemalloc 5.3.0, or 1M is a mebibyte, as for mimalloc 2.0.9.
# Seen: with glibc.malloc.mmap_threshold=1M, and for "large" as well, which is 0, each of a thousand blocks of 100000 bytes is a mapping of its own, where 1048576 makes none. In tcmalloc
# TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=64M leaves 512 KiB for the caches of all threads, of 32 MiB by default.
# Why it matters here: a setting that was meant to spare system calls makes one of each call; a comparison of allocators that sets them so measures that.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libc6=2.36-9+deb12u14 libmimalloc2.0=2.0.9+ds-2 libjemalloc2=5.3.0-1 libtcmalloc-minimal4=2.10-1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    size_t bytes;
    int (*get)(const char *, size_t *) = (int (*)(const char *, size_t *))dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
    for (int n = 0; n < 1000; n++)
        if (!malloc(100000)) return 2;
    if (get && get("tcmalloc.max_total_thread_cache_bytes", &bytes)) printf("%zu KiB\n", bytes >> 10);
    else printf("%s\n", mallinfo2().hblks >= 1000 ? "each a mapping" : mallinfo2().hblks ? "some are" : "none a mapping");
}
C
cc -O0 -o probe probe.c
glibc() { echo "glibc, mmap_threshold=$1: $(env GLIBC_TUNABLES=glibc.malloc.mmap_threshold="$1" lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path lib/x86_64-linux-gnu ./probe)"; }
with() { # NAME SETTING LIBRARY
    echo "$1, $2: $(env "$2" LD_PRELOAD="$libraries/$3" ./probe 2>&1 | grep -v mapping)"
}
{
    glibc 1048576
    glibc 1M
    glibc large
    with tcmalloc NOTHING=set libtcmalloc_minimal.so.4
    with tcmalloc TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=67108864 libtcmalloc_minimal.so.4
    with tcmalloc TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=64M libtcmalloc_minimal.so.4
    with jemalloc MALLOC_CONF=oversize_threshold:64M libjemalloc.so.2
    echo "mimalloc, 64M: $(env MIMALLOC_VERBOSE=1 MIMALLOC_RESERVE_OS_MEMORY=64M LD_PRELOAD="$libraries/libmimalloc.so.2.0" ./probe 2>&1 | sed -n "s/.*'reserve_os_memory': //p") KiB"
} >seen
cat seen
cat >wanted <<'END'
glibc, mmap_threshold=1048576: none a mapping
glibc, mmap_threshold=1M: each a mapping
glibc, mmap_threshold=large: each a mapping
tcmalloc, NOTHING=set: 32768 KiB
tcmalloc, TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=67108864: 65536 KiB
tcmalloc, TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES=64M: 512 KiB
jemalloc, MALLOC_CONF=oversize_threshold:64M: <jemalloc>: Invalid conf value: oversize_threshold:64M
mimalloc, 64M: 65536 KiB
END
cmp -s wanted seen || { echo "changed"; exit 1; }
