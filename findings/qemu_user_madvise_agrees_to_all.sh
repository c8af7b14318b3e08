#!/usr/bin/env bash
# qemu-user 7.2: madvise says yes to every advice, also to one that does not exist, and does next to nothing; limits of address space likewise.
#
# A guess: advice that the emulator does not know is refused with EINVAL, as an older kernel does it, so that a program can fall back; and
# setrlimit(RLIMIT_AS) works, or fails.
# Seen: only MADV_DONTNEED is carried out. MADV_GUARD_INSTALL and the made-up 999 return 0, and
# a page with such a guard can be written to. setrlimit(RLIMIT_AS, 64 MiB) returns 0, getrlimit then says "unlimited", and a GiB is mapped.
# Why it matters here: guard pages by advice would be none under emulation, and tests of refused memory test nothing there.
# Debian 12, x86-64 (emulated on itself). Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root 'qemu-user-static=1:7.2+dfsg-7+deb12u18+b3' >/dev/null
dpkg -x qemu-user-static*.deb .

cat >probe.c <<'C'
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
int main(void) {
    char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page[0] = 1;
    int emptied = madvise(page, 4096, MADV_DONTNEED);
    printf("MADV_DONTNEED %d, then the page has %d\n", emptied, page[0]);
    printf("advice 999: %d\n", madvise(page, 4096, 999));
    struct rlimit limit = {64 << 20, 64 << 20};
    printf("setrlimit %d", setrlimit(RLIMIT_AS, &limit));
    getrlimit(RLIMIT_AS, &limit);
    printf(", getrlimit says %s", limit.rlim_cur == RLIM_INFINITY ? "unlimited" : "64 MiB");
    void *large = mmap(0, 1 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf(", a GiB is %s\n", large == MAP_FAILED ? "refused" : "mapped");
#ifdef EMULATED
    /* Only here: natively this page cannot be written to. */
    int guarded = madvise(page, 4096, 102 /* MADV_GUARD_INSTALL */);
    page[0] = 2;
    printf("MADV_GUARD_INSTALL %d, then the page has %d\n", guarded, page[0]);
#endif
}
C
cc -static -o native probe.c
cc -static -DEMULATED -o emulated probe.c

status=0
expect() { # NAME COMMAND WANTED...
    local name=$1 command=$2 seen
    shift 2
    seen=$($command)
    printf '%s:\n%s\n' "$name" "$seen"
    [ "$seen" = "$(printf '%s\n' "$@")" ] || { printf 'changed; it was:\n%s\n' "$(printf '%s\n' "$@")"; status=1; }
}
expect "natively" ./native "MADV_DONTNEED 0, then the page has 0" "advice 999: -1" "setrlimit 0, getrlimit says 64 MiB, a GiB is refused"
expect "qemu-x86_64 7.2" "usr/bin/qemu-x86_64-static ./emulated" "MADV_DONTNEED 0, then the page has 0" "advice 999: 0" \
    "setrlimit 0, getrlimit says unlimited, a GiB is mapped" "MADV_GUARD_INSTALL 0, then the page has 2"
exit $status
