//! Threads: caches that are handed over, thread-locals that allocate while they are destroyed, many heaps and many threads.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]
#![expect(clippy::cast_possible_truncation, reason = "fill bytes may be any byte")]

mod child;

use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use smarena::{CacheWarmup, Exhausted, Heap, HeapRef, Linear, Purge, SmBox, SmBuf, SmBytes, StaticHeap};

struct Blocks(Vec<NonNull<u8>>);
// SAFETY: any thread may own and free blocks.
unsafe impl Send for Blocks {}

#[cfg(all(unix, not(any(smarena_portable, miri))))]
fn use_once(heap: &Heap<Linear<8>>) {
    let block = heap.malloc(64, 0).unwrap();
    // SAFETY: live, from this heap.
    unsafe { heap.free(block) };
}

#[test]
fn blocks_freed_by_another_thread_come_back() {
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    let (sender, receiver) = mpsc::channel::<Blocks>();
    std::thread::scope(|scope| {
        let heap = &heap;
        let producer = scope.spawn(move || {
            for round in 0..200 {
                sender.send(Blocks((0..100).map(|size| heap.malloc(size + round % 29, 0).unwrap()).collect())).unwrap();
            }
        });
        let consumer = scope.spawn(move || {
            for blocks in receiver {
                // SAFETY: all live, from this heap.
                unsafe { heap.free_batch(&blocks.0) };
            }
        });
        // A scope alone does not wait for the threads' very end.
        producer.join().unwrap();
        consumer.join().unwrap();
    });
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
}

smarena::static_heap! {
    struct Late: Linear<8> { bucket_bytes: 1 << 20, name: "late" }
}

/// Uses the heap when it is destroyed, which is while its thread ends.
struct UsesHeapAtEnd(Option<NonNull<u8>>, &'static AtomicUsize);

impl Drop for UsesHeapAtEnd {
    fn drop(&mut self) {
        if let Some(block) = self.0 {
            // SAFETY: live, from this heap.
            unsafe { Late::HEAP.free(block) };
        }
        for size in 0..=128 {
            let block = Late::HEAP.malloc(size, 0).unwrap();
            // SAFETY: live, from this heap.
            unsafe { Late::HEAP.free(block) };
        }
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_thread_local_may_use_the_heap_while_it_is_destroyed() {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // One is initialised before the thread knows the heap, one after: destructors run in either order.
        static EARLY: RefCell<Option<UsesHeapAtEnd>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<UsesHeapAtEnd>> = const { RefCell::new(None) };
    }
    for _ in 0..20 {
        std::thread::spawn(|| {
            EARLY.with(|local| *local.borrow_mut() = Some(UsesHeapAtEnd(None, &ENDED)));
            let block = Late::HEAP.malloc(64, 0).unwrap();
            LATER.with(|local| *local.borrow_mut() = Some(UsesHeapAtEnd(Some(block), &ENDED)));
            let _guard = Late::HEAP.thread_cache(4096, CacheWarmup::Hot);
        })
        .join()
        .unwrap();
    }
    assert_eq!(ENDED.load(Ordering::Relaxed), 40);
    let stats = Late::HEAP.stats();
    assert_eq!((stats.live(), stats.caches), (0, 0), "{stats}");
}

#[test]
fn an_explicit_cache_in_a_thread_local_keeps_its_slot_until_it_is_gone() {
    smarena::static_heap! { struct Kept: Linear<8> { bucket_bytes: 1 << 20 } }
    thread_local! {
        static CACHE: RefCell<Option<smarena::ThreadCache<'static, Linear<8>>>> = const { RefCell::new(None) };
    }
    for _ in 0..10 {
        std::thread::spawn(|| {
            CACHE.with(|cache| {
                let guard = Kept::HEAP.thread_cache(4096, CacheWarmup::Warm);
                let block = guard.alloc(16, 0).unwrap();
                // SAFETY: live, from this heap.
                unsafe { guard.free(block) };
                *cache.borrow_mut() = Some(guard);
            });
        })
        .join()
        .unwrap();
    }
    assert_eq!((Kept::HEAP.stats().live(), Kept::HEAP.stats().caches), (0, 0));
}

/// A key of the C library with a destructor.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
fn key(destructor: unsafe extern "C" fn(*mut libc::c_void)) -> libc::pthread_key_t {
    drop(Late::HEAP.thread_cache(0, CacheWarmup::Cold));
    let mut key = 0;
    // SAFETY: a valid place, and a function of the type asked for.
    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) }, 0);
    KEY.store(key, Ordering::Relaxed);
    key
}

