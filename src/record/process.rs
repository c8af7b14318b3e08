//! Which process this is, of one and those that were forked from it: known without a system call.

use crate::sync::Ordering;
use crate::sync::fixed::AtomicU32;

/// How many forks lie between the process in which `tell_apart` was called first and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A number that no process has which this one was forked from, if `tell_apart` was called there before.
#[inline]
pub(crate) fn number() -> u32 {
    // Relaxed: written while there is one thread.
    FORKS.load(Ordering::Relaxed)
}

/// From now on, children of forks have other numbers.
#[cfg(all(unix, not(miri)))]
pub(crate) fn tell_apart() {
    static ARRANGED: AtomicU32 = AtomicU32::new(0);
    // No lock, which a child would find taken. Two threads at once may both arrange it: then a child counts itself twice.
    // Acquire and Release: who sees that it is arranged may fork at once.
    if ARRANGED.load(Ordering::Acquire) == 0 {
        // SAFETY: I10: the function does not unwind and uses a static alone.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        ARRANGED.store(1, Ordering::Release);
    }
}

#[cfg(all(unix, not(miri)))]
extern "C" fn in_child() {
    // Relaxed: there is no other thread.
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Where there is no fork.
#[cfg(not(all(unix, not(miri))))]
pub(crate) fn tell_apart() {}
