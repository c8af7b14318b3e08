//! A panic at the n-th call of user code, whichever that is, for every n: owners over all of it lose no value and no block.
//!
//! User code is every `Drop`, `Clone`, `Eq`, `Hash`, iterator, closure, reader, heap reference and waker that a scenario hands in. Each asks `user_code`, which
//! panics at the n-th call. A scenario is run for n = 0, 1, 2, ... until nobody panics any more.
#![expect(unsafe_code, reason = "the counting heap implements an unsafe trait, and wakers are made of raw parts")]

mod common;

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use common::{Census, Counted, CountingHeap};
use smarena::{
    AllocError, BufPool, DenseArena, Handle, HeapRef, ObjectPool, SecondaryMap, ShareCount, SharedArena, SmArena,
    SmBox, SmBuf, SmBytes, SmChain, SparseSecondaryMap, compat,
};

thread_local! {
    /// Calls of user code until one panics.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

const USER_CODE: &str = "user code panics";

/// Called by all user code. Panics once, and never while a panic is under way: that would end the process.
fn user_code() {
    if std::thread::panicking() {
        return;
    }
    match LEFT.get() {
        0 => {
            LEFT.set(usize::MAX);
            std::panic::panic_any(USER_CODE);
        }
        usize::MAX => {}
        left => LEFT.set(left - 1),
    }
}

/// A value all of whose traits may panic.
struct Touchy(Counted);

impl Drop for Touchy {
    fn drop(&mut self) {
        user_code();
    }
}

impl Clone for Touchy {
    fn clone(&self) -> Self {
        user_code();
        Self(self.0.clone())
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        user_code();
        self.0.number() == other.0.number()
    }
}

impl Eq for Touchy {}

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        user_code();
        self.0.number().hash(state);
    }
}

/// Numbers, from an iterator that may panic and claims whatever it likes about its length.
fn numbers(count: u64, claimed: usize) -> impl Iterator<Item = u64> {
    struct Lying<I>(I, usize);
    impl<I: Iterator> Iterator for Lying<I> {
        type Item = I::Item;
        fn next(&mut self) -> Option<I::Item> {
            user_code();
            self.0.next()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (self.1, Some(self.1))
        }
    }
    Lying(0..count, claimed)
}

/// Whether `scenario` came to its end: `false` if user code panicked. Any other panic is a failed test.
#[track_caller]
fn ends(n: usize, scenario: impl FnOnce()) -> bool {
    LEFT.set(n);
    let outcome = catch_unwind(AssertUnwindSafe(scenario));
    LEFT.set(usize::MAX);
    match outcome {
        Ok(()) => true,
        Err(panic) if panic.downcast_ref::<&str>() == Some(&USER_CODE) => false,
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs `scenario` with a panic at the n-th call of user code, for every n.
#[track_caller]
fn at_every_call(least: usize, scenario: impl Fn(&CountingHeap, &dyn Fn(u64) -> Touchy)) {
    for n in 0.. {
        let (heap, census) = (CountingHeap::new(), Census::new());
        let ended = ends(n, || scenario(&heap, &|number| Touchy(census.value(number))));
        assert_eq!(census.alive(), 0, "values were lost by a panic at call {n}");
        heap.settle();
        if ended {
            assert!(n >= least, "the scenario reaches {n} calls of user code only");
            return;
        }
    }
}

#[test]
#[expect(
    clippy::mutable_key_type,
    reason = "what may change is the heap's books, of which neither hash nor equality know"
)]
fn boxes() {
    at_every_call(12, |heap, value| {
        let boxed = SmBox::new_in(value(1), heap.clone());
        let other = boxed.clone();
        let equal = boxed == other;
        let set: HashSet<_> = [boxed, other].into_iter().collect();
        assert!(equal && set.len() == 1);
        assert_eq!(SmBox::new_in(numbers(3, 0), heap.clone()).count(), 3);
        drop(SmBox::into_inner(SmBox::new_in(value(2), heap.clone())));
    });
}