/// The key of the process's one test that has one.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
static KEY: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

/// Whether the destructor of that key, which asks, shall be called again: after the crate's own function, which is the last of each round.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
fn comes_again(value: *mut libc::c_void) -> bool {
    thread_local! {
        static CAME: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    // SAFETY: the key was made, and is never deleted.
    !CAME.replace(true) && unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), value) == 0 }
}

/// The C library calls our function first, while the guard is alive, and again after the one that drops the guard.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
#[test]
fn a_guard_that_goes_last_of_all_does_not_keep_its_threads_slot() {
    smarena::static_heap! { struct Kept: Linear<8> { bucket_bytes: 1 << 20 } }

    unsafe extern "C" fn drop_guard(guard: *mut libc::c_void) {
        if comes_again(guard) {
            return;
        }
        // SAFETY: the box that was made below.
        drop(unsafe { Box::from_raw(guard.cast::<smarena::ThreadCache<'static, Linear<8>>>()) });
        // Opens a cache in the table once more.
        use_once(Kept::HEAP);
    }

    let ended = child::in_child("a_guard_that_goes_last_of_all_does_not_keep_its_threads_slot", || {
        let key = key(drop_guard);
        // More threads than there are slots.
        for _ in 0..1100 {
            std::thread::spawn(move || {
                let guard = Box::new(Kept::HEAP.thread_cache(4096, CacheWarmup::Cold));
                // SAFETY: the key was made above.
                assert_eq!(unsafe { libc::pthread_setspecific(key, Box::into_raw(guard).cast()) }, 0);
            })
            .join()
            .unwrap();
        }
        assert_eq!((Kept::HEAP.stats().live(), Kept::HEAP.stats().caches), (0, 0));
        use_once(Kept::HEAP);
        assert_eq!(Kept::HEAP.stats().caches, 1);
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// By reference: such a cache lies in the table, at a slot that is another thread's by now.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
#[test]
fn a_thread_past_its_end_uses_nothing_of_the_one_that_has_its_slot() {
    smarena::static_heap! { struct Net: Linear<8> { bucket_bytes: 1 << 20 } }
    static MEETINGS: [Barrier; 3] = [const { Barrier::new(2) }; 3];

    unsafe extern "C" fn past_the_end(value: *mut libc::c_void) {
        if comes_again(value) {
            return;
        }
        MEETINGS[0].wait();
        MEETINGS[1].wait();
        let cached = || {
            let stats = Net::HEAP.stats();
            (stats.caches, stats.buckets()[3].cached)
        };
        let before = cached();
        let block = Net::HEAP.malloc(64, 0).unwrap();
        assert_eq!(cached(), before);
        // SAFETY: live, from this heap.
        unsafe { Net::HEAP.free(block) };
        assert_eq!((cached(), before.0), (before, 1));
        MEETINGS[2].wait();
    }

    let ended = child::in_child("a_thread_past_its_end_uses_nothing_of_the_one_that_has_its_slot", || {
        let key = key(past_the_end);
        let first = std::thread::spawn(move || {
            use_once(Net::HEAP);
            // SAFETY: the key was made above.
            assert_eq!(unsafe { libc::pthread_setspecific(key, NonNull::<u8>::dangling().as_ptr().cast()) }, 0);
        });
        let second = std::thread::spawn(|| {
            MEETINGS[0].wait();
            use_once(Net::HEAP);
            MEETINGS[1].wait();
            MEETINGS[2].wait();
        });
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!((Net::HEAP.stats().live(), Net::HEAP.stats().caches), (0, 0));
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Nobody would say that a thread has ended, so none has a cache.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
#[test]
fn where_the_c_library_has_no_key_left_threads_have_no_caches() {
    let ended = child::in_child("where_the_c_library_has_no_key_left_threads_have_no_caches", || {
        let takes_one = || {
            let mut key = 0;
            // SAFETY: a valid place.
            unsafe { libc::pthread_key_create(&raw mut key, None) == 0 }
        };
        while takes_one() {}
        let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
        for _ in 0..3 {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    use_once(&heap);
                    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
                });
            });
        }
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_leaked_explicit_cache_is_used_by_nobody_else() {
    smarena::static_heap! { struct Leaky: Linear<8> { bucket_bytes: 1 << 20 } }
    let address = |block: NonNull<u8>| block.addr().get();
    let leaked = std::thread::spawn(move || {
        let guard = Leaky::HEAP.thread_cache(64 << 10, CacheWarmup::Hot);
        let block = guard.alloc(16, 0).unwrap();
        Box::leak(Box::new(guard));
        address(block)
    })
    .join()
    .unwrap();
    let mine = std::thread::spawn(move || address(Leaky::HEAP.malloc(16, 0).unwrap())).join().unwrap();
    assert_ne!(leaked, mine);
}

/// Neither in the heap that the guard was of nor in another one that the thread used.
#[test]
fn a_thread_that_leaked_an_explicit_cache_loses_no_block_when_it_ends() {
    let heap = || {
        let builder = Heap::<Linear<1>>::builder().bucket_bytes(16 * 100).on_exhausted(Exhausted::Refuse);
        builder.build().unwrap()
    };
    let [first, other] = [heap(), heap()];
    let boxes = |heap| std::iter::from_fn(|| SmBox::try_new_in(7_u64, heap).ok()).collect::<Vec<_>>();
    // By `join`: a scope by itself does not wait for the end of a thread, only for that of its closure.
    std::thread::scope(|scope| {
        let leaky = scope.spawn(|| {
            Box::leak(Box::new(first.thread_cache(1600, CacheWarmup::Hot)));
            assert_eq!([&first, &other].map(|heap| boxes(heap).len()), [100, 100]);
        });
        leaky.join().unwrap();
    });
    assert_eq!([&first, &other].map(|heap| boxes(heap).len()), [100, 100]);
}

/// 100 heaps, made and dropped at random, used by 64 threads: every block is its own heap's, and nothing is lost.
#[test]
fn a_hundred_heaps_and_64_threads() {
    type Shared = Arc<Heap<Linear<8>>>;
    let heaps: Arc<Vec<Mutex<Shared>>> =
        Arc::new((0..100).map(|_| Mutex::new(Arc::new(Heap::new(64 << 10).unwrap()))).collect());
    let threads: Vec<_> = (0..64_usize)
        .map(|thread| {
            let heaps = Arc::clone(&heaps);
            std::thread::spawn(move || {
                let mut random = thread as u64 * 2 + 1;
                let mut next = |below: usize| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (random >> 33) as usize % below
                };
                let mut held: Vec<(Shared, NonNull<u8>, usize)> = Vec::new();
                for round in 0..600 {
                    let place = next(heaps.len());
                    if next(20) == 0 {
                        *heaps[place].lock().unwrap() = Arc::new(Heap::new(64 << 10).unwrap());
                        continue;
                    }
                    let heap = Arc::clone(&heaps[place].lock().unwrap());
                    let size = 1 + next(128);
                    let block = heap.malloc(size, 0).unwrap();
                    let bucket = heap.bucket_of(block);
                    assert!(bucket.is_none_or(|bucket| bucket >= (size - 1) / 16));
                    // SAFETY: live, `size` bytes.
                    unsafe { block.write_bytes(thread as u8, size) };
                    held.push((heap, block, size));
                    if round % 2 == 0 {
                        let (heap, block, size) = held.swap_remove(next(held.len()));
                        // SAFETY: live, `size` bytes, written.
                        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
                        assert!(bytes.iter().all(|byte| *byte == thread as u8));
                        // SAFETY: live, from this heap.
                        unsafe { heap.free(block) };
                    }
                }
                for (heap, block, _) in held {
                    // SAFETY: live, from this heap.
                    unsafe { heap.free(block) };
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for heap in heaps.iter() {
        let stats = heap.lock().unwrap().stats();
        assert_eq!((stats.live(), stats.caches), (0, 0), "{stats}");
    }
}

#[test]
fn more_threads_than_slots_still_work() {
    let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
    let barrier = Barrier::new(1100);
    std::thread::scope(|scope| {
        let work = || {
            let block = heap.malloc(64, 0).unwrap();
            barrier.wait();
            // SAFETY: live, from this heap.
            unsafe { heap.free(block) };
        };
        let threads: Vec<_> = (0..1100)
            .map(|_| std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, work).unwrap())
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
}

#[test]
fn trim_runs_beside_threads_that_allocate() {
    beside_threads_that_allocate(Purge::Never, Heap::trim);
}

#[test]
fn memory_goes_back_by_itself_beside_threads_that_allocate() {
    beside_threads_that_allocate(Purge::AtOnce, Heap::trim);
    beside_threads_that_allocate(Purge::After(Duration::ZERO), Heap::purge);
}

fn beside_threads_that_allocate(purge: Purge, give_back: fn(&Heap<Linear<8>>) -> usize) {
    let heap = Heap::<Linear<8>>::builder()
        .bucket_bytes(1 << 20)
        .purge(purge)
        .thread_cache(1000, CacheWarmup::Cold)
        .build()
        .unwrap();
    std::thread::scope(|scope| {
        let users = [0_u8, 1].map(|thread| {
            let heap = &heap;
            scope.spawn(move || {
                for _ in 0..300 {
                    let blocks: Vec<_> = (0..300).map(|_| heap.malloc(100, 0).unwrap()).collect();
                    for block in &blocks {
                        // SAFETY: live, 100 bytes.
                        unsafe { block.write_bytes(thread, 100) };
                    }
                    for block in blocks {
                        // SAFETY: live, 100 bytes, written: a trimmed block would read as zero.
                        let content = unsafe { std::slice::from_raw_parts(block.as_ptr(), 100) };
                        assert!(content.iter().all(|byte| *byte == thread));
                        // SAFETY: live, from this heap.
                        unsafe { heap.free(block) };
                    }
                }
            })
        });
        scope.spawn(|| (0..100).map(|_| give_back(&heap)).sum::<usize>());
        // The scope alone does not wait until they have given back what they had cached.
        users.into_iter().for_each(|user| user.join().unwrap());
    });
    assert_eq!(heap.stats().live(), 0);
}

/// Threads that live for a moment, ten thousand of them, some of which end in the middle of something.
#[test]
fn ten_thousand_threads_come_and_go_and_lose_nothing() {
    let heap = &Heap::<Linear<8>>::new(1 << 20).unwrap();
    for wave in 0..100_usize {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100_usize)
                .map(|number| {
                    let life = move || {
                        let blocks: Vec<_> = (0..number % 20).map(|size| heap.malloc(size * 7, 0).unwrap()).collect();
                        // SAFETY: all live, from this heap.
                        unsafe { heap.free_batch(&blocks) };
                        assert!((number + wave) % 10 > 0, "this thread ends by a panic");
                    };
                    std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, life).unwrap()
                })
                .collect();
            let panicked = threads.into_iter().map(|thread| thread.join()).filter(Result::is_err).count();
            assert_eq!(panicked, 10);
        });
    }
    assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0));
}

/// A buffer's worth of bytes that fit a block, and one that only the system has room for.
const LENGTHS: [usize; 2] = [100, 5000];

fn frozen<H: HeapRef>(heap: H, length: usize) -> SmBytes<H> {
    let mut buf = SmBuf::new_in(heap);
    buf.extend_from_slice(&vec![length as u8; length]);
    buf.freeze()
}

fn check<H: HeapRef>(bytes: &SmBytes<H>, length: usize) {
    assert_eq!(bytes, &vec![length as u8; length][..]);
}

#[test]
fn frozen_bytes_on_other_threads_keep_a_dropped_heap() {
    let heap = Arc::new(Heap::<Linear<8>>::new(1 << 20).unwrap());
    let watched = Arc::downgrade(&heap);
    let bytes = LENGTHS.map(|length| frozen(heap.clone(), length));
    let dropped = &Barrier::new(5);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let bytes = bytes.clone();
                scope.spawn(move || {
                    dropped.wait();
                    for (bytes, length) in bytes.iter().zip(LENGTHS) {
                        check(bytes, length);
                        check(&frozen(bytes.heap().clone(), length), length);
                    }
                })
            })
            .collect();
        drop(bytes);
        drop(heap);
        assert!(watched.upgrade().is_some());
        dropped.wait();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert!(watched.upgrade().is_none(), "the last bytes are gone, so the heap is");
}

#[test]
fn frozen_bytes_of_a_static_heap_outlive_the_thread_that_made_them() {
    smarena::static_heap! { struct Lasting: Linear<8> { bucket_bytes: 1 << 20 } }
    let (sender, receiver) = mpsc::channel();
    let holder = std::thread::spawn(move || {
        let (maker, bytes): (std::thread::JoinHandle<()>, [SmBytes<Lasting>; 2]) = receiver.recv().unwrap();
        maker.join().unwrap();
        bytes.iter().zip(LENGTHS).for_each(|(bytes, length)| check(bytes, length));
        assert_eq!(Lasting::HEAP.stats().live(), 2);
    });
    let (pass_on, passed) = mpsc::channel();
    let maker = std::thread::spawn(move || pass_on.send(LENGTHS.map(|length| frozen(Lasting, length))).unwrap());
    sender.send((maker, passed.recv().unwrap())).unwrap();
    holder.join().unwrap();
    assert_eq!(Lasting::HEAP.stats().live(), 0);
}

#[cfg_attr(miri, ignore = "starts a process")]
#[test]
fn a_process_ends_while_threads_use_frozen_bytes() {
    smarena::static_heap! { struct Used: Linear<8> { bucket_bytes: 1 << 20 } }
    let output = child::in_child("a_process_ends_while_threads_use_frozen_bytes", || {
        let begun = Arc::new(Barrier::new(3));
        let kept = LENGTHS.map(|length| frozen(Used, length));
        for _ in 0..2 {
            let (begun, kept) = (begun.clone(), kept.clone());
            std::thread::spawn(move || {
                begun.wait();
                loop {
                    for (kept, length) in kept.iter().zip(LENGTHS) {
                        check(&kept.clone(), length);
                        check(&frozen(Used, length), length);
                    }
                }
            });
        }
        begun.wait();
        // The process is ended now, the threads are not.
    });
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// So many that they have every slot.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
#[test]
fn a_thread_that_found_no_slot_gets_one_when_there_is_one() {
    let ended = child::in_child("a_thread_that_found_no_slot_gets_one_when_there_is_one", || {
        let heap = &Heap::<Linear<8>>::new(1 << 20).unwrap();
        let (begun, end) = (&Barrier::new(1024), &Barrier::new(1024));
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..1023)
                .map(|_| {
                    let life = move || {
                        use_once(heap);
                        begun.wait();
                        end.wait();
                    };
                    std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, life).unwrap()
                })
                .collect();
            begun.wait();
            assert_eq!(heap.stats().caches, 1023);
            use_once(heap);
            assert_eq!(heap.stats().caches, 1023, "there is no slot for this thread");
            end.wait();
            others.into_iter().for_each(|thread| thread.join().unwrap());
        });
        use_once(heap);
        assert_eq!(heap.stats().caches, 1);
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// However many threads end at once, and heaps with them: nobody waits for the work of another, only for its turn.
#[test]
#[cfg_attr(miri, ignore = "too many threads")]
fn two_thousand_threads_that_used_ten_heaps_end_beside_heaps_that_come_and_go() {
    let heaps: &[Heap<Linear<8>>; 10] = &std::array::from_fn(|_| Heap::new(1 << 20).unwrap());
    let (done, used) = (&AtomicUsize::new(0), &Barrier::new(501));
    for _ in 0..4 {
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    while done.load(Ordering::Relaxed) % 2 == 0 {
                        let block = Heap::<Linear<8>>::new(64 << 10).unwrap().malloc(64, 0).unwrap();
                        std::hint::black_box(block);
                    }
                });
            }
            let life = move || {
                for heap in heaps {
                    let blocks: Vec<_> = (0..64).map(|size| heap.malloc(size, 0).unwrap()).collect();
                    // SAFETY: all live, from this heap.
                    unsafe { heap.free_batch(&blocks) };
                }
                used.wait();
            };
            let threads: Vec<_> = (0..500)
                .map(|_| std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, life).unwrap())
                .collect();
            used.wait();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            done.fetch_add(1, Ordering::Relaxed);
        });
        done.fetch_add(1, Ordering::Relaxed);
        heaps.iter().for_each(|heap| assert_eq!((heap.stats().live(), heap.stats().caches), (0, 0)));
    }
}

