//! Pointers that come back with less right to their block than they went out with: what goes out again is whole.
//!
//! A processor knows no such rights, so what can be seen here is little; Miri sees all of it: `cargo miri test --test provenance`.
#![expect(unsafe_code, reason = "raw calls by narrowed pointers are what is tested")]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::slice;

use smarena::{CacheWarmup, Exhausted, Heap, HeapBuilder, HeapRef, Linear, StaticHeap};

type Eight = Linear<8>;

/// Bytes of a block, and those of them that its owner asks for.
const BLOCK: usize = 32;
const ASKED: usize = 20;

/// A pointer with the right to the bytes asked for alone.
fn narrowed(block: NonNull<u8>) -> NonNull<u8> {
    // SAFETY: live, and so many bytes were asked for.
    unsafe { block.write_bytes(1, ASKED) };
    // SAFETY: live, and just written.
    NonNull::from(unsafe { slice::from_raw_parts_mut(block.as_ptr(), ASKED) }).cast()
}

/// Writes and reads `bytes` bytes of a block that the heap has just handed out.
fn use_whole(block: NonNull<u8>, bytes: usize) {
    // SAFETY: live, and as large.
    unsafe { block.write_bytes(2, bytes) };
    // SAFETY: live, and just written.
    assert!(unsafe { slice::from_raw_parts(block.as_ptr(), bytes) }.iter().all(|byte| *byte == 2));
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 1).unwrap()
}

/// Every way back into a heap, and out again: more blocks than a cache holds, so that each of them passes by lanes, bitmap and waiting.
fn narrow_and_use_again<H: HeapRef<Classes = Eight>>(heap: &H, by_address: impl Fn(NonNull<u8>)) {
    for way in 0..4 {
        let blocks: Vec<_> = (0..40).map(|_| narrowed(heap.allocate(layout(ASKED)).unwrap())).collect();
        for block in blocks {
            match way {
                0 => by_address(block),
                // SAFETY: live, from this heap, with this layout, once.
                1 => unsafe { heap.deallocate(block, layout(ASKED)) },
                // SAFETY: as above.
                2 => unsafe { heap.deallocate_by_address(block, layout(ASKED)) },
                _ => {
                    // Larger in the same block, narrowed again, then out of it.
                    // SAFETY: live, from this heap, with this layout; used no more once it has moved.
                    let same = unsafe { heap.reallocate(block, layout(ASKED), layout(BLOCK)) }.unwrap();
                    use_whole(same, BLOCK);
                    // SAFETY: as above.
                    let moved = unsafe { heap.reallocate(narrowed(same), layout(BLOCK), layout(128)) }.unwrap();
                    use_whole(moved, 128);
                    // SAFETY: live, from this heap, with this layout, once.
                    unsafe { heap.deallocate(moved, layout(128)) };
                }
            }
        }
        let again: Vec<_> = (0..40).map(|_| heap.allocate(layout(BLOCK)).unwrap()).collect();
        for block in again {
            use_whole(block, BLOCK);
            // SAFETY: live, from this heap, with this layout, once.
            unsafe { heap.deallocate(block, layout(BLOCK)) };
        }
    }
}

fn builder() -> HeapBuilder<Eight> {
    Heap::<Eight>::builder().bucket_bytes(64 << 10).thread_cache(16 * BLOCK, CacheWarmup::Cold)
}

/// By reference, and by the heap's raw calls, which are told no layout.
fn try_out(builder: HeapBuilder<Eight>) {
    let heap = builder.build().unwrap();
    // SAFETY: only called for blocks that are live and this heap's, once.
    narrow_and_use_again(&&heap, |block| unsafe { heap.free(block) });
    let block = narrowed(heap.malloc(ASKED, 0).unwrap());
    // SAFETY: live, from this heap; used no more once it has moved.
    let same = unsafe { heap.realloc(block, BLOCK, 0) }.unwrap();
    assert_eq!(same.addr(), block.addr());
    use_whole(same, BLOCK);
    // SAFETY: live, from this heap.
    assert!(unsafe { heap.usable_size(narrowed(same)) } >= BLOCK);
    // SAFETY: live, from this heap; used no more once it has moved.
    let moved = unsafe { heap.realloc(narrowed(same), 100, 0) }.unwrap();
    use_whole(moved, 100);
    // SAFETY: live, from this heap, once.
    unsafe { heap.free(moved) };
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_block_goes_out_whole_whatever_pointer_came_in() {
    try_out(builder());
    try_out(builder().no_thread_cache());
    try_out(builder().zero_on_free(true));
    // Blocks that overflow into larger buckets.
    try_out(builder().bucket_bytes_of(BLOCK, BLOCK));
}

#[test]
fn a_hardened_heap_looks_at_its_blocks_by_its_own_pointer() {
    try_out(builder().hardened(true));
    try_out(builder().canary(true).zero_on_free(true));
    try_out(builder().delayed_reuse(8));
}

#[test]
fn a_block_from_the_system_is_reached_by_the_systems_own_pointer() {
    const LARGE: usize = 200;
    for heap in
        [builder(), builder().zero_on_free(true), builder().hardened(true), builder().canary(true).zero_on_free(true)]
    {
        let heap = &heap.build().unwrap();
        let block = narrowed(heap.malloc(LARGE, 64).unwrap());
        // SAFETY: live, from this heap.
        assert_eq!(unsafe { heap.usable_size(block) }, LARGE);
        // SAFETY: live, from this heap; used no more once it has moved.
        let same = unsafe { heap.realloc(block, ASKED, 0) }.unwrap();
        // SAFETY: as above.
        let grown = unsafe { heap.realloc(narrowed(same), 20 * LARGE, 0) }.unwrap();
        use_whole(grown, 20 * LARGE);
        // SAFETY: live, from this heap, once.
        unsafe { heap.free(narrowed(grown)) };
        let block = HeapRef::allocate(&heap, layout(LARGE)).unwrap();
        use_whole(block, LARGE);
        // SAFETY: live, from this heap, with this layout; used no more once it has moved.
        let grown = unsafe { HeapRef::reallocate(&heap, block, layout(LARGE), layout(2 * LARGE)) }.unwrap();
        use_whole(grown, 2 * LARGE);
        // SAFETY: live, from this heap, with this layout, once.
        unsafe { HeapRef::deallocate(&heap, narrowed(grown), layout(2 * LARGE)) };
        // The heap gives back what was forgotten.
        narrowed(heap.malloc(LARGE, 0).unwrap());
    }
}

#[test]
fn a_refused_reallocation_leaves_the_callers_right_as_it_was() {
    let heap = builder().bucket_bytes_of(128, 128).on_exhausted(Exhausted::Refuse).build().unwrap();
    let _last = heap.malloc(128, 0).unwrap();
    let block = heap.malloc(ASKED, 0).unwrap();
    let mut value = narrowed(block).cast::<[u8; ASKED]>();
    // SAFETY: live, written, and nobody else's.
    let value = unsafe { value.as_mut() };
    // SAFETY: live, from this heap; it will not move.
    assert!(unsafe { heap.realloc(NonNull::from(&mut *value).cast(), 128, 0) }.is_err());
    value[ASKED - 1] = 7;
    assert_eq!(value.iter().map(|byte| usize::from(*byte)).sum::<usize>(), ASKED - 1 + 7);
}

#[test]
fn a_cache_in_the_threads_memory_hands_out_whole_blocks() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 64 << 10 } }
    // SAFETY: only called for blocks that are live and this heap's, once.
    narrow_and_use_again(&Net, |block| unsafe { Net.free(block) });
    assert_eq!(Net::HEAP.stats().live(), 0);
}
