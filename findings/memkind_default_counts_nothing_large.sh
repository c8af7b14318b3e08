#!/usr/bin/env bash
# memkind 1.14: of its default kind 160 MiB in blocks of 16 MiB are in no number; of the regular kind they are.
#
# A guess: memkind_get_stat's "allocated" and "active" are what is live, whatever the size of the blocks, for each kind.
# Seen: ten blocks of 4 MiB are counted in both kinds. Ten of 8 or 16 MiB change neither number of MEMKIND_DEFAULT; it serves these from somewhere that its sum leaves out.
# Why it matters here: the largest blocks are what such a number is looked at for; a limit held against it holds for small blocks alone.
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
static size_t get(memkind_t kind, memkind_stat_type which) {
    size_t bytes = 0;
    if (memkind_update_cached_stats() || memkind_get_stat(kind, which, &bytes)) exit(2);
    return bytes;
}
static void show(const char *name, memkind_t kind, size_t mib) {
    void *blocks[10];
    size_t allocated = get(kind, MEMKIND_STAT_TYPE_ALLOCATED), active = get(kind, MEMKIND_STAT_TYPE_ACTIVE);
    for (int n = 0; n < 10; n++)
        if (!(blocks[n] = memkind_malloc(kind, mib << 20))) exit(2);
    /* To the nearest MiB. */
    allocated = (get(kind, MEMKIND_STAT_TYPE_ALLOCATED) - allocated + (1 << 19)) >> 20;
    active = (get(kind, MEMKIND_STAT_TYPE_ACTIVE) - active + (1 << 19)) >> 20;
    printf("%s, 10 blocks of %zu MiB: allocated %zu, active %zu\n", name, mib, allocated, active);
    for (int n = 0; n < 10; n++) memkind_free(kind, blocks[n]);
}
int main(void) {
    for (size_t mib = 4; mib <= 16; mib *= 2) show("default", MEMKIND_DEFAULT, mib);
    for (size_t mib = 4; mib <= 16; mib *= 2) show("regular", MEMKIND_REGULAR, mib);
}
C
cc -O0 -Iusr/include -o probe probe.c "$libraries/libmemkind.so.0" -Wl,--allow-shlib-undefined
LD_LIBRARY_PATH=$libraries ./probe >seen
cat seen
cat >wanted <<'END'
default, 10 blocks of 4 MiB: allocated 40, active 40
default, 10 blocks of 8 MiB: allocated 0, active 0
default, 10 blocks of 16 MiB: allocated 0, active 0
regular, 10 blocks of 4 MiB: allocated 40, active 40
regular, 10 blocks of 8 MiB: allocated 80, active 80
regular, 10 blocks of 16 MiB: allocated 160, active 160
END
cmp -s wanted seen || { echo "changed"; exit 1; }