/// Many threads at once leave little, and `trim` gives back all of that. In a process of its own: other threads would have some of the slots.
#[cfg(all(target_os = "linux", not(any(smarena_portable, miri))))]
#[test]
fn what_threads_left_when_they_ended_is_counted_and_given_back() {
    const THREADS: usize = 300;
    let ended = child::in_child("what_threads_left_when_they_ended_is_counted_and_given_back", || {
        let heap = &Heap::<Linear<8>>::new(1 << 20).unwrap();
        for _ in 0..2 {
            let (begun, end) = (&Barrier::new(THREADS + 1), &Barrier::new(THREADS + 1));
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS)
                    .map(|_| {
                        let life = move || {
                            let block = heap.malloc(64, 0).unwrap();
                            // SAFETY: live, 64 bytes.
                            unsafe { block.write_bytes(1, 64) };
                            // SAFETY: live, from this heap.
                            unsafe { heap.free(block) };
                            begun.wait();
                            end.wait();
                        };
                        std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, life).unwrap()
                    })
                    .collect();
                begun.wait();
                let stats = heap.stats();
                assert_eq!(stats.caches, THREADS);
                // Two pages for the cache slot, and two for chunks at the most; a few blocks each, side by side.
                assert!((THREADS * 8192..=THREADS * (16 << 10)).contains(&stats.cache_resident.unwrap()), "{stats:?}");
                assert!(stats.buckets()[3].resident.unwrap() <= THREADS * 1024 + 4096, "{stats:?}");
                end.wait();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            });
            let stats = heap.stats();
            // Of all cache slots, and of the chunks of some.
            assert!(
                (1..=THREADS * 8192 + 65 * 8192).contains(&stats.cache_resident.unwrap()) && stats.caches == 0,
                "{stats:?}"
            );
            assert_eq!((heap.trim(), heap.stats().resident()), (stats.resident(), 0));
        }
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// Heaps that such a thread used may be gone when it ends: `trim` of any heap gives its slot to others. In a process of its own, which has all slots.
#[cfg(all(target_os = "linux", not(any(smarena_portable, miri))))]
#[test]
#[cfg_attr(smarena_tool = "asan", ignore = "it leaks on purpose, in a process of its own")]
fn the_slot_of_a_thread_whose_heaps_are_gone_comes_back_by_trim_of_another() {
    let ended = child::in_child("the_slot_of_a_thread_whose_heaps_are_gone_comes_back_by_trim_of_another", || {
        let heap = Heap::<Linear<8>>::new(1 << 20).unwrap();
        let has_cache = || {
            let life = || {
                use_once(&heap);
                heap.stats().caches == 1
            };
            std::thread::scope(|scope| scope.spawn(life).join().unwrap())
        };
        for round in 0..2 {
            // As many as there are slots, and one.
            for _ in 0..1024 {
                let leaky = std::thread::spawn(|| {
                    let heap = Heap::<Linear<8>>::new(64 << 10).unwrap();
                    Box::leak(Box::new(heap.thread_cache(1024, CacheWarmup::Cold)));
                });
                leaky.join().unwrap();
            }
            assert!(!has_cache(), "some slots were not taken");
            // The system may take a moment to forget a thread that was joined.
            let comes_back = || (0..10_000).any(|_| heap.trim() > 0 || has_cache());
            assert!(comes_back(), "round {round}");
        }
    });
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
