#!/usr/bin/env bash
# protobuf 3.21: a map that was cleared keeps its table, and SpaceUsedLong() of the message knows nothing of it.
#
# A guess: SpaceUsedLong() counts what clearing keeps for the next time, as it does for repeated fields and their strings, whose sum it gives to the byte.
# Seen: with a million entries it is right. Cleared (or the message with Clear()), the table of 16 MiB stays, as a count of operator new and delete has it, and
# SpaceUsedLong() says what an empty message has. (The next entry that is put in takes a smaller table, and frees it.)
# Why it matters here: messages that are kept and cleared rather than made anew are the usual pool of such programs, and who limits it by SpaceUsedLong() keeps
# messages that weigh nothing.
# Debian 12, x86-64. Needs a C++ compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
version=3.21.12-3+deb12u1
apt-get download -q -o APT::Sandbox::User=root protobuf-compiler=$version libprotobuf-dev=$version libprotobuf32=$version libprotoc32=$version >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries

cat >probe.proto <<'P'
syntax = "proto3";
message Probe {
  map<int32, int32> map = 1;
  repeated int32 numbers = 2;
  repeated string strings = 3;
}
P
usr/bin/protoc --cpp_out=. probe.proto
cat >probe.cc <<'C'
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include "probe.pb.h"
static size_t live;
void *operator new(size_t size) {
    auto *block = static_cast<size_t *>(malloc(size + 16));
    if (!block) abort();
    live += *block = size;
    return block + 2;
}
void operator delete(void *block) noexcept {
    if (!block) return;
    auto *start = static_cast<size_t *>(block) - 2;
    live -= *start;
    free(start);
}
void operator delete(void *block, size_t) noexcept { operator delete(block); }

static Probe *message;
static size_t before;
/* To the nearest MiB. */
static void show(const char *what) { printf("%s: %zu MiB, it says %zu\n", what, (live - before + (1 << 19)) >> 20, (message->SpaceUsedLong() + (1 << 19)) >> 20); }
int main() {
    before = live;
    message = new Probe;
    for (int n = 0; n < 1000000; n++) (*message->mutable_map())[n] = n;
    show("map of a million");
    message->mutable_map()->clear();
    show("  cleared");
    delete message;
    message = new Probe;
    for (int n = 0; n < 1000000; n++) (*message->mutable_map())[n] = n;
    message->Clear();
    show("  the message cleared");
    (*message->mutable_map())[1] = 1;
    show("  one entry put in");
    delete message;

    before = live;
    message = new Probe;
    for (int n = 0; n < 4000000; n++) message->add_numbers(n);
    for (int n = 0; n < 1000; n++) message->add_strings(std::string(8000, 'a'));
    show("repeated fields");
    message->Clear();
    show("  the message cleared");
}
C
c++ -O1 -Iusr/include -I. -o probe probe.cc probe.pb.cc "$libraries/libprotobuf.so.32" -pthread
./probe >seen
cat seen
cat >wanted <<'END'
map of a million: 31 MiB, it says 31
  cleared: 16 MiB, it says 0
  the message cleared: 16 MiB, it says 0
  one entry put in: 0 MiB, it says 0
repeated fields: 24 MiB, it says 24
  the message cleared: 24 MiB, it says 24
END
cmp -s wanted seen || { echo "changed"; exit 1; }
