//! A lock whose waiters sleep, and come in in the order in which they arrived: for the registry, the building of a static heap, a
//! heap's caches and its fallback.
//!
//! ```text
//! acquire:  ticket = next++;  until turns[ticket] == ticket: sleep on that word
//! release:  turns[ticket + 1] = ticket + 1;  somebody has that ticket? wake it
//! ```
//!
//! Nobody waits for more threads than came before it; and who waits does not run, so that a thread of high priority does not keep the
//! holder from its turn. Not `std::sync::Mutex`, because a fork must be able to take it before and release it after in both processes,
//! with no guard on any stack; and because nothing under a global allocator may allocate.

use crate::sync::{AtomicU32, Ordering, Word, array_of, const_but_for_models, fence};

/// Words that the tickets take turns at, so that a wake reaches one sleeper and not all: with the 32 bits that the system tells
/// sleepers on one word apart by, one of 256.
const WORDS: u32 = if cfg!(any(loom, shuttle)) { 1 } else { 8 };
/// How often whoever is next looks before it sleeps: a holder has little to do.
const LOOKS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 40 };

/// Shared. Not reentrant.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The ticket of whoever comes next.
    next: AtomicU32,
    /// The holder's ticket, or the next one's if nobody holds the lock.
    turn: AtomicU32,
    /// Of the tickets that share a word, the last one whose turn has come.
    turns: [Word; WORDS as usize],
}

impl Lock {
    const_but_for_models! {
        pub(crate) fn new() -> Self {
            Self { next: AtomicU32::new(0), turn: AtomicU32::new(0), turns: array_of![Word::new(0); WORDS as usize] }
        }
    }

    /// Waits for all that came before, and takes the lock.
    pub(crate) fn acquire(&self) {
        // Relaxed: a number that nobody else gets; what comes before it is ordered by the fence in `wait`.
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        count::acquisition();
        // Acquire pairs with `release`: what the last holder did is seen.
        if self.word(ticket).load(Ordering::Acquire) != ticket {
            self.wait(ticket);
        }
    }

    /// Takes the lock if nobody has it or waits for it.
    fn try_acquire(&self) -> bool {
        // Relaxed, all: as in `acquire`; and a turn that is over leads to a ticket that is taken.
        let ticket = self.turn.load(Ordering::Relaxed);
        let next = ticket.wrapping_add(1);
        let is_mine = self.next.compare_exchange(ticket, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_mine {
            count::acquisition();
            // The last holder may still be about to say so.
            self.wait(ticket);
        }
        is_mine
    }

    #[cold]
    fn wait(&self, ticket: u32) {
        // Relaxed: how many come before this one, for tests.
        count::wait(|| ticket.wrapping_sub(self.turn.load(Ordering::Relaxed)));
        let word = self.word(ticket);
        let mut looks = LOOKS;
        loop {
            // Acquire pairs with `release`, as in `acquire`.
            let seen = word.load(Ordering::Acquire);
            if seen == ticket {
                return;
            }
            // Relaxed: a hint.
            if looks > 0 && ticket.wrapping_sub(self.turn.load(Ordering::Relaxed)) <= 1 {
                looks -= 1;
                core::hint::spin_loop();
                continue;
            }
            // Pairs with that in `release`: either the holder sees that the ticket was taken, or the sleeper that its turn has come.
            fence(Ordering::SeqCst);
            count::sleep();
            word.sleep(seen, ticket / WORDS);
        }
    }

    /// Lets the next one in. Only the holder calls this, on whichever thread.
    pub(crate) fn release(&self) {
        // Relaxed, both: the holder's own, handed on with the lock.
        let next = self.turn.load(Ordering::Relaxed).wrapping_add(1);
        self.turn.store(next, Ordering::Relaxed);
        // Release pairs with `acquire`.
        self.word(next).store(next, Ordering::Release);
        // Pairs with that in `wait`.
        fence(Ordering::SeqCst);
        // Relaxed: the fence orders it.
        if self.next.load(Ordering::Relaxed) != next {
            self.word(next).wake(next / WORDS);
        }
    }

    /// Releases the lock in a fork's child, where those who waited for it do not exist. Only the holder calls this.
    pub(crate) fn reset(&self) {
        // Relaxed, all: there is no other thread.
        self.next.store(0, Ordering::Relaxed);
        self.turn.store(0, Ordering::Relaxed);
        self.turns.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn word(&self, ticket: u32) -> &Word {
        &self.turns[(ticket % WORDS) as usize]
    }

    /// How many hold it or wait for it, for tests.
    #[cfg(all(test, not(loom), not(shuttle)))]
    pub(crate) fn queue(&self) -> u32 {
        // Relaxed: the test sees to it that nobody goes meanwhile.
        self.next.load(Ordering::Relaxed).wrapping_sub(self.turn.load(Ordering::Relaxed))
    }

    /// Whether somebody holds it, for tests.
    #[cfg(all(test, not(loom), not(shuttle)))]
    pub(crate) fn is_held(&self) -> bool {
        self.queue() > 0
    }

    /// Runs `body` while holding the lock. A panic in `body` releases it.
    pub(crate) fn with<R>(&self, body: impl FnOnce() -> R) -> R {
        self.acquire();
        let _release = Release(self);
        body()
    }

    /// As `with`, but not if somebody holds the lock.
    pub(crate) fn try_with<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        self.try_acquire().then(|| {
            let _release = Release(self);
            body()
        })
    }
}

struct Release<'l>(&'l Lock);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// What threads do with locks, for tests that ask for no more steps than needed.
#[cfg(test)]
pub(crate) mod count {
    use core::cell::Cell;
    use core::sync::atomic::AtomicU32;
    use core::sync::atomic::Ordering::Relaxed;

