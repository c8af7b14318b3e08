//! `SharedArena` on real threads: content, drops counted one by one, panics in drops, heaps that refuse.

#![expect(unsafe_code, reason = "implements the heap that arenas are tested on")]

mod common;

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, OnceLock};
use std::thread;

use common::{Census, CountingHeap};
use smarena::{AllocError, Exhausted, Guard, Handle, Heap, HeapRef, ShareCount, SharedArena};

/// Both words say the same, unless a reader sees a value that is half written, dropped or another's.
#[derive(Debug)]
struct Twice(Box<[u64; 2]>, &'static AtomicUsize);

impl Twice {
    fn new(content: u64, alive: &'static AtomicUsize) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Box::new([content, !content]), alive)
    }

    fn content(&self) -> u64 {
        assert_eq!(self.0[0], !self.0[1], "torn");
        self.0[0]
    }
}

impl Drop for Twice {
    fn drop(&mut self) {
        self.content();
        *self.0 = [0, 0];
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Handles, with the content they were given for.
type Shelf = Vec<(Handle<Twice>, u64)>;

/// A number that says which step comes next: the same sequence on every run of a thread.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}

#[test]
fn threads_insert_read_and_remove_each_others_values() {
    const THREADS: u64 = 4;
    const STEPS: u64 = if cfg!(miri) { 50 } else { 20_000 };
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    // What every thread may look up and remove.
    let board: [Mutex<Shelf>; 8] = Default::default();
    let start = Barrier::new(usize::try_from(THREADS).unwrap());
    let removed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (arena, board, start, removed) = (&arena, &board, &start, &removed);
            scope.spawn(move || {
                start.wait();
                let mut random = thread;
                for step in 0..STEPS {
                    let content = thread << 32 | step;
                    let handle = arena.insert(Twice::new(content, &ALIVE));
                    let shelf = &board[usize::try_from(next(&mut random) % 8).unwrap()];
                    let known = {
                        let mut shelf = shelf.lock().unwrap();
                        shelf.push((handle, content));
                        let at = usize::try_from(next(&mut random) % shelf.len() as u64).unwrap();
                        // Half of the time it stays, so that others race for it, and stale handles are about.
                        if step % 2 == 0 { shelf.swap_remove(at) } else { shelf[at] }
                    };
                    let guard = arena.get(known.0);
                    if step % 3 == 0 {
                        removed.fetch_add(usize::from(arena.remove(known.0)), Ordering::Relaxed);
                        assert!(arena.get(known.0).is_none());
                    } else if let Some(value) = arena.take(known.0) {
                        assert!(guard.is_none());
                        assert_eq!(value.content(), known.1);
                        removed.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Some(guard) = guard {
                        assert_eq!((guard.content(), guard.handle()), (known.1, known.0));
                    }
                }
            });
        }
    });
    let inserted = usize::try_from(THREADS * STEPS).unwrap();
    let left = inserted - removed.load(Ordering::Relaxed);
    assert_eq!((ALIVE.load(Ordering::Relaxed), arena.len(), arena.iter().count()), (left, left, left));
    let all: Vec<_> = board.iter().flat_map(|shelf| shelf.lock().unwrap().clone()).collect();
    assert!(all.iter().all(|(handle, content)| arena.get(*handle).is_none_or(|value| value.content() == *content)));
    drop(arena);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}

/// Few slots and many hands: the same slots change hands all the time, and readers hold on to what was removed.
#[test]
fn handles_are_never_given_out_twice_under_churn() {
    const STEPS: usize = if cfg!(miri) { 50 } else { 50_000 };
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let mut seen: Vec<Handle<Twice>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let arena = &arena;
                scope.spawn(move || {
                    let (mut seen, mut held) = (Vec::new(), Vec::<Guard<'_, Twice>>::new());
                    for _ in 0..STEPS {
                        let handle = arena.insert(Twice::new(thread, &ALIVE));
                        seen.push(handle);
                        held.push(arena.get(handle).unwrap());
                        assert!(arena.remove(handle) && !arena.remove(handle));
                        if held.len() == 3 {
                            assert!(held.drain(..).all(|guard| guard.content() == thread));
                        }
                    }
                    seen
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((ALIVE.load(Ordering::Relaxed), arena.len()), (0, 0));
    let most = seen.iter().map(|handle| handle.slot()).max().unwrap();
    assert!(most < 4 * 4, "slots are used again");
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "a handle was given out twice");
}

#[test]
fn the_last_guard_drops_what_was_removed() {
    let census = Census::new();
    let arena = SharedArena::new();
    let handle = arena.insert(census.value(7));
    let (first, second) = (arena.get(handle).unwrap(), arena.get(handle).unwrap());
    assert!(arena.take(handle).is_none() && arena.contains(handle));
    assert!(arena.remove(handle));
    assert_eq!((arena.contains(handle), arena.len(), census.alive()), (false, 0, 1));
    let other = arena.insert(census.value(8));
    assert_ne!(other.slot(), handle.slot(), "a guarded slot is not used again");
    drop(first);
    assert_eq!((second.number(), census.alive()), (7, 2));
    thread::scope(|scope| scope.spawn(|| drop(second)).join().unwrap());
    assert_eq!(census.alive(), 1);
    assert_eq!(arena.insert(census.value(9)).slot(), handle.slot());
    drop(arena);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_leaked_guard_keeps_its_value_until_the_arena_goes() {
    let census = Census::new();
    let mut arena = SharedArena::new();
    let handles = [1, 2].map(|number| arena.insert(census.value(number)));
    for handle in handles {
        let _guard = ManuallyDrop::new(arena.get(handle).unwrap());
    }
    assert!(arena.remove(handles[0]));
    assert_eq!(arena.get_mut(handles[1]).unwrap().number(), 2);
    assert!(arena.get_mut(handles[0]).is_none());
    assert_eq!(census.alive(), 2);
    drop(arena);
    assert_eq!(census.alive(), 0);
}

/// Panics when it is dropped, after it has counted that.
struct Bomb(&'static AtomicUsize, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(!self.1, "a drop that panics");
    }
}

#[test]
fn a_panicking_drop_loses_neither_slot_nor_rest() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    let heap = CountingHeap::new();
    let arena = SharedArena::new_in(heap.clone());
    let slots: Vec<u32> = (0..2)
        .map(|kind| {
            let handle = arena.insert(Bomb(&DROPS, true));
            let guard = (kind == 1).then(|| arena.get(handle));
            let remove = AssertUnwindSafe(|| assert!(arena.remove(handle)));
            assert_eq!(catch_unwind(remove).is_err(), kind == 0);
            assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err(), kind == 1);
            assert!(arena.is_empty() && !arena.remove(handle));
            handle.slot()
        })
        .collect();
    assert_eq!((slots, DROPS.load(Ordering::Relaxed)), (vec![0, 0], 2));
    for number in 0..200 {
        arena.insert(Bomb(&DROPS, number == 70));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(arena))).is_err());
    assert_eq!(DROPS.load(Ordering::Relaxed), 202);
    heap.settle();
}

