//! Heaps that a type names, and what a thread knows of its caches in them.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]
#![expect(clippy::cast_possible_truncation, reason = "content may be any byte")]

#[cfg(target_os = "linux")]
mod child;

use std::cell::RefCell;
use std::ptr::NonNull;
#[cfg(all(unix, not(any(smarena_portable, miri))))]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::{self, LocalKey};

use smarena::{CacheWarmup, Exhausted, Heap, LazyHeap, Linear, Shortcut, SmBox, StaticHeap, ThreadCache};

type Eight = Linear<8>;

/// The cached blocks of all buckets, and the caches they lie in.
fn cached<S: StaticHeap>() -> (usize, usize) {
    let stats = S::HEAP.stats();
    (stats.buckets().iter().map(|bucket| bucket.cached).sum(), stats.caches)
}

/// Allocates and frees `count` blocks of each size, so that some stay in a cache.
fn use_by_type<S: StaticHeap>(heap: S, count: usize) {
    let blocks: Vec<_> = (0..count * 8).map(|number| heap.malloc(number % 8 * 16 + 1, 0).unwrap()).collect();
    for block in blocks {
        // SAFETY: live, from this heap, once.
        unsafe { heap.free(block) };
    }
}

/// Where names of the prelude mean something else, macros mean what they say all the same: above all in their unsafe code.
mod elsewhere {
    #![expect(dead_code, reason = "they are there to be mistaken for others")]
    #![expect(non_snake_case, reason = "their names are those of others")]

    mod core {}
    mod std {}
    struct Option;
    fn Some<T>(wrong: T) -> T {
        wrong
    }
    struct Result;
    trait From {}
    trait Send {}

    smarena::size_classes! { pub Sizes: [16, 48] }
    smarena::static_heap! { pub struct Net: Sizes { bucket_bytes: 1 << 16 } }
    smarena::handle_type! { pub struct Name -> &'static str; }
}

#[test]
fn macros_mean_their_own_names() {
    let mut names = smarena::TypedArena::<elsewhere::Name>::new();
    let name: SmBox<dyn std::fmt::Debug, _> = smarena::unsize!(SmBox::new_in(names.insert("Ada"), elsewhere::Net));
    assert_eq!(elsewhere::Net::HEAP.stats().live(), 1);
    assert!(format!("{name:?}").starts_with("Name(0:"));
}

#[test]
fn a_threads_end_gives_back_what_it_has() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    for _ in 0..3 {
        let inside = thread::spawn(|| {
            use_by_type(Net, 100);
            cached::<Net>()
        });
        let (blocks, caches) = inside.join().unwrap();
        assert!(blocks > 0 && caches == 1, "{blocks} blocks in {caches} caches");
        assert_eq!(cached::<Net>(), (0, 0));
        assert_eq!(Net::HEAP.stats().live(), 0);
    }
}

