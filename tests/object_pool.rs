//! `ObjectPool`: values are made once, lent to one at a time, reset before the next, and never more than the limit.

#![cfg(feature = "async")]

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use smarena::{AcquireObject, ConfigError, Loan, NoneFree, ObjectBatch, ObjectPool, SmBytes};

/// A pool of numbered values, and how many were made and are alive.
struct Numbered {
    pool: ObjectPool<Value>,
    made: Arc<AtomicUsize>,
    alive: Arc<AtomicUsize>,
}

struct Value {
    number: usize,
    used: bool,
    alive: Arc<AtomicUsize>,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Numbered {
    fn with_limit(limit: usize) -> Self {
        let (made, alive) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, living) = (Arc::clone(&made), Arc::clone(&alive));
        let make = move || {
            living.fetch_add(1, Ordering::Relaxed);
            Value { number: counted.fetch_add(1, Ordering::Relaxed), used: false, alive: Arc::clone(&living) }
        };
        let pool = ObjectPool::builder(make).reset(|value| value.used = false).limit(limit).build().unwrap();
        Numbered { pool, made, alive }
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }
}

#[test]
fn values_are_made_when_needed_and_reset_when_they_come_back() {
    let numbered = Numbered::with_limit(2);
    let pool = &numbered.pool;
    assert_eq!(numbered.made(), 0);
    let (mut first, second) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    first.used = true;
    assert_eq!((first.number, second.number, pool.in_flight()), (0, 1, 2));
    let refused = pool.try_acquire().map(|loan| loan.number).unwrap_err();
    assert_eq!(refused, NoneFree { limit: 2, timeout: None });
    drop(first);
    let again = pool.try_acquire().unwrap();
    assert_eq!((again.number, again.used, numbered.made()), (0, false, 2));
    let stats = pool.stats();
    assert_eq!((stats.peak, stats.refusals, stats.idle, stats.congested), (2, 1, 0, true));
}

#[test]
fn values_outlive_the_handles_and_end_with_the_last_loan() {
    let Numbered { pool, alive, .. } = Numbered::with_limit(3);
    let (one, two) = (pool.try_acquire().unwrap(), pool.try_acquire().unwrap());
    drop(one);
    drop(pool);
    assert_eq!(alive.load(Ordering::Relaxed), 2);
    thread::spawn(move || drop(two)).join().unwrap();
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_taken_out_is_no_more_the_pools() {
    let numbered = Numbered::with_limit(1);
    let value = numbered.pool.try_acquire().unwrap().into_inner();
    assert_eq!((numbered.pool.in_flight(), numbered.alive(), value.number), (0, 1, 0));
    assert_eq!(numbered.pool.try_acquire().unwrap().number, 1);
    numbered.pool.trim();
    assert_eq!(numbered.alive(), 1);
    drop(value);
    assert_eq!(numbered.alive(), 0);
}

#[test]
fn who_waits_is_served_in_order() {
    let Numbered { pool, .. } = Numbered::with_limit(1);
    let loan = pool.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(pool.acquire()), pin!(pool.acquire()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
    assert_eq!(pool.stats().waiting, 2);
    drop(loan);
    assert!(pool.try_acquire().is_err(), "taken from who waits");
    assert!(second.as_mut().poll(&mut context).is_pending());
    let loan = first.as_mut().poll(&mut context);
    assert!(loan.is_ready());
    drop(loan);
    assert!(second.as_mut().poll(&mut context).is_ready());
    let error = {
        let _loan = pool.acquire_blocking(None).unwrap();
        pool.acquire_blocking(Some(Duration::ZERO)).map(drop).unwrap_err()
    };
    assert_eq!(error, NoneFree { limit: 1, timeout: Some(Duration::ZERO) });
    assert_eq!(error.to_string(), "all 1 values were on loan for 0ns");
}

#[test]
fn impossible_pools_are_refused() {
    let refused = |limit, low, high| ObjectPool::builder(|| ()).limit(limit).watermarks(low, high).build().unwrap_err();
    assert!(matches!(refused(0, 0, 1), ConfigError::PoolLimit { buffers: 0, .. }));
    assert_eq!(refused(4, 2, 5), ConfigError::PoolWatermarks { low: 2, high: 5, limit: 4 });
}

#[test]
fn threads_never_share_a_value_and_make_no_more_than_the_limit() {
    const LIMIT: usize = 40;
    let numbered = Numbered::with_limit(LIMIT);
    let held = Mutex::new(HashSet::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..200 {
                    let Ok(batch) = numbered.pool.acquire_batch(1 + round % 7) else { continue };
                    for mut loan in batch {
                        assert!(!loan.used, "it was not reset");
                        loan.used = true;
                        assert!(held.lock().unwrap().insert(loan.number), "two have one value");
                        assert!(numbered.alive() <= LIMIT);
                        held.lock().unwrap().remove(&loan.number);
                    }
                }
            });
        }
    });
    assert!(numbered.made() <= LIMIT);
    assert_eq!((numbered.pool.in_flight(), numbered.pool.stats().idle), (0, numbered.made()));
}

