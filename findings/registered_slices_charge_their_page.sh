#!/usr/bin/env bash
# io_uring on Linux 6.18: a page is charged once for each registered buffer that touches it, so packets' buffers cost several times their pool; in huge pages they do not.
#
# A guess: registering pins pages, and a page that a ring has pinned is charged once against RLIMIT_MEMLOCK: a thousand buffers of 1500 bytes, side by side, come to 1468 KiB, as
# one buffer of that size does.
# Seen: they are charged 5464 KiB (in VmPin, too), since each counts its pages anew, two where it crosses a border; under a limit of 4 MiB they are refused. 64 buffers of 64
# bytes in one page are charged 64 pages. In huge pages each page counts once in a ring, however many buffers lie there.
# Why it matters here: a pool registered buffer by buffer meets the limit (8 MiB by default) at 1.5 KiB a buffer with a quarter of it. One registered buffer, of which
# operations name parts, or huge pages do not.
# Needs a C compiler, root, and transparent huge pages that can be advised.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 0; }
grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled && { echo "skipped: no huge pages"; exit 0; }
cat >probe.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#define HUGE (2ul << 20)
static long pinned(void) {
    char line[256];
    long found = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmPin:", 6)) found = atol(line + 6);
    if (!file || found < 0) exit(2);
    fclose(file);
    return found;
}
static void show(const char *where, char *start, int count, size_t size) {
    struct io_uring_params parameters = {0};
    struct iovec buffers[1024];
    for (int n = 0; n < count; n++) buffers[n] = (struct iovec){start + n * size, size};
    int ring = syscall(__NR_io_uring_setup, 4, &parameters);
    if (ring < 0) exit(2);
    long before = pinned();
    long refused = syscall(__NR_io_uring_register, ring, IORING_REGISTER_BUFFERS, buffers, count);
    printf("%s, %d of %zu bytes: ", where, count, size);
    if (refused) printf("%s\n", errno == ENOMEM ? "ENOMEM" : strerror(errno));
    else printf("%ld KiB\n", pinned() - before);
    if (!refused && syscall(__NR_io_uring_register, ring, IORING_UNREGISTER_BUFFERS, NULL, 0)) exit(2);
    while (pinned() != before) usleep(1000);
    close(ring);
}
int main(int count, char **arguments) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *small = mmap(0, HUGE, PROT_READ | PROT_WRITE, flags, -1, 0), *huge = mmap(0, 2 * HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (small == MAP_FAILED || huge == MAP_FAILED) return 2;
    huge = (char *)(((size_t)huge + HUGE - 1) & ~(HUGE - 1));
    madvise(small, HUGE, MADV_NOHUGEPAGE);
    madvise(huge, HUGE, MADV_HUGEPAGE);
    memset(small, 1, HUGE);
    memset(huge, 1, HUGE);
    if (count > 1) { /* As somebody whom the limit binds. */
        struct rlimit limit = {atol(arguments[1]) << 20, atol(arguments[1]) << 20};
        if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, 0) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)) return 2;
        printf("under a limit of %s MiB\n", arguments[1]);
    }
    show("  pages", small, 1, 1500000);
    show("  pages", small, 1000, 1500);
    show("  pages", small, 64, 64);
    show("  a huge page", huge, 1000, 1500);
}
C
cc -O0 -o probe probe.c
chmod 755 . probe
{ ./probe; ./probe 4; } >seen
uname -r
cat seen
cat >wanted <<'END'
  pages, 1 of 1500000 bytes: 1468 KiB
  pages, 1000 of 1500 bytes: 5464 KiB
  pages, 64 of 64 bytes: 256 KiB
  a huge page, 1000 of 1500 bytes: 2048 KiB
under a limit of 4 MiB
  pages, 1 of 1500000 bytes: 1468 KiB
  pages, 1000 of 1500 bytes: ENOMEM
  pages, 64 of 64 bytes: 256 KiB
  a huge page, 1000 of 1500 bytes: 2048 KiB
END
cmp -s wanted seen || { echo "changed"; exit 1; }
