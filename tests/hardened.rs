//! Misuse of raw blocks: what a hardened heap must report, what any heap reports by itself, and that hardening breaks nothing.
//!
//! Each case of misuse runs in a child process, which must be aborted with a message that names the place.
#![expect(unsafe_code, reason = "misuse of the raw calls is what is tested")]
#![expect(clippy::cast_possible_truncation, reason = "fill bytes may be any byte")]

mod child;

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use proptest::prelude::*;
use smarena::{AllocError, CacheWarmup, Exhausted, Heap, Linear, SizeClasses, SmBox};

/// What is said of an address that no block of the heap has.
const NOT_OURS: &str = "was given, which is not a block of this heap";

type Eight = Heap<Linear<8>>;

/// Never dropped: what is only noticed when a heap ends comes too late.
fn hardened() -> &'static Eight {
    Box::leak(Box::new(Heap::builder().bucket_bytes(1 << 20).hardened(true).build().unwrap()))
}

fn block(heap: &Eight, size: usize) -> NonNull<u8> {
    heap.malloc(size, 0).unwrap()
}

/// Frees a block that may be none.
fn misuse(heap: &Eight, block: NonNull<u8>) {
    // SAFETY: none; the heap is to notice. It looks at the address and not behind it.
    unsafe { heap.free(block) }
}

/// The pointer `bytes` behind `block`.
fn behind(block: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    NonNull::new(block.as_ptr().wrapping_add(bytes)).unwrap()
}

/// Fails unless `body`, in a child process, is ended by abort with `words` on standard error.
#[track_caller]
fn aborts(test: &str, words: &str, body: impl FnOnce()) {
    let output = child::in_child(test, body);
    let said = String::from_utf8_lossy(&output.stderr);
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "not aborted: {:?}\n{said}", output.status);
    }
    assert!(!output.status.success());
    let line = said.lines().find_map(|line| line.strip_prefix("smarena: ")).unwrap_or_default();
    assert!(line.contains(words), "expected \"{words}\" in:\n{said}");
}

#[test]
fn a_block_freed_twice_in_a_row() {
    aborts("a_block_freed_twice_in_a_row", "double free of block 0 of bucket 3", || {
        let heap = hardened();
        let block = block(heap, 64);
        misuse(heap, block);
        misuse(heap, block);
    });
}

#[test]
fn a_block_freed_again_after_others() {
    aborts("a_block_freed_again_after_others", "double free of block 1 of bucket 0", || {
        let heap = hardened();
        let blocks: Vec<_> = (0..100).map(|_| block(heap, 16)).collect();
        for block in &blocks {
            misuse(heap, *block);
        }
        misuse(heap, blocks[1]);
    });
}

#[test]
fn a_block_twice_in_one_batch() {
    aborts("a_block_twice_in_one_batch", "double free of block 2 of bucket 7", || {
        let heap = hardened();
        let blocks: Vec<_> = (0..3).map(|_| block(heap, 128)).collect();
        // SAFETY: none; the heap is to notice.
        unsafe { heap.free_batch(&[blocks[0], blocks[2], blocks[1], blocks[2]]) };
    });
}

#[test]
fn a_block_freed_here_and_by_another_thread() {
    aborts("a_block_freed_here_and_by_another_thread", "double free of block 0 of bucket 1", || {
        let heap = hardened();
        let address = block(heap, 32).as_ptr() as usize;
        let free = || misuse(heap, NonNull::new(address as *mut u8).unwrap());
        std::thread::scope(|scope| scope.spawn(free).join().unwrap());
        free();
    });
}

#[test]
fn a_block_freed_twice_through_an_explicit_cache() {
    aborts("a_block_freed_twice_through_an_explicit_cache", "double free of block 0 of bucket 3", || {
        // Not dropped: that would drain a cache.
        let cache = ManuallyDrop::new(hardened().thread_cache(4096, CacheWarmup::Hot));
        let block = cache.alloc(64, 0).unwrap();
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            unsafe { cache.free(block) };
        }
    });
}

#[test]
fn a_box_made_of_one_pointer_twice() {
    aborts("a_box_made_of_one_pointer_twice", "double free of block 0 of bucket 2", || {
        let heap = hardened();
        let (pointer, heap) = SmBox::into_raw_with_heap(SmBox::new_in([0_u8; 48], heap));
        for _ in 0..2 {
            // SAFETY: none the second time; the heap is to notice.
            drop(unsafe { SmBox::from_raw_in(pointer, heap) });
        }
    });
}

#[test]
fn a_pointer_into_the_middle_of_a_block() {
    let words =
        "a pointer that is not a block was given: offset 80 in the span of bucket 3, whose blocks have 64 bytes";
    aborts("a_pointer_into_the_middle_of_a_block", words, || {
        let heap = hardened();
        let blocks = [block(heap, 64), block(heap, 64)];
        misuse(heap, behind(blocks[1], 16));
    });
}

