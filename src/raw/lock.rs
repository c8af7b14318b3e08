//! A spin lock whose holder does little: for the registry, the building of a static heap, and a fallback's list.
//!
//! Not `std::sync::Mutex`, because a fork must be able to take it before and release it after in both processes, with no guard
//! on any stack; and because nothing under a global allocator may allocate.

use crossbeam_utils::Backoff;

use crate::sync::{AtomicBool, Ordering, pause};

/// Shared. Not reentrant.
#[derive(Debug)]
pub(crate) struct Lock {
    held: AtomicBool,
}

impl Lock {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { held: AtomicBool::new(false) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { held: AtomicBool::new(false) }
    }

    /// Waits until nobody holds the lock, and takes it.
    pub(crate) fn acquire(&self) {
        let backoff = Backoff::new();
        // Acquire pairs with `release`: what the last holder did is seen.
        while self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            pause(&backoff);
        }
    }

    /// Lets the next one in. Only the holder calls this.
    pub(crate) fn release(&self) {
        // Release pairs with `acquire`.
        self.held.store(false, Ordering::Release);
    }

    /// Whether somebody holds it, for tests.
    #[cfg(all(test, not(loom), not(shuttle)))]
    pub(crate) fn is_held(&self) -> bool {
        // Relaxed: only the test's own thread changes it.
        self.held.load(Ordering::Relaxed)
    }

    /// Runs `body` while holding the lock. A panic in `body` releases it.
    pub(crate) fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        struct Release<'l>(&'l Lock);
        impl Drop for Release<'_> {
            fn drop(&mut self) {
                self.0.release();
            }
        }
        self.acquire();
        let _release = Release(self);
        body()
    }
}
