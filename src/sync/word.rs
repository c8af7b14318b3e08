//! `Word`: a number that a thread can sleep on until another thread changes it.
//!
//! The system's futex where there is one (on Windows `WaitOnAddress`): it allocates nothing, and knows nothing of the word while nobody
//! sleeps on it. Elsewhere whoever waits looks again after ever longer naps. In models a mutex and a condition variable, which do what the kernel does.

#[cfg(any(loom, shuttle))]
pub(crate) use form::Word;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use real::Word;

#[cfg(not(any(loom, shuttle)))]
mod real {
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::form;

    /// Shared.
    #[derive(Debug)]
    pub(crate) struct Word(AtomicU32);

    impl Word {
        pub(crate) const fn new(value: u32) -> Self {
            Self(AtomicU32::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            self.0.store(value, order);
        }

        /// Sleeps, unless the word is no longer `seen`, until `wake` is called with the same number; perhaps less long. Of the numbers the
        /// last five bits count, where the system tells sleepers apart at all.
        pub(crate) fn sleep(&self, seen: u32, who: u32) {
            form::sleep(&self.0, seen, who);
        }

        /// Wakes those that sleep with the number `who`.
        pub(crate) fn wake(&self, who: u32) {
            form::wake(&self.0, who);
        }
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(loom, shuttle))))]
mod form {
    use core::ffi::c_int;
    use core::ptr;
    use core::sync::atomic::AtomicU32;

    pub(super) fn sleep(word: &AtomicU32, seen: u32, who: u32) {
        futex(word, libc::FUTEX_WAIT_BITSET, seen, who);
    }

    pub(super) fn wake(word: &AtomicU32, who: u32) {
        futex(word, libc::FUTEX_WAKE_BITSET, i32::MAX.unsigned_abs(), who);
    }

    /// What it returns matters to nobody: who slept looks again, and to wake fails for no word of this process's.
    fn futex(word: &AtomicU32, call: c_int, number: u32, who: u32) {
        let (word, call, bit) = (word.as_ptr(), call | libc::FUTEX_PRIVATE_FLAG, 1_u32 << (who % u32::BITS));
        let (no_time, no_other) = (ptr::null::<libc::timespec>(), ptr::null::<u32>());
        // SAFETY: I10: for both calls what the system says they take, and the word is there as long as it is looked at.
        unsafe { libc::syscall(libc::SYS_futex, word, call, number, no_time, no_other, bit) };
    }
}

#[cfg(all(windows, not(any(miri, loom, shuttle))))]
mod form {
    use core::ptr;
    use core::sync::atomic::AtomicU32;

    use windows_sys::Win32::System::Threading::{INFINITE, WaitOnAddress, WakeByAddressAll};

    /// Until `wake` is called with whichever number.
    pub(super) fn sleep(word: &AtomicU32, seen: u32, _: u32) {
        // SAFETY: I10: two places of four bytes, which are there as long as they are looked at.
        unsafe { WaitOnAddress(word.as_ptr().cast(), ptr::from_ref(&seen).cast(), size_of::<u32>(), INFINITE) };
    }

    /// All that sleep: the system does not tell them apart.
    pub(super) fn wake(word: &AtomicU32, _: u32) {
        // SAFETY: I10: an address, which is not looked at.
        unsafe { WakeByAddressAll(word.as_ptr().cast()) };
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", all(windows, not(miri)), loom, shuttle)))]
mod form {
    use core::sync::atomic::{AtomicU32, Ordering};
    use core::time::Duration;

    /// Naps until the word is no longer `seen`. Napping, not yielding: a thread of high priority that yields keeps those of low
    /// priority from running.
    pub(super) fn sleep(word: &AtomicU32, seen: u32, _: u32) {
        let mut nap = Duration::from_micros(20);
        // Relaxed: the caller looks again.
        while word.load(Ordering::Relaxed) == seen {
            std::thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(1));
        }
    }

    pub(super) fn wake(_: &AtomicU32, _: u32) {}
}

#[cfg(any(loom, shuttle))]
mod form {
    use super::super::{AtomicU32, Condvar, Mutex, Ordering};

    /// Shared.
    #[derive(Debug)]
    pub(crate) struct Word {
        value: AtomicU32,
        /// The kernel's lock over those who sleep: no wake falls between a sleeper's last look and its sleep.
        queue: Mutex<()>,
        woken: Condvar,
    }

    impl Word {
        pub(crate) fn new(value: u32) -> Self {
            Self { value: AtomicU32::new(value), queue: Mutex::new(()), woken: Condvar::new() }
        }

        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.value.load(order)
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            self.value.store(value, order);
        }

        pub(crate) fn sleep(&self, seen: u32, _: u32) {
            let queue = self.queue.lock().unwrap();
            // Relaxed: the caller looks again.
            if self.load(Ordering::Relaxed) == seen {
                drop(self.woken.wait(queue).unwrap());
            }
        }

        pub(crate) fn wake(&self, _: u32) {
            let _queue = self.queue.lock().unwrap();
            self.woken.notify_all();
        }
    }
}