/// Threads that run at once and end in any order, by several heaps, of which all but the first are used when it is known how the thread's end
/// is noticed: systems that make a key of each thread-local go through them in the order of their making, or against it.
#[test]
fn threads_that_used_several_heaps_end_and_give_each_its_blocks_once() {
    smarena::static_heap! {
        struct First: Eight { bucket_bytes: 1 << 20 }
        struct Second: Eight { bucket_bytes: 1 << 20 }
        struct Third: Eight { bucket_bytes: 1 << 20 }
    }
    thread_local! {
        static KEPT: RefCell<Option<ThreadCache<'static, Eight>>> = const { RefCell::new(None) };
    }
    for round in 0..30 {
        let threads = [(); 4].map(|()| {
            thread::spawn(move || {
                use_by_type(First, 10);
                use_by_type(Second, 10);
                // Gone before the thread ends, and one that goes with its thread-locals.
                drop(Third::HEAP.thread_cache(4096, CacheWarmup::Warm));
                if round % 2 == 0 {
                    KEPT.with(|kept| *kept.borrow_mut() = Some(Second::HEAP.thread_cache(4096, CacheWarmup::Cold)));
                }
                use_by_type(Third, 10);
                use_by_type(Second, 10);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let heaps = [First::HEAP.stats(), Second::HEAP.stats(), Third::HEAP.stats()];
        for stats in heaps {
            assert_eq!((stats.live(), stats.caches), (0, 0), "{stats}");
            let bucket = stats.buckets()[3];
            assert_eq!(bucket.free, bucket.watermark, "{stats}");
        }
    }
}

#[test]
fn calls_by_type_and_by_reference_serve_each_others_blocks() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    thread::spawn(|| {
        let mut blocks: Vec<_> = (0..500)
            .map(|number| if number % 2 == 0 { Net.malloc(40, 0).unwrap() } else { Net::HEAP.malloc(40, 0).unwrap() })
            .collect();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), 500);
        for (number, block) in blocks.into_iter().enumerate() {
            // SAFETY: live, 40 bytes.
            unsafe { block.write_bytes(7, 40) };
            if number % 3 == 0 {
                // SAFETY: live, from this heap, once.
                unsafe { Net.free(block) };
            } else {
                // SAFETY: live, from this heap, once.
                unsafe { Net::HEAP.free(block) };
            }
        }
        let (blocks, caches) = cached::<Net>();
        assert!(blocks > 0 && caches == 1, "{blocks} blocks in {caches} caches");
        Net::HEAP.trim();
        assert_eq!(cached::<Net>(), (0, 1));
        let bucket = Net::HEAP.stats().buckets()[2];
        assert_eq!((bucket.live, bucket.free), (0, bucket.watermark));
    })
    .join()
    .unwrap();
    assert_eq!(cached::<Net>(), (0, 0));
}

#[test]
fn blocks_move_between_sizes_by_type() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    let mut block = Net.malloc(1, 0).unwrap();
    for size in (1..400).chain((1..400).rev()) {
        // SAFETY: live, and of one byte at least.
        unsafe { block.write(size as u8) };
        // SAFETY: live, of this heap; used no more once it has moved.
        block = unsafe { Net.realloc(block, size, 0) }.unwrap();
        // SAFETY: live, and its first byte was written.
        assert_eq!(unsafe { block.read() }, size as u8);
        // SAFETY: live, and as large as was asked for.
        unsafe { block.write_bytes(0xA5, size) };
    }
    // SAFETY: live, of this heap, once.
    unsafe { Net.free(block) };
    assert_eq!(Net::HEAP.stats().live(), 0);
}

/// Fifty heaps in a program cost a thread that uses one of them no more than a few words.
#[test]
fn heaps_that_a_thread_does_not_use_cost_it_next_to_nothing() {
    macro_rules! heaps {
        ($($name:ident)*) => {
            smarena::static_heap! { $(struct $name: Eight { bucket_bytes: 1 << 16 })* }
            /// Uses them all, so that none is left out of the program.
            fn use_all() {
                $(use_by_type($name, 1);)*
            }
        };
    }
    heaps! {
        A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 B0 B1 B2 B3 B4 B5 B6 B7 B8 B9 C0 C1 C2 C3 C4 C5 C6 C7 C8 C9
        D0 D1 D2 D3 D4 D5 D6 D7 D8 D9 E0 E1 E2 E3 E4 E5 E6 E7 E8 E9
    }
    use_all();
    assert!(size_of::<Shortcut<A0>>() <= 2 * size_of::<usize>());
    // The system takes what thread-locals need out of a thread's stack.
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(|| use_by_type(E9, 1)).unwrap();
    thread.join().unwrap();
}

/// Debug builds, which make each part on the stack and hand it on, are what this is about.
#[test]
fn a_small_stack_is_enough_to_build_a_heap_on() {
    let build = || {
        for hardened in [false, true] {
            let heap = Heap::<Eight>::builder().bucket_bytes(1 << 16).hardened(hardened).build().unwrap();
            assert_eq!(*SmBox::new_in(7, &heap), 7);
        }
    };
    thread::Builder::new().stack_size(60 << 10).spawn(build).unwrap().join().unwrap();
}

#[test]
fn a_heap_built_on_demand_need_not_be_a_static() {
    static OTHER: LazyHeap<Eight> =
        LazyHeap::on_demand(&const { Heap::<Eight>::builder().bucket_bytes(1 << 16).for_static() });
    let never_used = LazyHeap::<Eight>::on_demand(&const { Heap::<Eight>::builder().for_static() });
    drop(never_used);
    let heap = LazyHeap::<Eight>::on_demand(&const { Heap::<Eight>::builder().bucket_bytes(1 << 16).for_static() });
    let boxed = SmBox::new_in([1_u8; 128], &heap);
    let other = SmBox::new_in([2_u8; 128], &OTHER);
    assert_eq!((heap.stats().live(), OTHER.stats().live(), boxed[0], other[127]), (1, 1, 1, 2));
    drop(boxed);
    // With its cache on this thread, which lies in what goes now.
    drop(heap);
    drop(other);
    assert_eq!(OTHER.stats().live(), 0);
}

