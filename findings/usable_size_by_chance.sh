#!/usr/bin/env bash
# malloc_usable_size of 100 bytes aligned to a MiB: in glibc 2.36 another number in every run, in mimalloc 2.0.9 half a MiB, in oneTBB's allocator exactly 100.
#
# A guess: a little more than was asked for, as without alignment: at most a page, and the same every time.
# Seen: glibc leaves what lies behind the aligned address to the block, so its size is what address space randomization left over, up to the alignment.
# mimalloc takes a block that is larger than the alignment and counts to its end; jemalloc 5.3.0 says 16 KiB and tcmalloc 2.10 8, their least size of whole pages.
# Why it matters here: who takes the usable size for a buffer's capacity has buffers of any size then; tests that compare sizes of an aligned block with
# the system's fail now and then.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libmimalloc2.0=2.0.9+ds-2 libjemalloc2=5.3.0-1 libtcmalloc-minimal4=2.10-1 libtbbmalloc2=2021.8.0-2+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    void *block;
    if (posix_memalign(&block, 1 << 20, 100)) return 1;
    printf("%zu\n", malloc_usable_size(block));
}
C
cc -O0 -o probe probe.c

status=0
expect() { # NAME LIBRARY WANTED
    local seen
    # Of thirty runs; each of glibc's has one of hundreds of sizes.
    seen=$(for _ in {1..30}; do LD_LIBRARY_PATH=$libraries LD_PRELOAD=${2:+$libraries/$2} ./probe; done | sort -nu)
    [ "$(wc -l <<<"$seen")" -le 5 ] || seen="more than 5 sizes"
    echo "$1:" $seen
    [ "$seen" = "$3" ] || { echo "  changed: it was: $3"; status=1; }
}
expect "glibc" "" "more than 5 sizes"
expect "jemalloc 5.3.0" libjemalloc.so.2 16384
expect "tcmalloc 2.10" libtcmalloc_minimal.so.4 8192
expect "mimalloc 2.0.9" libmimalloc.so.2.0 589824
expect "oneTBB 2021.8" libtbbmalloc_proxy.so.2 100
exit $status
