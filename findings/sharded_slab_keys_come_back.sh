#!/usr/bin/env bash
# sharded-slab 0.1.7: with its default configuration the key of a value that was removed is good again 8191 insertions later, and finds another's value.
#
# A guess: generations wrap, as the crate's page says, but of a key of 64 bits half is left for them, so that it takes billions, as in slotmap; the advice to be
# generous is for those who configure it.
# Seen: 13 bits are left: the default has room for 4096 threads and for more than 10^11 values in each. The slot that was emptied last is the first to be taken, so
# it takes no more than 8191 values that come and go on one thread: the key of the last is the stale key itself.
# Why it matters here: at a thousand messages a second that is eight seconds; keys that are kept in timers and messages live longer. A configuration with fewer
# threads and pages has more bits for generations. `thunderdome` and `slotmap` beside it do not wrap within ten million; here a slot is retired.
# 64 bits.
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
sharded-slab = "=0.1.7"
slotmap = "=1.1.1"
thunderdome = "=0.6.1"
[profile.dev]
opt-level = 2
T
cat >src/main.rs <<'R'
const MANY: u32 = 10_000_000;

/// Removes a value, puts others in its place one after the other, and looks for the first by its old key.
fn show<K: Copy + PartialEq>(name: &str, insert: impl Fn(u32) -> K, remove: impl Fn(K), get: impl Fn(K) -> Option<u32>) {
    let stale = insert(0);
    remove(stale);
    let found = (1..=MANY).find_map(|value| {
        let key = insert(value);
        let found = get(stale);
        remove(key);
        found.map(|found| (value, found, key == stale))
    });
    match found {
        None => println!("{name}: stale"),
        Some((value, found, same)) => println!("{name}: after {value} insertions it finds {found}; same key: {same}"),
    }
}

fn main() {
    let slab = sharded_slab::Slab::new();
    show("sharded-slab", |value| slab.insert(value).unwrap(), |key| assert!(slab.remove(key)), |key| slab.get(key).map(|value| *value));
    let map = std::cell::RefCell::new(slotmap::SlotMap::<slotmap::DefaultKey, u32>::new());
    show("slotmap", |value| map.borrow_mut().insert(value), |key| drop(map.borrow_mut().remove(key).unwrap()), |key| map.borrow().get(key).copied());
    let arena = std::cell::RefCell::new(thunderdome::Arena::new());
    show("thunderdome", |value| arena.borrow_mut().insert(value), |key| drop(arena.borrow_mut().remove(key).unwrap()), |key| arena.borrow().get(key).copied());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "sharded-slab: after 8191 insertions it finds 8191; same key: true" "slotmap: stale" "thunderdome: stale" | cmp -s - seen || { echo "changed"; exit 1; }