    /// What one thread did, until it was gone. It alone writes.
    #[derive(Debug, Default)]
    pub(crate) struct Steps {
        pub(crate) acquisitions: AtomicU32,
        /// Of these, how many had to wait.
        pub(crate) waits: AtomicU32,
        /// How often it slept for them.
        pub(crate) sleeps: AtomicU32,
    }

    /// The most that came before one of these threads when it had to wait. All in the process together, and known as soon as that one has looked.
    pub(crate) static MOST_AHEAD: AtomicU32 = AtomicU32::new(0);

    std::thread_local! {
        static STEPS: Cell<Option<&'static Steps>> = const { Cell::new(None) };
    }

    /// Counts what the caller does from now on.
    #[cfg(not(any(loom, shuttle)))]
    pub(crate) fn begin() -> &'static Steps {
        let steps = Box::leak(Box::<Steps>::default());
        STEPS.set(Some(steps));
        steps
    }

    fn add(number: impl Fn(&Steps) -> &AtomicU32) {
        STEPS.get().map(|steps| number(steps).fetch_add(1, Relaxed));
    }

    pub(super) fn acquisition() {
        add(|steps| &steps.acquisitions);
    }

    pub(super) fn wait(ahead: impl FnOnce() -> u32) {
        add(|steps| &steps.waits);
        STEPS.get().map(|_| MOST_AHEAD.fetch_max(ahead(), Relaxed));
    }

    pub(super) fn sleep() {
        add(|steps| &steps.sleeps);
    }
}

#[cfg(not(test))]
mod count {
    #[inline(always)]
    pub(super) fn acquisition() {}
    #[inline(always)]
    pub(super) fn wait(_: impl FnOnce() -> u32) {}
    #[inline(always)]
    pub(super) fn sleep() {}
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::cell::Cell;
    use std::sync::{Arc, Barrier};

    use super::*;

    struct Counter(Lock, Cell<usize>);
    // SAFETY: I8: the cell is used under the lock alone.
    unsafe impl Sync for Counter {}