/// A thread's slot, which it has from another heap, leads nowhere in one that is not built.
#[test]
fn whoever_has_a_slot_builds_a_heap_by_calling_it_by_reference() {
    smarena::static_heap! {
        struct Raw: Eight { bucket_bytes: 1 << 20 }
        struct Owned: Eight { bucket_bytes: 1 << 20 }
        struct Hard: Eight { bucket_bytes: 1 << 20, hardened: true }
        struct Named: Eight { bucket_bytes: 1 << 20 }
    }
    #[derive(Clone, Copy, Default)]
    struct NoShortcut;
    // SAFETY: no parameters, and no thread-local.
    unsafe impl StaticHeap for NoShortcut {
        type Table = Eight;
        const HEAP: &'static LazyHeap<Eight> = Named::HEAP;
    }

    let first = Heap::<Eight>::new(1 << 20).unwrap();
    let boxed = SmBox::new_in(1, &first);
    assert_eq!(first.stats().caches, 1);
    let block = Raw::HEAP.malloc(100, 0).unwrap();
    // SAFETY: live, from this heap.
    unsafe { Raw::HEAP.free(block) };
    let boxes = (SmBox::new_in(2, Owned::HEAP), SmBox::new_in(3, Hard::HEAP), SmBox::new_in(4, NoShortcut));
    assert_eq!((*boxed, *boxes.0, *boxes.1, *boxes.2), (1, 2, 3, 4));
    let live = [Raw::HEAP, Owned::HEAP, Hard::HEAP, Named::HEAP].map(|heap| heap.stats().live());
    assert_eq!(live, [0, 1, 1, 1]);
}

#[test]
fn two_types_may_name_one_heap() {
    smarena::static_heap! { struct First: Eight { bucket_bytes: 1 << 20 } }

    #[derive(Clone, Copy, Default)]
    struct Second;
    thread_local! {
        static SHORTCUT: Shortcut<Second> = const { Shortcut::new() };
    }
    // SAFETY: no parameters; the thread-local is its own.
    unsafe impl StaticHeap for Second {
        type Table = Eight;
        const HEAP: &'static LazyHeap<Eight> = First::HEAP;
        const SHORTCUT: Option<&'static LocalKey<Shortcut<Self>>> = Some(&SHORTCUT);
    }

    for second_first in [false, true] {
        thread::spawn(move || {
            let boxes: Vec<_> = (0..300_u64)
                .map(|number| {
                    if (number % 2 == 0) == second_first {
                        Ok(SmBox::new_in(number, Second))
                    } else {
                        Err(SmBox::new_in(number, First))
                    }
                })
                .collect();
            for (number, boxed) in (0..).zip(&boxes) {
                let value = match boxed {
                    Ok(boxed) => **boxed,
                    Err(boxed) => **boxed,
                };
                assert_eq!(value, number);
            }
            drop(boxes);
            use_by_type(First, 50);
            use_by_type(Second, 50);
            assert_eq!(cached::<First>().1, 1);
        })
        .join()
        .unwrap();
        assert_eq!((cached::<First>(), First::HEAP.stats().live()), ((0, 0), 0));
    }
}

#[test]
fn other_threads_count_what_a_thread_has() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    let (used, wait_for_use) = mpsc::channel();
    let (end, wait_for_end) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        use_by_type(Net, 10);
        used.send(cached::<Net>()).unwrap();
        wait_for_end.recv().unwrap();
    });
    let seen_there = wait_for_use.recv().unwrap();
    assert_eq!(cached::<Net>(), seen_there);
    assert!(seen_there.0 > 0);
    end.send(()).unwrap();
    other.join().unwrap();
    assert_eq!(cached::<Net>(), (0, 0));
}

