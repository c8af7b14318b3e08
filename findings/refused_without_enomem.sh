#!/usr/bin/env bash
# Refused sizes that do not say ENOMEM: malloc(PTRDIFF_MAX + 1) in mimalloc 2.0.9, and calloc whose product overflows there and in tcmalloc 2.10.
#
# A guess: errno is ENOMEM with every NULL, as POSIX has it and as glibc 2.36, jemalloc 5.3.0 and oneTBB do; programs print strerror(errno) then.
# Seen: errno is whatever it was before, 0 or what an earlier call of the allocator's own left there, so the message may be "Success" or "No such file".
# Why it matters here: what another allocator's refusal meant cannot be had from errno. (posix_memalign returns its code everywhere.)
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libmimalloc2.0=2.0.9+ds-2 libjemalloc2=5.3.0-1 libtcmalloc-minimal4=2.10-1 libtbbmalloc2=2021.8.0-2+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    volatile size_t size = (size_t)PTRDIFF_MAX + 1, half = SIZE_MAX / 2 + 2;
    errno = 0;
    void *volatile block = malloc(size);
    printf("malloc %s, %s; ", block ? "a block" : "NULL", errno == ENOMEM ? "ENOMEM" : "something else");
    errno = 0;
    block = calloc(half, 2);
    printf("calloc %s, %s\n", block ? "a block" : "NULL", errno == ENOMEM ? "ENOMEM" : "something else");
}
C
cc -O0 -w -o probe probe.c

status=0
expect() { # NAME LIBRARY WANTED
    local seen
    seen=$(LD_LIBRARY_PATH=$libraries LD_PRELOAD=${2:+$libraries/$2} ./probe 2>/dev/null)
    echo "$1: $seen"
    [ "$seen" = "$3" ] || { echo "  changed: it was: $3"; status=1; }
}
expect "glibc" "" "malloc NULL, ENOMEM; calloc NULL, ENOMEM"
expect "jemalloc 5.3.0" libjemalloc.so.2 "malloc NULL, ENOMEM; calloc NULL, ENOMEM"
expect "oneTBB 2021.8" libtbbmalloc_proxy.so.2 "malloc NULL, ENOMEM; calloc NULL, ENOMEM"
expect "tcmalloc 2.10" libtcmalloc_minimal.so.4 "malloc NULL, ENOMEM; calloc NULL, something else"
expect "mimalloc 2.0.9" libmimalloc.so.2.0 "malloc NULL, something else; calloc NULL, something else"
exit $status
