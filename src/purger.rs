//! `Purger`: a thread that gives memory back while the program is silent.

use crate::derived::debug_by;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, process};

/// A thread that asks heaps for their free memory again and again, for programs that fall silent.
///
/// A heap gives back by itself what nobody has wanted for a while, by whoever comes by a slow path ([`Purge::After`](crate::Purge)). If nobody comes, nothing goes
/// back. This one comes: as long as it lives, it calls [`Heap::purge`](crate::Heap::purge), or whatever it is given, with a pause before each call. The second
/// call in a silence gives back all that is free but what threads have cached; the calls after it find nothing and cost next to nothing.
///
/// Dropping it ends the thread at once, however long the pause is; a call that is under way is waited for. In a fork's child there is no such
/// thread, and dropping it does nothing. If what it calls panics, that is the end of the thread.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use smarena::{Global, Heap, Linear, Purger, StaticHeap};
///
/// let heap = Arc::new(Heap::<Linear<64>>::new(16 << 20)?);
/// let purger = Purger::start(Duration::from_secs(1), {
///     let heap = Arc::clone(&heap);
///     move || _ = heap.purge() + Global::HEAP.purge()
/// })?;
/// // … the program …
/// drop(purger);
/// assert_eq!(Arc::strong_count(&heap), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Purger {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
    /// The process that has the thread.
    process: u32,
}

/// Whether the thread shall end.
#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn stopped(&self) -> MutexGuard<'_, bool> {
        // Nobody panics while holding it.
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so long, or until the thread shall end: then true.
    fn is_within(&self, pause: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.stopped(), pause, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Purger {
    /// Starts the thread, which calls `purge` after each `pause`. `Duration::MAX` is for ever.
    ///
    /// # Errors
    /// The system's own, if it refuses a thread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use smarena::{Global, Purger, StaticHeap};
    ///
    /// let _purger = Purger::start(Duration::from_secs(5), || _ = Global::HEAP.purge())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start(pause: Duration, mut purge: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let told = Arc::clone(&stop);
        let run = move || {
            while !told.is_within(pause) {
                purge();
            }
        };
        let thread = thread::Builder::new().name("smarena-purger".to_owned()).spawn(run)?;
        Ok(Self { stop, thread: Some(thread), process: process::id() })
    }
}

impl Drop for Purger {
    fn drop(&mut self) {
        // In a fork's child whoever held the lock is gone, and nobody would ever be joined.
        let Some(thread) = self.thread.take().filter(|_| self.process == process::id()) else { return };
        *self.stop.stopped() = true;
        self.stop.changed.notify_one();
        // Dropped by its own thread, it ends after this call.
        if thread.thread().id() != thread::current().id() {
            // A panic was told of when it happened.
            thread.join().unwrap_or_default();
        }
    }
}

debug_by! { [] Purger |_| {} }