#[test]
fn statistics_while_threads_come_and_go() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    let (stop, stopped) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || {
        let mut most = 0;
        while stopped.try_recv().is_err() {
            most = most.max(cached::<Net>().1);
        }
        most
    });
    for _ in 0..300 {
        let threads = [(); 4].map(|()| thread::spawn(|| use_by_type(Net, 5)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    stop.send(()).unwrap();
    assert!(watcher.join().unwrap() <= 4);
    assert_eq!(cached::<Net>(), (0, 0));
}

#[test]
fn a_guard_that_outlives_the_threads_end_keeps_no_blocks() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    thread_local! {
        static KEPT: RefCell<Option<ThreadCache<'static, Eight>>> = const { RefCell::new(None) };
    }
    for _ in 0..20 {
        thread::spawn(|| {
            use_by_type(Net, 20);
            KEPT.with(|kept| *kept.borrow_mut() = Some(Net::HEAP.thread_cache(4096, CacheWarmup::Cold)));
        })
        .join()
        .unwrap();
        assert_eq!(cached::<Net>(), (0, 0));
    }
    // Leaked, the guard keeps the slot, and the cache, which is empty; until some heap is trimmed, by whichever test.
    thread::spawn(|| {
        Box::leak(Box::new(Net::HEAP.thread_cache(4096, CacheWarmup::Cold)));
        use_by_type(Net, 20);
        assert_eq!(cached::<Net>().1, 1);
    })
    .join()
    .unwrap();
    assert!(matches!(cached::<Net>(), (0, 0 | 1)));
    thread::spawn(|| use_by_type(Net, 20)).join().unwrap();
    assert!(matches!(cached::<Net>(), (0, 0 | 1)));
}

/// Runs after the thread's caches were closed: in every round of destructors that the C library makes, each time after ours.
#[cfg(all(unix, not(any(smarena_portable, miri))))]
#[test]
fn the_last_destructors_of_a_thread_lose_nothing() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    static KEY: AtomicU32 = AtomicU32::new(0);
    static ROUNDS: AtomicU32 = AtomicU32::new(0);

    unsafe extern "C" fn use_again(value: *mut libc::c_void) {
        use_by_type(Net, 20);
        ROUNDS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the key was made below, and is never deleted.
        unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), value) };
    }

    thread::spawn(|| {
        // So that the heap has made its own key before.
        use_by_type(Net, 20);
        Box::leak(Box::new(Net::HEAP.thread_cache(4096, CacheWarmup::Cold)));
        let mut key = 0;
        // SAFETY: a valid place, and a function of the type asked for.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(use_again)) }, 0);
        KEY.store(key, Ordering::Relaxed);
        // SAFETY: the key was just made.
        unsafe { libc::pthread_setspecific(key, std::ptr::dangling_mut::<u8>().cast()) };
    })
    .join()
    .unwrap();
    assert!(ROUNDS.load(Ordering::Relaxed) > 1);
    // The leaked guard's cache, if nobody has trimmed a heap meanwhile.
    assert!(cached::<Net>().1 <= 1);
    assert_eq!(Net::HEAP.stats().live(), 0);
}

/// Threads of the C library's, which nothing of ours has begun.
#[cfg(all(target_os = "linux", not(any(smarena_portable, miri))))]
mod of_the_c_library {
    use std::ffi::c_void;
    use std::mem::MaybeUninit;
    use std::ptr::{dangling_mut, null, null_mut};

    use super::*;

    /// Runs `body` on such a thread, to its end.
    fn run(body: extern "C" fn(*mut c_void) -> *mut c_void) {
        let mut thread = MaybeUninit::uninit();
        // SAFETY: a place for the thread's name, default attributes, and a body that takes any argument.
        assert_eq!(unsafe { libc::pthread_create(thread.as_mut_ptr(), null(), body, dangling_mut::<u8>().cast()) }, 0);
        // SAFETY: written, since the thread was created.
        let thread = unsafe { thread.assume_init() };
        // SAFETY: joined once.
        assert_eq!(unsafe { libc::pthread_join(thread, null_mut()) }, 0);
    }

    /// Keys whose destructors each set the other one's value, until the heap has been used; each with a number from `least` on.
    fn make_keys(least: libc::pthread_key_t) {
        for key in &KEYS {
            let mut made = 0;
            while made < least || made == 0 {
                // SAFETY: a valid place, and a function of the type asked for.
                assert_eq!(unsafe { libc::pthread_key_create(&raw mut made, Some(round)) }, 0);
            }
            key.store(made, Ordering::Relaxed);
        }
    }

