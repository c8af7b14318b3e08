#!/usr/bin/env bash
# generational-arena 0.2.9: an index of a value that was removed is good again after the arena was saved and loaded.
#
# A guess: the arena's generation is saved, or raised above every index ever given out, since "never valid again" is the type's promise.
# Seen: the file has the generations of living values alone, and the loaded arena goes on at the largest of these. So the next value may get
# a slot and a generation that were another value's, and a stale index, kept elsewhere in the same save, finds it.
# Why it matters here: `compat` reads and writes that very format; who saves indices beside the arena must expect it. `SmArena`'s own files keep
# the generations of vacant slots.
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
generational-arena = { version = "=0.2.9", features = ["serde"] }
serde_json = "=1.0.154"
T
cat >src/main.rs <<'R'
use generational_arena::Arena;

fn main() {
    let mut arena = Arena::new();
    arena.insert("stays");
    let removed = arena.insert("removed");
    arena.remove(removed);
    assert_eq!(arena.get(removed), None);

    let file = serde_json::to_string(&arena).unwrap();
    let mut loaded: Arena<&str> = serde_json::from_str(&file).unwrap();
    let new = loaded.insert("new");
    assert_ne!(arena.insert("new"), removed, "without a file it is another index");
    println!("the removed value's index finds: {:?}; it equals the new one: {}", loaded.get(removed), new == removed);
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
grep -qx 'the removed value.s index finds: Some("new"); it equals the new one: true' seen || { echo "changed"; exit 1; }