#[test]
fn a_slot_has_the_next_odd_generation_with_each_value() {
    let arena = SharedArena::new();
    let mut last = arena.insert(0);
    for value in 1..5 {
        assert!(arena.remove(last));
        let next = arena.insert(value);
        assert_eq!((next.slot(), next.generation()), (last.slot(), last.generation() + 2));
        last = next;
    }
}

#[test]
fn what_was_removed_or_taken_is_not_counted_and_not_met() {
    let arena = SharedArena::new();
    let handles = [1, 2, 3, 4].map(|value| arena.insert(value));
    assert!(arena.remove(handles[1]));
    assert_eq!(arena.take(handles[3]), Some(4));
    assert_eq!(arena.len(), 2);
    assert_eq!(arena.iter().map(|value| *value).collect::<Vec<_>>(), [1, 3]);
}

#[test]
#[cfg(debug_assertions)]
fn a_debug_build_refuses_handles_of_another_arena() {
    let (a, b) = (SharedArena::new(), SharedArena::new());
    let (of_a, of_b) = (a.insert(1), b.insert(1));
    assert!(!a.contains(of_b) && !b.contains(of_a) && a.contains(of_a));
}

#[test]
fn a_panic_in_insert_with_makes_the_handle_stale_and_the_slot_vacant() {
    let arena = SharedArena::new();
    let mut told = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.insert_with(|handle| {
            told = Some(handle);
            assert!(!arena.contains(handle) && arena.insert(7) != handle);
            panic!("no value")
        })
    }));
    assert!(panicked.is_err());
    let told = told.unwrap();
    assert_eq!((arena.len(), arena.contains(told)), (1, false));
    let next = arena.insert_with(|_| 8);
    assert_eq!((next.slot(), next.generation()), (told.slot(), told.generation() + 2));
    assert!(!arena.contains(told) && !arena.remove(told) && *arena.get(next).unwrap() == 8);
}