#[test]
fn a_block_that_was_never_handed_out() {
    let words =
        "a pointer that is not a block was given: offset 64 in the span of bucket 3, whose blocks have 64 bytes";
    aborts("a_block_that_was_never_handed_out", words, || {
        let heap = hardened();
        misuse(heap, behind(block(heap, 64), 64));
    });
}

#[test]
fn an_address_behind_the_last_block_of_a_span() {
    let words = "a pointer that is not a block was given: offset 1048576 in the span of bucket 3";
    aborts("an_address_behind_the_last_block_of_a_span", words, || {
        let heap = hardened();
        misuse(heap, behind(block(heap, 64), 1 << 20));
    });
}

#[test]
fn a_pointer_to_the_stack() {
    aborts("a_pointer_to_the_stack", NOT_OURS, || {
        let local = 0_u8;
        misuse(hardened(), NonNull::from(&local));
    });
}

#[test]
fn a_pointer_to_nothing() {
    aborts("a_pointer_to_nothing", "0x1 was given, which is not a block of this heap", || {
        misuse(hardened(), NonNull::dangling());
    });
}

#[test]
fn another_heaps_block() {
    aborts("another_heaps_block", NOT_OURS, || {
        let (one, two) = (hardened(), hardened());
        misuse(two, block(one, 64));
    });
}

#[test]
fn another_heaps_block_from_the_system() {
    aborts("another_heaps_block_from_the_system", NOT_OURS, || {
        let (one, two) = (hardened(), hardened());
        block(two, 1000);
        misuse(two, block(one, 1000));
    });
}

#[test]
fn a_pointer_of_a_standard_box() {
    aborts("a_pointer_of_a_standard_box", NOT_OURS, || {
        misuse(hardened(), NonNull::from(Box::leak(Box::new([0_u8; 64]))).cast());
    });
}

#[test]
fn a_block_from_the_system_freed_twice() {
    aborts("a_block_from_the_system_freed_twice", NOT_OURS, || {
        let heap = hardened();
        let block = block(heap, 1000);
        misuse(heap, block);
        misuse(heap, block);
    });
}

#[test]
fn a_pointer_into_the_middle_of_a_block_from_the_system() {
    aborts("a_pointer_into_the_middle_of_a_block_from_the_system", NOT_OURS, || {
        let heap = hardened();
        misuse(heap, behind(block(heap, 1000), 64));
    });
}

#[test]
fn a_realloc_of_a_freed_block_that_would_fit() {
    aborts("a_realloc_of_a_freed_block_that_would_fit", "use of block 0 of bucket 3, which is free", || {
        let heap = hardened();
        let block = block(heap, 64);
        misuse(heap, block);
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { heap.realloc(block, 50, 0) };
    });
}

#[test]
fn a_realloc_of_a_freed_block_that_must_move() {
    aborts("a_realloc_of_a_freed_block_that_must_move", "use of block 0 of bucket 3, which is free", || {
        let heap = hardened();
        let block = block(heap, 64);
        misuse(heap, block);
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { heap.realloc(block, 100, 0) };
    });
}

#[test]
fn a_realloc_of_a_pointer_into_the_middle_of_a_block() {
    aborts(
        "a_realloc_of_a_pointer_into_the_middle_of_a_block",
        "a pointer that is not a block was given: offset 16 in the span of bucket 3",
        || {
            let heap = hardened();
            // SAFETY: none; the heap is to notice.
            let _ = unsafe { heap.realloc(behind(block(heap, 64), 16), 10, 0) };
        },
    );
}

#[test]
fn the_size_of_a_freed_block() {
    aborts("the_size_of_a_freed_block", "use of block 0 of bucket 3, which is free", || {
        let heap = hardened();
        let block = block(heap, 64);
        misuse(heap, block);
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { heap.usable_size(block) };
    });
}

#[test]
fn a_realloc_of_a_standard_box() {
    aborts("a_realloc_of_a_standard_box", NOT_OURS, || {
        let foreign = NonNull::from(Box::leak(Box::new([0_u64; 8]))).cast();
        // SAFETY: none; the heap is to notice.
        let _ = unsafe { hardened().realloc(foreign, 1000, 0) };
    });
}

// What a heap that is not hardened notices all the same, when blocks get back to the bitmap.

#[test]
fn a_double_free_that_meets_the_bitmap() {
    aborts("a_double_free_that_meets_the_bitmap", "double free of block 0 of bucket 3", || {
        let heap = Eight::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        let block = block(&heap, 64);
        misuse(&heap, block);
        misuse(&heap, block);
    });
}

#[test]
fn a_double_free_into_a_cache_that_is_then_drained() {
    aborts("a_double_free_into_a_cache_that_is_then_drained", "double free of block 0 of bucket 3", || {
        let heap = Eight::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        let block = block(&heap, 64);
        let cache = heap.thread_cache(4096, CacheWarmup::Cold);
        misuse(&heap, block);
        misuse(&heap, block);
        drop(cache);
    });
}

#[test]
fn a_pointer_into_the_middle_that_meets_the_bitmap() {
    let words = "a pointer that is not a block was given: offset 8 in the span of bucket 3";
    aborts("a_pointer_into_the_middle_that_meets_the_bitmap", words, || {
        let heap = Eight::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        misuse(&heap, behind(block(&heap, 64), 8));
    });
}