#[test]
fn buffers() {
    at_every_call(60, |heap, _| {
        for claimed in [0, 40, 1000] {
            let mut buf = SmBuf::new_in(heap.clone());
            buf.extend(numbers(40, claimed).map(|number| u8::try_from(number).unwrap()));
            assert_eq!(buf.len(), 40);
            buf.extend(numbers(3, claimed).map(|number| u8::try_from(number).unwrap()));
            let bytes = buf.freeze();
            let part = bytes.slice(1..4);
            assert_eq!(part, [1, 2, 3]);
        }
    });
}

#[cfg(feature = "bytes")]
mod sources_of_bytes {
    use std::ops::Deref;

    use bytes::BufMut;

    use super::*;

    /// Bytes in chunks of a few, all of whose methods may panic, and that says whatever it likes of how many are left.
    struct TouchyBytes {
        left: Vec<u8>,
        claimed: Option<usize>,
    }

    const CHUNK: usize = 7;

    impl bytes::Buf for TouchyBytes {
        fn remaining(&self) -> usize {
            user_code();
            if self.left.is_empty() { 0 } else { self.claimed.unwrap_or(self.left.len()) }
        }

        fn chunk(&self) -> &[u8] {
            user_code();
            &self.left[..self.left.len().min(CHUNK)]
        }

        fn advance(&mut self, count: usize) {
            self.left.drain(..count);
            // Also behind the work: what was copied then is counted as copied.
            user_code();
        }
    }

    /// Appends from such bytes what there is, and shows no other, least of all one that was never written.
    fn put_touchy(target: &mut (impl BufMut + Deref<Target: AsRef<[u8]>>), claimed: Option<usize>) {
        let content: Vec<u8> = (0..50).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| target.put(TouchyBytes { left: content.clone(), claimed })));
        let written = (**target).as_ref();
        match outcome {
            Ok(()) => assert_eq!(written, content),
            Err(panic) => {
                assert!(content.starts_with(written), "{written:?}");
                resume_unwind(panic);
            }
        }
    }

    #[test]
    fn buffers_and_leases() {
        at_every_call(100, |heap, _| {
            let pool = BufPool::builder().buf_size(64).limit(1).build_in(heap.clone()).unwrap();
            for claimed in [None, Some(1), Some(usize::MAX)] {
                put_touchy(&mut SmBuf::new_in(heap.clone()), claimed);
                put_touchy(&mut pool.try_acquire().expect("the last lease is back"), claimed);
            }
        });
    }
}

#[test]
fn arenas() {
    at_every_call(100, |heap, value| {
        let mut arena = SmArena::new_in(heap.clone());
        let handles: Vec<_> = (0..20).map(|number| arena.insert(value(number))).collect();
        arena.extend(numbers(20, 1000).map(value));
        arena.insert_with(|_| {
            user_code();
            value(7)
        });
        arena.retain(|_, value| {
            user_code();
            value.0.number() % 3 > 0
        });
        let copy = arena.clone();
        assert!(copy.iter().all(|(handle, value)| arena.get(handle) == Some(value)));
        drop(arena.remove(handles[1]));
        drop(arena.insert_at(handles[2], value(100)));
        for (number, value) in arena.drain().enumerate() {
            drop(value);
            if number == 5 {
                break;
            }
        }
        arena.insert(value(3));
        arena.clear();
        arena.insert(value(4));
        for (_, value) in copy {
            drop(value);
        }
    });
}

/// Runs `scenario` on a new table, with a panic at the n-th call of user code, for every n. The table has lost nothing then but what it
/// dropped, agrees with itself as `is_whole` says, and can be used.
#[track_caller]
fn a_table_at_every_call<C>(
    new: impl Fn() -> C,
    scenario: impl Fn(&mut C, &dyn Fn(u64) -> Touchy),
    is_whole: impl Fn(&mut C, &dyn Fn(u64) -> Touchy) -> usize,
) {
    for n in 0.. {
        let census = Census::new();
        let value = |number| Touchy(census.value(number));
        let mut table = new();
        let ended = ends(n, || scenario(&mut table, &value));
        assert_eq!(is_whole(&mut table, &value), census.alive(), "by a panic at call {n}");
        drop(table);
        assert_eq!(census.alive(), 0, "values were lost by a panic at call {n}");
        if ended {
            assert!(n > 50, "the scenario reaches {n} calls of user code only");
            return;
        }
    }
}

