//! Zeroed memory that was zero already is not written, so that it takes no memory before its user writes it; and what is large grows and shrinks
//! without a copy.
#![cfg(all(target_os = "linux", not(smarena_portable)))]
#![cfg(not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "tsan", smarena_tool = "valgrind")))]
#![expect(unsafe_code, reason = "the raw calls are what is tested")]

use std::alloc::Layout;
use std::ptr::NonNull;

use smarena::{Geometric, Global, Heap, HeapBuilder, HeapRef, StaticHeap};

/// All that a test lets pages be written of; half of it may be another thread's.
const FEW: usize = 2 << 20;
const GIB: usize = 1 << 30;

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Runs `make` and sees that next to nothing was written by it, and that what is there is zero.
#[track_caller]
fn writes_nothing<T>(make: impl FnOnce() -> T, bytes: impl FnOnce(&T) -> NonNull<[u8]>) -> T {
    let before = resident();
    let made = make();
    let written = resident().saturating_sub(before);
    assert!(written <= FEW, "{written} bytes were written");
    let bytes = bytes(&made);
    for byte in (0..bytes.len()).step_by(GIB / 1024).chain([bytes.len() - 1]) {
        // SAFETY: inside the bytes just made.
        let place = unsafe { bytes.cast::<u8>().add(byte) };
        // SAFETY: as above; written, if not by the heap then by the system.
        assert_eq!(unsafe { place.read() }, 0);
    }
    made
}

fn heap(tell: impl FnOnce(HeapBuilder<Geometric<64>>) -> HeapBuilder<Geometric<64>>) -> Heap<Geometric<64>> {
    tell(Heap::builder().bucket_bytes(GIB)).build().unwrap()
}

fn of_system(heap: impl HeapRef) {
    for align in [1, 64, 4096, 2 << 20] {
        let layout = Layout::from_size_align(GIB, align).unwrap();
        let make = || heap.allocate_zeroed(layout).unwrap();
        let block = writes_nothing(make, |block| NonNull::slice_from_raw_parts(*block, GIB));
        // SAFETY: live, of this layout.
        unsafe { heap.deallocate(block, layout) };
    }
}

/// Blocks of a mebibyte, one GiB of them, and then again, when they have been written.
fn of_bucket(heap: &Heap<Geometric<64>>) {
    let layout = Layout::from_size_align(1 << 20, 16).unwrap();
    let make = || (0..512).map(|_| heap.allocate_zeroed(layout).unwrap()).collect::<Vec<_>>();
    let mut blocks = writes_nothing(make, |blocks| NonNull::slice_from_raw_parts(blocks[0], 1 << 20));
    for &block in &blocks {
        let content = |byte| {
            // SAFETY: live, so many bytes.
            unsafe { block.add(byte) }
        };
        assert_eq!(
            [0, 4095, 4096, (1 << 20) - 1].map(|byte| {
                // SAFETY: live, zeroed.
                unsafe { content(byte).read() }
            }),
            [0; 4]
        );
    }
    assert_eq!(heap.bucket_of(blocks[0]), heap.bucket_of(blocks[511]));
    for block in blocks.drain(500..) {
        // SAFETY: live, so many bytes.
        unsafe { block.write_bytes(7, 1 << 20) };
        // SAFETY: live, of this layout.
        unsafe { heap.free(block) };
    }
    for _ in 0..20 {
        let block = heap.malloc_zeroed(1 << 20, 0).unwrap();
        // SAFETY: live, so many bytes, zeroed.
        let content = unsafe { std::slice::from_raw_parts(block.as_ptr(), 1 << 20) };
        assert!(content.iter().all(|byte| *byte == 0), "a block came back as it was left");
        blocks.push(block);
    }
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
}

/// From 4 MiB, more than any bucket has, to a GiB in steps of one: a copy would write, though only zeros.
fn grows(heap: &impl HeapRef, align: usize) {
    let layout = |mib: usize| Layout::from_size_align(mib << 20, align).unwrap();
    let first = heap.allocate_zeroed(layout(4)).unwrap();
    let grow = |block, mib| {
        // SAFETY: live, of this layout; used no more once it has moved.
        unsafe { heap.reallocate(block, layout(mib), layout(mib + 1)) }.unwrap()
    };
    let block = writes_nothing(|| (4..1024).fold(first, grow), |block| NonNull::slice_from_raw_parts(*block, 4 << 20));
    assert_eq!(block.addr().get() % align, 0);
    // SAFETY: live, of this layout.
    unsafe { heap.deallocate(block, layout(1024)) };
}

/// One test: what others do meanwhile would count.
#[test]
fn what_is_zero_already_is_not_written() {
    of_system(Global);
    of_system(&heap(|builder| builder));
    of_system(&heap(|builder| builder.hardened(true)));
    for heap in [
        heap(|builder| builder),
        heap(HeapBuilder::no_thread_cache),
        heap(|builder| builder.hardened(true)),
        heap(|builder| builder.canary(true)),
    ] {
        of_bucket(&heap);
    }
    let buf = writes_nothing(|| smarena::SmBuf::zeroed(GIB), |buf| NonNull::from(&buf[..]));
    let (before, start) = (resident(), buf.as_ptr());
    let mut buf = buf;
    buf.truncate(GIB / 2);
    buf.shrink_to_fit();
    assert!(buf.len() == GIB / 2 && buf.capacity() < GIB && buf.as_ptr() == start);
    assert!(resident() <= before, "shrinking copied");
    drop(buf);
    for align in [1, 64, 4096] {
        grows(&Global, align);
        grows(&&heap(|builder| builder), align);
    }
    // Blocks of a page and a half, through each thread's own cache.
    let make = || (0..10_000).map(|_| Global.allocate_zeroed(Layout::new::<[u64; 768]>()).unwrap()).collect::<Vec<_>>();
    let blocks = writes_nothing(make, |blocks| NonNull::slice_from_raw_parts(blocks[9999], 6144));
    assert!(blocks.iter().all(|block| Global::HEAP.bucket_of(*block).is_some()));
}