// Hardening changes no answer of a correct program.

#[derive(Debug, Clone)]
enum Step {
    Malloc { size: usize, align: usize },
    Free(usize),
    FreeBatch(usize),
    Realloc { which: usize, size: usize, align: usize },
    Trim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![4 => 0..140_usize, 1 => 0..5000_usize];
    let align = (0..13_u32).prop_map(|power| 1_usize << power);
    let step = prop_oneof![
        6 => (size.clone(), align.clone()).prop_map(|(size, align)| Step::Malloc { size, align }),
        3 => any::<usize>().prop_map(Step::Free),
        1 => (0..8_usize).prop_map(Step::FreeBatch),
        3 => (any::<usize>(), size, align).prop_map(|(which, size, align)| Step::Realloc { which, size, align }),
        1 => Just(Step::Trim),
    ];
    prop::collection::vec(step, 0..200)
}

/// A live block and what it was filled with.
struct Held {
    block: NonNull<u8>,
    size: usize,
    fill: u8,
}

impl Held {
    fn new(block: NonNull<u8>, size: usize, fill: u8) -> Self {
        // SAFETY: live, at least `size` bytes.
        unsafe { block.write_bytes(fill, size) };
        Self { block, size, fill }
    }

    fn check(&self, bytes: usize) {
        // SAFETY: live, at least `size` bytes, written.
        let content = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), bytes) };
        assert!(content.iter().all(|byte| *byte == self.fill), "a block was written by another");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_correct_program_does_not_notice(steps in steps(), zero in any::<bool>()) {
        // Few blocks, so that buckets overflow.
        let heap = Eight::builder().bucket_bytes(2048).hardened(true).zero_on_free(zero).build().unwrap();
        let mut held = Vec::<Held>::new();
        for (number, step) in steps.into_iter().enumerate() {
            let fill = number as u8;
            match step {
                Step::Malloc { size, align } => {
                    let block = heap.malloc(size, align).unwrap();
                    assert_eq!(block.addr().get() % align, 0);
                    held.push(Held::new(block, size, fill));
                }
                Step::Free(which) if !held.is_empty() => {
                    let gone = held.swap_remove(which % held.len());
                    gone.check(gone.size);
                    // SAFETY: live, from this heap.
                    unsafe { heap.free(gone.block) };
                }
                Step::FreeBatch(count) => {
                    let gone: Vec<_> = held.drain(..count.min(held.len())).map(|held| held.block).collect();
                    // SAFETY: all live, from this heap.
                    unsafe { heap.free_batch(&gone) };
                }
                Step::Realloc { which, size, align } if !held.is_empty() => {
                    let old = held.swap_remove(which % held.len());
                    // SAFETY: live, from this heap; the old pointer is used no more.
                    let block = unsafe { heap.realloc(old.block, size, align) }.unwrap();
                    assert_eq!(block.addr().get() % align, 0);
                    Held { block, ..old }.check(size.min(old.size));
                    held.push(Held::new(block, size, fill));
                }
                Step::Trim => _ = heap.trim(),
                Step::Free(_) | Step::Realloc { .. } => {}
            }
            assert_eq!(heap.stats().live(), held.len());
        }
        for gone in held {
            gone.check(gone.size);
            // SAFETY: live, from this heap.
            unsafe { heap.free(gone.block) };
        }
        assert_eq!(heap.stats().live(), 0);
    }
}

#[test]
fn every_block_is_served_and_no_thread_has_a_cache() {
    let heap = Eight::builder().bucket_bytes(4096).hardened(true).on_exhausted(Exhausted::Refuse).build().unwrap();
    let _cache = heap.thread_cache(4096, CacheWarmup::Hot);
    for (bucket, &size) in Linear::<8>::BLOCK_SIZES.iter().enumerate() {
        let blocks: HashSet<_> = core::iter::from_fn(|| heap.malloc(size, 0).ok()).collect();
        assert_eq!(blocks.len(), 4096 / size);
        assert_eq!(heap.malloc(size, 0), Err(AllocError::Exhausted { bucket, block_size: size, blocks: 4096 / size }));
        for block in blocks {
            // SAFETY: live, from this heap.
            unsafe { heap.free(block) };
        }
    }
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
}

#[test]
fn threads_share_a_hardened_heap() {
    let heap = hardened();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut held = Vec::new();
                    for round in 0..20_000_usize {
                        if round % 3 == 2 {
                            let gone: Held = held.swap_remove(round % held.len());
                            gone.check(gone.size);
                            // SAFETY: live, from this heap.
                            unsafe { heap.free(gone.block) };
                        } else if held.len() < 1000 {
                            let size = round % 129;
                            held.push(Held::new(heap.malloc(size, 0).unwrap(), size, thread));
                        }
                    }
                    for gone in held {
                        gone.check(gone.size);
                        // SAFETY: live, from this heap.
                        unsafe { heap.free(gone.block) };
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!(heap.stats().live(), 0);
}
