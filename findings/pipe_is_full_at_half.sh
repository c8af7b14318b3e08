#!/usr/bin/env bash
# Linux 6.18: a pipe of 64 KiB is full with 32784 bytes in it if they are written 2049 at a time; 2048 at a time it takes all 65536.
#
# A guess: a write that is whole or not at all fits while there is room for its bytes, so 31 of 2049 bytes do, 63519 in all.
# Seen: a pipe has sixteen pages. A write of up to a page goes into the room that the last one has left only if all of it fits there, and begins a new page otherwise: of
# 2049 bytes one a page. So the room is anything from half to all, by the size of the writes, in a pipe that was made larger as well. Pieces that are given by vmsplice
# take a page's place each: sixteen of one byte fill it.
# Why it matters here: messages of some two thousand bytes are handed between a server's processes this way, and what bounds them is the pipe's size.
# Needs Python.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.py <<'P'
import ctypes
import fcntl
import os
import resource

assert resource.getpagesize() == 4096


def fill(size, room=65536):
    """How many bytes a pipe takes in writes of this size, and the last that is refused."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    assert fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, room) == room
    count = 0
    try:
        while os.write(writer, bytes(size)) == size:
            count += 1
    except BlockingIOError:
        pass
    os.close(reader)
    os.close(writer)
    return count * size


class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def pieces():
    """How many single bytes a pipe takes by vmsplice."""
    _, writer = os.pipe2(os.O_NONBLOCK)
    byte = ctypes.create_string_buffer(1)
    piece = Piece(ctypes.addressof(byte), 1)
    count = 0
    while ctypes.CDLL(None).vmsplice(writer, ctypes.byref(piece), 1, 2) == 1:
        count += 1
    return count


for size in (1, 1000, 1365, 1366, 2048, 2049, 3000, 4096):
    print(f"{size} at a time: {fill(size)}")
print(f"2049 at a time, of a MiB: {fill(2049, 1 << 20)}")
print(f"single bytes by vmsplice: {pieces()}")
P
python3 probe.py >seen
uname -r
cat seen
cat >wanted <<'END'
1 at a time: 65536
1000 at a time: 64000
1365 at a time: 65520
1366 at a time: 43712
2048 at a time: 65536
2049 at a time: 32784
3000 at a time: 48000
4096 at a time: 65536
2049 at a time, of a MiB: 524544
single bytes by vmsplice: 16
END
cmp -s wanted seen || { echo "changed"; exit 1; }
