#!/usr/bin/env bash
# UDP on Linux 6.18: of a full socket a quarter must be read before there is room for a single datagram more.
#
# A guess: each datagram that is read gives back what it was charged, so after one there is room for another of its size; SO_MEMINFO says what waits.
# Seen: of 56 datagrams of 1000 bytes the first 14 that are read make room for none: what is sent then is dropped, and SO_MEMINFO counts as before. The 15th makes
# room for 15. What is read is given back once it comes to a quarter of SO_RCVBUF, or when nothing waits that was there at the last look.
# Why it matters here: a reader that stops while its pool is empty and goes on with one buffer at a time loses what comes meanwhile, though it reads as fast as it is
# sent to; and "bytes that wait" (ss shows the same number) counts what was read, up to a quarter of the buffer.
# Needs Python.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >probe.py <<'P'
import socket
import struct

SO_MEMINFO = 55


def waits(receiver):
    return struct.unpack_from("I", receiver.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))[0]


def probe(size):
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    sender.connect(receiver.getsockname())
    datagram = bytes(size)

    def fits():
        # Over loopback a datagram is there, or dropped, when `send` returns.
        before = waits(receiver)
        sender.send(datagram)
        return waits(receiver) > before

    sender.send(datagram)
    charge, count = waits(receiver), 1
    while fits():
        count += 1
    full, read = waits(receiver), 0
    while True:
        receiver.recv(size)
        read += 1
        if waits(receiver) != full:
            break
        assert not fits(), "room before the number changed"
    room = (full - waits(receiver)) // charge
    quarter = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 4
    law = "a quarter" if (read - 1) * charge < quarter <= read * charge else "something else"
    print(f"{size} bytes: {count} fit; {read - 1} read, room for none; {read} read, room for {room}: {law}")


for size in (1, 1000, 4000):
    probe(size)
P
python3 probe.py >seen
uname -r
cat seen
[ "$(grep -c ': a quarter$' seen)" = 3 ] || { echo "changed"; exit 1; }