#[test]
fn a_shared_arena_may_be_used_across_a_panic() {
    fn may<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    may::<SharedArena<String>>();
    let arena = SharedArena::new();
    let handle = arena.insert(String::from("a"));
    assert!(catch_unwind(|| assert!(arena.get(handle).unwrap().is_empty())).is_err());
    assert!(arena.remove(handle));
}

/// As if another thread had removed a value meanwhile: this heap does so while it refuses a block.
#[derive(Clone)]
struct Overtaken(CountingHeap);

static OVERTAKEN: OnceLock<SharedArena<usize, Overtaken>> = OnceLock::new();
static REMOVED: Mutex<Option<Handle<usize>>> = Mutex::new(None);

// SAFETY: the blocks are those of a counting heap.
unsafe impl HeapRef for Overtaken {
    type Classes = <CountingHeap as HeapRef>::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout).inspect_err(|_| {
            if let Some(handle) = REMOVED.lock().unwrap().take() {
                assert!(OVERTAKEN.get().expect("the test has made it").remove(handle));
            }
        })
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { self.0.deallocate(block, layout) };
    }

    unsafe fn share_count(&self, _: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
        unreachable!("arenas share no blocks")
    }

    unsafe fn reallocate(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
        unreachable!("arenas move no blocks")
    }
}

#[test]
fn who_is_refused_a_chunk_takes_the_slot_that_became_vacant_meanwhile() {
    let heap = CountingHeap::new();
    let arena = OVERTAKEN.get_or_init(|| SharedArena::new_in(Overtaken(heap.clone())));
    heap.refuse_after(1);
    let first = arena.insert(0);
    while arena.try_insert(1).is_ok() {}
    *REMOVED.lock().unwrap() = Some(first);
    let next = arena.insert(2);
    assert_eq!((next.slot(), *arena.get(next).unwrap()), (first.slot(), 2));
    assert!(arena.try_insert(3).is_err());
}

/// The heap has one block for each chunk: a thread that found its chunk missing when another has just added it is not refused.
#[test]
fn nobody_is_refused_a_chunk_that_another_thread_adds() {
    smarena::size_classes! { Chunks: [1536, 3072, 6144, 12288] }
    for _ in 0..50 {
        let mut builder = Heap::<Chunks>::builder().on_exhausted(Exhausted::Refuse).no_thread_cache();
        for block in [1536, 3072, 6144, 12288] {
            builder = builder.bucket_bytes_of(block, block);
        }
        let heap = builder.build().unwrap();
        let arena = SharedArena::new_in(&heap);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    (0..400_u64).for_each(|i| assert!(arena.try_insert(i).is_ok()));
                });
            }
        });
        assert_eq!(arena.len(), 800);
    }
}

#[test]
fn a_heap_that_refuses_gives_the_value_back() {
    let heap = CountingHeap::new();
    let arena = SharedArena::new_in(heap.clone());
    heap.refuse_after(0);
    assert_eq!(arena.try_insert(String::from("kept")).unwrap_err().value, "kept");
    heap.refuse_after(1);
    let mut handles = Vec::new();
    let refused = loop {
        match arena.try_insert(handles.len().to_string()) {
            Ok(handle) => handles.push(handle),
            Err(error) => break error.value,
        }
    };
    assert_eq!((refused, arena.len()), (handles.len().to_string(), handles.len()));
    assert!(handles.iter().enumerate().all(|(i, &handle)| *arena.get(handle).unwrap() == i.to_string()));
    heap.refuse_nothing();
    arena.insert(String::new());
    drop(arena);
    heap.settle();
}