    smarena::static_heap! {
        struct Net: Eight { bucket_bytes: 1 << 20 }
        struct Beside: Eight { bucket_bytes: 1 << 20 }
    }
    static KEYS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
    /// In which call of a destructor the heap is used, and which one it is now.
    static ROUND: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

    unsafe extern "C" fn round(value: *mut c_void) {
        let now = ROUND[1].fetch_add(1, Ordering::Relaxed) + 1;
        if now == ROUND[0].load(Ordering::Relaxed) {
            use_by_type(Net, 20);
            drop(SmBox::new_in(7, Beside));
        } else {
            let key = KEYS[now as usize % 2].load(Ordering::Relaxed);
            // SAFETY: the keys were made, and are never deleted.
            unsafe { libc::pthread_setspecific(key, value) };
        }
    }

    extern "C" fn comes_when_it_ends(value: *mut c_void) -> *mut c_void {
        // SAFETY: as above.
        unsafe { libc::pthread_setspecific(KEYS[0].load(Ordering::Relaxed), value) };
        null_mut()
    }

    extern "C" fn goes_without_a_word(_: *mut c_void) -> *mut c_void {
        Box::leak(Box::new(Net::HEAP.thread_cache(4096, CacheWarmup::Cold)));
        use_by_type(Net, 20);
        use_by_type(Beside, 20);
        // SAFETY: ends this thread; nothing of it is used afterwards.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        unreachable!()
    }

    /// Trims one heap until the other is as it was: the system may take a moment to forget a thread that was joined.
    fn comes_back(before: (usize, usize)) -> bool {
        (0..10_000).any(|_| {
            Beside::HEAP.trim();
            thread::yield_now();
            (cached::<Net>().1, Net::HEAP.stats().live()) == before
        })
    }

    /// The first use of a heap when the last destructors run: nobody would tell the heap of the thread's end if the crate's own key were
    /// not behind others. Of those with higher numbers, `trim` finds out. A thread that is ended by the system call alone is no different.
    #[test]
    fn a_thread_that_comes_when_it_ends_leaves_nothing_behind() {
        // So that the heaps have made their key.
        drop(SmBox::new_in(1, Net));
        let before = (cached::<Net>().1, Net::HEAP.stats().live());
        for least in [0, 40] {
            make_keys(least);
            // Two keys by turns come to six calls in the four rounds: the last is the very last that the C library makes.
            for uses_in in 1..=8 {
                ROUND[0].store(uses_in, Ordering::Relaxed);
                ROUND[1].store(0, Ordering::Relaxed);
                run(comes_when_it_ends);
                assert!(ROUND[1].load(Ordering::Relaxed) >= uses_in.min(4));
                if least == 0 {
                    assert_eq!((cached::<Net>().1, Net::HEAP.stats().live()), before, "used in call {uses_in}");
                }
                assert!(comes_back(before), "used in call {uses_in}, keys from {least}");
            }
        }
    }

    /// In a process of its own, so that the next thread has the same slot: the guard that the first one leaked is nothing to that one.
    #[cfg_attr(smarena_tool = "asan", ignore = "the tool must not lose a thread either")]
    #[test]
    fn a_thread_that_was_ended_behind_everybodys_back_is_missed_by_trim() {
        let test = "of_the_c_library::a_thread_that_was_ended_behind_everybodys_back_is_missed_by_trim";
        let output = child::in_child(test, || {
            for _ in 0..3 {
                run(goes_without_a_word);
                assert!(comes_back((0, 0)));
                thread::spawn(|| {
                    drop(Net::HEAP.thread_cache(4096, CacheWarmup::Hot));
                    assert_eq!(cached::<Net>(), (0, 0));
                })
                .join()
                .unwrap();
            }
        });
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }

    unsafe extern "C" fn use_after_the_end(_: *mut c_void) {
        let (has_slot, wait_for_slot) = mpsc::channel();
        let (end, wait_for_end) = mpsc::channel::<()>();
        let next = thread::spawn(move || {
            use_by_type(Net, 20);
            has_slot.send(cached::<Net>()).unwrap();
            wait_for_end.recv().unwrap();
        });
        let before = wait_for_slot.recv().unwrap();
        let block = Net.malloc(64, 0).unwrap();
        assert_eq!(cached::<Net>(), before);
        // SAFETY: live, from this heap, once.
        unsafe { Net.free(block) };
        assert_eq!(cached::<Net>(), before);
        end.send(()).unwrap();
        next.join().unwrap();
    }

