#!/usr/bin/env bash
# Wine 8.0: what is committed and not written yet is in no number; PrivateUsage is always 0; and a job's limit of memory is taken, and holds nobody.
#
# A guess: as documented for Windows, PagefileUsage and PrivateUsage are what the process has committed, written or not; a job object with
# JOB_OBJECT_LIMIT_PROCESS_MEMORY makes commitments beyond it fail, or cannot be had; asked for, the limit is what was set.
# Seen: 256 MiB committed change no number. Written, they are in PagefileUsage, and PrivateUsage stays 0. SetInformationJobObject takes a limit of 64 MiB and
# AssignProcessToJobObject the process; then 512 MiB are committed and written, and asked for the limit the job says that it has none.
# Why it matters here: what a heap commits and gives back on Windows cannot be read off these numbers under Wine, and a test of refused memory there tests
# nothing: it must plant the refusals itself.
# Debian 12, x86-64. Installs wine64 8.0~repack-4 and gcc-mingw-w64-x86-64 12.2.0-14+25.2 where they are missing.
set -euo pipefail
wine=/usr/lib/wine/wine64
command -v x86_64-w64-mingw32-gcc >/dev/null && [ -x $wine ] ||
    apt-get install -y -q wine64=8.0~repack-4 gcc-mingw-w64-x86-64=12.2.0-14+25.2 >/dev/null
work=$(mktemp -d)
# The server of Wine's own still writes there for a moment.
trap 'WINEPREFIX=$work/prefix /usr/lib/wine/wineserver64 -k; rm -rf "$work" || true' EXIT
cd "$work"

cat >probe.c <<'C'
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>
#define MIB ((SIZE_T)1 << 20)
static PROCESS_MEMORY_COUNTERS_EX first;
/* To the nearest 8 MiB. */
static int more(SIZE_T now, SIZE_T before) { return 8 * (int)((now - before + 4 * MIB) / (8 * MIB)); }
static void show(const char *what) {
    PROCESS_MEMORY_COUNTERS_EX now = {sizeof now};
    if (!GetProcessMemoryInfo(GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&now, sizeof now)) ExitProcess(2);
    if (!first.cb) first = now;
    printf("%s: working set %d MiB more, PagefileUsage %d, PrivateUsage %s\n", what, more(now.WorkingSetSize, first.WorkingSetSize),
        more(now.PagefileUsage, first.PagefileUsage), now.PrivateUsage ? "something" : "0");
}
int main(void) {
    show("begin");
    char *block = VirtualAlloc(NULL, 256 * MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (!block) return 2;
    show("256 MiB committed");
    memset(block, 1, 256 * MIB);
    show("written");

    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {0};
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_PROCESS_MEMORY;
    limit.ProcessMemoryLimit = 64 * MIB;
    HANDLE job = CreateJobObjectA(NULL, NULL);
    int set = SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
    int assigned = AssignProcessToJobObject(job, GetCurrentProcess());
    printf("a limit of 64 MiB: set %d, assigned %d\n", set, assigned);
    block = VirtualAlloc(NULL, 512 * MIB, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (block) memset(block, 1, 512 * MIB);
    printf("512 MiB: %s\n", block ? "committed" : "refused");
    memset(&limit, 0xff, sizeof limit);
    if (!QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit, NULL)) return 2;
    printf("the job's limit: %d MiB, flags %lx\n", (int)(limit.ProcessMemoryLimit / MIB), limit.BasicLimitInformation.LimitFlags);
}
C
x86_64-w64-mingw32-gcc -o probe.exe probe.c -lpsapi
WINEDEBUG=-all WINEPREFIX=$work/prefix timeout 120 $wine probe.exe 2>/dev/null | tr -d '\r' >seen
cat seen
cat >wanted <<'END'
begin: working set 0 MiB more, PagefileUsage 0, PrivateUsage 0
256 MiB committed: working set 0 MiB more, PagefileUsage 0, PrivateUsage 0
written: working set 256 MiB more, PagefileUsage 256, PrivateUsage 0
a limit of 64 MiB: set 1, assigned 1
512 MiB: committed
the job's limit: 0 MiB, flags 0
END
cmp -s wanted seen || { echo "changed"; exit 1; }
