#!/usr/bin/env bash
# buddy-alloc 0.6.0: of a heap that has no block left, available_bytes() says what it said of the empty one.
#
# A guess: it falls by the size of the block with each allocation and rises again when that is freed; it is said to be what is "currently" available, with the warning that
# not all of it may be had in one piece.
# Seen: it is the size of the heap less what the allocator took for its tables when it was made, and never changes. (linked_list_allocator 0.10.6 and embedded-alloc 0.7.0, which
# serve such heaps, too, count.)
# Why it matters here: a heap of a fixed size is watched by this number, and it is the only one that this crate has; by it the heap is as good as new until it refuses.
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
buddy-alloc = "=0.6.0"
critical-section = { version = "=1.2.0", features = ["std"] }
embedded-alloc = "=0.7.0"
linked_list_allocator = "=0.10.6"
T
cat >src/main.rs <<'R'
use std::alloc::{GlobalAlloc, Layout};

use buddy_alloc::buddy_alloc::{BuddyAlloc, BuddyAllocParam};

const SIZE: usize = 1 << 20;

fn memory() -> *mut u8 {
    vec![0_u64; SIZE / 8].leak().as_mut_ptr().cast()
}

/// Fills a heap with blocks of a KiB, and frees them.
fn show<B: Copy>(name: &str, mut allocate: impl FnMut() -> Option<B>, mut free: impl FnMut(B), mut available: impl FnMut() -> usize) {
    let new = available();
    let blocks: Vec<B> = std::iter::from_fn(&mut allocate).collect();
    let full = available();
    blocks.iter().for_each(|&block| free(block));
    let kib = |bytes: usize| bytes >> 10;
    println!("{name}: {} KiB available; with {} blocks of 1 KiB in it, and no more, {}; freed, {}", kib(new), blocks.len(), kib(full), kib(available()));
}

fn main() {
    let layout = Layout::new::<[u8; 1024]>();
    let some = |block: *mut u8| (!block.is_null()).then_some(block);

    let heap = unsafe { BuddyAlloc::new(BuddyAllocParam::new(memory(), SIZE, 16)) };
    let heap = std::cell::RefCell::new(heap);
    show("buddy-alloc", || some(heap.borrow_mut().malloc(1024)), |block| heap.borrow_mut().free(block), || heap.borrow().available_bytes());

    let heap = unsafe { linked_list_allocator::Heap::new(memory(), SIZE) };
    let heap = std::cell::RefCell::new(heap);
    let free = |block| unsafe { heap.borrow_mut().deallocate(block, layout) };
    show("linked_list_allocator", || heap.borrow_mut().allocate_first_fit(layout).ok(), free, || heap.borrow().free());

    let heap = embedded_alloc::LlffHeap::empty();
    unsafe { heap.init(memory() as usize, SIZE) };
    show("embedded-alloc", || some(unsafe { heap.alloc(layout) }), |block| unsafe { heap.dealloc(block, layout) }, || heap.free());
}
R
cargo -q run >seen 2>log || { cat log; exit 1; }
cat seen
cat >wanted <<'END'
buddy-alloc: 975 KiB available; with 975 blocks of 1 KiB in it, and no more, 975; freed, 975
linked_list_allocator: 1024 KiB available; with 1024 blocks of 1 KiB in it, and no more, 0; freed, 1024
embedded-alloc: 1024 KiB available; with 1024 blocks of 1 KiB in it, and no more, 0; freed, 1024
END
cmp -s wanted seen || { echo "changed"; exit 1; }
