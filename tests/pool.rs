//! `BufPool`: the limit holds, every permit and every block comes back, and the pool ends with its last owner.

#![expect(unsafe_code, reason = "implements the heaps the pools are tested on")]

mod common;

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use common::{CountingHeap, panic_text};
use smarena::{AllocError, BufPool, ConfigError, Geometric, Global, HeapRef, Lease, PoolError, SmBuf};

fn pool_of(limit: usize, heap: &CountingHeap) -> BufPool<CountingHeap> {
    BufPool::builder().buf_size(100).limit(limit).build_in(heap.clone()).unwrap()
}

#[test]
fn the_limit_holds_and_a_dropped_lease_makes_room() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let (first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    assert_eq!((pool.in_flight(), heap.live(), first.capacity(), second.len()), (2, 2, 112, 0));
    let asked = heap.asked();
    assert_eq!(pool.try_acquire().unwrap_err(), PoolError::LimitReached { limit: 2, buf_size: 100 });
    assert_eq!((pool.in_flight(), heap.asked()), (2, asked));
    drop(first);
    assert_eq!((pool.in_flight(), heap.live()), (1, 1));
    let third = pool.try_acquire().unwrap();
    assert_eq!(pool.in_flight(), 2);
    drop((second, third, pool));
    heap.settle();
}

#[test]
fn a_refused_block_gives_the_permit_back() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    heap.refuse_after(0);
    let error = pool.try_acquire().unwrap_err();
    let reason = AllocError::Exhausted { bucket: 7, block_size: 112, blocks: 1 };
    assert_eq!((error, error.to_string()), (PoolError::Alloc(reason), reason.to_string()));
    assert_eq!(pool.in_flight(), 0);
    heap.refuse_nothing();
    assert!(pool.try_acquire().is_ok());
}

#[test]
fn leases_outlive_the_pool_and_the_last_one_ends_it() {
    let heap = CountingHeap::new();
    let pool = pool_of(3, &heap);
    let (first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    drop(pool);
    drop(first);
    // The heap, the pool's reference and the buffer's.
    assert_eq!((heap.live(), heap.references()), (1, 3));
    thread::spawn(move || drop(second)).join().unwrap();
    assert_eq!(heap.references(), 1);
    heap.settle();
}

#[test]
fn a_clone_is_a_handle_to_the_same_pool() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let other = pool.clone();
    let lease = other.try_acquire().unwrap();
    assert!(pool.try_acquire().is_err());
    drop(pool);
    drop(lease);
    assert_eq!(other.in_flight(), 0);
    assert!(other.try_acquire().is_ok());
    drop(other);
    assert_eq!(heap.references(), 1);
}

#[test]
fn a_leases_buffer_may_grow_shrink_and_be_exchanged() {
    let heap = CountingHeap::new();
    let pool = pool_of(2, &heap);
    let (mut first, mut second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    first.extend_from_slice(&[1; 5000]);
    second.push(2);
    second.shrink_to_fit();
    std::mem::swap(&mut *first, &mut *second);
    assert_eq!((&first[..], second.len(), pool.in_flight()), (&[2][..], 5000, 2));
    *second = SmBuf::copy_from_slice_in(b"another", heap.clone());
    assert_eq!(format!("{second:?}"), r#"b"another""#);
    assert_eq!((AsRef::<[u8]>::as_ref(&second), heap.live()), (&b"another"[..], 2));
    drop((first, second));
    assert_eq!(pool.in_flight(), 0);
    heap.settle();
}

#[test]
fn a_detached_buffer_counts_no_more() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let mut lease = pool.try_acquire().unwrap();
    lease.extend_from_slice(b"kept");
    let buf = lease.into_buf();
    assert_eq!((pool.in_flight(), heap.live()), (0, 1));
    assert!(pool.try_acquire().is_ok());
    drop(pool);
    assert_eq!(buf, b"kept");
    drop(buf);
    heap.settle();
}

#[test]
fn a_forgotten_lease_keeps_its_permit_and_the_pool() {
    let pool = BufPool::builder().limit(1).build().unwrap();
    let lease = Box::leak(Box::new(pool.try_acquire().unwrap()));
    assert!(pool.try_acquire().is_err());
    drop(pool);
    lease.push(1);
    // SAFETY: leaked in this test, and not used any more; taken back so that the leak checker has nothing to say.
    drop(unsafe { Box::from_raw(lease) });
}

#[test]
fn a_panic_with_a_lease_in_hand_loses_nothing() {
    let heap = CountingHeap::new();
    let pool = pool_of(1, &heap);
    let text = panic_text(|| {
        let _lease = pool.try_acquire().unwrap();
        panic!("dropped while unwinding");
    });
    assert_eq!((&text[..], pool.in_flight()), ("dropped while unwinding", 0));
    heap.settle();
}

#[test]
fn the_block_is_back_before_the_permit() {
    /// Looks at the pool when a block comes back.
    #[derive(Clone)]
    struct Watch;
    thread_local! {
        static POOL: RefCell<Option<BufPool<Watch>>> = const { RefCell::new(None) };
        static SEEN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    // SAFETY: the global heap, with a look at the pool.
    unsafe impl HeapRef for Watch {
        type Classes = Geometric<40>;

        fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
            Global.allocate(layout)
        }

        unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
            SEEN.set(POOL.with_borrow(|pool| pool.as_ref().unwrap().in_flight()));
            // SAFETY: the caller's promise.
            unsafe { Global.deallocate(block, layout) };
        }

        unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
            // SAFETY: the caller's promise.
            unsafe { Global.reallocate(block, old, new) }
        }
    }

    let pool = BufPool::builder().build_in(Watch).unwrap();
    POOL.set(Some(pool.clone()));
    drop(pool.try_acquire().unwrap());
    assert_eq!((SEEN.get(), pool.in_flight()), (1, 0));
    POOL.set(None);
}