#[test]
fn made_up_handles_find_nothing() {
    let arena = SharedArena::new();
    let handle = arena.insert(1);
    for bits in (0..64).map(|bit| handle.to_bits() ^ (1 << bit)).chain([Handle::<i32>::DANGLING.to_bits()]) {
        if let Some(other) = Handle::from_bits(bits) {
            assert!(arena.get(other).is_none() && !arena.remove(other) && arena.take(other).is_none());
        }
    }
    assert!(arena.contains(handle));
}

#[test]
fn zero_sized_and_over_aligned_values_are_served() {
    #[repr(align(4096))]
    struct Page(u8);
    let (units, pages) = (SharedArena::new(), SharedArena::new());
    for number in 0..100 {
        units.insert(());
        let page = pages.get(pages.insert(Page(number))).unwrap();
        assert!((&raw const *page).is_aligned() && page.0 == number);
    }
    assert_eq!((units.iter().count(), units.len(), pages.len()), (100, 100, 100));
}

#[test]
fn what_a_reading_finds_stays_until_it_ends() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let alive = || ALIVE.load(Ordering::Relaxed);
    let [a, b, c, d] = [1, 2, 3, 4].map(|content| arena.insert(Twice::new(content, &ALIVE)));
    let reading = arena.reading();
    let [seen_a, seen_b] = [a, b].map(|handle| reading.get(handle).unwrap());
    // With a guard and without one, removed before the reading ends.
    let guard = arena.get(b);
    assert!(arena.remove(a) && arena.remove(b) && !arena.remove(a));
    drop(guard);
    assert!(arena.get(a).is_none() && reading.get(a).is_none() && arena.take(c).is_none());
    assert_eq!((seen_a.content(), seen_b.content(), alive(), arena.len()), (1, 2, 4, 2));
    // Their slots are nobody else's.
    let e = arena.insert(Twice::new(5, &ALIVE));
    assert!(![a, b, c, d].map(Handle::slot).contains(&e.slot()));
    // A reading that begins later does not hold back what waited for the first one only.
    let later = arena.reading();
    assert!(later.get(a).is_none());
    drop(reading);
    assert_eq!(alive(), 4);
    // What is removed now waits for that one.
    assert!(arena.remove(c));
    assert_eq!(alive(), 4);
    drop(later);
    assert_eq!((alive(), arena.len()), (2, 2));
    // Nobody reads: the value goes at once, and slots are used again.
    assert!(arena.remove(d));
    assert_eq!((alive(), arena.insert(Twice::new(6, &ALIVE)).slot()), (1, d.slot()));
    drop(arena);
    assert_eq!(alive(), 0);
}

#[test]
fn readings_that_overlap_for_ever_hold_no_value_for_ever() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let mut reading = arena.reading();
    for content in 0..1000 {
        let handle = arena.insert(Twice::new(content, &ALIVE));
        assert_eq!(reading.get(handle).map(Twice::content), Some(content));
        assert!(arena.remove(handle));
        reading = {
            let next = arena.reading();
            drop(reading);
            next
        };
        assert!(ALIVE.load(Ordering::Relaxed) <= 2, "{content}");
    }
}

#[test]
fn a_forgotten_reading_keeps_values_until_the_arena_ends() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let [a, b] = [1, 2].map(|content| arena.insert(Twice::new(content, &ALIVE)));
    let _ = ManuallyDrop::new(arena.reading());
    let guard = arena.get(b);
    assert!(arena.remove(a) && arena.remove(b));
    drop(guard);
    assert_eq!((arena.len(), ALIVE.load(Ordering::Relaxed)), (0, 2));
    drop(arena);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}

#[test]
fn there_are_no_more_readings_than_can_be_counted() {
    let arena = SharedArena::<u8>::new();
    (0..32_767).for_each(|_| _ = ManuallyDrop::new(arena.reading()));
    assert!(catch_unwind(AssertUnwindSafe(|| arena.reading())).is_err());
    let handle = arena.insert(1);
    assert_eq!(arena.len(), 1);
    // The others count for nothing where nobody reads.
    assert!(arena.remove(handle) && arena.is_empty());
}

