//! A fork while other threads allocate: the child, which has one thread alone, can go on allocating and freeing.
#![cfg(all(target_os = "linux", not(any(smarena_portable, miri))))]
#![expect(unsafe_code, reason = "fork, and the raw calls")]

mod child;

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr::{NonNull, null, null_mut};
#[cfg(feature = "record")]
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use smarena::{Heap, LazyHeap, Linear, Purge, Purger, SmBox, SmBuf, StaticHeap};

type Eight = Heap<Linear<8>>;

/// A child that hangs is ended by this signal after so many seconds, so that a lock nobody holds any more is a failure
/// and not a test without end.
const PATIENCE: u32 = 60;

/// Forks, runs `body` in the child, and waits for it. A `false` becomes exit status 1.
fn forked(body: impl FnOnce() -> bool) -> ExitStatus {
    // SAFETY: the child does what this test is about, and ends by `_exit`.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: no precondition.
            unsafe { libc::alarm(PATIENCE) };
            let good = body();
            // SAFETY: no precondition; nothing of the parent's is flushed or torn down a second time.
            unsafe { libc::_exit(i32::from(!good)) }
        }
        child => {
            assert!(child > 0, "the system refused to fork");
            let mut status = 0;
            // SAFETY: our own child, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            ExitStatus::from_raw(status)
        }
    }
}

/// Allocates and frees `count` blocks of these sizes, writing each.
fn use_heap(heap: &Eight, count: usize, sizes: Range<usize>) {
    let blocks: Vec<NonNull<u8>> = (0..count)
        .map(|number| {
            let size = sizes.start + number * 37 % sizes.len();
            let block = heap.malloc(size, 0).unwrap();
            // SAFETY: live, `size` bytes.
            unsafe { block.write_bytes(1, size) };
            block
        })
        .collect();
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
}

/// Allocates and frees through `Global`, on this thread and on one that ends.
fn use_global() -> bool {
    boxes_and_a_buffer() && on_a_thread()
}

fn boxes_and_a_buffer() -> bool {
    let mut buf = SmBuf::new();
    for number in 0..2000_u32 {
        buf.extend_from_slice(&number.to_le_bytes());
    }
    let boxes: Vec<_> = (0..500_u32).map(SmBox::new).collect();
    buf.len() == 8000 && boxes.iter().enumerate().all(|(number, boxed)| **boxed as usize == number)
}

/// `boxes_and_a_buffer` on a thread of the C library's: `std` keeps a list of its threads under a lock, and a child of a fork beside a
/// thread that began or ended just then waits for that lock for ever.
fn on_a_thread() -> bool {
    extern "C" fn body(_: *mut c_void) -> *mut c_void {
        if boxes_and_a_buffer() { NonNull::dangling().as_ptr() } else { null_mut() }
    }
    on_a_c_thread(body)
}

/// Whether `body` returns something on a thread of the C library's.
fn on_a_c_thread(body: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    let (mut thread, mut result) = (MaybeUninit::uninit(), null_mut());
    // SAFETY: a place for the thread's name, default attributes, and a body that takes any argument.
    let status = unsafe { libc::pthread_create(thread.as_mut_ptr(), null(), body, null_mut()) };
    assert_eq!(status, 0, "the system refused a thread");
    // SAFETY: written, since the thread was created.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: joined once.
    unsafe { libc::pthread_join(thread, &raw mut result) == 0 && !result.is_null() }
}

