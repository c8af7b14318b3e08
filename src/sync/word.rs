//! `Word`: a number that a thread can sleep on until another thread changes it.
//!
//! The system's futex where there is one: it allocates nothing, and knows nothing of the word while nobody sleeps on it. Elsewhere
//! whoever waits looks again after ever longer naps. In models a mutex and a condition variable, which do what the kernel does.

pub(crate) use form::Word;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(any(loom, shuttle))))]
mod form {
    use core::num::NonZeroU32;
    use core::sync::atomic::{AtomicU32, Ordering};
    use rustix::thread::futex::{Flags, wait_bitset, wake_bitset};

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
        /// last five bits count.
        pub(crate) fn sleep(&self, seen: u32, who: u32) {
            // Whatever it returns, the caller looks again.
            let _ = wait_bitset(&self.0, Flags::PRIVATE, seen, None, bit(who));
        }

        /// Wakes those that sleep with the number `who`.
        pub(crate) fn wake(&self, who: u32) {
            // Fails for no word of this process's.
            let _ = wake_bitset(&self.0, Flags::PRIVATE, i32::MAX.unsigned_abs(), bit(who));
        }
    }

    fn bit(who: u32) -> NonZeroU32 {
        NonZeroU32::new(1 << (who % u32::BITS)).unwrap_or(NonZeroU32::MIN)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", loom, shuttle)))]
mod form {
    use core::sync::atomic::{AtomicU32, Ordering};
    use core::time::Duration;

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

        /// Naps until the word is no longer `seen`. Napping, not yielding: a thread of high priority that yields keeps those of low
        /// priority from running.
        pub(crate) fn sleep(&self, seen: u32, _: u32) {
            let mut nap = Duration::from_micros(20);
            // Relaxed: the caller looks again.
            while self.load(Ordering::Relaxed) == seen {
                std::thread::sleep(nap);
                nap = (nap * 2).min(Duration::from_millis(1));
            }
        }

        pub(crate) fn wake(&self, _: u32) {}
    }
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