fn keeps(_: Handle<Touchy>, value: &mut Touchy) -> bool {
    user_code();
    value.0.number() % 3 > 0
}

#[test]
fn dense_arenas() {
    let scenario = |arena: &mut DenseArena<Touchy>, value: &dyn Fn(u64) -> Touchy| {
        let handles: Vec<_> = (0..20).map(|number| arena.insert(value(number))).collect();
        arena.extend(numbers(20, 1000).map(value));
        arena.insert_with(|_| {
            user_code();
            value(7)
        });
        arena.retain(keeps);
        let mut snapshot = arena.clone();
        drop(arena.remove(handles[1]));
        drop(arena.extract_if(keeps).next());
        snapshot.clone_from(arena);
        arena.clear();
        arena.clone_from(&snapshot);
        drop(snapshot);
        drop(arena.drain().nth(2));
        arena.extend((0..5).map(value));
        arena.clear();
    };
    a_table_at_every_call(DenseArena::new, scenario, |arena, value| {
        let new = arena.insert(value(9));
        assert_eq!(arena.keys().last(), Some(&new));
        assert!(arena.iter().all(|(handle, there)| arena.get(handle).is_some_and(|found| std::ptr::eq(found, there))));
        assert_eq!((arena.keys().len(), arena.values_slice().len()), (arena.len(), arena.len()));
        arena.len()
    });
}

#[test]
fn secondary_maps() {
    let owners: SmArena<u64> = (0..20).collect();
    // Handles of this type, older and newer ones of the same slots.
    let [older, newer] = [0, 2].map(|later| {
        let handle = |handle: Handle<u64>| Handle::<Touchy>::from_bits(handle.to_bits() + later).unwrap();
        owners.keys().map(handle).collect::<Vec<_>>()
    });
    macro_rules! check {
        ($Map:ident) => {
            let scenario = |map: &mut $Map<Touchy, Touchy>, value: &dyn Fn(u64) -> Touchy| {
                for handle in &older {
                    map.insert(*handle, value(1));
                }
                map.entry(newer[3]).unwrap().or_insert_with(|| {
                    user_code();
                    value(2)
                });
                map.extend(numbers(9, 1000).map(|number| (newer[usize::try_from(number).unwrap()], value(number))));
                drop(map.insert(older[3], value(3)));
                drop(map.insert(newer[3], value(4)));
                map.retain(keeps);
                let mut snapshot = map.clone();
                drop(map.remove(older[10]));
                snapshot.clone_from(map);
                map.clear();
                map.clone_from(&snapshot);
                drop(snapshot);
                drop(map.drain().nth(2));
                map.insert(newer[0], value(5));
                map.clear();
            };
            a_table_at_every_call($Map::new, scenario, |map, value| {
                map.insert(newer[19], value(9));
                assert!(map.contains(newer[19]));
                assert_eq!((map.iter().count(), map.values_mut().count()), (map.len(), map.len()));
                map.len()
            });
        };
    }
    check!(SecondaryMap);
    check!(SparseSecondaryMap);
}

#[test]
fn compat_arenas() {
    let census = Census::new();
    for n in 0.. {
        let ended = ends(n, || {
            let value = |number| Touchy(census.value(number));
            let mut arena: compat::Arena<Touchy> = numbers(20, 5).map(value).collect();
            arena.insert_with(|_| {
                user_code();
                value(7)
            });
            arena.retain(|_, value| {
                user_code();
                value.0.number() % 3 > 0
            });
            let copy = arena.clone();
            drop(arena.drain().next());
            arena.insert(value(3));
            arena.clear();
            copy.into_iter().for_each(drop);
        });
        assert_eq!(census.alive(), 0, "values were lost by a panic at call {n}");
        if ended {
            assert!(n > 60, "{n}");
            return;
        }
    }
}

