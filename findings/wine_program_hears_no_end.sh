#!/usr/bin/env bash
# Wine 8.0: a program's own TLS callbacks hear that the process begins, and that threads begin and end, but not that the process ends; a library's hear that, too.
#
# A guess: as the format's description has it, each is called with DLL_PROCESS_DETACH when the process is about to end, the program's as well as the libraries'.
# Seen: the library's callback gets all four reasons, the program's three, whether main returns or calls ExitProcess. atexit's functions run.
# Why it matters here: by that callback the main thread's thread-locals are destroyed in compilers for Windows that do not register with the C library (Rust among them), so
# what they would give back or write out at the end, a thread's cache or its counts, is not, under Wine, if the program is one file.
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
#include <stdlib.h>
#include <string.h>
#include <windows.h>
static void say(const char *what) {
    char line[100];
    DWORD written;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, sprintf(line, "%s: %s\n", WHO, what), &written, NULL);
}
static void NTAPI callback(PVOID module, DWORD reason, PVOID reserved) {
    static const char *reasons[] = {"process ends", "process begins", "thread begins", "thread ends"};
    say(reasons[reason]);
}
PIMAGE_TLS_CALLBACK ours __attribute__((section(".CRT$XLF"))) = callback;
#ifdef LIBRARY
__declspec(dllexport) void used(void) {}
#else
__declspec(dllimport) void used(void);
static void at_exit(void) { say("atexit"); }
static DWORD WINAPI thread(void *nothing) { return 0; }
int main(int count, char **arguments) {
    used();
    atexit(at_exit);
    WaitForSingleObject(CreateThread(NULL, 0, thread, NULL, 0, NULL), INFINITE);
    if (count > 1) ExitProcess(0);
    return 0;
}
#endif
C
x86_64-w64-mingw32-gcc -DLIBRARY -DWHO='"library"' -shared -o library.dll probe.c
x86_64-w64-mingw32-gcc -DWHO='"program"' -o probe.exe probe.c library.dll
run() { WINEDEBUG=-all WINEPREFIX=$work/prefix timeout 120 $wine probe.exe "$@" 2>/dev/null | tr -d '\r'; }
run >seen
cat seen
printf '%s\n' "library: process begins" "program: process begins" "library: thread begins" "program: thread begins" "library: thread ends" \
    "program: thread ends" "program: atexit" "library: process ends" | cmp -s - seen || { echo "changed"; exit 1; }
run exit | grep -v atexit >by_call
grep -v atexit seen | cmp -s - by_call || { echo "changed, by ExitProcess"; exit 1; }
