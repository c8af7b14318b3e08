#!/usr/bin/env bash
# Linux 6.18: locking a reservation (PROT_NONE) takes no memory, mlock even refuses it; both leave it locked, and pages opened later are resident at once.
#
# A guess: mlockall(MCL_CURRENT) locks the pages that there are, and what mprotect opens later comes page by page when it is touched, since that is what
# MCL_FUTURE would be for; mlock of pages that nobody may touch fails with ENOMEM and changes nothing.
# Seen: the whole reservation counts in VmLck at once, after the refusal too. Opened for reading nothing comes; opened for writing, all of it does.
# Why it matters here: a heap that reserves addresses and opens them step by step pays for whole steps after either call, and VmLck
# (with RLIMIT_MEMLOCK, which is held against it) speaks of addresses, not of memory.
# Needs a C compiler, and leave to lock 64 MiB: CAP_IPC_LOCK or `ulimit -l`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define MIB (1 << 20)
static long kib(const char *name) {
    char line[256];
    long found = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name))) found = atol(line + strlen(name));
    if (!file || found < 0) exit(2);
    fclose(file);
    return found;
}
static long locked, resident;
static void mark(void) { locked = kib("VmLck:"), resident = kib("VmRSS:"); }
/* To the nearest MiB, so that pages of the program's own do not count. */
static void show(const char *what) {
    printf("%s: %ld MiB locked, %ld resident\n", what, (kib("VmLck:") - locked + 512) >> 10, (kib("VmRSS:") - resident + 512) >> 10);
}
static char *reserve(void) {
    char *start = mmap(0, 32 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) exit(2);
    return start;
}
int main(void) {
    mark();
    char *start = reserve();
    printf("mlock says %s\n", !mlock(start, 32 * MIB) ? "yes" : errno == ENOMEM ? "ENOMEM" : "something else");
    show("  the reservation");
    mprotect(start, 8 * MIB, PROT_READ);
    show("  8 MiB opened for reading");
    mprotect(start, 8 * MIB, PROT_READ | PROT_WRITE);
    show("  for writing");
    munmap(start, 32 * MIB);

    start = reserve();
    printf("mlockall says %s\n", mlockall(MCL_CURRENT) ? strerror(errno) : "yes");
    mark();
    mprotect(start, 8 * MIB, PROT_READ | PROT_WRITE);
    show("  8 MiB more opened for writing");
    if (mmap(0, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return 2;
    show("  8 MiB mapped anew");
}
C
cc -O0 -o probe probe.c
cat >may.c <<'C'
#include <sys/mman.h>
#include <stdlib.h>
int main(void) { return mlock(malloc(64 << 20), 64 << 20) != 0; }
C
cc -O0 -o may may.c
./may || { echo "skipped: this process may not lock 64 MiB"; exit 0; }
./probe >seen
uname -r
cat seen
printf '%s\n' "mlock says ENOMEM" "  the reservation: 32 MiB locked, 0 resident" "  8 MiB opened for reading: 32 MiB locked, 0 resident" \
    "  for writing: 32 MiB locked, 8 resident" "mlockall says yes" "  8 MiB more opened for writing: 0 MiB locked, 8 resident" \
    "  8 MiB mapped anew: 0 MiB locked, 8 resident" | cmp -s - seen || { echo "changed"; exit 1; }
