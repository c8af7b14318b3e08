#!/usr/bin/env bash
# musl-gcc of musl 1.2.3: told to link a static program that can lie anywhere, it links a dynamic one, without a word.
#
# A guess: `musl-gcc -static-pie` does what `gcc -static-pie` does with the GNU C library, since the start file for it, rcrt1.o, comes with musl.
# Seen: a program that asks for the interpreter /lib/ld-musl-x86_64.so.1 and needs libc.so; status 0, no warning. musl-gcc is gcc with a specs file, which names
# one start file for all programs that are not shared, Scrt1.o, and knows of `-static` alone.
# Why it matters here: the Rust compiler links that way for musl; the program starts where musl is installed, and says "not found" on any other machine.
# Debian 12, x86-64. Needs a C compiler with binutils, and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root musl=1.2.3-1 musl-dev=1.2.3-1 musl-tools=1.2.3-1 >/dev/null
for package in musl*.deb; do dpkg -x "$package" .; done
# Its paths are those of an installed package.
sed "s|/usr/|$work/usr/|g" usr/lib/x86_64-linux-musl/musl-gcc.specs >here.specs
[ -e usr/lib/x86_64-linux-musl/rcrt1.o ]

echo 'int main(void) { return 0; }' >probe.c
status=0
expect() { # WANTED COMMAND...
    local wanted=$1 seen
    shift
    "$@" -o probe probe.c
    seen=$(readelf -lW probe | sed -n 's/.*\[Requesting program interpreter: \(.*\)\]/\1/p')
    echo "${*##*/}: interpreter: ${seen:-none}"
    [ "${seen:-none}" = "$wanted" ] || { echo "changed; it was: $wanted"; status=1; }
}
expect none gcc -static-pie -fPIE
expect none gcc -specs here.specs -static
expect /lib/ld-musl-x86_64.so.1 gcc -specs here.specs -static-pie -fPIE
exit $status