#[test]
fn a_child_of_a_busy_process_allocates_and_frees() {
    // Somebody gives memory back all the time.
    let heap = Eight::builder().bucket_bytes(1 << 20).purge(Purge::After(Duration::ZERO)).build().unwrap();
    let done = AtomicBool::new(false);
    let before = SmBox::new_in([7_u8; 100], &heap);
    std::thread::scope(|scope| {
        // Blocks from buckets, and from the system.
        let users = [0, 129].map(|smallest| {
            let (heap, done) = (&heap, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    use_heap(heap, 200, smallest..300);
                    use_global();
                }
            })
        });
        // Heaps and threads that come and go.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                use_heap(&Eight::new(1 << 16).unwrap(), 10, 0..128);
            }
        });
        for round in 0..150 {
            let ended = forked(|| {
                let copied = *before == [7; 100];
                use_heap(&heap, 2000, 0..300);
                use_heap(&Eight::new(1 << 16).unwrap(), 100, 0..128);
                copied && use_global()
            });
            if !ended.success() {
                done.store(true, Ordering::Relaxed);
            }
            assert!(ended.success(), "round {round}: {ended}");
        }
        done.store(true, Ordering::Relaxed);
        // The scope alone does not wait until they have given back what they had cached.
        users.into_iter().for_each(|user| user.join().unwrap());
    });
    drop(before);
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_child_knows_nothing_of_other_threads_memory() {
    smarena::static_heap! { struct Net: Linear<8> { bucket_bytes: 1 << 20 } }
    let used = Barrier::new(2);
    let ended = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            drop(SmBox::new_in(1, Net));
            used.wait();
            ended.wait();
        });
        used.wait();
        let mine = SmBox::new_in(2, Net);
        assert_eq!(Net::HEAP.stats().caches, 2);
        let child = forked(|| Net::HEAP.stats().caches == 1 && *mine == 2 && *SmBox::new_in(3, Net) == 3);
        ended.wait();
        assert!(child.success(), "{child}");
    });
}

