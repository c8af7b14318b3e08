#!/usr/bin/env bash
# Wine 8.0: MEM_RESET empties pages at once, and DiscardVirtualMemory, its successor, is not there.
#
# A guess: as documented for Windows, MEM_RESET only says that the content is not needed: it stays until memory is short, and the working set
# as it is; and kernelbase has DiscardVirtualMemory, OfferVirtualMemory and ReclaimVirtualMemory, which Windows has had since 8.1.
# Seen: after VirtualAlloc(MEM_RESET) the pages read as zero and 256 MiB have left the working set; none of the three functions is exported, so a
# program that imports one does not start.
# Why it matters here: what gives pages back on Windows must be looked up at run time, and cannot be judged by what Wine does with MEM_RESET.
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
#include <windows.h>
#include <psapi.h>
#include <stdio.h>
static int working_set(void) {
    PROCESS_MEMORY_COUNTERS counters = {sizeof counters};
    GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters);
    return (int)(counters.WorkingSetSize >> 20);
}
int main(void) {
    SIZE_T size = 256 << 20;
    char *block = VirtualAlloc(0, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    memset(block, 1, size);
    int before = working_set();
    VirtualAlloc(block, size, MEM_RESET, PAGE_READWRITE);
    printf("after MEM_RESET the first byte is %d, and the working set is %s\n", block[0], before - working_set() > 200 ? "smaller" : "as it was");
    const char *names[] = {"DiscardVirtualMemory", "OfferVirtualMemory", "ReclaimVirtualMemory"};
    for (int n = 0; n < 3; n++)
        printf("%s: %s\n", names[n], GetProcAddress(GetModuleHandleA("kernelbase"), names[n]) ? "there" : "missing");
}
C
x86_64-w64-mingw32-gcc -o probe.exe probe.c -lpsapi
WINEDEBUG=-all WINEPREFIX=$work/prefix timeout 120 $wine probe.exe 2>/dev/null | tr -d '\r' >seen
cat seen
printf '%s\n' "after MEM_RESET the first byte is 0, and the working set is smaller" "DiscardVirtualMemory: missing" "OfferVirtualMemory: missing" \
    "ReclaimVirtualMemory: missing" | cmp -s - seen || { echo "changed"; exit 1; }