    /// A thread whose end is over has nothing to do with the cache of the next one that has its slot.
    #[cfg_attr(
        smarena_tool = "asan",
        ignore = "what the standard library makes for a thread after its end is never dropped"
    )]
    #[test]
    fn a_thread_that_goes_on_after_its_end_leaves_the_next_ones_cache_alone() {
        let test = "of_the_c_library::a_thread_that_goes_on_after_its_end_leaves_the_next_ones_cache_alone";
        let output = child::in_child(test, || {
            let ends = thread::spawn(|| {
                use_by_type(Net, 20);
                // With a number behind that of the crate's own.
                let mut key = 0;
                while key < 40 {
                    // SAFETY: a valid place, and a function of the type asked for.
                    assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(use_after_the_end)) }, 0);
                }
                // SAFETY: the key was just made.
                unsafe { libc::pthread_setspecific(key, dangling_mut::<u8>().cast()) };
            });
            ends.join().unwrap();
            assert_eq!((cached::<Net>(), Net::HEAP.stats().live()), ((0, 0), 0));
        });
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

/// What a call by reference left in the thread's cache is not refused to a call by type, nor is anything fetched from elsewhere instead.
#[test]
fn calls_by_type_and_by_reference_have_one_cache() {
    smarena::static_heap! {
        struct Few: Eight { bucket_bytes: 128 * 64, on_exhausted: Exhausted::Refuse }
        struct Grows: Eight { bucket_bytes: 128 * 64, on_exhausted: Exhausted::Grow { reserve: 1 << 20 } }
        struct Overflows: Eight { bucket_bytes: 128 * 64 }
    }

    fn all<S: StaticHeap<Table = Eight>>(heap: S) {
        let free = |blocks: Vec<NonNull<u8>>| {
            // SAFETY: live, from this heap, once.
            blocks.into_iter().for_each(|block| unsafe { S::HEAP.free(block) });
        };
        let free_by_type = |blocks: Vec<NonNull<u8>>| {
            // SAFETY: live, from this heap, once.
            blocks.into_iter().for_each(|block| unsafe { heap.free(block) });
        };
        for _ in 0..3 {
            free((0..64).map(|_| S::HEAP.malloc(128, 0).unwrap()).collect());
            let by_type: Vec<_> = (0..64).map(|_| heap.malloc(128, 0).unwrap()).collect();
            let stats = S::HEAP.stats();
            let bucket = stats.buckets()[7];
            assert_eq!((bucket.live, bucket.overflowed, bucket.capacity), (64, 0, 64), "{stats}");
            free_by_type(by_type);
            let by_reference: Vec<_> = (0..64).map(|_| S::HEAP.malloc(128, 0).unwrap()).collect();
            let bucket = S::HEAP.stats().buckets()[7];
            assert_eq!((bucket.live, bucket.overflowed, bucket.capacity), (64, 0, 64));
            free_by_type(by_reference);
        }
        // Of the next bucket, too, before there is a block of the system's.
        free((0..64).map(|_| S::HEAP.malloc(128, 0).unwrap()).collect());
        if S::HEAP.malloc(112, 0).is_ok_and(|block| {
            // SAFETY: live, from this heap, once.
            unsafe { S::HEAP.free(block) };
            true
        }) {
            assert_eq!(S::HEAP.stats().fallback_live, 0);
        }
    }

    thread::spawn(|| {
        all(Few);
        all(Grows);
        all(Overflows);
    })
    .join()
    .unwrap();
}

/// Allocates and frees by type when it is destroyed, which is while its thread ends.
struct UsesAtEnd<S: StaticHeap>(S, Option<NonNull<u8>>);

impl<S: StaticHeap> Drop for UsesAtEnd<S> {
    fn drop(&mut self) {
        if let Some(block) = self.1 {
            // SAFETY: live, from this heap, once.
            unsafe { self.0.free(block) };
        }
        use_by_type(self.0, 3);
    }
}

