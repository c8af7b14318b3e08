#!/usr/bin/env bash
# gdb 13.1: gcore writes a reservation (PROT_NONE) into the core file page by page: 256 MiB that nobody can read take 256 MiB of disk.
#
# A guess: what has no access holds nothing that could be dumped, and the kernel's own core files have none of it; pages that were never touched are holes, as there. So the
# core of a small process is small, whatever it has reserved.
# Seen: both are written in full, as zeros and not as holes: what is reserved, and what is open and untouched. Only what is marked with MADV_DONTDUMP is left out. (Asked
# to go by the process's coredump_filter, as it does by default, it does so by kinds of mappings alone.)
# Why it matters here: heaps reserve a multiple of what they use, gigabytes for each, and gcore is what is run on a server that must go on. A disk is full before it is done.
# MADV_DONTDUMP on the reservation, and MADV_DODUMP on what is opened, keeps the core small, at the price of a mapping for each change.
# Debian 12. Needs a C compiler. Installs gdb 13.1-3 where it is missing.
set -euo pipefail
command -v gcore >/dev/null || apt-get install -y -q gdb=13.1-3 >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#define SIZE (256L << 20)
int main(int argc, char **arguments) {
    const char *what = arguments[argc - 1];
    int open = !strcmp(what, "untouched");
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    if (strcmp(what, "nothing")) {
        char *at = mmap(0, SIZE, open ? PROT_READ | PROT_WRITE : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED || (!strcmp(what, "excluded") && madvise(at, SIZE, MADV_DONTDUMP))) return 2;
    }
    puts("ready");
    fflush(stdout);
    return getchar() == EOF;
}
C
cc -O0 -o probe probe.c
for what in nothing reserved untouched excluded; do
    coproc PROBE { exec ./probe $what; }
    read -r _ <&"${PROBE[0]}"
    gcore -o core "$PROBE_PID" >log 2>&1 || { cat log; exit 1; }
    echo >&"${PROBE[1]}"
    wait "$PROBE_PID"
    echo "$what: $(($(du -k core.* | cut -f 1) / 1024 / 16 * 16)) MiB on disk"
    rm core.*
done >seen
cat seen
printf '%s\n' "nothing: 0 MiB on disk" "reserved: 256 MiB on disk" "untouched: 256 MiB on disk" "excluded: 0 MiB on disk" | cmp -s - seen || { echo "changed"; exit 1; }
