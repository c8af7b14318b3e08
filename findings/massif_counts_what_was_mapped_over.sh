#!/usr/bin/env bash
# valgrind 3.19, massif --pages-as-heap=yes: a mapping put over another (MAP_FIXED) is counted beside it, and what it replaced is never counted as gone.
#
# A guess: with pages as heap, massif's number is the size of what is mapped, as /proc/self/status has it; mapping over 64 MiB changes nothing.
# Seen: 64 MiB that were reserved and then mapped over ten times count as 704. Unmapping all of it takes away 64; the rest is in use to the end, by the same lines of the
# program. mprotect for the same end changes no number.
# Why it matters here: mapping over is how allocators commit and decommit where they must not leave a charge (jemalloc with strict overcommit), or where a
# filter refuses madvise. By massif such a heap grows with every purge.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root valgrind=1:3.19.0-1 >/dev/null
dpkg -x valgrind*.deb .

cat >probe.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define SIZE (64 << 20)
static long mapped(const char *name) {
    char line[256];
    long found = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name))) found = atol(line + strlen(name));
    if (!file || found < 0) exit(2);
    fclose(file);
    return found;
}
/* The first argument: how often the reservation is opened and closed again. The second: by what. The third: whether it is unmapped in the end. */
int main(int count, char **arguments) {
    if (count != 4) return 2;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS, over = !strcmp(arguments[2], "mmap");
    char *start = mmap(0, SIZE, PROT_NONE, flags, -1, 0);
    if (start == MAP_FAILED) return 2;
    long before = mapped("VmSize:");
    for (int n = 0; n < atoi(arguments[1]); n++) {
        int access = n % 2 ? PROT_NONE : PROT_READ | PROT_WRITE;
        if (over ? mmap(start, SIZE, access, flags | MAP_FIXED, -1, 0) != start : mprotect(start, SIZE, access)) return 2;
    }
    /* What valgrind takes for itself is in there, too. */
    if (mapped("VmSize:") - before > SIZE >> 11) return 2;
    if (!strcmp(arguments[3], "unmap")) munmap(start, SIZE);
    /* Something more, so that what was unmapped is looked at. */
    return mmap(0, 4096, PROT_READ, flags, -1, 0) == MAP_FAILED;
}
C
cc -O0 -o probe probe.c

mib() { # WHICH ROUNDS BY END: the largest or the last number of massif's
    VALGRIND_LIB=$work/usr/libexec/valgrind usr/bin/valgrind -q --tool=massif --pages-as-heap=yes --detailed-freq=1 --massif-out-file=out ./probe "$2" "$3" "$4"
    case $1 in
    peak) sed -n 's/^mem_heap_B=//p' out | sort -n | tail -1 ;;
    last) sed -n 's/^mem_heap_B=//p' out | tail -1 ;;
    esac
}
difference() { echo $((($1 - $2 + (1 << 19)) >> 20)); }
none=$(mib peak 0 mmap keep)
{
    echo "opened and closed by mmap, 10 times: $(difference "$(mib peak 10 mmap keep)" "$none") MiB more; $(difference "$(mib last 10 mmap unmap)" "$(mib last 0 mmap unmap)") are left when it is unmapped"
    echo "by mprotect: $(difference "$(mib peak 10 mprotect keep)" "$none"); $(difference "$(mib last 10 mprotect unmap)" "$(mib last 0 mmap unmap)") are left"
} >seen
cat seen
printf '%s\n' "opened and closed by mmap, 10 times: 640 MiB more; 640 are left when it is unmapped" "by mprotect: 0; 0 are left" | cmp -s - seen || { echo "changed"; exit 1; }