#[test]
fn shared_arenas() {
    at_every_call(10, |heap, value| {
        let arena = SharedArena::new_in(heap.clone());
        let handles: Vec<_> = (0..10).map(|number| arena.insert(value(number))).collect();
        let guard = arena.get(handles[3]);
        arena.remove(handles[3]);
        drop(guard);
        drop(arena.take(handles[4]));
        assert!(arena.remove(handles[5]));
    });
}

#[test]
fn pools() {
    at_every_call(10, |heap, _| {
        let pool = BufPool::builder().buf_size(64).limit(2).build_in(heap.clone()).unwrap();
        {
            let mut lease = pool.try_acquire().unwrap();
            lease.extend(numbers(10, 3).map(|number| u8::try_from(number).unwrap()));
            assert_eq!((lease.len(), pool.in_flight()), (10, 1));
        }
        assert_eq!(pool.in_flight(), 0);
    });
}

/// A heap reference whose clones and drops may panic. (Its methods may not, by the trait's contract.)
struct TouchyHeap(CountingHeap);

impl Clone for TouchyHeap {
    fn clone(&self) -> Self {
        user_code();
        Self(self.0.clone())
    }
}

impl Drop for TouchyHeap {
    fn drop(&mut self) {
        user_code();
    }
}

// SAFETY: the heap is the inner one.
unsafe impl HeapRef for TouchyHeap {
    type Classes = <CountingHeap as HeapRef>::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.0.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.deallocate(block, layout) }
    }

    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.share_count(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.reallocate(block, old, new) }
    }
}

#[test]
fn heap_references_of_boxes_and_arenas() {
    at_every_call(15, |heap, value| {
        let heap = TouchyHeap(heap.clone());
        let boxed = SmBox::new_in(value(1), heap.clone());
        drop(SmBox::into_inner(boxed.clone()));
        let mut arena = SmArena::new_in(heap.clone());
        let handle = arena.insert(value(2));
        drop(arena.clone());
        drop(arena.remove(handle));
        let shared = SharedArena::new_in(heap.clone());
        shared.insert(value(3));
    });
}

#[test]
fn heap_references_of_buffers() {
    at_every_call(11, |heap, _| {
        let heap = TouchyHeap(heap.clone());
        let mut buf = SmBuf::copy_from_slice_in(b"some bytes for the head and some for the rear", heap.clone());
        let head = buf.split_to(10);
        drop(buf.clone());
        let bytes = head.freeze();
        let part = bytes.slice(2..7);
        let mut chain = SmChain::new();
        chain.push(part.clone());
        chain.push(buf.freeze());
        assert_eq!(chain.len(), 40);
        drop(chain);
        drop(bytes);
        assert!(part.try_into_mut().is_ok());
    });
}

/// Whether a pool that nobody uses any more has all its permits, and serves.
#[track_caller]
fn is_whole<H: HeapRef>(pool: &BufPool<H>) {
    let stats = pool.stats();
    assert_eq!((stats.in_flight, stats.waiting), (0, 0));
    assert_eq!(pool.acquire_batch(usize::MAX).unwrap().len(), stats.limit);
}

#[test]
fn heap_references_of_pools() {
    for n in 0.. {
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(2).build_in(TouchyHeap(heap.clone())).unwrap();
        let ended = ends(n, || {
            let mut lease = pool.try_acquire().unwrap();
            lease.extend_from_slice(b"bytes");
            let frozen = lease.freeze();
            drop(pool.acquire_batch(1).unwrap().next().unwrap().unwrap().into_buf());
            drop(frozen.clone());
            drop(frozen);
            drop(pool.try_acquire().unwrap().freeze());
            let mut shared = pool.try_acquire().unwrap();
            shared.extend_from_slice(b"bytes");
            let head = shared.split_to(2);
            drop((shared.freeze(), head));
        });
        is_whole(&pool);
        let last = ends(usize::MAX, || drop(pool));
        assert!(last);
        assert_eq!(heap.references(), 1, "a reference was lost by a panic at call {n}");
        heap.settle();
        if ended {
            assert!(n >= 12, "{n}");
            return;
        }
    }
}

