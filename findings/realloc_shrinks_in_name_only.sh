#!/usr/bin/env bash
# realloc of a written block from 200 to 150 MiB: in mimalloc 2.0.9, tcmalloc 2.10 and oneTBB's allocator 2021.8 all 200 MiB stay resident.
#
# A guess: what lies behind the new end goes back to the system, since it is thousands of whole pages.
# Seen: glibc 2.36 gives back 50 MiB and jemalloc 5.3.0 40 (its next size is 160); the others keep the block as it is,
# and oneTBB's malloc_usable_size then says 150 MiB for a block that holds on to 200.
# Why it matters here: "as the system does it" is the only fair line for shrinking large blocks; peers are no measure.
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
#include <string.h>
static long resident_mib(void) {
    long all, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &all, &resident) != 2) exit(2);
    fclose(file);
    return resident >> 8;
}
int main(void) {
    char *block = malloc(200 << 20);
    memset(block, 1, 200 << 20);
    long before = resident_mib();
    block = realloc(block, 150 << 20);
    long given = before - resident_mib();
    printf("%s given back, usable %zu MiB\n", given > 45 ? "50 MiB" : given > 35 ? "40 MiB" : given > 2 ? "some" : "nothing", malloc_usable_size(block) >> 20);
}
C
cc -O0 -o probe probe.c

status=0
expect() { # NAME LIBRARY WANTED
    local seen
    seen=$(LD_LIBRARY_PATH=$libraries LD_PRELOAD=${2:+$libraries/$2} ./probe)
    echo "$1: $seen"
    [ "$seen" = "$3" ] || { echo "  changed: it was: $3"; status=1; }
}
expect "glibc" "" "50 MiB given back, usable 150 MiB"
expect "jemalloc 5.3.0" libjemalloc.so.2 "40 MiB given back, usable 160 MiB"
expect "tcmalloc 2.10" libtcmalloc_minimal.so.4 "nothing given back, usable 200 MiB"
expect "mimalloc 2.0.9" libmimalloc.so.2.0 "nothing given back, usable 200 MiB"
expect "oneTBB 2021.8" libtbbmalloc_proxy.so.2 "nothing given back, usable 150 MiB"
exit $status
