//! A panic at the n-th call of user code, whichever that is, for every n: owners over all of it lose no value and no block.
//!
//! User code is every `Drop`, `Clone`, `Eq`, `Hash`, iterator and closure that a scenario hands in. Each asks `user_code`, which
//! panics at the n-th call. A scenario is run for n = 0, 1, 2, ... until nobody panics any more.
#![expect(unsafe_code, reason = "the counting heap implements an unsafe trait")]

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use common::{Census, Counted, CountingHeap};
use smarena::{BufPool, SharedArena, SmArena, SmBox, SmBuf, compat};

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
            let pool = BufPool::builder().buf_size(16).limit(1).build_in(heap.clone()).unwrap();
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

#[test]
fn heaps_may_be_used_across_a_panic() {
    fn crosses<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
    crosses::<smarena::Heap<smarena::Linear<8>>>();
}