#[test]
fn readers() {
    struct Touchy(&'static [u8]);
    impl std::io::Read for Touchy {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            user_code();
            let read = self.0.read(into);
            user_code();
            read
        }
    }
    at_every_call(3, |heap, _| {
        let mut buf = SmBuf::new_in(heap.clone());
        let outcome = catch_unwind(AssertUnwindSafe(|| buf.read_from(&mut Touchy(b"what there is to read")).unwrap()));
        assert!(b"what there is to read".starts_with(&buf), "{buf:?}");
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
        buf.retain(|byte| {
            user_code();
            *byte != b' '
        });
    });
}

#[test]
fn values_of_pools() {
    let census = Census::new();
    for n in 0.. {
        let counted = census.clone();
        let make = move || {
            user_code();
            Touchy(counted.value(0))
        };
        let pool = ObjectPool::builder(make).reset(|_| user_code()).limit(3).build().unwrap();
        let ended = ends(n, || {
            let first = pool.try_acquire().unwrap();
            let batch: Vec<_> = pool.acquire_batch(2).unwrap().collect();
            drop(first.into_inner());
            drop(pool.try_acquire().unwrap());
            drop(batch);
            pool.trim();
            drop(pool.try_acquire());
        });
        let stats = pool.stats();
        assert_eq!((stats.in_flight, stats.waiting, stats.idle), (0, 0, census.alive()), "call {n}");
        assert_eq!(pool.acquire_batch(usize::MAX).unwrap().len(), 3);
        drop(pool);
        assert_eq!(census.alive(), 0, "values were lost by a panic at call {n}");
        if ended {
            assert!(n >= 12, "{n}");
            return;
        }
    }
}

#[test]
fn a_chain_counts_what_it_has_when_an_owner_of_bytes_panics_at_its_end() {
    struct Owner(u8);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            std::slice::from_ref(&self.0)
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            user_code();
        }
    }
    for n in 0..4 {
        let mut chain: SmChain = (0..4).map(|byte| SmBytes::from_owner(Owner(byte))).collect();
        assert!(!ends(n, || std::io::BufRead::consume(&mut chain, 4)));
        let left: usize = chain.parts().iter().map(|part| part.len()).sum();
        assert_eq!((chain.len(), left), (3 - n, 3 - n));
    }
}

/// Wakers whose `clone`, `wake` and `drop` may panic.
#[cfg(feature = "async")]
mod wakers {
    use std::future::Future;
    use std::pin::Pin;
    use std::ptr::without_provenance;
    use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

    use smarena::{Acquire, Lease};

    use super::*;

