#!/usr/bin/env bash
# talloc 2.4.0: what is moved out of a context with a limit of memory, and a pool that was freed there, fill the limit for ever.
#
# A guess: talloc_set_memlimit bounds what hangs below the context now: what is freed makes room, and so does what talloc_steal moves to a parent elsewhere, since it is the
# new parent's from there on. (The call is marked as deprecated; its description speaks of moving in alone.)
# Seen: a limit of 10000 has room for nine blocks of 1000 (each with a header). 3000 bytes that are moved away take as much room as before, also after they are freed; after
# four times the context, empty, refuses the fifth. A pool of 4000 below it leaves room for five, and five when it is freed. Moved in and freed, resized, or freed with all
# children, memory is counted as guessed.
# Why it matters here: a parent that owns, limits and is left is what such trees are for: a request's answer is moved out of it at the end. And a pool's own size is
# nothing to talloc_total_size: a megabyte in hand weighs 0 bytes.
# Debian 12, x86-64. Needs a C compiler and apt-get.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q -o APT::Sandbox::User=root libtalloc2=2.4.0-f2 libtalloc-dev=2.4.0-f2 >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
libraries=$work/usr/lib/x86_64-linux-gnu
cat >probe.c <<'C'
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <talloc.h>
static void *limited, *other;
static void begin(const char *name) {
    limited = talloc_new(NULL);
    other = talloc_new(NULL);
    if (talloc_set_memlimit(limited, 10000)) exit(2);
    printf("%s:", name);
}
/* How many blocks of 1000 bytes there is room for. */
static void room(const char *when) {
    void *blocks[100];
    int count = 0;
    while (count < 100 && (blocks[count] = talloc_size(limited, 1000))) count++;
    printf(" %s %d", when, count);
    for (int n = 0; n < count; n++) talloc_free(blocks[n]);
}
static void end(void *block) {
    talloc_free(block);
    room("freed");
    puts("");
}
int main(void) {
    begin("3000 bytes");
    void *block = talloc_size(limited, 3000);
    room("held");
    end(block);
    begin("3000 resized to 5000");
    block = talloc_realloc_size(limited, talloc_size(limited, 3000), 5000);
    room("held");
    end(block);
    begin("3000 moved in");
    block = talloc_steal(limited, talloc_size(other, 3000));
    room("held");
    end(block);
    begin("3000 moved out");
    block = talloc_steal(other, talloc_size(limited, 3000));
    room("elsewhere");
    end(block);
    begin("again and again");
    int rounds = 0;
    while (rounds < 100 && (block = talloc_size(limited, 2000))) {
        talloc_free(talloc_steal(other, block));
        rounds++;
    }
    printf(" %d times\n", rounds);
    begin("a pool of 4000");
    block = talloc_pool(limited, 4000);
    room("held");
    end(block);
    talloc_pool(other, 1 << 20);
    printf("a pool of a MiB: %zu bytes\n", talloc_total_size(other));
}
C
cc -O0 -Wno-deprecated-declarations -Iusr/include -o probe probe.c "$libraries/libtalloc.so.2"
LD_LIBRARY_PATH=$libraries ./probe >seen
cat seen
cat >wanted <<'END'
3000 bytes: held 6 freed 9
3000 resized to 5000: held 4 freed 9
3000 moved in: held 6 freed 9
3000 moved out: elsewhere 6 freed 6
again and again: 4 times
a pool of 4000: held 5 freed 5
a pool of a MiB: 0 bytes
END
cmp -s wanted seen || { echo "changed"; exit 1; }
