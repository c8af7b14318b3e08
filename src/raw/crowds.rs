//! Very many threads that end at once: how often they take locks, and wait for them.

#[path = "../../tests/child/mod.rs"]
mod child;

use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicUsize};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use crate::class::Linear;
use crate::config::Purge;
use crate::heap::Heap;
use crate::raw::lock::count::{self, Steps};
use crate::raw::threads::thread::REGISTRY;

const CROWD: usize = 2000;
const MAKERS: usize = 64;
const HEAPS: usize = 10;
/// How many heaps a maker makes and drops, one after the other.
const MADE: usize = 10;

static USED: OnceLock<[Heap<Linear<8>>; HEAPS]> = OnceLock::new();
static READY: AtomicUsize = AtomicUsize::new(0);
static GO: AtomicUsize = AtomicUsize::new(0);

/// Not one that gives memory back by itself: who comes by when it is time takes a lock for that.
fn heap(bucket_bytes: usize) -> Heap<Linear<8>> {
    Heap::builder().bucket_bytes(bucket_bytes).purge(Purge::Never).build().unwrap()
}

fn used() -> &'static [Heap<Linear<8>>; HEAPS] {
    USED.get_or_init(|| core::array::from_fn(|_| heap(8 << 20)))
}

fn use_once(heap: &Heap<Linear<8>>) {
    let block = heap.malloc(64, 0).unwrap();
    // SAFETY: I10: live, from this heap.
    unsafe { heap.free(block) };
}

type Counted = JoinHandle<&'static Steps>;

/// As many threads as the system has, up to `count`, whose locks are counted to their very end. They do the second thing after `GO`.
fn spawn(count: usize, first: fn(), second: fn()) -> Vec<Counted> {
    let life = move || {
        let steps = count::begin();
        first();
        READY.fetch_add(1, Release);
        while GO.load(Acquire) == 0 {
            thread::park();
        }
        second();
        steps
    };
    (0..count).map_while(|_| thread::Builder::new().stack_size(256 << 10).spawn(life).ok()).collect()
}

/// The lock that all share is held until everybody who will want it has come. In a process of its own, whose slots nobody else wants.
#[cfg_attr(windows, ignore = "one thread at a time ends there, under the loader's lock: no crowd comes together")]
#[test]
fn two_thousand_ends_at_once_take_steps_by_the_heap_and_wait_in_turn() {
    let test = "raw::crowds::two_thousand_ends_at_once_take_steps_by_the_heap_and_wait_in_turn";
    let ended = child::in_child(test, || {
        let heaps = used();
        let makers = spawn(MAKERS, || (), || (0..MADE).for_each(|_| use_once(&heap(64 << 10))));
        let crowd = spawn(CROWD, || used().iter().for_each(use_once), || ());
        let threads = makers.len() + crowd.len();
        eprintln!(
            "{} of {CROWD} threads, {} of {MAKERS} that make heaps: as many as the system has",
            crowd.len(),
            makers.len()
        );
        while READY.load(Acquire) < threads {
            thread::yield_now();
        }
        // Who has caches gives up a slot.
        let queue = makers.len() + heaps[0].stats().caches;
        REGISTRY.lock.acquire();
        GO.store(1, Release);
        makers.iter().chain(&crowd).for_each(|thread| thread.thread().unpark());
        // Not until the last ticket is taken, but until who has it has looked how many come before it.
        let ahead = || count::MOST_AHEAD.load(Relaxed);
        while (ahead() as usize) < queue {
            thread::yield_now();
        }
        REGISTRY.lock.release();

        let join = |thread: Counted| thread.join().unwrap();
        let (makers, crowd): (Vec<_>, Vec<_>) =
            (makers.into_iter().map(join).collect(), crowd.into_iter().map(join).collect());
        assert!(heaps.iter().all(|heap| (heap.stats().live(), heap.stats().caches) == (0, 0)));
        let most = |of: &[&Steps], number: fn(&Steps) -> &AtomicU32| of.iter().map(|of| number(of).load(Relaxed)).max();
        let all = [&makers[..], &crowd[..]].concat();
        let sum = |number: fn(&Steps) -> &AtomicU32| all.iter().map(|of| number(of).load(Relaxed)).sum::<u32>();

        let [of_one, of_maker] = [&crowd, &makers].map(|of| most(of, |steps| &steps.acquisitions).unwrap_or(0));
        eprintln!("a thread took {of_one} locks at most, one that makes heaps {of_maker}");
        assert!(of_one as usize <= 10 * HEAPS + 4 && of_maker as usize <= 14 * MADE + 4);
        let [waits, sleeps] = [sum(|steps| &steps.waits), sum(|steps| &steps.sleeps)];
        let ahead = ahead();
        eprintln!("{queue} in one queue; {waits} waits, behind {ahead} at most; slept {sleeps} times");
        assert!((queue..=threads).contains(&(ahead as usize)), "nobody comes before those that were there");
        // Each once; and when another one of those that share its bit, or its word, is woken.
        let share = if cfg!(any(target_os = "linux", target_os = "android")) { 256 } else { 8 };
        assert!(sleeps <= waits * (2 + ahead / share), "who sleeps was woken for others' sake");
    });
    let said = String::from_utf8_lossy(&ended.stderr);
    eprintln!("{said}");
    assert!(ended.status.success(), "{said}");
}
