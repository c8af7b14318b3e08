//! A value that is made when it is first wanted: without a lock, so that nobody in a fork's child waits for a thread that did not come along.
//!
//! # Invariants
//! - **Q1 first.** The pointer is null, or that of a box which `get_or_make` made, which stands there until `drop`, and which nobody else frees.

use core::fmt;
use core::ptr::null_mut;

use crate::sync::Ordering;
use crate::sync::fixed::AtomicPtr;

/// Shared.
pub(super) struct First<T: Send + Sync>(AtomicPtr<T>);

impl<T: Send + Sync> First<T> {
    pub(super) const fn none() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&T> {
        // Acquire pairs with `make`: who sees the pointer sees the value made.
        // SAFETY: Q1: null, or a value that stays as long as this borrow.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// The value, made now if there is none. Threads that are here at once may all make one: the first one's stays.
    #[inline]
    pub(super) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.get().unwrap_or_else(|| self.make(make()))
    }

    #[cold]
    fn make(&self, value: T) -> &T {
        let made = Box::into_raw(Box::new(value));
        // Release pairs with `get`, Acquire with the Release of whoever was first.
        let stays = match self.0.compare_exchange(null_mut(), made, Ordering::Release, Ordering::Acquire) {
            Ok(_) => made,
            Err(first) => {
                // SAFETY: Q1: a box, which nobody else has seen.
                drop(unsafe { Box::from_raw(made) });
                first
            }
        };
        // SAFETY: Q1: it stays as long as this borrow.
        unsafe { &*stays }
    }
}

impl<T: Send + Sync> Drop for First<T> {
    fn drop(&mut self) {
        let value = *self.0.get_mut();
        if !value.is_null() {
            // SAFETY: Q1: a box, which nobody else frees; nobody borrows it any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

impl<T: Send + Sync> fmt::Debug for First<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.get().is_some() { "made" } else { "not made" })
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::sync::{Arc, Barrier};

    #[test]
    fn of_many_that_are_made_at_once_one_stays_and_the_others_go() {
        let (first, made, start) = (First::none(), AtomicUsize::new(0), Barrier::new(4));
        let all = Arc::new(());
        let seen: Vec<usize> = std::thread::scope(|scope| {
            let one = || {
                start.wait();
                first.get_or_make(|| (made.fetch_add(1, Relaxed), all.clone())).0
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|number| Some(*number) == first.get().map(|value| value.0)), "{seen:?}");
        assert_eq!(Arc::strong_count(&all), 2, "the one that stays is all there is");
        drop(first);
        assert_eq!(Arc::strong_count(&all), 1);
    }
}
