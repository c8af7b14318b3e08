//! What a pool asks of the system's allocator: nothing, once the heap is warm.

#[path = "common/counting.rs"]
mod counting;

#[cfg(feature = "async")]
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Waker},
};

use smarena::BufPool;

#[test]
fn acquiring_waiting_and_freezing_ask_nothing_of_the_system() {
    let pool = BufPool::builder().limit(8).build().unwrap();
    let mut shared = Vec::with_capacity(100);
    let mut round = || {
        let mut lease = pool.try_acquire().unwrap();
        lease.extend_from_slice(&[7; 2000]);
        let bytes = lease.freeze();
        shared.extend((0..100).map(|_| bytes.clone()));
        drop(bytes);
        assert_eq!(pool.in_flight(), 1);
        shared.clear();
        drop(pool.acquire_batch(5).unwrap().next());
        #[cfg(feature = "async")]
        drop(pool.acquire_blocking(None).unwrap());
        #[cfg(feature = "async")]
        {
            let full = pool.acquire_batch(8).unwrap();
            let mut context = Context::from_waker(Waker::noop());
            let (mut first, mut second) = (pool.acquire(), pool.acquire());
            assert!(Pin::new(&mut first).poll(&mut context).is_pending());
            assert!(Pin::new(&mut second).poll(&mut context).is_pending());
            drop((first, full));
            assert!(Pin::new(&mut second).poll(&mut context).is_ready());
        }
        assert_eq!(pool.stats().in_flight, 0);
    };
    round();
    let before = counting::allocations_here();
    for _ in 0..1000 {
        round();
    }
    assert_eq!(counting::allocations_here() - before, 0);
}
