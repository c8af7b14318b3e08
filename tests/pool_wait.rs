//! Waiting for a pool's buffer: served in order, by nobody overtaken, and whoever stops waiting at any moment takes nothing along.
//!
//! Futures are polled by hand, so that every order of events is the test's own choice.

#![cfg(feature = "async")]
#![expect(unsafe_code, reason = "implements the heap that the pools are tested on")]

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::CountingHeap;
use proptest::prelude::*;
use smarena::{Acquire, AllocError, BufPool, Lease, PoolError};

type Pool = BufPool<CountingHeap>;

fn pool_of(limit: usize, heap: &CountingHeap) -> Pool {
    BufPool::builder().buf_size(100).limit(limit).build_in(heap.clone()).unwrap()
}

/// Notes that it was called.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A task in the queue.
struct Task<'p> {
    future: Pin<Box<Acquire<'p, CountingHeap>>>,
    bell: Arc<Bell>,
}

impl<'p> Task<'p> {
    /// Polled once, and not served at that.
    #[track_caller]
    fn waiting(pool: &'p Pool) -> Self {
        let mut task = Task { future: Box::pin(pool.acquire()), bell: Arc::default() };
        assert!(task.poll().is_none(), "served at once");
        task
    }

    fn poll(&mut self) -> Option<Result<Lease<CountingHeap>, PoolError>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    /// Whether it was woken since the last time.
    fn was_woken(&self) -> bool {
        self.bell.0.swap(false, Ordering::Relaxed)
    }

    #[track_caller]
    fn served(&mut self) -> Lease<CountingHeap> {
        assert!(self.was_woken(), "served and not told");
        self.poll().expect("told and not served").unwrap()
    }
}

fn at_once(pool: &Pool) -> Option<Result<Lease<CountingHeap>, PoolError>> {
    match pin!(pool.acquire()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

#[test]
fn a_free_buffer_is_had_at_once() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = at_once(&pool).unwrap().unwrap();
    assert_eq!((pool.in_flight(), lease.capacity()), (1, 112));
    assert!(at_once(&pool).is_none());
    drop(lease);
    assert_eq!((pool.stats().waiting, pool.stats().refusals, pool.in_flight()), (0, 0, 0));
    assert_eq!(pool.acquire_blocking(Some(Duration::ZERO)).unwrap().len(), 0);
}

#[test]
fn an_acquire_that_is_not_polled_is_nowhere() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let future = pool.acquire();
    assert_eq!((pool.in_flight(), pool.stats().waiting), (0, 0));
    drop(future);
}

#[test]
fn those_who_wait_are_served_in_order() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let mut leases = VecDeque::from([pool.try_acquire().unwrap(), pool.try_acquire().unwrap()]);
    let mut tasks: Vec<_> = (0..5).map(|_| Task::waiting(&pool)).collect();
    for next in 0..5 {
        assert_eq!(pool.stats().waiting, 5 - next);
        leases.pop_front();
        assert_eq!(pool.in_flight(), 2);
        leases.push_back(tasks[next].served());
        assert!(tasks.iter().all(|task| !task.was_woken()), "somebody else was told");
    }
    drop(leases);
    assert_eq!((pool.in_flight(), pool.stats().waiting, pool.stats().peak), (0, 0, 2));
}

#[test]
fn nobody_overtakes_who_waits() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    let (mut first, mut second) = (Task::waiting(&pool), Task::waiting(&pool));
    drop(lease);
    // The first has been handed the buffer, though it has not looked yet.
    assert_eq!(pool.try_acquire().unwrap_err(), PoolError::LimitReached { limit: 1, buf_size: 100 });
    assert!(pool.acquire_batch(1).is_err() && at_once(&pool).is_none());
    assert!(pool.acquire_blocking(Some(Duration::ZERO)).is_err());
    assert!(second.poll().is_none());
    let lease = first.served();
    drop(lease);
    assert!(pool.try_acquire().is_err());
    drop(second.served());
    assert!(pool.try_acquire().is_ok());
    assert_eq!(pool.stats().refusals, 4);
}

#[test]
fn who_stops_waiting_loses_the_place_and_nothing_else() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    let (first, second, mut third) = (Task::waiting(&pool), Task::waiting(&pool), Task::waiting(&pool));
    drop(first);
    drop(lease);
    // The second has it, and goes.
    assert!(second.was_woken() && !third.was_woken());
    drop(second);
    drop(third.served());
    assert_eq!((pool.in_flight(), pool.stats().waiting), (0, 0));
    assert!(pool.try_acquire().is_ok());
}

#[test]
fn the_last_who_stops_waiting_leaves_the_pool_open() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    drop(Task::waiting(&pool));
    drop(lease);
    assert!(pool.try_acquire().is_ok());
    let lease = pool.try_acquire().unwrap();
    let task = Task::waiting(&pool);
    drop(lease);
    // Handed over, not taken, and nobody is behind.
    drop(task);
    assert_eq!((pool.in_flight(), pool.try_acquire().is_ok()), (0, true));
}