#[test]
fn a_thread_local_may_use_the_heap_by_type_while_it_is_destroyed() {
    smarena::static_heap! { struct Net: Eight { bucket_bytes: 1 << 20 } }
    thread_local! {
        static EARLY: RefCell<Option<UsesAtEnd<Net>>> = const { RefCell::new(None) };
        static LATER: RefCell<Option<UsesAtEnd<Net>>> = const { RefCell::new(None) };
    }
    for _ in 0..20 {
        thread::spawn(|| {
            EARLY.with(|local| *local.borrow_mut() = Some(UsesAtEnd(Net, None)));
            let block = Net.malloc(64, 0).unwrap();
            LATER.with(|local| *local.borrow_mut() = Some(UsesAtEnd(Net, Some(block))));
        })
        .join()
        .unwrap();
    }
    assert_eq!((cached::<Net>(), Net::HEAP.stats().live()), ((0, 0), 0));
}

/// Whoever leaked a cache keeps its slot, also when what the thread knows of itself is gone: then a heap that is first used by type has no shortcut. Setting
/// one panicked there, in the forms in which that goes before other thread-locals.
#[test]
fn a_thread_local_may_use_a_heap_first_of_all_when_its_thread_has_leaked_a_cache() {
    smarena::static_heap! {
        struct Leaked: Eight { bucket_bytes: 1 << 20 }
        struct First: Eight { bucket_bytes: 1 << 20 }
    }
    thread_local! {
        static LAST: RefCell<Option<UsesAtEnd<First>>> = const { RefCell::new(None) };
    }
    thread::spawn(|| {
        LAST.with(|local| *local.borrow_mut() = Some(UsesAtEnd(First, None)));
        let _ = std::mem::ManuallyDrop::new(Leaked::HEAP.thread_cache(4096, CacheWarmup::Cold));
    })
    .join()
    .unwrap();
    assert_eq!((First::HEAP.stats().live(), Leaked::HEAP.stats().live()), (0, 0));
}

#[test]
fn a_hardened_heap_has_no_caches() {
    smarena::static_heap! { struct Guarded: Eight { bucket_bytes: 1 << 20, hardened: true } }
    use_by_type(Guarded, 20);
    let stats = Guarded::HEAP.stats();
    assert_eq!((stats.caches, stats.live()), (0, 0));
}

#[test]
fn settings_with_several_arguments() {
    smarena::static_heap! {
        struct Warm: Eight { bucket_bytes: 1 << 20, thread_cache(2048, CacheWarmup::Hot), name: "warm" }
        struct Uncached: Eight { no_thread_cache(), bucket_bytes: 1 << 20, bucket_bytes_of(64, 4096) }
    }
    thread::spawn(|| {
        use_by_type(Warm, 1);
        let buckets = Warm::HEAP.stats().buckets().to_vec();
        let most = buckets.iter().map(|bucket| bucket.cached * bucket.block_size).max().unwrap();
        assert!((1024..=2048).contains(&most), "{most} bytes cached");
        use_by_type(Uncached, 10);
        assert_eq!(cached::<Uncached>(), (0, 0));
        assert_eq!(Uncached::HEAP.stats().buckets()[3].capacity, 64);
    })
    .join()
    .unwrap();
}

/// In processes that have little address space: not where a checking tool has taken terabytes of it.
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    not(any(
        smarena_portable,
        miri,
        smarena_tool = "asan",
        smarena_tool = "msan",
        smarena_tool = "tsan",
        smarena_tool = "valgrind"
    ))
))]
mod little_address_space {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use smarena::Global;

    fn have(bytes: libc::rlim_t) {
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: a valid limit.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    }

    #[test]
    fn a_static_heap_that_cannot_be_built_ends_the_process_and_is_named() {
        smarena::static_heap! { struct Large: Eight { bucket_bytes: 1 << 30, name: "large" } }
        let test = "little_address_space::a_static_heap_that_cannot_be_built_ends_the_process_and_is_named";
        let output = child::in_child(test, || {
            have(1 << 30);
            drop(SmBox::new_in(1, Large));
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(said.contains("smarena: the static heap \"large\" cannot be built: "), "{said}");
    }

    #[test]
    fn global_makes_do_with_what_there_is() {
        let output = child::in_child("little_address_space::global_makes_do_with_what_there_is", || {
            have(1 << 30);
            let boxed = SmBox::new([7; 20]);
            let reserved: usize = Global::HEAP.regions().map(|span| span.len()).sum();
            assert!(*boxed == [7; 20] && (32 << 20..256 << 20).contains(&reserved), "{reserved} bytes");
        });
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}
