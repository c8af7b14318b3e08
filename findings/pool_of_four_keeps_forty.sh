#!/usr/bin/env bash
# object-pool 0.6.0: a pool with a capacity of 4 keeps every buffer of the largest burst, forty of them; opool 0.2.0 and lifeguard 0.6.1 keep 4.
#
# A guess: the capacity (`cap`, in all its examples) is the most that the pool keeps; what `pull` makes beyond it, when the pool is empty, is made for the moment, and
# freed when it comes back to a full pool.
# Seen: it is how many are made at the start, and nothing more. What `pull` makes comes back into the pool as all others do, and stays until the pool ends; no call
# makes it smaller, but for pulling and detaching buffer by buffer. In the other two, made and asked the same way, the 36 are freed.
# Why it matters here: a server's memory stays that of its busiest second, and a pool is taken for what bounds it. (`try_pull`, which makes none, is a bound.)
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
lifeguard = "=0.6.1"
object-pool = "=0.6.0"
opool = "=0.2.0"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const MEBIBYTE: usize = 1 << 20;
static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Counting;
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn mebibytes() -> usize {
    IN_USE.load(Relaxed) / MEBIBYTE
}

fn buffer() -> Vec<u8> {
    Vec::with_capacity(MEBIBYTE)
}

/// Takes forty buffers from a pool of four, and gives them back.
fn show<T>(name: &str, mut take: impl FnMut() -> T) {
    let at_first = mebibytes();
    let taken: Vec<T> = (0..40).map(|_| take()).collect();
    let most = mebibytes();
    drop(taken);
    println!("{name}: {at_first} MiB at first, {most} on loan, {} kept", mebibytes());
}

struct Buffers;
impl opool::PoolAllocator<Vec<u8>> for Buffers {
    fn allocate(&self) -> Vec<u8> {
        buffer()
    }
}

fn main() {
    let pool = object_pool::Pool::new(4, buffer);
    show("object-pool", || pool.pull(buffer));
    drop(pool);
    let pool = opool::Pool::new_prefilled(4, Buffers);
    show("opool", || pool.get());
    drop(pool);
    let pool = lifeguard::pool().with(lifeguard::StartingSize(4)).with(lifeguard::MaxSize(4)).with(lifeguard::Supplier(buffer)).build();
    show("lifeguard", || pool.new());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
printf '%s\n' "object-pool: 4 MiB at first, 40 on loan, 40 kept" "opool: 4 MiB at first, 40 on loan, 4 kept" "lifeguard: 4 MiB at first, 40 on loan, 4 kept" |
    cmp -s - seen || { echo "changed"; exit 1; }
