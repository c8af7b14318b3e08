#!/usr/bin/env bash
# musl 1.2.3 with the unwinder of GCC 12 (libgcc_eh.a): one function is missing, and six are there and not linked.
#
# A guess: the unwinder is GCC's own and asks the C library for what each of them has; musl-gcc, the compiler's wrapper for musl, names it on
# its command line, so a static program that unwinds links as any other.
# Seen: "undefined reference to `_dl_find_object'", which the GNU C library has since 2.35 and musl has not: it is taken for given, by what was found when GCC was built.
# With a stub for it the program links, and has none of pthread_mutex_lock and five others, to which the unwinder refers weakly: a weak reference takes nothing out
# of a static library, so each is null there although musl's libc.a defines it.
# Why it matters here: a static program for musl with Debian's packages alone needs a function of one's own, and strong references to those six.
# Debian 12, x86-64. Needs apt-get, binutils and GCC 12.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root musl-dev=1.2.3-1 musl-tools=1.2.3-1 libgcc-12-dev=12.2.0-14+deb12u1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
sed "s|/usr/|$work/usr/|g" usr/lib/x86_64-linux-musl/musl-gcc.specs >here.specs
musl_gcc() { gcc-12 -B "$work/usr/lib/gcc/x86_64-linux-gnu/12/" -specs here.specs -static "$@"; }

cat >probe.c <<'C'
#include <unwind.h>
static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *count) {
    (void)context;
    ++*(int *)count;
    return _URC_NO_REASON;
}
int main(void) {
    int count = 0;
    _Unwind_Backtrace(step, &count);
    return 0;
}
C
echo 'int _dl_find_object(void *address, void *found) { (void)address, (void)found; return -1; }' >stub.c

status=0
expect() { # WHAT WANTED SEEN
    printf '%s: %s\n' "$1" "$3"
    [ "$3" = "$2" ] || { printf 'changed; it was: %s\n' "$2"; status=1; }
}
linked() { "$@" -o probe 2>errors && echo linked || grep -o "undefined reference to .*" errors | sort -u; }
names="pthread_getspecific|pthread_key_create|pthread_mutex_lock|pthread_mutex_unlock|pthread_once|pthread_setspecific"
# with_symbol LETTERS FILE: how many of those names are such symbols there.
with_symbol() { nm "$2" 2>/dev/null | grep -oE " [$1] ($names)\$" | sort -u | wc -l; }
expect "alone" "undefined reference to \`_dl_find_object'" "$(linked musl_gcc probe.c)"
expect "of six, the unwinder refers weakly to" 6 "$(with_symbol w "usr/lib/gcc/x86_64-linux-gnu/12/libgcc_eh.a")"
expect "libc.a defines" 6 "$(with_symbol TW usr/lib/x86_64-linux-musl/libc.a)"
expect "with a stub" linked "$(linked musl_gcc probe.c stub.c)"
expect "which then has" 0 "$(with_symbol TW probe)"
exit $status
