//! The atomics every concurrent file uses: the core library's, or loom's when a model runs. The only file that names loom.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(all(feature = "async", loom))]
pub(crate) use loom::sync::Mutex;
#[cfg(all(feature = "async", not(loom)))]
pub(crate) use std::sync::Mutex;

/// Locks a mutex whose guarded value is right at every step, so that a panic meanwhile has harmed nothing.
#[cfg(feature = "async")]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> impl core::ops::DerefMut<Target = T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// For statics whose type is a model's.
#[cfg(loom)]
pub(crate) use loom::lazy_static;

/// Atomics that are the core library's even under loom.
///
/// For words in memory that starts as zero bytes, and for statics: loom's types allow neither. No protocol that
/// a model covers may use them.
pub(crate) mod fixed {
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize};
}

/// Lets another thread run while this one waits for it.
pub(crate) fn pause(backoff: &crossbeam_utils::Backoff) {
    #[cfg(not(loom))]
    backoff.snooze();
    #[cfg(loom)]
    {
        let _ = backoff;
        loom::thread::yield_now();
    }
}

/// What models are made of.
#[cfg(all(test, loom))]
pub(crate) use loom::{cell::UnsafeCell, sync::Arc, thread};

/// Waits for a future in a model.
#[cfg(all(test, loom, feature = "async"))]
pub(crate) use loom::future::block_on;

/// Runs `model` under every schedule loom can think of, with at most three preemptions.
#[cfg(all(loom, test))]
pub(crate) fn model(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
