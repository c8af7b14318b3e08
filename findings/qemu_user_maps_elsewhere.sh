#!/usr/bin/env bash
# qemu-user 7.2: MAP_FIXED_NOREPLACE over a mapping succeeds, at another address; a shared mapping cannot be had twice by mremap; locking on fault is an invalid argument.
#
# A guess: what the emulator does not know it refuses as an older kernel does, or it passes it on to the kernel below, which here knows all three: EEXIST for the first, a
# second mapping of the same pages for mremap of size 0, and 0 for mlock2 with MLOCK_ONFAULT.
# Seen: the flag is dropped, and the address taken for a hint, so the mapping lies elsewhere, and stays if the caller takes MAP_FAILED for the only answer besides. (Kernels before
# 4.17 do so as well, and say that they are older.) mremap of size 0 is refused for want of memory, though size by size it works; mlock2 is known, its only flag is not.
# Why it matters here: heaps that lie at an address of their choice, buffers mapped twice end to end, and locked reservations are made by these; a test on other processors that
# runs under the emulator goes ways that no kernel of today goes.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root 'qemu-user-static=1:7.2+dfsg-7+deb12u18+b3' >/dev/null
dpkg -x qemu-user-static*.deb .

cat >probe.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define SIZE (1 << 20)
static void *map(void *at, int flags) {
    return mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
}
int main(void) {
    char *taken = map(0, MAP_PRIVATE), *free_place = map(0, MAP_PRIVATE), *shared = map(0, MAP_SHARED), *at;
    if (taken == MAP_FAILED || free_place == MAP_FAILED || shared == MAP_FAILED || munmap(free_place, SIZE)) return 2;
    at = map(free_place, MAP_PRIVATE | MAP_FIXED_NOREPLACE);
    printf("where nothing is: %s\n", at == free_place ? "there" : "elsewhere");
    at = map(taken, MAP_PRIVATE | MAP_FIXED_NOREPLACE);
    printf("where something is: %s\n", at == MAP_FAILED ? strerror(errno) : at == taken ? "there" : "elsewhere");
    shared[0] = 1;
    at = mremap(shared, 0, SIZE, MREMAP_MAYMOVE);
    printf("a second time: %s\n", at == MAP_FAILED ? strerror(errno) : at[0] == 1 ? "the same pages" : "other pages");
    printf("locked: %s\n", mlock2(taken, 4096, 0) ? strerror(errno) : "yes");
    printf("locked on fault: %s\n", mlock2(taken, 4096, MLOCK_ONFAULT) ? strerror(errno) : "yes");
}
C
cc -O0 -static -o probe probe.c
./probe >kernel
usr/bin/qemu-x86_64-static ./probe >emulated
cat emulated
printf '%s\n' "where nothing is: there" "where something is: File exists" "a second time: the same pages" "locked: yes" "locked on fault: yes" | cmp -s - kernel || {
    echo "the kernel below does not do it either"
    exit 1
}
printf '%s\n' "where nothing is: there" "where something is: elsewhere" "a second time: Cannot allocate memory" "locked: yes" "locked on fault: Invalid argument" |
    cmp -s - emulated || { echo "changed"; exit 1; }