#[test]
fn the_latest_waker_is_called() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    let mut task = Task::waiting(&pool);
    let old = std::mem::take(&mut task.bell);
    assert!(task.poll().is_none());
    drop(lease);
    assert!(!old.0.load(Ordering::Relaxed));
    drop(task.served());
}

#[test]
fn a_refused_block_ends_the_waiting_and_serves_the_next() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    let (mut first, mut second) = (Task::waiting(&pool), Task::waiting(&pool));
    drop(lease);
    heap.refuse_after(0);
    assert!(matches!(first.poll(), Some(Err(PoolError::Alloc(AllocError::Exhausted { .. })))));
    heap.refuse_nothing();
    drop(second.served());
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn a_batch_goes_back_to_those_who_wait() {
    let heap = CountingHeap::new();
    let pool = pool_of(4, &heap);
    let mut batch = pool.acquire_batch(9).unwrap();
    assert_eq!(batch.len(), 4);
    let lease = batch.next().unwrap().unwrap();
    let (mut first, mut second) = (Task::waiting(&pool), Task::waiting(&pool));
    drop(batch);
    assert_eq!((pool.in_flight(), pool.stats().waiting), (3, 0));
    // The third of the batch is free for everybody.
    let free = pool.try_acquire().unwrap();
    let served = (first.served(), second.served());
    assert!(pool.try_acquire().is_err());
    drop((lease, free, served));
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn a_batch_that_the_heap_refuses_loses_no_permit() {
    let heap = CountingHeap::new();
    let pool = pool_of(3, &heap);
    let mut batch = pool.acquire_batch(3).unwrap();
    let lease = batch.next().unwrap().unwrap();
    heap.refuse_after(0);
    assert!(matches!(batch.next(), Some(Err(PoolError::Alloc(_)))));
    assert_eq!((batch.len(), pool.in_flight()), (1, 2));
    heap.refuse_nothing();
    assert!(batch.next().unwrap().is_ok() && batch.next().is_none());
    drop(batch);
    assert_eq!(pool.in_flight(), 1);
    assert_eq!(pool.acquire_batch(0).unwrap().len(), 0);
    drop(lease);
}

#[test]
fn a_forgotten_future_harms_only_itself() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let (first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    let forgotten = ManuallyDrop::new(Task::waiting(&pool));
    let mut task = Task::waiting(&pool);
    drop(first); // with the forgotten one, for ever
    drop(second);
    drop(task.served());
    assert_eq!((pool.in_flight(), pool.stats().waiting), (1, 0));
    assert!(pool.try_acquire().is_ok());
    // Remembered after all, so that the leak checker has nothing to say.
    drop(ManuallyDrop::into_inner(forgotten));
}

#[test]
fn waiting_threads_are_served_or_go_home() {
    const THREADS: usize = 4;
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let (held, served, home) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for id in 0..THREADS {
            let (pool, held, served, home, start) = (pool.clone(), &held, &served, &home, &start);
            scope.spawn(move || {
                start.wait();
                for turn in 0..500 {
                    // Some cannot wait at all, some hardly, some for ever.
                    let timeout = [None, Some(Duration::ZERO), Some(Duration::from_micros(3))][(id + turn) % 3];
                    match pool.acquire_blocking(timeout) {
                        Ok(mut lease) => {
                            assert_eq!(held.fetch_add(1, Ordering::AcqRel), 0, "two leases of one");
                            lease.push(1);
                            held.fetch_sub(1, Ordering::AcqRel);
                            served.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            let timeout = timeout.expect("given up without a time");
                            assert_eq!(error, PoolError::TimedOut { timeout, limit: 1, buf_size: 100 });
                            home.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(served.into_inner() + home.load(Ordering::Relaxed), THREADS * 500);
    let stats = pool.stats();
    assert_eq!((stats.in_flight, stats.waiting, stats.peak), (0, 0, 1));
    assert_eq!(stats.refusals, home.into_inner() as u64);
    drop(pool);
    assert_eq!(heap.references(), 1);
}

#[test]
fn the_waker_of_a_waiting_thread_is_its_own() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let lease = pool.try_acquire().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.acquire_blocking(None).map(|lease| lease.capacity()));
        while pool.stats().waiting == 0 {
            thread::yield_now();
        }
        drop(lease);
        assert_eq!(waiting.join().unwrap().unwrap(), 112);
    });
}

/// What can happen to a pool; the numbers choose among what is there.
#[derive(Debug, Clone)]
enum Event {
    Try,
    Batch(usize),
    Wait,
    Poll(usize),
    Cancel(usize),
    Drop(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Try),
        (0..4_usize).prop_map(Event::Batch),
        Just(Event::Wait),
        Just(Event::Wait),
        any::<usize>().prop_map(Event::Poll),
        any::<usize>().prop_map(Event::Cancel),
        any::<usize>().prop_map(Event::Drop),
        any::<usize>().prop_map(Event::Drop),
    ]
}

proptest! {
    /// Against a model: a number of free permits and a queue.
    #[test]
    fn any_order_of_events_is_what_a_queue_does(limit in 1..4_usize, events in prop::collection::vec(event(), 1..80)) {
        let heap = CountingHeap::new();
        let pool = pool_of(limit, &heap);
        {
            let mut leases = Vec::new();
            // Those in the queue, in order, and whether the model has handed them a buffer.
            let mut tasks: Vec<(Task<'_>, bool)> = Vec::new();
            let mut free = limit;
            let give = |free: &mut usize, tasks: &mut Vec<(Task<'_>, bool)>| {
                match tasks.iter_mut().find(|(_, served)| !served) {
                    Some((_, served)) => *served = true,
                    None => *free += 1,
                }
            };
            for event in events {
                match event {
                    Event::Try => {
                        let outcome = pool.try_acquire();
                        prop_assert_eq!(outcome.is_ok(), free > 0);
                        free -= usize::from(outcome.is_ok());
                        leases.extend(outcome);
                    }
                    Event::Batch(count) => {
                        let expected = count.min(free);
                        let outcome = pool.acquire_batch(count);
                        prop_assert_eq!(outcome.is_ok(), expected > 0 || count == 0);
                        if let Ok(batch) = outcome {
                            prop_assert_eq!(batch.len(), expected);
                            leases.extend(batch.map(Result::unwrap));
                            free -= expected;
                        }
                    }
                    Event::Wait => {
                        let mut task = Task { future: Box::pin(pool.acquire()), bell: Arc::default() };
                        let outcome = task.poll();
                        prop_assert_eq!(outcome.is_some(), free > 0);
                        match outcome {
                            Some(lease) => {
                                free -= 1;
                                leases.push(lease.unwrap());
                            }
                            None => tasks.push((task, false)),
                        }
                    }
                    Event::Poll(which) if !tasks.is_empty() => {
                        let which = which % tasks.len();
                        let (task, served) = &mut tasks[which];
                        let outcome = task.poll();
                        prop_assert_eq!(outcome.is_some(), *served);
                        if let Some(lease) = outcome {
                            prop_assert!(task.was_woken());
                            leases.push(lease.unwrap());
                            drop(tasks.remove(which));
                        }
                    }
                    Event::Cancel(which) if !tasks.is_empty() => {
                        let (task, served) = tasks.remove(which % tasks.len());
                        drop(task);
                        if served {
                            give(&mut free, &mut tasks);
                        }
                    }
                    Event::Drop(which) if !leases.is_empty() => {
                        drop(leases.swap_remove(which % leases.len()));
                        give(&mut free, &mut tasks);
                    }
                    Event::Poll(_) | Event::Cancel(_) | Event::Drop(_) => {}
                }
                let stats = pool.stats();
                prop_assert_eq!(stats.in_flight, limit - free);
                prop_assert_eq!(stats.waiting, tasks.iter().filter(|(_, served)| !served).count());
                prop_assert_eq!(heap.live(), leases.len());
            }
            // Nobody starves: as buffers come back everybody is served, in order.
            while !tasks.is_empty() {
                if !tasks[0].1 {
                    prop_assert!(!leases.is_empty(), "somebody waits, and nobody has a buffer");
                    drop(leases.pop());
                    give(&mut free, &mut tasks);
                }
                let (mut task, _) = tasks.remove(0);
                leases.push(task.served());
            }
        }
        prop_assert_eq!((pool.in_flight(), heap.live()), (0, 0));
        drop(pool);
        prop_assert_eq!(heap.references(), 1);
    }
}

/// A peer that sends more than a lease has room for.
#[cfg(feature = "bytes")]
#[test]
fn reading_stops_when_a_lease_is_full() {
    use bytes::BufMut;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let heap = CountingHeap::new();
    // Growth is for who asks for it, which a peer does not.
    let pool = BufPool::builder().buf_size(100).limit(1).growth(1 << 20).build_in(heap.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut peer, mut here) = tokio::io::duplex(4096);
        peer.write_all(&[7; 4096]).await.unwrap();
        let mut lease = pool.acquire().await.unwrap();
        let mut read = 0;
        loop {
            match here.read_buf(&mut lease).await.unwrap() {
                0 => break,
                count => read += count,
            }
        }
        assert_eq!((read, lease.len(), lease.capacity(), lease.remaining_mut()), (112, 112, 112, 0));
        let text = common::panic_text(|| lease.put_slice(b"more"));
        assert_eq!(text, "cannot put 4 bytes into a lease of 112 that has room for 0: as a `BufMut` it does not grow");
        assert!(common::panic_text(|| lease.put_u16(7)).starts_with("cannot put 2 bytes into a lease"));
        assert!(lease.chunk_mut().len() == 0 && pool.stats().grown == 0);
        lease.truncate(100);
        lease.put_bytes(1, 12);
        assert!(lease.try_reserve(1).is_ok(), "who asks, gets");
    });
    assert_eq!(pool.stats().grown, 0);
    drop(pool);
    heap.settle();
}
