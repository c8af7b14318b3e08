#!/bin/sh
# Installs what the peers need on Debian and its kin: a C and C++ compiler, make (jemalloc's build), and tcmalloc as a library.
# Everything else comes through cargo. Without this, tcmalloc is reported and left out.
set -eu

if ! command -v apt-get >/dev/null; then
    echo "setup.sh: no apt-get here; install gcc, g++, make and gperftools' libtcmalloc_minimal.so.4 another way" >&2
    exit 1
fi
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update
$as_root apt-get install --yes --no-install-recommends gcc g++ make libtcmalloc-minimal4
