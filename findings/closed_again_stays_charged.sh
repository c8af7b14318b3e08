#!/usr/bin/env bash
# Linux 6.18: part of a reservation (PROT_NONE) that was opened, emptied and closed again never becomes one mapping with the rest, and stays charged.
#
# A guess: mappings side by side with the same access are merged, so after mprotect there and back, and MADV_DONTNEED, the reservation is one mapping as before, and what opening
# it cost (Committed_AS) is given back.
# Seen: a thousand parts opened and closed one after the other leave 2000 mappings where there was one, all of them out of reach, of the 65530 that a process may have. Each was charged
# when it was opened and is to the end ("ac" among smaps' flags); VmData, which also counts what may be written to, goes back to what it was. Mapped with MAP_NORESERVE it is as guessed.
# Why it matters here: a heap that gives parts of a reservation back by mprotect and MADV_DONTNEED runs into the limit of mappings with nothing open, and under strict
# overcommit into that of memory. Ours reserve with MAP_NORESERVE.
# Needs a C compiler.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define PARTS 1000
#define PART (64 << 10)
static char *start;
/* How many mappings the reservation is, how much of it is charged, and how much data the process has. */
static void show(const char *what) {
    char line[512];
    unsigned long from = 0, to = 0, low, high, first = (unsigned long)start, end = first + 2ul * PARTS * PART;
    long mappings = 0, charged = 0, data = 0, is_ours = 0;
    FILE *file = fopen("/proc/self/smaps", "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%lx-%lx ", &low, &high) == 2) {
            from = low < first ? first : low;
            to = high > end ? end : high;
            mappings += is_ours = from < to;
        } else if (is_ours && !strncmp(line, "VmFlags:", 8) && strstr(line, " ac"))
            charged += to - from;
    }
    if (!file) exit(2);
    fclose(file);
    file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmData:", 7)) data = atol(line + 7);
    if (!file) exit(2);
    fclose(file);
    static long before;
    if (!before) before = data;
    printf("%s: %ld mapping%s, %ld KiB charged, %ld KiB of data\n", what, mappings, mappings == 1 ? "" : "s", charged >> 10, data - before);
}
int main(int count, char **arguments) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (count > 1 ? MAP_NORESERVE : 0);
    /* A little around it, so that no neighbour is taken in. */
    start = (char *)mmap(0, 2ul * PARTS * PART + 2 * PART, PROT_NONE, flags, -1, 0) + PART;
    if (start == (char *)MAP_FAILED + PART) return 2;
    printf("%s\n", count > 1 ? arguments[1] : "plain");
    show("  reserved");
    for (int n = 0; n < PARTS; n++) {
        char *part = start + (2ul * n + 1) * PART;
        if (mprotect(part, PART, PROT_READ | PROT_WRITE)) return 2;
        memset(part, 1, PART);
        if (n == PARTS / 2) show("  at half-time");
        if (madvise(part, PART, MADV_DONTNEED) || mprotect(part, PART, PROT_NONE)) return 2;
    }
    show("  opened and closed");
}
C
cc -O0 -o probe probe.c
{ ./probe; ./probe MAP_NORESERVE; } >seen
uname -r
cat seen
cat >wanted <<'END'
plain
  reserved: 1 mapping, 0 KiB charged, 0 KiB of data
  at half-time: 1003 mappings, 32064 KiB charged, 64 KiB of data
  opened and closed: 2000 mappings, 64000 KiB charged, 0 KiB of data
MAP_NORESERVE
  reserved: 1 mapping, 0 KiB charged, 0 KiB of data
  at half-time: 3 mappings, 0 KiB charged, 64 KiB of data
  opened and closed: 1 mapping, 0 KiB charged, 0 KiB of data
END
cmp -s wanted seen || { echo "changed"; exit 1; }
