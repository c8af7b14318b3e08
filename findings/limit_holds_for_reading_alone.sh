#!/usr/bin/env bash
# bincode 2.0.1: a configuration with a limit of 200 bytes writes a message of 5003, and does not read one of 101; version 1.3.3 refuses to write the first and reads the second.
#
# A guess: the limit is on a message's bytes, for writing as for reading, as it was in version 1: "changed to" another way of writing it down is all that the guide for
# those who come from there says, "sets the byte limit" all that the method says.
# Seen: written is whatever is given. Reading counts what the elements take in memory, before they are read, not what they take in the message: a hundred small
# numbers of 64 bits are 101 bytes and count 800; bytes count as what they are.
# Why it matters here: the limit is set to a buffer's or a packet's size. Now the sender does not notice that a message is too large, and the receiver refuses some that fit.
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
bincode1 = { package = "bincode", version = "=1.3.3" }
bincode2 = { package = "bincode", version = "=2.0.1" }
T
cat >src/main.rs <<'R'
use bincode1::Options;

fn say<T>(result: Result<T, impl std::fmt::Display>, length: impl Fn(T) -> usize) -> String {
    result.map_or_else(|error| error.to_string(), |value| format!("{} bytes", length(value)))
}

fn main() {
    let (large, bytes, numbers) = (vec![1_u8; 5000], vec![1_u8; 100], vec![1_u64; 100]);

    let one = bincode1::DefaultOptions::new().with_varint_encoding();
    let limited = one.with_limit(200);
    println!("1, writes: {}", say(limited.serialize(&large), |written| written.len()));
    let written = one.serialize(&bytes).unwrap();
    println!("1, reads bytes: {}", say(limited.deserialize::<Vec<u8>>(&written), |_| written.len()));
    let written = one.serialize(&numbers).unwrap();
    println!("1, reads numbers: {}", say(limited.deserialize::<Vec<u64>>(&written), |_| written.len()));

    let two = bincode2::config::standard();
    let limited = two.with_limit::<200>();
    println!("2, writes: {}", say(bincode2::encode_to_vec(&large, limited), |written| written.len()));
    let written = bincode2::encode_to_vec(&bytes, two).unwrap();
    println!("2, reads bytes: {}", say(bincode2::decode_from_slice::<Vec<u8>, _>(&written, limited), |(_, read)| read));
    let written = bincode2::encode_to_vec(&numbers, two).unwrap();
    println!("2, reads numbers: {}", say(bincode2::decode_from_slice::<Vec<u64>, _>(&written, limited), |(_, read)| read));
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
1, writes: the size limit has been reached
1, reads bytes: 101 bytes
1, reads numbers: 101 bytes
2, writes: 5003 bytes
2, reads bytes: 101 bytes
2, reads numbers: LimitExceeded
END
cmp -s wanted seen || { echo "changed"; exit 1; }
