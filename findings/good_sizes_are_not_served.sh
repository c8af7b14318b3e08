#!/usr/bin/env bash
# mimalloc 2.0.9: mi_good_size is not the size that is served, from 128 KiB on: for 530000 bytes it says 532480, and 1048576 are usable.
#
# A guess: it says what mi_usable_size will say of a block of that size, for every size, so that who asks beforehand for the good size wastes nothing; jemalloc's and tcmalloc's
# nallocx do.
# Seen: up to 128 KiB it is so. Above, it rounds up to whole pages, and what is served is of some larger size, up to twice as much. (mimalloc 3.3.2, as in
# libmimalloc-sys 0.1.49, is right up to 512 KiB.) nallocx is right for every size that was tried up to 3 MiB.
# Why it matters here: a buffer that grows to the good size leaves out what it has; and a sum of good sizes, kept as an account or held against a limit, is half of what is taken.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libmimalloc2.0=2.0.9+ds-2 libjemalloc2=5.3.0-1 libtcmalloc-minimal4=2.10-1 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu

cat >probe.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#ifdef MIMALLOC
size_t mi_good_size(size_t);
void *mi_malloc(size_t);
void mi_free(void *);
size_t mi_usable_size(const void *);
#define good mi_good_size
#define take mi_malloc
#define give mi_free
#define usable mi_usable_size
#else
size_t nallocx(size_t, int);
size_t malloc_usable_size(void *);
#define good(size) nallocx(size, 0)
#define take malloc
#define give free
#define usable malloc_usable_size
#endif
int main(void) {
    static const size_t sizes[] = {1000, 131072, 131073, 300000, 530000, 1048577, 3000000};
    size_t first = 0;
    for (size_t size = 1; size < 3 << 20 && !first; size += size < 40000 ? 1 : 997) {
        void *block = take(size);
        if (usable(block) != good(size)) first = size;
        give(block);
    }
    puts(first ? "not for every size" : "for every size");
    for (int n = 0; first && n < 7; n++) {
        void *block = take(sizes[n]);
        printf("  %zu: good %zu, usable %zu\n", sizes[n], good(sizes[n]), usable(block));
        give(block);
    }
}
C
cc -O0 -DMIMALLOC -o mimalloc probe.c "$libraries/libmimalloc.so.2"
cc -O0 -o jemalloc probe.c "$libraries/libjemalloc.so.2"
cc -O0 -o tcmalloc probe.c "$libraries/libtcmalloc_minimal.so.4"
for name in jemalloc tcmalloc mimalloc; do
    echo "$name: $(LD_LIBRARY_PATH=$libraries "./$name")"
done >seen
cat seen
cat >wanted <<'END'
jemalloc: for every size
tcmalloc: for every size
mimalloc: not for every size
  1000: good 1024, usable 1024
  131072: good 131072, usable 131072
  131073: good 135168, usable 196608
  300000: good 303104, usable 327680
  530000: good 532480, usable 1048576
  1048577: good 1052672, usable 1572864
  3000000: good 3002368, usable 3145728
END
cmp -s wanted seen || { echo "changed"; exit 1; }
