#!/usr/bin/env bash
# Linux 6.18: a ring whose memory is mapped twice, end to end, by one process alone: 64 MiB, resident 128, and "private to this process" none of it.
#
# A guess: the resident size counts each mapping (128), the proportional one the memory (64), and since no other process has it, all of it is private: the memory that
# would be free if the process ended, which tools call USS.
# Seen: while the first mapping alone is written to, its pages are private. Touched through the second they turn into shared ones, both times: 128 MiB shared
# by one process with itself, and psutil's `uss`, the sum of the private ones, says that nothing of it is the process's own. The proportional size is right.
# Why it matters here: such rings and buffers are what pools lend for reading without a break. Of three usual numbers one is twice as much, one next to nothing.
# Needs a C compiler, pip and Python's venv.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv tools
tools/bin/pip install -q --disable-pip-version-check --only-binary :all: psutil==7.2.2

cat >probe.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define SIZE (64 << 20)
/* Says where it is, and goes on when it is told to. */
static void here(const char *what, int file) {
    struct stat about;
    fstat(file, &about);
    printf("%s: %ld\n", what, (long)about.st_blocks >> 11);
    fflush(stdout);
    getchar();
}
int main(void) {
    int file = memfd_create("ring", 0);
    char *ring = mmap(0, 2 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (file < 0 || ring == MAP_FAILED || ftruncate(file, SIZE)) return 2;
    for (int n = 0; n < 2; n++)
        if (mmap(ring + n * SIZE, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == MAP_FAILED) return 2;
    here("mapped twice", file);
    memset(ring, 1, SIZE);
    here("written through the first", file);
    memset(ring + SIZE, 2, SIZE);
    here("and through the second", file);
}
C
cc -O0 -o probe probe.c
cat >watch.py <<'P'
import subprocess
import psutil

program = subprocess.Popen(["./probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
process, first = psutil.Process(program.pid), None
for line in program.stdout:
    memory = process.memory_full_info()
    first = first or memory
    more = {key: round((getattr(memory, key) - getattr(first, key)) / 2**20) for key in ("rss", "pss", "uss")}
    print(line.strip(), "MiB of memory; rss {rss} more, pss {pss}, uss {uss}".format(**more))
    program.stdin.write("\n")
    program.stdin.flush()
P
tools/bin/python watch.py >seen
uname -r
cat seen
printf '%s\n' "mapped twice: 0 MiB of memory; rss 0 more, pss 0, uss 0" "written through the first: 64 MiB of memory; rss 64 more, pss 64, uss 64" \
    "and through the second: 64 MiB of memory; rss 128 more, pss 64, uss 0" | cmp -s - seen || { echo "changed"; exit 1; }
