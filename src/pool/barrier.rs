//! Two barriers for two threads that each store one word and then load the other's: the light one often, the heavy one seldom.
//!
//! Of a thread that stores, passes a light barrier and loads, and one that stores, passes a heavy one and loads, at least one sees
//! what the other stored: as if both were `fence(SeqCst)`. Where Linux's `membarrier` is to be had, the light one keeps the compiler
//! from changing the order, and costs nothing; the heavy one has the kernel interrupt whatever other threads of this process
//! are running at that moment, so that each of them passes a full barrier.

use crate::sync::{Ordering, fence};

/// Which of the two kinds of barrier this process has. Shared by all threads, immutable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barrier {
    /// `membarrier` was granted to this process.
    expedited: bool,
}

impl Barrier {
    /// That of a system without `membarrier`.
    #[cfg(loom)]
    pub(super) const FENCE: Self = Barrier { expedited: false };

    /// Asks the system which kind it offers. Threads that synchronize with each other must use copies of one barrier.
    pub(super) fn new() -> Self {
        Barrier { expedited: system::register() }
    }

    /// Whether the light one takes an instruction: then it is `fence`, and otherwise `light`.
    pub(super) fn is_fence(self) -> bool {
        !self.expedited
    }

    /// What the thread that comes often has between its store and its load, where there is `membarrier`; elsewhere nothing.
    #[inline(always)]
    pub(super) fn light(self) {
        system::light(self.expedited);
    }

    /// The light one where there is no `membarrier`.
    #[inline(always)]
    pub(super) fn fence(self) {
        // SeqCst: the one order that keeps a store before a later load; its partner is the fence in `heavy`.
        fence(Ordering::SeqCst);
    }

    /// What the thread that comes seldom has between its store and its load. A system call.
    #[cold]
    pub(super) fn heavy(self) {
        if self.expedited {
            system::interrupt_all();
        } else {
            self.fence();
        }
    }
}

/// Keeps the compiler from changing the order of what comes before and behind.
#[cfg(not(loom))]
#[inline(always)]
fn keep_order(_: bool) {
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

#[cfg(all(target_os = "linux", not(any(smarena_portable, miri, loom, shuttle))))]
mod system {
    use core::ffi::c_int;

    pub(super) use super::keep_order as light;

    pub(super) fn register() -> bool {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn interrupt_all() {
        // Registered anew, should this be the child of a fork and have lost it.
        if !(call() || register() && call()) {
            refused();
        }
    }

    fn call() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn membarrier(command: c_int) -> bool {
        // SAFETY: I10: the system's call of that name, which takes a command and flags and touches no memory.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0) == 0 }
    }

    /// A filter of system calls was set up after the pool was made. To go on would be a guess about other threads' memory.
    #[cold]
    fn refused() -> ! {
        eprintln!("smarena: membarrier(2) was granted when the pool was made, and is refused now");
        std::process::abort()
    }
}

#[cfg(not(any(loom, all(target_os = "linux", not(any(smarena_portable, miri, shuttle))))))]
mod system {
    pub(super) use super::keep_order as light;

    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn interrupt_all() {
        unreachable!("never granted");
    }
}

/// In models it is what a light and a heavy one amount to together.
#[cfg(loom)]
mod system {
    use super::{Ordering, fence};

    pub(super) fn register() -> bool {
        true
    }

    pub(super) fn light(expedited: bool) {
        if expedited {
            interrupt_all();
        }
    }

    pub(super) fn interrupt_all() {
        // SeqCst: as in `Barrier::fence`.
        fence(Ordering::SeqCst);
    }
}
