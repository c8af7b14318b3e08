#!/usr/bin/env bash
# bytes 1.12: a reading loop that splits off full buffers is given its old capacity again from 1024 bytes upward, and one byte below that.
#
# A guess: after `split()` of a full buffer whose part is still held, `reserve(1)` makes a new buffer of the size that the loop began with, or grows by doubling.
# Seen: a buffer made with 1000 bytes has room for exactly 1 byte then (and `read_buf`, which reserves 64, gets 64); one made with 1024 has 1024;
# one made with a megabyte has 64 KiB. The capacity is remembered as one of eight powers of two.
# Why it matters here: frames below 1 KiB are what many protocols have; a comparison of read loops depends on which side of the line it is run.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'T'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
bytes = "=1.12.2"
T
cat >src/main.rs <<'R'
use bytes::BytesMut;

fn main() {
    for capacity in [100, 1000, 1024, 8192, 1 << 20] {
        let mut buf = BytesMut::with_capacity(capacity);
        buf.resize(capacity, 1);
        let part = buf.split();
        buf.reserve(1);
        println!("{capacity} -> {}", buf.capacity());
        drop(part);
    }
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "100 -> 1" "1000 -> 1" "1024 -> 1024" "8192 -> 8192" "1048576 -> 65536" | cmp -s - seen || { echo "changed"; exit 1; }
