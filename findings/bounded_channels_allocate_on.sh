#!/usr/bin/env bash
# Bounded channels: tokio 1.54's allocates 28 blocks for each burst of 1000 messages, futures-channel 0.3's one for each message, for ever; six others none after the first.
#
# A guess: who asks for room for 1000 messages has it made at the start, or by the first burst, and kept; that is what a bound is for.
# Seen: so it is in std's sync_channel, crossbeam-channel 0.5, flume 0.12, async-channel 2.5, kanal 0.1, thingbuf 0.1 and tokio's own broadcast. tokio's mpsc keeps
# a few blocks of 32 messages and gives back the others, and futures-channel puts each message into a node of its own; in both the bound is a counter beside a
# list without one.
# Why it matters here: what is handed on between threads are often leases of a pool that never allocates; with these two the channel does, under load, and in a heap with
# a bound the sending may be what is refused.
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
async-channel = "=2.5.0"
crossbeam-channel = "=0.5.17"
flume = "=0.12.0"
futures-channel = { version = "=0.3.34", features = ["sink"] }
kanal = "=0.1.1"
thingbuf = "=0.1.6"
tokio = { version = "=1.54.1", features = ["sync"] }
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Sends 1000 and receives 1000, three times, and says how often the last two allocated.
macro_rules! show {
    ($name:literal, $channel:expr, $send:ident, $receive:ident) => {
        #[allow(unused_mut)]
        let (mut sender, mut receiver) = $channel;
        let mut allocations = [0; 3];
        for count in &mut allocations {
            let before = ALLOCATIONS.load(Relaxed);
            (0..1000_u64).for_each(|message| drop(sender.$send(message).unwrap()));
            (0..1000_u64).for_each(|message| assert_eq!(receiver.$receive().unwrap(), message));
            *count = ALLOCATIONS.load(Relaxed) - before;
        }
        println!("{}: {} and {}", $name, allocations[1], allocations[2]);
    };
}

fn main() {
    show!("std", std::sync::mpsc::sync_channel(1000), try_send, try_recv);
    show!("crossbeam-channel", crossbeam_channel::bounded(1000), try_send, try_recv);
    show!("flume", flume::bounded(1000), try_send, try_recv);
    show!("async-channel", async_channel::bounded(1000), try_send, try_recv);
    show!("kanal", kanal::bounded(1000), send, recv);
    show!("thingbuf", thingbuf::mpsc::channel(1000), try_send, try_recv);
    show!("tokio, broadcast", tokio::sync::broadcast::channel(1000), send, try_recv);
    show!("tokio, mpsc", tokio::sync::mpsc::channel(1000), try_send, try_recv);
    show!("futures-channel", futures_channel::mpsc::channel(1000), try_send, try_recv);
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "std: 0 and 0" "crossbeam-channel: 0 and 0" "flume: 0 and 0" "async-channel: 0 and 0" "kanal: 0 and 0" "thingbuf: 0 and 0" "tokio, broadcast: 0 and 0" \
    "tokio, mpsc: 28 and 28" "futures-channel: 1000 and 1000" | cmp -s - seen || { echo "changed"; exit 1; }
