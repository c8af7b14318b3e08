//! `BufPool` where threads keep permits ready for themselves: nobody else notices, but by the speed.

#![expect(unsafe_code, reason = "the heap that the pools are tested on implements `HeapRef`")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use common::CountingHeap;
use smarena::{BufPool, Lease, PoolError};

/// Large enough for permit caches of several permits each.
const LIMIT: usize = 256;

fn pool(heap: &CountingHeap) -> BufPool<CountingHeap> {
    BufPool::builder().buf_size(16).limit(LIMIT).build_in(heap.clone()).unwrap()
}

fn acquire_all(pool: &BufPool<CountingHeap>) -> Vec<Lease<CountingHeap>> {
    std::iter::from_fn(|| pool.try_acquire().ok()).collect()
}

/// A thread that has given `count` buffers back, some of them to its own cache, and does nothing until the sender is dropped.
fn idle_keeper(pool: &BufPool<CountingHeap>, count: usize) -> (Sender<()>, JoinHandle<()>) {
    let pool = pool.clone();
    let ((idle, is_idle), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let thread = thread::spawn(move || {
        let leases: Vec<_> = (0..count).map(|_| pool.try_acquire().unwrap()).collect();
        drop(leases);
        idle.send(()).unwrap();
        ended.recv().unwrap_err();
    });
    is_idle.recv().unwrap();
    (end, thread)
}

#[test]
fn a_refusal_is_true_although_idle_threads_keep_permits() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let keepers: Vec<_> = (0..4).map(|_| idle_keeper(&pool, 10)).collect();
    assert_eq!(pool.in_flight(), 0);
    for _ in 0..3 {
        let leases = acquire_all(&pool);
        assert_eq!((leases.len(), pool.in_flight(), pool.stats().peak), (LIMIT, LIMIT, LIMIT));
        drop(leases);
        assert_eq!((pool.in_flight(), pool.is_congested()), (0, false));
    }
    for (end, thread) in keepers {
        drop(end);
        thread.join().unwrap();
    }
    drop(pool);
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn a_batch_finds_what_idle_threads_keep() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let (end, thread) = idle_keeper(&pool, 10);
    let batch = pool.acquire_batch(usize::MAX).unwrap();
    assert_eq!((batch.len(), pool.in_flight()), (LIMIT, LIMIT));
    assert!(matches!(pool.acquire_batch(1), Err(PoolError::LimitReached { limit: LIMIT, .. })));
    drop((batch, end));
    thread.join().unwrap();
}

#[test]
fn a_batch_is_what_the_thread_kept_and_more() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    // Fewer than the batch wants, so that it comes from the cache and from the semaphore.
    drop((pool.try_acquire().unwrap(), pool.try_acquire().unwrap()));
    let batch = pool.acquire_batch(40).unwrap();
    assert_eq!((batch.len(), pool.in_flight()), (40, 40));
    drop(batch);
    assert_eq!(acquire_all(&pool).len(), LIMIT);
}

#[test]
fn a_thread_that_only_acquires_keeps_nothing_from_the_others() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let ((send, leases), (end, ended)) = (mpsc::sync_channel(8), mpsc::channel::<()>());
    let acquiring = pool.clone();
    let thread = thread::spawn(move || {
        for _ in 0..2000 {
            send.send(acquiring.try_acquire().unwrap()).unwrap();
        }
        drop(send);
        ended.recv().unwrap_err();
    });
    assert_eq!(leases.iter().count(), 2000);
    let all = acquire_all(&pool);
    assert_eq!((all.len(), pool.in_flight()), (LIMIT, LIMIT));
    drop((all, end));
    thread.join().unwrap();
}