/// In a process of its own: no thread in it ever asks for a block of a bucket.
#[test]
fn a_child_of_a_process_that_only_ever_overflowed() {
    let output = child::in_child("a_child_of_a_process_that_only_ever_overflowed", || {
        let heap = Eight::new(1 << 16).unwrap();
        let done = AtomicBool::new(false);
        let mut all_ended_well = true;
        let large = |count: usize| {
            for size in 1000..1000 + count {
                let block = heap.malloc(size, 0).unwrap();
                // SAFETY: live, from this heap.
                unsafe { heap.free(block) };
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        large(100);
                    }
                });
            }
            for _ in 0..200 {
                let ended = forked(|| {
                    large(10);
                    true
                });
                all_ended_well &= ended.success();
                if !all_ended_well {
                    break;
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        assert!(all_ended_well, "a child hung or failed");
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Static heaps by the dozen, each built at its first use.
macro_rules! heaps {
    ($($name:ident)*) => {
        smarena::static_heap! { $(struct $name: Linear<8> { bucket_bytes: 1 << 16 })* }
        const HEAPS: &[&LazyHeap<Linear<8>>] = &[$($name::HEAP),*];
    };
}

/// In a process of its own, since a static heap has one first use.
#[test]
fn a_child_finds_no_heap_half_built() {
    heaps! {
        A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9 D0 D1 D2 D3 D4 D5 D6 D7 D8 D9
        E0 E1 E2 E3 E4 E5 E6 E7 E8 E9 F0 F1 F2 F3 F4 F5 F6 F7 F8 F9 G0 G1 G2 G3 G4 G5 G6 G7 G8 G9 H0 H1 H2 H3 H4 H5 H6 H7 H8 H9
    }
    let output = child::in_child("a_child_finds_no_heap_half_built", || {
        // The process's very first heap is another matter.
        use_heap(&Eight::new(1 << 16).unwrap(), 10, 0..128);
        let built = AtomicUsize::new(0);
        let all_ended_well = std::thread::scope(|scope| {
            scope.spawn(|| {
                for heap in HEAPS {
                    use_heap(heap, 10, 0..128);
                    built.fetch_add(1, Ordering::Relaxed);
                }
            });
            let mut all_ended_well = true;
            while all_ended_well && built.load(Ordering::Relaxed) < HEAPS.len() {
                let next = built.load(Ordering::Relaxed);
                let ended = forked(|| {
                    HEAPS[next..].iter().take(2).for_each(|heap| use_heap(heap, 10, 0..128));
                    true
                });
                all_ended_well = ended.success();
            }
            all_ended_well
        });
        assert!(all_ended_well, "a child hung or failed");
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Its thread does not come along: nobody can be waited for.
#[test]
fn a_child_drops_a_thread_that_gives_memory_back() {
    let mut purger = Some(Purger::start(Duration::ZERO, || ()).unwrap());
    for _ in 0..200 {
        let ended = forked(|| purger.take().is_some());
        assert!(ended.success(), "{ended}");
    }
    assert!(purger.is_some(), "the parent's is its own");
}

/// A thread is stopped in the middle of whatever it does in its cache when the process forks: the child drops its copy of the heap, and uses
/// another one, in which a new thread may get that thread's slot.
#[test]
fn a_child_drops_a_heap_that_a_thread_was_using() {
    smarena::static_heap! { struct Net: Linear<8> { bucket_bytes: 1 << 20 } }
    extern "C" fn uses_net(_: *mut c_void) -> *mut c_void {
        use_heap(Net::HEAP, 2000, 0..128);
        NonNull::dangling().as_ptr()
    }
    let done = AtomicBool::new(false);
    let heap = Eight::new(1 << 20).unwrap();
    let begun = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _many = heap.thread_cache(64 << 10, smarena::CacheWarmup::Cold);
            use_heap(&heap, 5000, 0..64);
            use_heap(Net::HEAP, 5000, 0..64);
            begun.wait();
            while !done.load(Ordering::Relaxed) {
                use_heap(&heap, 5000, 0..64);
                use_heap(Net::HEAP, 5000, 0..64);
            }
        });
        begun.wait();
        let heap = &raw const heap;
        for round in 0..300 {
            let ended = forked(|| {
                // SAFETY: of this process's copy; nobody else is in it, and it ends without looking at it again.
                drop(unsafe { heap.read() });
                Net::HEAP.stats().caches == 0 && on_a_c_thread(uses_net) && Net::HEAP.stats().caches == 0
            });
            if !ended.success() {
                done.store(true, Ordering::Relaxed);
            }
            assert!(ended.success(), "round {round}: {ended}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// In a process of its own, since it takes every slot.
#[test]
fn a_child_has_the_slots_of_those_that_did_not_come_along() {
    let output = child::in_child("a_child_has_the_slots_of_those_that_did_not_come_along", || {
        let heap = &Eight::new(1 << 20).unwrap();
        let (begun, end) = (&Barrier::new(1024), &Barrier::new(1024));
        std::thread::scope(|scope| {
            for _ in 0..1023 {
                let life = || {
                    use_heap(heap, 3, 0..128);
                    begun.wait();
                    end.wait();
                };
                std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, life).unwrap();
            }
            begun.wait();
            use_heap(heap, 3, 0..128);
            let ended = forked(|| {
                let none = heap.stats().caches;
                use_heap(heap, 3, 0..128);
                (none, heap.stats().caches) == (0, 1) && use_global()
            });
            end.wait();
            assert!(ended.success(), "{ended}");
        });
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A recorder is left in the middle of anything: an event, or the making of room for others.
#[cfg(feature = "record")]
#[test]
fn a_child_notes_nothing_in_its_parents_logs_and_waits_for_none() {
    use smarena::Global;
    use smarena::record::{Log, Recorder};
    let recorder = Recorder::with_log(Global, Arc::new(Log::with_events(256)));
    // Each is begun by the thread beside, and perhaps by a child at the same moment.
    let logs: Vec<_> = (0..2000).map(|_| Arc::new(Log::with_events(256))).collect();
    let (done, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
    let before = SmBox::new_in([7_u8; 100], recorder.clone());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(SmBuf::copy_from_slice_in(&[1; 50], recorder.clone()));
                }
            });
        }
        scope.spawn(|| {
            for log in &logs {
                begun.fetch_add(1, Ordering::Relaxed);
                drop(SmBox::new_in(1, Recorder::with_log(Global, log.clone())));
            }
        });
        for round in 0..150 {
            let next = begun.load(Ordering::Relaxed);
            let ended = forked(|| {
                let boxes: Vec<_> = (0..1000).map(|n| SmBox::new_in(n, recorder.clone())).collect();
                drop(boxes);
                let nothing = recorder.recording().allocations() == 0;
                for log in logs[next.saturating_sub(1)..].iter().take(2) {
                    drop(SmBox::new_in(1, Recorder::with_log(Global, log.clone())));
                }
                let own = Recorder::with_log(Global, Arc::new(Log::with_events(256)));
                drop(SmBox::new_in(2, own.clone()));
                *before == [7; 100] && nothing && own.recording().events().len() == 2
            });
            if !ended.success() {
                done.store(true, Ordering::Relaxed);
            }
            assert!(ended.success(), "round {round}: {ended}");
        }
        done.store(true, Ordering::Relaxed);
    });
    drop(before);
    assert!(recorder.recording().allocations() > 0);
}
