//! Whole heaps, pools and arenas under random schedules: larger than what a model can go through, and only in the order of their steps.
//!
//! Every atomic access of ours is a place where another thread may come in between. The books that the tests keep are not.

use core::ptr::NonNull;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use crate::arena::SharedArena;
use crate::class::Linear;
use crate::config::Exhausted;
use crate::heap::Heap;
use crate::raw::threads::thread::at_end;
use crate::sync::rand::{Rng, thread_rng};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{AtomicUsize, Ordering, schedules};

/// Blocks of 16 and of 32 bytes, this many bytes of each.
type Two = Heap<Linear<2>>;
const BYTES: usize = 256;

fn heap(exhausted: Exhausted) -> Arc<Two> {
    let builder = Two::builder().bucket_bytes(BYTES).on_exhausted(exhausted).purge(crate::config::Purge::AtOnce);
    Arc::new(builder.thread_cache(64, crate::config::CacheWarmup::Cold).build().unwrap())
}

/// A thread that ends as those of the system do.
fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(move || {
        let result = body();
        at_end::now();
        result
    })
}

fn choose(below: usize) -> usize {
    thread_rng().gen_range(0..below)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Block(NonNull<u8>);

// SAFETY: I3: a block may be any one thread's.
unsafe impl Send for Block {}

/// A heap, what is live of it, and the blocks that are on their way from one thread to another.
struct Books {
    heap: Arc<Two>,
    live: Mutex<HashSet<Block>>,
    sent: Mutex<Vec<Block>>,
}

impl Books {
    fn malloc(&self, size: usize) -> Option<Block> {
        let block = Block(self.heap.malloc(size, 0).ok()?);
        assert!(self.live.lock().unwrap().insert(block), "a block is handed out twice");
        Some(block)
    }

    fn free(&self, block: Block) {
        self.live.lock().unwrap().remove(&block);
        // SAFETY: I10: live, from this heap, given up.
        unsafe { self.heap.free(block.0) };
    }

    fn take_sent(&self) -> Option<Block> {
        self.sent.lock().unwrap().pop()
    }

    fn work(&self, steps: usize) {
        let mut held = Vec::new();
        for _ in 0..steps {
            match choose(8) {
                0..=3 => held.extend(self.malloc(1 + choose(32))),
                4 if !held.is_empty() => self.free(held.swap_remove(choose(held.len()))),
                5 => self.sent.lock().unwrap().extend(held.pop()),
                6 => drop(self.heap.trim()),
                _ => self.take_sent().into_iter().for_each(|block| self.free(block)),
            }
        }
        held.into_iter().for_each(|block| self.free(block));
    }
}

fn blocks_have_one_owner(exhausted: Exhausted) {
    let heap = heap(exhausted);
    let books = Arc::new(Books { heap, live: Mutex::default(), sent: Mutex::default() });
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let books = Arc::clone(&books);
            spawn(move || books.work(12))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    while let Some(block) = books.take_sent() {
        books.free(block);
    }
    at_end::now();
    let stats = books.heap.stats();
    assert_eq!((stats.live(), stats.caches), (0, 0));
    // Not by a refusal, which is exact: the summary bits must be right, too.
    for (bucket, stats) in books.heap.stats().buckets().iter().enumerate() {
        let all: Vec<_> = (0..BYTES / stats.block_size).map(|_| books.malloc(16 * (bucket + 1)).unwrap()).collect();
        assert!(all.iter().all(|block| books.heap.bucket_of(block.0) == Some(bucket)), "a block is out of reach");
    }
}

#[test]
fn shuttle_blocks_have_one_owner_and_come_back() {
    schedules(|| blocks_have_one_owner(Exhausted::NextBucketThenFallback));
}

#[test]
fn shuttle_blocks_of_a_growing_heap_have_one_owner_and_come_back() {
    schedules(|| {
        let books = Arc::new(Books {
            heap: heap(Exhausted::Grow { reserve: 4 * BYTES }),
            live: Mutex::default(),
            sent: Mutex::default(),
        });
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let books = Arc::clone(&books);
                spawn(move || {
                    let held: Vec<_> = (0..10).filter_map(|_| books.malloc(32)).collect();
                    held.into_iter().for_each(|block| books.free(block));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((books.heap.stats().live(), books.heap.stats().caches), (0, 0));
    });
}

/// Caches are opened, closed and emptied while somebody counts.
#[test]
fn shuttle_statistics_never_count_more_than_there_is() {
    schedules(|| {
        let books = Arc::new(Books { heap: heap(Exhausted::Refuse), live: Mutex::default(), sent: Mutex::default() });
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let books = Arc::clone(&books);
                spawn(move || {
                    for _ in 0..3 {
                        let cache = books.heap.thread_cache(64, crate::config::CacheWarmup::Hot);
                        books.work(4);
                        drop(cache);
                    }
                })
            })
            .collect();
        for _ in 0..4 {
            for bucket in books.heap.stats().buckets() {
                assert!([bucket.live, bucket.free, bucket.cached].iter().all(|&count| count <= bucket.capacity));
                assert_eq!(bucket.live + bucket.free + bucket.cached, bucket.watermark, "{bucket:?}");
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// What a thread's end gives back is free, or still cached, whenever somebody counts: of a cache of four blocks, which are in one chunk, and of eight.
#[test]
fn shuttle_no_block_is_live_because_a_cache_gives_it_back() {
    [64, 128].map(|bytes| {
        schedules(move || {
            let heap = heap(Exhausted::NextBucketThenFallback);
            let (step, other) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&heap));
            let seen = Arc::clone(&step);
            let thread = spawn(move || {
                let cache = other.thread_cache(bytes, crate::config::CacheWarmup::Hot);
                let blocks = [(); 4].map(|()| other.malloc(16, 0).unwrap());
                // SAFETY: I10: live, from this heap, given up.
                blocks.into_iter().for_each(|block| unsafe { other.free(block) });
                step.store(1, Ordering::Release);
                drop(cache);
                step.store(2, Ordering::Release);
            });
            while seen.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
            // Looks for as long as the cache gives back.
            while seen.load(Ordering::Acquire) == 1 {
                assert_eq!(heap.stats().live(), 0);
                thread::yield_now();
            }
            thread.join().unwrap();
        });
    });
}

#[test]
fn shuttle_threads_and_heaps_end_in_any_order() {
    schedules(|| {
        let stays = heap(Exhausted::Refuse);
        let goes = heap(Exhausted::Refuse);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (stays, goes) = (Arc::clone(&stays), Arc::clone(&goes));
                spawn(move || {
                    for heap in [&stays, &goes] {
                        if let Ok(block) = heap.malloc(16, 0) {
                            // SAFETY: I10: live, from this heap, given up.
                            unsafe { heap.free(block) };
                        }
                    }
                    // The last of the three releases it while others end.
                    drop(goes);
                })
            })
            .collect();
        drop(goes);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((stays.stats().live(), stays.stats().caches), (0, 0));
    });
}

#[cfg(feature = "async")]
#[test]
fn shuttle_everybody_gets_a_buffer_and_the_pool_ends_with_its_last_owner() {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Waker};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::pool::BufPool;
    use crate::sync::block_on;

    schedules(|| {
        let heap = heap(Exhausted::NextBucketThenFallback);
        let pool = BufPool::builder().buf_size(16).limit(2).build_in(Arc::clone(&heap)).unwrap();
        let out = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (pool, out) = (pool.clone(), Arc::clone(&out));
                spawn(move || {
                    if choose(3) == 0 {
                        // Leaves the line, perhaps when it has been served already.
                        let mut hasty = pin!(pool.acquire());
                        drop(hasty.as_mut().poll(&mut Context::from_waker(Waker::noop())));
                    }
                    let mut lease = block_on(pool.acquire()).unwrap();
                    drop(pool);
                    assert!(out.fetch_add(1, Ordering::Relaxed) < 2, "more leases than the limit");
                    lease.push(7);
                    let bytes = lease.freeze();
                    let clone = bytes.clone();
                    let mut other = Some(spawn(move || assert_eq!(clone, [7])));
                    if choose(2) == 0 {
                        other.take().unwrap().join().unwrap();
                        assert!(bytes.is_unique());
                    }
                    out.fetch_sub(1, Ordering::Relaxed);
                    other
                })
            })
            .collect();
        let others = threads.into_iter().filter_map(|thread| thread.join().unwrap());
        others.collect::<Vec<_>>().into_iter().for_each(|other| other.join().unwrap());
        assert_eq!((pool.in_flight(), pool.stats().waiting), (0, 0));
        drop(pool);
        assert_eq!(heap.stats().live(), 0);
    });
}

