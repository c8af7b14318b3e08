//! The atomics every concurrent file uses: the core library's, or loom's when a model runs. The only file that names loom.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
/// What models are made of.
#[cfg(all(test, loom))]
pub(crate) use loom::{cell::UnsafeCell, sync::Arc, thread};

/// Runs `model` under every schedule loom can think of, with at most three preemptions.
#[cfg(all(loom, test))]
pub(crate) fn model(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