#[test]
fn the_marks_are_those_of_leases_and_not_of_kept_permits() {
    let heap = CountingHeap::new();
    let builder = BufPool::builder().buf_size(16).limit(LIMIT).watermarks(100, 200);
    let pool = builder.build_in(heap.clone()).unwrap();
    let keepers: Vec<_> = (0..4).map(|_| idle_keeper(&pool, 10)).collect();
    let mut leases = Vec::new();
    for out in 1..=LIMIT {
        leases.push(pool.try_acquire().unwrap());
        assert_eq!((pool.in_flight(), pool.is_congested()), (out, out >= 200));
    }
    for out in (0..LIMIT).rev() {
        leases.pop();
        assert_eq!((pool.in_flight(), pool.is_congested()), (out, out > 100));
    }
    drop(keepers.into_iter().map(|(_, thread)| thread).collect::<Vec<_>>());
}

#[test]
fn the_peak_is_exact_in_one_thread() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let mut most = 0;
    for out in [1, 5, 3, 20, 2, 60, 7] {
        let leases: Vec<_> = (0..out).map(|_| pool.try_acquire().unwrap()).collect();
        most = most.max(out);
        assert_eq!((pool.in_flight(), pool.stats().peak), (out, most));
        drop(leases);
    }
}

#[test]
fn a_pool_ends_although_idle_threads_kept_permits_of_it() {
    for lease_goes_last in [false, true] {
        let heap = CountingHeap::new();
        let pool = pool(&heap);
        let ((idle, is_idle), (end, ended)) = (mpsc::channel(), mpsc::channel::<()>());
        let handle = pool.clone();
        let thread = thread::spawn(move || {
            drop(handle.try_acquire().unwrap());
            drop(handle);
            idle.send(()).unwrap();
            ended.recv().unwrap_err();
        });
        is_idle.recv().unwrap();
        let lease = pool.try_acquire().unwrap();
        if lease_goes_last {
            drop((pool, lease));
        } else {
            drop((lease, pool));
        }
        assert_eq!(heap.references(), 1, "the pool's reference to the heap is gone");
        heap.settle();
        drop(end);
        thread.join().unwrap();
    }
}

#[test]
fn the_limit_holds_under_threads_that_keep() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let out = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<Vec<Lease<CountingHeap>>>();
    thread::scope(|scope| {
        for id in 0..6 {
            let (pool, out, sender) = (pool.clone(), &out, sender.clone());
            scope.spawn(move || {
                for round in 0..200 {
                    // Sometimes a few, sometimes more than there are.
                    let wanted = if (round + id) % 7 == 0 { LIMIT } else { 1 + (round * 5 + id) % 40 };
                    let leases: Vec<_> = std::iter::from_fn(|| pool.try_acquire().ok()).take(wanted).collect();
                    let now = out.fetch_add(leases.len(), Ordering::AcqRel) + leases.len();
                    assert!(now <= LIMIT, "{now} leases of {LIMIT}");
                    assert!(pool.in_flight() <= LIMIT);
                    if round % 3 == 0 {
                        sender.send(leases).unwrap();
                    } else {
                        out.fetch_sub(leases.len(), Ordering::AcqRel);
                    }
                }
            });
        }
        drop(sender);
        for leases in receiver {
            out.fetch_sub(leases.len(), Ordering::AcqRel);
        }
    });
    assert_eq!(pool.in_flight(), 0);
    assert_eq!(acquire_all(&pool).len(), LIMIT);
    drop(pool);
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[cfg(feature = "async")]
#[test]
fn who_waits_is_served_although_permits_were_kept() {
    let heap = CountingHeap::new();
    let pool = pool(&heap);
    let (end, thread) = idle_keeper(&pool, 10);
    let mut leases = acquire_all(&pool);
    // Nobody comes by with one: the waiting thread must not need it.
    drop((leases.pop(), leases.pop()));
    leases.push(pool.acquire_blocking(None).unwrap());
    leases.push(pool.acquire_blocking(None).unwrap());
    assert_eq!(leases.len(), LIMIT);
    let other = pool.clone();
    let waiting = thread::spawn(move || drop(other.acquire_blocking(None).unwrap()));
    while pool.stats().waiting == 0 {
        thread::yield_now();
    }
    leases.pop();
    waiting.join().unwrap();
    assert_eq!(pool.in_flight(), LIMIT - 1);
    drop(end);
    thread.join().unwrap();
}
