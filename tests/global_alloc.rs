//! The whole test program allocates from `Global`: threads, panics, thread-locals and large blocks included.
#![expect(unsafe_code, reason = "the trait's own calls are tested, too")]

mod child;

use std::alloc::{GlobalAlloc, Layout};
use std::collections::HashMap;
use std::sync::mpsc;

use smarena::{CacheWarmup, Exhausted, Global, Heap, HeapRef, Linear, StaticHeap};

#[global_allocator]
static ALLOCATOR: Global = Global;

#[test]
fn what_the_standard_library_does_all_day_works() {
    let (sender, receiver) = mpsc::channel::<HashMap<String, Vec<u8>>>();
    let threads: Vec<_> = (0..8_usize)
        .map(|thread| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for round in 0..50_usize {
                    let map = (0..round).map(|key| (format!("{thread}/{key}"), vec![7; key * 1000])).collect();
                    sender.send(map).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut bytes = 0;
    for map in receiver {
        bytes += map.values().map(|value| value.iter().filter(|byte| **byte == 7).count()).sum::<usize>();
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(bytes, 8 * (0..50).map(|round| (0..round).map(|key| key * 1000).sum::<usize>()).sum::<usize>());
    // All of it came from the heap: sizes of every bucket were used, and larger ones.
    assert!(Global::HEAP.stats().buckets().iter().filter(|bucket| bucket.watermark > 0).count() > 20);
}

#[test]
fn a_panic_that_is_caught_leaves_nothing_behind() {
    let caught = std::thread::spawn(|| {
        let _held: Vec<_> = (0..100).map(|size| vec![0_u8; size * 100]).collect();
        panic!("on purpose");
    })
    .join();
    assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "on purpose");
}

#[test]
fn a_thread_local_that_allocates_when_it_is_destroyed_works() {
    struct Late(mpsc::Sender<String>);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.send("destroyed".repeat(10)).unwrap();
        }
    }
    thread_local! {
        static LATE: std::cell::RefCell<Option<Late>> = const { std::cell::RefCell::new(None) };
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || LATE.with(|late| *late.borrow_mut() = Some(Late(sender)))).join().unwrap();
    assert_eq!(receiver.recv().unwrap().len(), 90);
}

/// Callers must not ask for layouts without bytes; some do, and make up pointers for them.
#[test]
fn what_has_no_bytes_has_a_block_or_none() {
    let none = Layout::from_size_align(0, 16).unwrap();
    for hardened in [false, true] {
        let heap = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).hardened(hardened).build().unwrap();
        // SAFETY: the heap promises more than the trait asks for.
        let empty = unsafe { heap.alloc(none) };
        // SAFETY: as above.
        let zeroed = unsafe { heap.alloc_zeroed(none) };
        assert!(!empty.is_null() && !zeroed.is_null());
        // SAFETY: as above.
        let grown = unsafe { GlobalAlloc::realloc(&heap, empty, none, 100) };
        // SAFETY: as above.
        let shrunk = unsafe { GlobalAlloc::realloc(&heap, grown, Layout::from_size_align(100, 16).unwrap(), 0) };
        for block in [shrunk, zeroed, std::ptr::without_provenance_mut(16)] {
            // SAFETY: as above.
            unsafe { heap.dealloc(block, none) };
        }
        assert_eq!(heap.stats().live(), 0);
    }
}

/// A heap that clears what is freed has caches whose frees all take the slow path: also those of small made-up addresses, which a cache
/// without a place of its own would take for numbers of its lanes.
#[test]
fn made_up_pointers_do_not_get_into_a_cache() {
    for zero_on_free in [false, true] {
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(1 << 16).zero_on_free(zero_on_free);
        let heap = builder.thread_cache(1 << 10, CacheWarmup::Warm).build().unwrap();
        let _opened = heap.malloc(1, 0).unwrap();
        for align in (0..63).map(|shift| 1_usize << shift) {
            let none = Layout::from_size_align(0, align).unwrap();
            let made_up = std::ptr::without_provenance_mut(align);
            // SAFETY: the heap promises more than the trait asks for.
            unsafe { heap.dealloc(made_up, none) };
            // SAFETY: a layout without bytes, and an aligned pointer.
            unsafe { HeapRef::deallocate_by_address(&&heap, std::ptr::NonNull::new(made_up).unwrap(), none) };
        }
        // What lay in the cache goes into its buckets, which look at it.
        heap.trim();
        let stats = heap.stats();
        assert!(stats.live() == 1 && stats.buckets().iter().all(|bucket| bucket.cached == 0), "{stats:?}");
    }
}