#[test]
fn bounds_are_those_of_the_value() {
    fn crosses<T: Send + Sync>() {}
    crosses::<ObjectPool<Vec<u8>>>();
    crosses::<ObjectPool<std::cell::Cell<u8>>>();
    crosses::<Loan<Vec<u8>>>();
    crosses::<ObjectBatch<'_, u8>>();
    fn is_send<T: Send>() {}
    is_send::<Loan<std::cell::Cell<u8>>>();
    is_send::<AcquireObject<'_, u8>>();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against lists: which values are idle, last in, first out, and which are on loan.
    #[test]
    fn a_pool_of_values_is_a_list_of_idle_ones_and_a_count(steps in prop::collection::vec((0..5, any::<prop::sample::Index>()), 1..100)) {
        const LIMIT: usize = 5;
        let numbered = Numbered::with_limit(LIMIT);
        let (mut out, mut idle, mut kept, mut next) = (Vec::<Loan<Value>>::new(), Vec::new(), Vec::new(), 0);
        for (step, which) in steps {
            match step {
                0 | 1 => match numbered.pool.try_acquire() {
                    Ok(loan) => {
                        let expected = idle.pop().unwrap_or_else(|| { next += 1; next - 1 });
                        prop_assert_eq!(loan.number, expected);
                        out.push(loan);
                    }
                    Err(NoneFree { .. }) => prop_assert_eq!(out.len(), LIMIT),
                },
                2 if !out.is_empty() => {
                    let loan = out.swap_remove(which.index(out.len()));
                    idle.push(loan.number);
                    drop(loan);
                }
                3 if !out.is_empty() => kept.push(out.swap_remove(which.index(out.len())).into_inner()),
                4 => {
                    numbered.pool.trim();
                    idle.clear();
                }
                _ => {}
            }
            let stats = numbered.pool.stats();
            prop_assert_eq!((stats.in_flight, stats.idle), (out.len(), idle.len()));
            prop_assert_eq!(numbered.alive(), out.len() + idle.len() + kept.len());
        }
    }
}

#[test]
fn a_loan_of_bytes_is_shared_without_a_copy_and_comes_back_with_the_last_part() {
    let pool = ObjectPool::builder(|| vec![0_u8; 64]).limit(1).build().unwrap();
    let mut loan = pool.try_acquire().unwrap();
    loan[..5].copy_from_slice(b"bytes");
    let address = loan.as_ptr();
    let bytes = SmBytes::from_owner(loan).slice(..5);
    assert_eq!((bytes.as_ptr(), &bytes[..]), (address, &b"bytes"[..]));
    let part = bytes.slice(2..);
    drop(bytes);
    assert!(pool.try_acquire().is_err());
    drop(part);
    // Made once; nobody has told the pool to clear it.
    assert_eq!(&pool.try_acquire().unwrap()[..6], b"bytes\0");
}