/// Counts itself.
struct Counted(u64, Arc<Mutex<usize>>);

impl Counted {
    fn new(number: u64, alive: &Arc<Mutex<usize>>) -> Self {
        *alive.lock().unwrap() += 1;
        Self(number, Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.1.lock().unwrap() -= 1;
    }
}

#[test]
fn shuttle_a_handle_finds_its_own_value_or_none() {
    schedules(|| {
        let alive = Arc::new(Mutex::new(0));
        let arena = Arc::new(SharedArena::new_in(heap(Exhausted::NextBucketThenFallback)));
        let handles = Arc::new(Mutex::new(Vec::new()));
        let vacant: Vec<_> = (0..4).map(|number| arena.insert(Counted::new(number, &alive))).collect();
        assert!(vacant.into_iter().all(|handle| arena.remove(handle)));
        let threads: Vec<_> = (0..3)
            .map(|thread| {
                let (arena, handles, alive) = (Arc::clone(&arena), Arc::clone(&handles), Arc::clone(&alive));
                spawn(move || {
                    for round in 0..4 {
                        let number = thread * 100 + round * 2;
                        let [first, second] = [number, number + 1].map(|number| {
                            let handle = arena.insert(Counted::new(number, &alive));
                            handles.lock().unwrap().push((handle, number));
                            handle
                        });
                        // On top of the vacant slots again, where another thread may have seen it before.
                        arena.remove(first);
                        assert!(arena.get(second).is_none_or(|value| value.0 == number + 1));
                        let (handle, number) = {
                            let handles = handles.lock().unwrap();
                            handles[choose(handles.len())]
                        };
                        match choose(3) {
                            0 => assert!(arena.get(handle).is_none_or(|value| value.0 == number)),
                            1 => assert!(arena.take(handle).is_none_or(|value| value.0 == number)),
                            _ => drop(arena.remove(handle)),
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(arena.len(), *alive.lock().unwrap());
        drop(arena);
        assert_eq!(*alive.lock().unwrap(), 0);
    });
}
