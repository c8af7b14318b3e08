//! Bugs planted in what is done with blocks, which a checking tool must report; and a correct program, of which it must not.
//!
//! Built with `--cfg smarena_tool="asan"`, `"msan"`, `"tsan"` or `"valgrind"`, and for the first three with the sanitizer of that name;
//! without one of these there is nothing here.
#![cfg(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "tsan", smarena_tool = "valgrind"))]
#![expect(unsafe_code, reason = "misuse of the raw calls is what is tested")]

mod child;

use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicPtr, Ordering};

use smarena::{Exhausted, Heap, Linear};

/// What the tool is called by, if it is not built in.
const TOOL: &[&str] = if cfg!(smarena_tool = "valgrind") { &["valgrind", "-q", "--error-exitcode=9"] } else { &[] };
/// What the tool says of a block that is free, of a byte that was never written, of content that two threads use with nothing to
/// order them; empty if it does not look for that.
const OUT_OF_REACH: &str = if cfg!(smarena_tool = "asan") {
    "use-after-poison"
} else if cfg!(smarena_tool = "valgrind") {
    "Invalid read of size 1"
} else {
    ""
};
const NO_CONTENT: &str = if cfg!(smarena_tool = "msan") {
    "use-of-uninitialized-value"
} else if cfg!(smarena_tool = "valgrind") {
    "Conditional jump or move depends on uninitialised value"
} else {
    ""
};

/// What is said at the end of a block of the system's that nothing points to.
const LEAK: &str = if cfg!(all(smarena_tool = "asan", target_os = "linux")) { "detected memory leaks" } else { "" };
const RACE: &str = if cfg!(smarena_tool = "tsan") { "data race" } else { "" };

type Eight = Heap<Linear<8>>;

fn heap() -> Eight {
    Heap::new(1 << 20).unwrap()
}

fn read(block: NonNull<u8>) -> u8 {
    // SAFETY: none where the block is free: the tool is to notice.
    unsafe { block.read_volatile() }
}

fn free(heap: &Eight, block: NonNull<u8>) {
    // SAFETY: live, from this heap; used afterwards only where the tool is to notice.
    unsafe { heap.free(block) };
}

/// Fails unless the tool ends a child that runs `body` with these words.
#[track_caller]
fn reported(test: &str, words: &str, body: impl FnOnce()) {
    if words.is_empty() {
        return;
    }
    let output = child::in_child_under(TOOL, test, body);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{:?}, not \"{words}\":\n{said}", output.status);
}

#[test]
fn a_block_in_a_lane_is_out_of_reach() {
    reported("a_block_in_a_lane_is_out_of_reach", OUT_OF_REACH, || {
        let heap = heap();
        let block = heap.malloc_zeroed(100, 0).unwrap();
        free(&heap, block);
        black_box(read(block));
    });
}

#[test]
fn a_block_in_a_bitmap_is_out_of_reach() {
    reported("a_block_in_a_bitmap_is_out_of_reach", OUT_OF_REACH, || {
        let heap = heap();
        let block = heap.malloc_zeroed(100, 0).unwrap();
        free(&heap, block);
        heap.trim();
        black_box(read(block));
    });
}

#[test]
fn a_block_that_a_refill_fetched_along_is_out_of_reach() {
    reported("a_block_that_a_refill_fetched_along_is_out_of_reach", OUT_OF_REACH, || {
        let heap = heap();
        let block = heap.malloc_zeroed(16, 0).unwrap();
        // SAFETY: the next block of the same span.
        black_box(read(unsafe { block.add(16) }));
    });
}

#[test]
fn a_new_block_has_no_content() {
    reported("a_new_block_has_no_content", NO_CONTENT, || {
        let heap = heap();
        if read(heap.malloc(100, 0).unwrap()) == 7 {
            black_box(&heap);
        }
    });
}

#[test]
fn a_block_that_was_somebodys_has_no_content() {
    reported("a_block_that_was_somebodys_has_no_content", NO_CONTENT, || {
        let heap = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).no_thread_cache().build().unwrap();
        let block = heap.malloc_zeroed(100, 0).unwrap();
        free(&heap, block);
        if read(heap.malloc(100, 0).unwrap()) == 7 {
            black_box(&heap);
        }
    });
}

#[test]
fn a_block_of_the_systems_that_nobody_gives_back_is_a_leak() {
    reported("a_block_of_the_systems_that_nobody_gives_back_is_a_leak", LEAK, || {
        // Though the heap has it on its list. On a thread, so that no stack points there.
        let leaks = || assert!(ManuallyDrop::new(heap()).malloc(5000, 0).is_ok());
        std::thread::spawn(leaks).join().unwrap();
    });
}

#[test]
fn what_a_live_block_points_to_is_no_leak() {
    let output = child::in_child_under(TOOL, "what_a_live_block_points_to_is_no_leak", || {
        let keep = || {
            let heap = ManuallyDrop::new(heap());
            let block = heap.malloc(16, 0).unwrap().cast::<Box<[u8]>>();
            // SAFETY: live, and large enough.
            unsafe { block.write(vec![7; 5000].into()) };
            // A row of the list of the system's blocks, which is empty again.
            let block = heap.malloc(5000, 0).unwrap();
            free(&heap, block);
        };
        std::thread::spawn(keep).join().unwrap();
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{said}", output.status);
}

#[test]
fn a_block_passed_on_without_order_is_a_race() {
    reported("a_block_passed_on_without_order_is_a_race", RACE, || {
        let heap = heap();
        let wire = AtomicPtr::new(std::ptr::null_mut());
        // The tool may have forgotten what a thread did that has ended.
        let both = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // The heap orders who has a block, not who is told of it.
                wire.store(heap.malloc_zeroed(100, 0).unwrap().as_ptr(), Ordering::Relaxed);
                both.wait();
            });
            let block = loop {
                if let Some(block) = NonNull::new(wire.load(Ordering::Relaxed)) {
                    break block;
                }
                std::thread::yield_now();
            };
            black_box(read(block));
            both.wait();
        });
    });
}

#[test]
fn a_correct_program_is_not_reported() {
    let output = child::in_child_under(TOOL, "a_correct_program_is_not_reported", || {
        for exhausted in [Exhausted::NextBucketThenFallback, Exhausted::Refuse, Exhausted::Grow { reserve: 64 << 10 }] {
            let heap = Eight::builder().bucket_bytes(16 << 10).on_exhausted(exhausted).build().unwrap();
            let work = |offset: usize| {
                for size in (1..=200).map(|size| (size * 7 + offset) % 129) {
                    let blocks: Vec<_> = (0..size).map_while(|_| heap.malloc_zeroed(size, 0).ok()).collect();
                    for (number, &block) in blocks.iter().enumerate() {
                        if size > 0 {
                            assert_eq!(read(block), 0);
                        }
                        // SAFETY: live, from this heap, and given up for the block that is returned.
                        let moved = unsafe { heap.realloc(block, number % 129, 0) };
                        free(&heap, moved.unwrap_or(block));
                    }
                }
            };
            std::thread::scope(|scope| {
                scope.spawn(|| work(3));
                work(0);
                heap.trim();
            });
        }
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{said}", output.status);
}
