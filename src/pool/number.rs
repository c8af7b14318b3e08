//! This thread's number among those that give buffers back: the permit cache it has in every pool.
//!
//! A number of its own and not the kernel's thread slot: that one is for blocks, and a pool may stand on a heap that is not ours.

/// What a thread without a number has.
const NONE: usize = usize::MAX;

pub(super) use own::{claim, current, taken};

/// One thread's at a time: whoever has a number sees what the one before did.
#[cfg(not(any(loom, shuttle)))]
mod own {
    use core::cell::Cell;
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::NONE;
    use crate::pool::permit_cache::THREADS;

    /// A bit for each number that a thread has.
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    const _: () = assert!(THREADS <= 32);

    /// Gives the thread's number up when the thread ends. It knows the number itself: where thread-locals are made of keys, `NUMBER` may be
    /// gone before.
    struct Holding(Cell<usize>);

    impl Drop for Holding {
        fn drop(&mut self) {
            NUMBER.set(NONE);
            let number = self.0.get();
            if number != NONE {
                // Release: pairs with the Acquire in `claim`.
                TAKEN.fetch_and(!(1 << number), Ordering::Release);
            }
        }
    }

    thread_local! {
        // Const and without a destructor: one plain load, and usable at any moment of a thread's life.
        static NUMBER: Cell<usize> = const { Cell::new(NONE) };
        static HOLDING: Holding = const { Holding(Cell::new(NONE)) };
    }

    /// This thread's number; one that no permit cache has if it has none.
    #[inline(always)]
    pub(in crate::pool) fn current() -> usize {
        // Not `get`, which in builds with many codegen units stays a call.
        NUMBER.try_with(Cell::get).unwrap_or(NONE)
    }

    /// As `current`; takes the lowest free number first if this thread has none. It goes without one when all are taken, and when it
    /// is past the end of its thread-locals.
    #[cold]
    pub(in crate::pool) fn claim() -> usize {
        if NUMBER.get() == NONE {
            let _ = HOLDING.try_with(|holding| {
                if holding.0.get() == NONE {
                    holding.0.set(lowest());
                }
                NUMBER.set(holding.0.get());
            });
        }
        NUMBER.get()
    }

    /// Takes the lowest free number, if there is one.
    fn lowest() -> usize {
        // Relaxed: a guess that the exchange below verifies.
        let mut taken = TAKEN.load(Ordering::Relaxed);
        while (taken.trailing_ones() as usize) < THREADS {
            let number = taken.trailing_ones();
            // Acquire: what the number's last holder did to its caches comes before what this thread does.
            match TAKEN.compare_exchange_weak(taken, taken | 1 << number, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return number as usize,
                Err(now) => taken = now,
            }
        }
        NONE
    }

    /// How many threads have numbers; 1 at least.
    pub(in crate::pool) fn taken() -> u32 {
        // Relaxed: an estimate, with which nothing is published.
        TAKEN.load(Ordering::Relaxed).count_ones().max(1)
    }

    #[cfg(test)]
    mod tests {
        use std::sync::mpsc;
        use std::thread;

        use super::*;

        #[test]
        fn threads_have_numbers_of_their_own_and_give_them_up() {
            let mine = claim();
            let (said, number) = mpsc::channel();
            let (go, wait) = mpsc::channel::<()>();
            let other = thread::spawn(move || {
                said.send(claim()).unwrap();
                wait.recv().unwrap_err();
                assert_eq!(current(), claim());
            });
            let others = number.recv().unwrap();
            assert!(taken() > u32::from(mine != NONE) || others == NONE);
            assert!(mine != others && (mine == NONE || mine == current()));
            drop(go);
            other.join().unwrap();
            let numbers: Vec<_> = (0..2 * THREADS).map(|_| thread::spawn(claim).join().unwrap()).collect();
            // One after the other they need no more numbers than a few, however many other tests are running.
            assert!(numbers.iter().filter(|number| **number != NONE).count() > THREADS, "{numbers:?}");
        }
    }
}

/// The threads of a model say which cache is theirs.
#[cfg(loom)]
mod own {
    pub(in crate::pool) fn current() -> usize {
        super::NONE
    }

    pub(in crate::pool) fn claim() -> usize {
        super::NONE
    }

    pub(in crate::pool) fn taken() -> u32 {
        1
    }
}

/// The first threads of a schedule have numbers, and nobody has one of them again.
#[cfg(shuttle)]
mod own {
    use core::cell::Cell;

    use crate::sync::{AtomicUsize, LocalCell, Ordering};

    crate::sync::lazy_static! {
        static ref NEXT: AtomicUsize = AtomicUsize::new(0);
    }

    crate::sync::thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(super::NONE) };
    }

    pub(in crate::pool) fn current() -> usize {
        NUMBER.get()
    }

    pub(in crate::pool) fn claim() -> usize {
        if NUMBER.get() == super::NONE {
            // Relaxed: only that nobody else gets the number matters.
            NUMBER.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        NUMBER.get()
    }

    pub(in crate::pool) fn taken() -> u32 {
        2
    }
}
