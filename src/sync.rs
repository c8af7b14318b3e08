//! The atomics every concurrent file uses: the core library's, loom's when a model runs, shuttle's when schedules are tried at random.
//! The only file that names either.

use crate::derived::dereference;

#[cfg(not(any(loom, shuttle)))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::{Condvar, Mutex};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Condvar, Mutex};
#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::sync::Mutex;

mod word;
pub(crate) use word::Word;

/// Locks a mutex whose guarded value is right at every step, so that a panic meanwhile has harmed nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> impl core::ops::DerefMut<Target = T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// For statics whose type is a model's, or which every schedule begins anew with.
#[cfg(loom)]
pub(crate) use loom::lazy_static;
#[cfg(shuttle)]
pub(crate) use shuttle::lazy_static;

#[cfg(shuttle)]
pub(crate) use shuttle::thread_local;
#[cfg(not(shuttle))]
pub(crate) use std::thread_local;

/// What the standard library's thread-local cells can do, for those of a schedule.
#[cfg(shuttle)]
pub(crate) trait LocalCell<T> {
    fn get(&'static self) -> T;
    fn set(&'static self, value: T);
}

#[cfg(shuttle)]
impl<T: Copy> LocalCell<T> for shuttle::thread::LocalKey<core::cell::Cell<T>> {
    fn get(&'static self) -> T {
        self.with(core::cell::Cell::get)
    }

    fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }
}

/// A function that is `const`, but for models, whose atomics cannot be made at compile time.
macro_rules! const_but_for_models {
    ($(#[$meta:meta])* $visibility:vis fn $($function:tt)+) => {
        $(#[$meta])*
        #[cfg(not(any(loom, shuttle)))]
        $visibility const fn $($function)+

        $(#[$meta])*
        #[cfg(any(loom, shuttle))]
        $visibility fn $($function)+
    };
}

/// An array of a value that such a function makes: a constant, but for models.
#[cfg(not(any(loom, shuttle)))]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        [const { $value }; $len]
    };
}
#[cfg(any(loom, shuttle))]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        core::array::from_fn::<_, { $len }, _>(|_| $value)
    };
}

pub(crate) use {array_of, const_but_for_models};

/// Atomics that are the core library's even under loom.
///
/// For words in memory that starts as zero bytes, and for statics: loom's types allow neither. A protocol that a model covers
/// must not name them, but may leave to its user which atomics it uses.
pub(crate) mod fixed {
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize};
}

/// A value with its cache lines to itself, so that writing it slows nobody down who uses its neighbours. Processors fetch
/// lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

dereference! { [T] CachePadded<T> => T: |padded| &padded.0 }

/// Looks until there is an answer, for which another thread needs a few instructions more. That thread may have to be given
/// this one's processor first, so it soon is.
pub(crate) fn spin_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let mut pauses = 1;
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        if cfg!(any(loom, shuttle)) || pauses > 64 {
            thread::yield_now();
        } else {
            for _ in 0..pauses {
                core::hint::spin_loop();
            }
            pauses *= 2;
        }
    }
}

#[cfg(loom)]
pub(crate) use loom::thread;
#[cfg(shuttle)]
pub(crate) use shuttle::thread;
#[cfg(not(any(loom, shuttle)))]
use std::thread;

/// What models are made of.
#[cfg(all(test, loom))]
pub(crate) use loom::{cell::UnsafeCell, sync::Arc};

/// What schedules choose by.
#[cfg(all(test, shuttle))]
pub(crate) use shuttle::rand;

/// Waits for a future in a model.
#[cfg(all(test, loom, feature = "async"))]
pub(crate) use loom::future::block_on;
#[cfg(all(test, shuttle, feature = "async"))]
pub(crate) use shuttle::future::block_on;

/// Runs `model` under every schedule loom can think of, with at most three preemptions.
#[cfg(all(loom, test))]
pub(crate) fn model(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Runs `body` under many schedules, which are chosen at random: half of them switch at any moment, half seldom.
#[cfg(all(shuttle, test))]
pub(crate) fn schedules(body: impl Fn() + Send + Sync + Copy + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

    /// A schedule takes a few milliseconds.
    const COUNT: usize = 1000;

    fn run(scheduler: impl Scheduler + 'static, body: impl Fn() + Send + Sync + 'static) {
        let mut config = shuttle::Config::new();
        config.stack_size = 256 << 10;
        shuttle::Runner::new(scheduler, config).run(body);
    }

    run(RandomScheduler::new(COUNT), body);
    run(PctScheduler::new(3, COUNT), body);
}