#[test]
fn impossible_pools_are_refused_with_value_and_limit() {
    let build = |buf_size, limit| BufPool::builder().buf_size(buf_size).limit(limit).build().err();
    let most = u32::MAX as usize;
    assert_eq!(build(1, 0), Some(ConfigError::PoolLimit { buffers: 0, limit: most }));
    assert_eq!(build(1, most + 1), Some(ConfigError::PoolLimit { buffers: most + 1, limit: most }));
    for bytes in [0, SmBuf::MAX_CAPACITY + 1, usize::MAX] {
        assert_eq!(build(bytes, 1), Some(ConfigError::PoolBufSize { bytes, limit: SmBuf::MAX_CAPACITY }));
    }
    assert_eq!((build(1, most), build(SmBuf::MAX_CAPACITY, 1)), (None, None));
    assert_eq!(
        build(0, 1).unwrap().to_string(),
        format!("a pool's buffers were given 0 bytes each; they have 1 to {}", SmBuf::MAX_CAPACITY)
    );
}

#[test]
fn a_pool_shows_its_numbers() {
    let pool = BufPool::builder().buf_size(64).limit(3).build().unwrap();
    let _lease = pool.try_acquire().unwrap();
    assert_eq!(format!("{pool:?}"), "BufPool { buf_size: 64, limit: 3, in_flight: 1 }");
}

#[test]
fn bounds_are_those_of_the_heap() {
    fn crosses<T: Send + Sync + Unpin + std::panic::UnwindSafe + 'static>() {}
    crosses::<BufPool>();
    crosses::<Lease>();
    crosses::<PoolError>();
    assert_eq!(size_of::<Option<BufPool>>(), size_of::<usize>());
}

#[test]
fn the_limit_holds_under_threads_that_pass_leases_on() {
    const LIMIT: usize = 3;
    let heap = CountingHeap::new();
    let pool = pool_of(LIMIT, &heap);
    let held = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel::<Lease<CountingHeap>>();
    thread::scope(|scope| {
        for id in 0..4u8 {
            let (pool, held, sender) = (pool.clone(), &held, sender.clone());
            scope.spawn(move || {
                let mut served = 0;
                while served < 500 {
                    let Ok(mut lease) = pool.try_acquire() else {
                        thread::yield_now();
                        continue;
                    };
                    let now = held.fetch_add(1, Ordering::AcqRel) + 1;
                    assert!(now <= LIMIT, "{now} leases of {LIMIT}");
                    assert!(pool.in_flight() <= LIMIT);
                    lease.resize(100, id);
                    assert!(lease.iter().all(|byte| *byte == id));
                    served += 1;
                    if served % 2 == 0 {
                        sender.send(lease).unwrap();
                    } else {
                        held.fetch_sub(1, Ordering::AcqRel);
                        drop(lease);
                    }
                }
            });
        }
        drop(sender);
        for lease in receiver {
            assert!(lease.iter().all(|byte| *byte == lease[0]));
            held.fetch_sub(1, Ordering::AcqRel);
            drop(lease);
        }
    });
    assert_eq!(pool.in_flight(), 0);
    drop(pool);
    assert_eq!(heap.references(), 1);
    heap.settle();
}