#[test]
fn a_withdrawn_value_is_had_when_nobody_looks_at_it() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let handle = arena.insert(Twice::new(1, &ALIVE));
    let (guard, reading) = (arena.get(handle).unwrap(), arena.reading());
    let withdrawn = arena.withdraw(handle).unwrap();
    assert!(arena.withdraw(handle).is_none() && !arena.remove(handle) && arena.take(handle).is_none());
    assert_eq!((withdrawn.content(), guard.content(), arena.len()), (1, 1, 0));
    let withdrawn = withdrawn.try_into_value().unwrap_err();
    drop(guard);
    let withdrawn = withdrawn.try_into_value().unwrap_err();
    // One that begins now is not waited for.
    let later = arena.reading();
    drop(reading);
    let value = withdrawn.try_into_value().unwrap();
    assert_eq!((value.content(), ALIVE.load(Ordering::Relaxed)), (1, 1));
    drop(later);
    // Its slot is vacant, and its handle stale.
    assert_eq!(arena.insert(value).slot(), handle.slot());
    assert!(arena.get(handle).is_none());
}

#[test]
fn who_drops_what_was_withdrawn_leaves_it_to_the_last() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    let alive = || ALIVE.load(Ordering::Relaxed);
    let handle = arena.insert(Twice::new(1, &ALIVE));
    let guard = arena.get(handle);
    drop(arena.withdraw(handle));
    assert_eq!(alive(), 1);
    drop(guard);
    assert_eq!(alive(), 0);
    let handle = arena.insert(Twice::new(2, &ALIVE));
    let reading = arena.reading();
    drop(arena.withdraw(handle));
    assert_eq!(alive(), 1);
    drop(reading);
    assert_eq!(alive(), 0);
}

#[test]
fn threads_wait_for_what_others_look_at() {
    const ROUNDS: u64 = if cfg!(miri) { 5 } else { 300 };
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    let arena = SharedArena::new();
    for round in 0..ROUNDS {
        let handle = arena.insert(Twice::new(round, &ALIVE));
        let start = Barrier::new(3);
        thread::scope(|scope| {
            scope.spawn(|| {
                let reading = arena.reading();
                start.wait();
                let found = reading.get(handle).map(Twice::content);
                assert!(found.is_none_or(|content| content == round));
            });
            scope.spawn(|| {
                let guard = arena.get(handle);
                start.wait();
                let again = arena.get(handle);
                assert!(guard.into_iter().chain(again).all(|guard| guard.content() == round));
            });
            start.wait();
            assert_eq!(arena.withdraw(handle).unwrap().wait().content(), round);
        });
        assert_eq!((arena.len(), ALIVE.load(Ordering::Relaxed)), (0, 0));
    }
}

#[test]
fn a_value_is_made_where_there_is_none() {
    let arena = SharedArena::new();
    let guard = arena.get_or_insert(Handle::DANGLING, 1);
    let handle = guard.handle();
    assert_eq!((*arena.get_or_insert(handle, 2), arena.len()), (1, 1));
    // The new value has its guard from the beginning.
    assert!(arena.take(handle).is_none());
    drop(guard);
    assert_eq!(arena.take(handle), Some(1));
    let made = arena.get_or_insert_with(handle, |me| i32::try_from(me.slot()).unwrap() + 7);
    assert_eq!((*made, made.handle() == handle), (7, false));
    let panicked = catch_unwind(AssertUnwindSafe(|| arena.get_or_insert_with(handle, |_| panic!("no value"))));
    assert!(panicked.is_err());
    assert_eq!(arena.len(), 1);
}

/// Values that are freed by the end of a reading may be those of several removals, and one of their drops may panic.
#[test]
fn a_panicking_drop_at_the_end_of_a_reading_keeps_the_others_from_nothing() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            assert!(!self.0, "a bomb");
        }
    }
    let arena = SharedArena::new();
    let handles = [false, true, false].map(|bomb| arena.insert(Bomb(bomb)));
    let reading = arena.reading();
    assert!(handles.into_iter().all(|handle| arena.remove(handle)));
    assert_eq!(DROPPED.load(Ordering::Relaxed), 0);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(reading))).is_err());
    assert_eq!(DROPPED.load(Ordering::Relaxed), 3);
    let slots: Vec<_> = (0..3).map(|_| arena.insert(Bomb(false)).slot()).collect();
    assert!(handles.iter().all(|handle| slots.contains(&handle.slot())));
}