    /// Threads that come while the lock is held get in in the order in which they came, and each sleeps once at the most, but for those
    /// that share its bit. Where nobody can be woken, all that share a word look when it changes.
    #[test]
    fn who_comes_first_is_served_first_and_sleeps_once() {
        const WAITING: u32 = 300;
        let lock = &Lock::new();
        let order = &Cell::new(Vec::new());
        struct Shared<'s>(&'s Cell<Vec<u32>>);
        // SAFETY: I8: used under the lock alone.
        unsafe impl Sync for Shared<'_> {}
        let order = &Shared(order);
        lock.acquire();
        let sleeps: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (1..=WAITING)
                .map(|number| {
                    let thread = scope.spawn(move || {
                        let steps = count::begin();
                        lock.with(|| {
                            let mut served = order.0.take();
                            served.push(number);
                            order.0.set(served);
                        });
                        steps.sleeps.load(Ordering::Relaxed)
                    });
                    // Only then the next one.
                    while lock.next.load(Ordering::Relaxed) == number {
                        std::thread::yield_now();
                    }
                    thread
                })
                .collect();
            lock.release();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(order.0.take(), (1..=WAITING).collect::<Vec<_>>());
        let of_word = WAITING.div_ceil(WORDS);
        let are_woken = cfg!(any(target_os = "linux", target_os = "android"));
        let most = if are_woken { 2 * WAITING } else { WORDS * of_word * (of_word + 1) / 2 };
        assert!(sleeps <= most, "{sleeps} sleeps");
    }

    #[test]
    fn many_threads_count_exactly_and_the_numbers_may_wrap() {
        let counter = Arc::new(Counter(Lock::new(), Cell::new(0)));
        // Shortly before the end of the numbers.
        let first = u32::MAX - 500;
        counter.0.next.store(first, Ordering::Relaxed);
        counter.0.turn.store(first, Ordering::Relaxed);
        counter.0.word(first).store(first, Ordering::Relaxed);
        let start = Arc::new(Barrier::new(8));
        let threads = [(); 8].map(|()| {
            let (counter, start) = (Arc::clone(&counter), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                (0..1000).for_each(|_| counter.0.with(|| counter.1.set(counter.1.get() + 1)));
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.1.get(), 8000);
        assert!(!counter.0.is_held());
    }

    #[test]
    fn a_forks_child_has_nobody_to_let_in() {
        let lock = Lock::new();
        for _ in 0..5 {
            lock.with(|| ());
        }
        lock.acquire();
        // A thread that waits, and does not come along.
        lock.next.fetch_add(1, Ordering::Relaxed);
        lock.reset();
        assert!(!lock.is_held());
        lock.with(|| assert!(lock.is_held()));
        assert!(!lock.is_held());
    }
}

/// Models: a cell that two threads at a time would race for, and sleepers that nobody would wake.
#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, UnsafeCell, model, thread};

    struct Counter(Lock, UnsafeCell<usize>);
    // SAFETY: I8: the cell is used under the lock, which loom checks.
    unsafe impl Sync for Counter {}
    // SAFETY: as for `Sync`.
    unsafe impl Send for Counter {}

    impl Counter {
        fn add(&self) {
            // SAFETY: I8: as above.
            self.0.with(|| self.1.with_mut(|count| unsafe { *count += 1 }));
        }
    }

    #[test]
    fn loom_who_tries_a_lock_has_it_alone_or_not_at_all() {
        model(|| {
            let counter = Arc::new(Counter(Lock::new(), UnsafeCell::new(0)));
            let try_to_add = |counter: &Counter| {
                // SAFETY: I8: as above.
                let added = counter.0.try_with(|| counter.1.with_mut(|count| unsafe { *count += 1 }));
                usize::from(added.is_some())
            };
            let threads: Vec<_> = (0..2)
                .map(|number| {
                    let counter = Arc::clone(&counter);
                    thread::spawn(move || if number == 0 { try_to_add(&counter) } else { (counter.add(), 1).1 })
                })
                .collect();
            let mut added = try_to_add(&counter);
            added += threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
            assert_eq!(try_to_add(&counter), 1, "nobody has it");
            // SAFETY: I8: the others have ended.
            assert_eq!(counter.1.with(|count| unsafe { *count }), added + 1);
        });
    }

    #[test]
    fn loom_a_lock_lets_one_in_at_a_time_and_leaves_nobody_asleep() {
        model(|| {
            let counter = Arc::new(Counter(Lock::new(), UnsafeCell::new(0)));
            let threads = [(); 2].map(|()| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || counter.add())
            });
            counter.add();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            counter.add();
            // SAFETY: I8: the others have ended.
            assert_eq!(counter.1.with(|count| unsafe { *count }), 4);
        });
    }
}
