#!/usr/bin/env bash
# tokio-util 0.7.20: LinesCodec with a limit of 5 takes "abcde" before a line feed and at the end of the stream, and refuses it before a carriage return.
#
# A guess: the limit is on the line, which is told without its ending: five characters pass, whichever of the two endings it has, and six do not.
# Seen: the carriage return counts, and is then cut off; the line feed does not. So "abcde\r\n" is "max line length exceeded", whether it comes at once or byte by byte, and
# "abcd\r\n" is the longest that passes. At the end of the stream "abcde" passes as well.
# Why it matters here: a limit is chosen as a buffer's size and a protocol's longest line (its lines end in both characters, in most that have lines). One that counts
# characters of the line is one too small, and shows it with the first line of full length.
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
tokio-util = { version = "=0.7.20", features = ["codec"] }
T
cat >src/main.rs <<'R'
use bytes::BytesMut;
use tokio_util::codec::{Decoder, LinesCodec};

fn main() {
    for text in ["abcde\n", "abcdef\n", "abcd\r\n", "abcde\r\n", "abcde", "abcdef", "abcde\r"] {
        // All of it in one piece, and byte by byte.
        let seen: Vec<String> = [text.len(), 1].iter().map(|&piece| {
            let (mut codec, mut buffer) = (LinesCodec::new_with_max_length(5), BytesMut::new());
            let mut lines = Vec::new();
            for bytes in text.as_bytes().chunks(piece) {
                buffer.extend_from_slice(bytes);
                lines.extend(codec.decode(&mut buffer).transpose());
            }
            if lines.is_empty() {
                lines.extend(codec.decode_eof(&mut buffer).transpose());
            }
            lines.into_iter().map(|line| line.unwrap_or_else(|error| error.to_string())).collect::<Vec<_>>().join(", ")
        }).collect();
        println!("{text:?}: {}", if seen[0] == seen[1] { seen[0].clone() } else { seen.join(" / ") });
    }
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
"abcde\n": abcde
"abcdef\n": max line length exceeded
"abcd\r\n": abcd
"abcde\r\n": max line length exceeded
"abcde": abcde
"abcdef": max line length exceeded
"abcde\r": max line length exceeded
END
cmp -s wanted seen || { echo "changed"; exit 1; }