#[test]
fn alignments_above_a_page_are_served_as_the_system_does() {
    for align in [8192, 1 << 16, 2 << 20, 64 << 20] {
        let [small, large] = [100, 100_000].map(|size| Layout::from_size_align(size, align).unwrap());
        // SAFETY: a layout with bytes.
        let block = unsafe { std::alloc::alloc(small) };
        // SAFETY: live, 100 bytes.
        unsafe { block.write_bytes(7, 100) };
        // SAFETY: live, of this layout.
        let grown = unsafe { std::alloc::realloc(block, small, large.size()) };
        // SAFETY: live, of this layout.
        let shrunk = unsafe { std::alloc::realloc(grown, large, small.size()) };
        // SAFETY: live, so many bytes, which were kept.
        assert_eq!(unsafe { std::slice::from_raw_parts(shrunk, 100) }, [7; 100]);
        // SAFETY: a layout with bytes.
        let zeroed = unsafe { std::alloc::alloc_zeroed(large) };
        // SAFETY: live, so many bytes, zeroed.
        assert!(unsafe { std::slice::from_raw_parts(zeroed, large.size()) }.iter().all(|byte| *byte == 0));
        assert!([block, grown, shrunk, zeroed].iter().all(|block| block.addr() % align == 0));
        for (block, layout) in [(shrunk, small), (zeroed, large)] {
            // SAFETY: live, of this layout.
            unsafe { std::alloc::dealloc(block, layout) };
        }
    }
}

#[test]
fn shrinking_never_fails() {
    for hardened in [false, true] {
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(1024).on_exhausted(Exhausted::Refuse);
        let heap = builder.hardened(hardened).build().unwrap();
        while heap.malloc(16, 0).is_ok() {}
        let [old, new] = [100, 10].map(|size| Layout::from_size_align(size, 16).unwrap());
        // SAFETY: a layout with bytes.
        let block = unsafe { heap.alloc(old) };
        // SAFETY: live, of this layout.
        assert_eq!(unsafe { GlobalAlloc::realloc(&heap, block, old, 10) }, block, "there is no smaller one");
        // SAFETY: live, of this layout.
        unsafe { heap.dealloc(block, new) };
        assert_eq!(heap.stats().buckets()[6].live, 0);
    }
}

/// What says so must not ask for memory: that call would wait for the heap to be built, for ever.
#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    // A tool needs more.
    not(any(smarena_portable, miri, smarena_tool = "valgrind", smarena_tool = "asan"))
))]
#[test]
fn a_global_heap_that_cannot_be_built_ends_the_process_with_the_reason() {
    use std::os::unix::process::ExitStatusExt;

    let test = "a_global_heap_that_cannot_be_built_ends_the_process_with_the_reason";
    // The limit is there before the first allocation. Who waits for ever is ended by another signal.
    let little = ["timeout", "-s", "KILL", "20", "sh", "-c", "ulimit -v 20000; exec \"$0\" \"$@\""];
    let output = child::in_child_under(&little, test, || unreachable!("that much is not needed"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("smarena: the static heap \"global\" cannot be built: "), "{said}");
    assert!(said.contains(" bytes: error 12. Too little memory"), "{said}");
    // As the shell's child tells it.
    assert!(
        output.status.code() == Some(128 + libc::SIGABRT) || output.status.signal() == Some(libc::SIGABRT),
        "{said}"
    );
}
