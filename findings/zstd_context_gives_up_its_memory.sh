#!/usr/bin/env bash
# zstd 1.5.7: a context that was used 128 times gives its memory back at the second small job in a row, and takes it anew for the next large one.
#
# A guess: a context that is used again allocates nothing once it has had the largest job; or, as a constant of its source explains, it shrinks when it was far too
# large for 128 jobs in a row, and what needs its memory again and again keeps it.
# Seen: every job counts, large ones, too. After one large job 128 small ones keep the memory and the 129th gives it back, as explained; after 128 large ones the second small one
# does. In rounds of one large and two small ones the memory is given back and taken anew once in some 136 jobs: 44 allocations in a thousand rounds. With one small one in
# between there are none, since after a large job nothing looks unused.
# Why it matters here: contexts are kept in pools so that nothing is allocated, and their memory (1.3 MB at level 3, 13 at level 9) comes fresh from the system each time.
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
zstd-sys = { version = "=2.0.16", default-features = false, features = ["zdict_builder"] }
T
cat >src/main.rs <<'R'
use std::alloc::{alloc, dealloc, Layout};
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use zstd_sys::{ZSTD_CCtx, ZSTD_compressBound, ZSTD_compressCCtx, ZSTD_freeCCtx, ZSTD_isError, ZSTD_versionNumber};

#[repr(C)]
struct Memory {
    take: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    give: unsafe extern "C" fn(*mut c_void, *mut c_void),
    opaque: *mut c_void,
}

extern "C" {
    // Of the part of zstd's interface that the crate does not declare by default.
    fn ZSTD_createCCtx_advanced(memory: Memory) -> *mut ZSTD_CCtx;
}

static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size + 16, 16).unwrap()
}

unsafe extern "C" fn take(_: *mut c_void, size: usize) -> *mut c_void {
    CALLS.fetch_add(1, Relaxed);
    LIVE.fetch_add(size, Relaxed);
    let start = alloc(layout(size));
    assert!(!start.is_null());
    start.cast::<usize>().write(size);
    start.add(16).cast()
}

unsafe extern "C" fn give(_: *mut c_void, block: *mut c_void) {
    if !block.is_null() {
        let start = block.cast::<u8>().sub(16);
        let size = start.cast::<usize>().read();
        LIVE.fetch_sub(size, Relaxed);
        dealloc(start, layout(size));
    }
}

struct Context<'a> {
    context: *mut ZSTD_CCtx,
    text: &'a [u8],
    out: Vec<u8>,
}

impl Context<'_> {
    fn new(text: &[u8]) -> Context<'_> {
        let memory = Memory { take, give, opaque: std::ptr::null_mut() };
        // SAFETY: two functions that allocate and free.
        let context = unsafe { ZSTD_createCCtx_advanced(memory) };
        Context { context, text, out: vec![0; unsafe { ZSTD_compressBound(text.len()) }] }
    }

    fn job(&mut self, size: usize) {
        let (out, text) = (self.out.as_mut_ptr().cast(), self.text[..size].as_ptr().cast());
        // SAFETY: our own context and buffers, with their lengths.
        let result = unsafe { ZSTD_compressCCtx(self.context, out, self.out.len(), text, size, 3) };
        assert_eq!(unsafe { ZSTD_isError(result) }, 0);
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        // SAFETY: our own context.
        unsafe { ZSTD_freeCCtx(self.context) };
    }
}

fn main() {
    const LARGE: usize = 1 << 20;
    const SMALL: usize = 1000;
    println!("zstd {}", unsafe { ZSTD_versionNumber() });
    let mut state = 1_u32;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        (state >> 16) as u8 & 63
    })
    .take(LARGE)
    .collect();

    for large in [1, 64, 128, 1000] {
        let mut context = Context::new(&text);
        (0..large).for_each(|_| context.job(LARGE));
        let before = LIVE.load(Relaxed);
        let given_back = (1..).find(|_| {
            context.job(SMALL);
            LIVE.load(Relaxed) != before
        });
        println!("{large} large: {} KiB; at small number {}: {} KiB", before >> 10, given_back.unwrap(), LIVE.load(Relaxed) >> 10);
    }
    for small in 0..4 {
        let mut context = Context::new(&text);
        context.job(LARGE);
        let before = CALLS.load(Relaxed);
        for _ in 0..1000 {
            (0..small).for_each(|_| context.job(SMALL));
            context.job(LARGE);
        }
        println!("1000 rounds of {small} small and one large: {} allocations", CALLS.load(Relaxed) - before);
    }
}
R
cargo run -q --release >seen
cat seen
cat >wanted <<'END'
zstd 10507
1 large: 1273 KiB; at small number 129: 40 KiB
64 large: 1273 KiB; at small number 66: 40 KiB
128 large: 1273 KiB; at small number 2: 40 KiB
1000 large: 1273 KiB; at small number 2: 40 KiB
1000 rounds of 0 small and one large: 0 allocations
1000 rounds of 1 small and one large: 0 allocations
1000 rounds of 2 small and one large: 44 allocations
1000 rounds of 3 small and one large: 60 allocations
END
cmp -s wanted seen || { echo "changed"; exit 1; }