    thread_local! {
        /// Those that exist, and those that were woken, a bit for the number of each.
        static WAKERS: Cell<usize> = const { Cell::new(0) };
        static WOKEN: Cell<usize> = const { Cell::new(0) };
    }

    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |number| {
            user_code();
            WAKERS.set(WAKERS.get() + 1);
            RawWaker::new(number, &TABLE)
        },
        |number| {
            WAKERS.set(WAKERS.get() - 1);
            WOKEN.set(WOKEN.get() | 1 << number.addr());
            user_code();
        },
        |_| user_code(),
        |_| {
            WAKERS.set(WAKERS.get() - 1);
            user_code();
        },
    );

    fn waker(number: usize) -> Waker {
        WAKERS.set(WAKERS.get() + 1);
        // SAFETY: the functions keep no more than a count.
        unsafe { Waker::from_raw(RawWaker::new(without_provenance(number), &TABLE)) }
    }

    type Future1<'p> = Pin<Box<Acquire<'p, CountingHeap>>>;

    /// The outcome of a poll, by a waker that is dropped again.
    fn poll(future: &mut Future1<'_>, number: usize) -> Poll<Lease<CountingHeap>> {
        let waker = waker(number);
        let outcome = future.as_mut().poll(&mut Context::from_waker(&waker)).map(Result::unwrap);
        // Not by the function's end: what it returns would be leaked by the compiler if that panics.
        drop(waker);
        outcome
    }

    #[test]
    fn a_panic_in_any_call_of_a_waker_loses_no_permit_and_no_place() {
        for n in 0.. {
            WAKERS.set(0);
            let heap = CountingHeap::new();
            let pool = BufPool::builder().buf_size(64).limit(2).build_in(heap.clone()).unwrap();
            let ended = ends(n, || {
                let batch = pool.acquire_batch(2).unwrap();
                let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(pool.acquire())).collect();
                for (number, future) in waiting.iter_mut().enumerate() {
                    assert!(poll(future, number).is_pending());
                }
                // Another waker, the same one, and one that is never woken.
                assert!(poll(&mut waiting[0], 7).is_pending() && poll(&mut waiting[3], 3).is_pending());
                drop(waiting.remove(1));
                drop(batch);
                drop(waiting.remove(0));
                assert!(waiting.iter_mut().all(|future| poll(future, 8).is_ready()));
            });
            is_whole(&pool);
            drop(pool);
            assert_eq!((WAKERS.get(), heap.references()), (0, 1), "call {n}");
            heap.settle();
            if ended {
                assert!(n >= 15, "{n}");
                return;
            }
        }
    }

    #[test]
    fn who_waits_behind_a_waker_that_panics_is_served_and_told() {
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(3).build_in(heap.clone()).unwrap();
        for n in 0..3 {
            WOKEN.set(0);
            let batch = pool.acquire_batch(3).unwrap();
            let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(pool.acquire())).collect();
            for (number, future) in waiting.iter_mut().enumerate() {
                assert!(poll(future, number).is_pending());
            }
            assert!(!ends(n, || drop(batch)), "a waker's panic is not kept from who gives back");
            assert_eq!(WOKEN.get(), 0b111);
            let leases: Vec<_> = waiting.iter_mut().map(|future| poll(future, 0)).collect();
            assert!(leases.iter().all(Poll::is_ready));
        }
        is_whole(&pool);
    }

    /// A waker that panics each time.
    fn bad() -> Waker {
        struct Bad;
        impl std::task::Wake for Bad {
            fn wake(self: std::sync::Arc<Self>) {
                std::panic::panic_any(USER_CODE);
            }
        }
        std::sync::Arc::new(Bad).into()
    }

    #[test]
    fn when_all_wakers_panic_one_panic_is_passed_on_and_none_while_a_thread_unwinds() {
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(3).build_in(heap.clone()).unwrap();
        for unwinding in [false, true] {
            let batch = pool.acquire_batch(3).unwrap();
            let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(pool.acquire())).collect();
            for future in &mut waiting {
                assert!(future.as_mut().poll(&mut Context::from_waker(&bad())).is_pending());
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let _batch = batch;
                if unwinding {
                    std::panic::panic_any("the first");
                }
            }));
            let panic = *outcome.unwrap_err().downcast::<&str>().unwrap();
            assert_eq!(panic, if unwinding { "the first" } else { USER_CODE });
            assert!(waiting.iter_mut().all(|future| poll(future, 0).is_ready()));
        }
        is_whole(&pool);
    }

    #[test]
    fn an_empty_lease_gives_its_block_back_once_also_if_a_waker_panics() {
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(1).build_in(heap.clone()).unwrap();
        let gives: [fn(&mut Option<Lease<CountingHeap>>); 3] = [
            |lease| lease.as_mut().unwrap().shrink_to_fit(),
            |lease| drop(lease.take().unwrap().freeze()),
            |lease| drop(lease.as_mut().unwrap().split_to(0).freeze()),
        ];
        for give in gives {
            let mut lease = Some(pool.try_acquire().unwrap());
            let mut waiting = Box::pin(pool.acquire());
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&bad())).is_pending());
            assert!(catch_unwind(AssertUnwindSafe(|| (give(&mut lease), drop(lease.take())))).is_err());
            let other = poll(&mut waiting, 0);
            assert!(other.is_ready());
            // What was left of the lease when the waker panicked.
            drop(lease);
            assert_eq!(pool.in_flight(), 1);
            drop(other);
            is_whole(&pool);
        }
        drop(pool);
        assert_eq!(heap.references(), 1);
        heap.settle();
    }

    #[test]
    fn a_permit_that_comes_while_a_waker_is_cloned_is_not_lost_with_the_clone() {
        thread_local!(static HELD: Cell<Option<Lease<CountingHeap>>> = const { Cell::new(None) });
        static GIVES_BACK: RawWakerVTable = RawWakerVTable::new(
            |data| {
                drop(HELD.take());
                RawWaker::new(data, &CLONED)
            },
            |_| {},
            |_| {},
            |_| {},
        );
        static CLONED: RawWakerVTable =
            RawWakerVTable::new(|data| RawWaker::new(data, &CLONED), |_| {}, |_| {}, |_| user_code());
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(1).build_in(heap.clone()).unwrap();
        HELD.set(Some(pool.try_acquire().unwrap()));
        // SAFETY: the functions look at nothing.
        let waker = unsafe { Waker::from_raw(RawWaker::new(without_provenance(0), &GIVES_BACK)) };
        let mut waiting = Box::pin(pool.acquire());
        let ended = ends(0, || assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()));
        assert!(!ended, "the clone was not dropped");
        drop(waiting);
        is_whole(&pool);
    }

    #[test]
    fn a_forgotten_place_keeps_its_permit_and_the_pool_also_if_its_waker_panics() {
        let heap = CountingHeap::new();
        let pool = BufPool::builder().buf_size(64).limit(1).build_in(heap.clone()).unwrap();
        let lease = pool.try_acquire().unwrap();
        let mut waiting = Box::pin(pool.acquire());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&bad())).is_pending());
        // A task that is forgotten where it waits.
        let _forgotten = std::mem::ManuallyDrop::new(waiting);
        drop(pool);
        assert!(catch_unwind(AssertUnwindSafe(|| drop(lease))).is_err());
        // The permit that it was handed is as forgotten as it is.
        assert_eq!(heap.references(), 2);
        heap.settle();
    }
}

#[cfg(feature = "serde")]
#[test]
fn values_from_files() {
    thread_local!(static CENSUS: Census = Census::new());
    struct FromFile(Counted);
    impl<'de> serde::Deserialize<'de> for FromFile {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let number = u64::deserialize(deserializer)?;
            user_code();
            Ok(FromFile(CENSUS.with(|census| census.value(number))))
        }
    }
    impl serde::Serialize for FromFile {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u64(self.0.number())
        }
    }
    let arena: SmArena<u64> = (0..7).collect();
    let arena = serde_json::to_string(&arena).unwrap();
    for n in 0.. {
        let ended = ends(n, || {
            let arena: SmArena<FromFile, CountingHeap> = serde_json::from_str(&arena).unwrap();
            let boxed: SmBox<FromFile, CountingHeap> = serde_json::from_str("3").unwrap();
            assert_eq!((arena.len(), boxed.0.number()), (7, 3));
        });
        assert_eq!(CENSUS.with(Census::alive), 0, "values were lost by a panic at call {n}");
        if ended {
            assert!(n >= 8, "{n}");
            return;
        }
    }
}

#[test]
fn heaps_may_be_used_across_a_panic() {
    fn crosses<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    crosses::<smarena::Heap<smarena::Linear<8>>>();
}
