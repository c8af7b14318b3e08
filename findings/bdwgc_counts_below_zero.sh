#!/usr/bin/env bash
# The Boehm collector 8.2.2: GC_get_non_gc_bytes() goes below zero, and it is unsigned.
#
# A guess: what was allocated by GC_MALLOC_UNCOLLECTABLE and not freed yet, in bytes; nothing when all is freed.
# Seen: of 100 blocks of 1000 bytes (1024 each) three in four are counted, and each is taken away when it is freed. A block that opens a new page of its size is not
# counted, and of those larger than half a page none is. So the number falls with every round.
# Why it matters here: it is the only number that this collector has for memory with explicit owners, and it enters the decision when to collect.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libgc-dev=1:8.2.2-3 libgc1=1:8.2.2-3 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#include <gc.h>
#include <stdio.h>
static void *blocks[100];
static void round_of(size_t size) {
    size_t before = GC_get_non_gc_bytes(), sum = 0;
    for (int n = 0; n < 100; n++) {
        blocks[n] = GC_MALLOC_UNCOLLECTABLE(size);
        if (!blocks[n]) return;
        sum += GC_size(blocks[n]);
    }
    size_t counted = GC_get_non_gc_bytes() - before;
    for (int n = 0; n < 100; n++) GC_FREE(blocks[n]);
    printf("100 of %zu: %zu bytes, counted %zu; freed: %ld\n", size, sum, counted, (long)(GC_get_non_gc_bytes() - before));
}
int main(void) {
    GC_INIT();
    GC_disable();
    round_of(100);
    round_of(1000);
    round_of(3000);
    round_of(10000);
    printf("in the end %zu\n", (size_t)GC_get_non_gc_bytes());
}
C
cc -O0 -Iusr/include -o probe probe.c "$libraries/libgc.so.1"
LD_LIBRARY_PATH=$libraries ./probe >seen
cat seen
cat >wanted <<'END'
100 of 100: 11200 bytes, counted 10864; freed: -336
100 of 1000: 102400 bytes, counted 76800; freed: -25600
100 of 3000: 300800 bytes, counted 0; freed: -300800
100 of 10000: 1001600 bytes, counted 0; freed: -1001600
in the end 18446744073708223280
END
cmp -s wanted seen || { echo "changed"; exit 1; }
