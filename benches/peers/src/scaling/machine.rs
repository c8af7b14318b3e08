//! Cores that are threads of this process, of which one runs at a time: always the one whose clock is behind all others'.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// A read-modify-write of a line this core has, in ns. Assumed; a read of one is free.
pub const OWN: u64 = 5;
/// What it takes until a line of another core's has come, in ns. Assumed; some machines take half, those with two sockets twice as long.
pub const MOVE: u64 = 100;

/// A line of the processors' caches: which cores have it, and until when it is on its way to one of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    holders: Vec<usize>,
    busy: u64,
}

impl Line {
    /// When `core`, which wants to read the line at `now`, has read it. Readers do not wait for each other.
    pub(super) fn read(&mut self, core: usize, now: u64) -> u64 {
        if self.holders.contains(&core) {
            return now;
        }
        self.holders.push(core);
        now.max(self.busy) + MOVE
    }

    /// When `core`, which wants the line for itself at `now`, has written to it.
    pub(super) fn write(&mut self, core: usize, now: u64) -> u64 {
        let cost = if self.holders == [core] { OWN } else { MOVE };
        self.holders = vec![core];
        self.busy = now.max(self.busy) + cost;
        self.busy
    }
}

#[derive(Default)]
struct State {
    /// By number of line.
    lines: HashMap<usize, Line>,
    /// Who wants to go on, and when.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    threads: Vec<Option<Thread>>,
}

/// Shared by its cores.
pub struct Machine {
    state: Mutex<State>,
    /// Which core runs.
    running: AtomicUsize,
}

/// What a thread is that runs on a machine.
struct Core {
    machine: Arc<Machine>,
    number: usize,
    now: u64,
}

thread_local! {
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
}

impl Machine {
    /// Runs `program` on each of `cores` cores, to whom it is told which one it is; they begin `apart` ns after each other.
    pub fn run(cores: usize, apart: u64, program: impl Fn(usize) + Sync) {
        let state = State { threads: vec![None; cores], ..State::default() };
        let machine = Arc::new(Self { state: Mutex::new(state), running: AtomicUsize::new(usize::MAX) });
        thread::scope(|scope| {
            for number in 0..cores {
                let (machine, program) = (Arc::clone(&machine), &program);
                scope.spawn(move || {
                    let now = number as u64 * apart;
                    CORE.set(Some(Core { machine: Arc::clone(&machine), number, now }));
                    machine.begin(number, now);
                    program(number);
                    CORE.set(None);
                    machine.hand_over(machine.state());
                });
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when it is `core`'s turn for the first time. The last one to come here lets the first one go.
    fn begin(&self, core: usize, now: u64) {
        let mut state = self.state();
        state.threads[core] = Some(thread::current());
        state.waiting.push(Reverse((now, core)));
        if state.waiting.len() == state.threads.len() {
            self.hand_over(state);
        } else {
            drop(state);
        }
        self.wait(core);
    }

    /// Returns when nobody wants to go on before `then`.
    fn until(&self, core: usize, then: u64) {
        let mut state = self.state();
        if state.waiting.peek().is_some_and(|&Reverse(first)| first < (then, core)) {
            state.waiting.push(Reverse((then, core)));
            self.hand_over(state);
            self.wait(core);
        }
    }

    /// Lets the one go on whose clock is behind all others'.
    fn hand_over(&self, mut state: MutexGuard<'_, State>) {
        if let Some(Reverse((_, next))) = state.waiting.pop() {
            // Release pairs with `wait`: each core sees what the one before has done.
            self.running.store(next, Ordering::Release);
            state.threads[next].as_ref().expect("each core says which thread it is before it waits").unpark();
        }
    }

    fn wait(&self, core: usize) {
        // Acquire pairs with `hand_over`.
        while self.running.load(Ordering::Acquire) != core {
            thread::park();
        }
    }
}

/// The clock of the core that runs, which goes on by what `cost` says, given the machine's lines, the core and its clock. Zero where no machine is.
fn clock(cost: impl FnOnce(&mut HashMap<usize, Line>, usize, u64) -> u64) -> u64 {
    CORE.with_borrow_mut(|core| {
        let Some(core) = core else { return 0 };
        core.now = cost(&mut core.machine.state().lines, core.number, core.now);
        core.machine.until(core.number, core.now);
        core.now
    })
}

/// Work that touches nothing of others', for `ns`. Returns the time.
pub fn work(ns: u64) -> u64 {
    clock(|_, _, now| now + ns)
}

/// Bytes of a line.
pub const LINE: usize = 64;

/// What stands in the place of the library's `sync`: atomics that take effect when their line has come.
pub mod sync {
    pub use core::sync::atomic::Ordering;

    use super::LINE;

    /// The real one, for whose line the core waits first.
    #[derive(Debug)]
    pub struct AtomicU64(core::sync::atomic::AtomicU64);

    impl AtomicU64 {
        pub fn new(bits: u64) -> Self {
            Self(bits.into())
        }

        fn line(&self) -> usize {
            core::ptr::from_ref(self).addr() / LINE
        }

        fn for_writing(&self) -> &core::sync::atomic::AtomicU64 {
            super::clock(|lines, core, now| lines.entry(self.line()).or_default().write(core, now));
            &self.0
        }

        pub fn load(&self, order: Ordering) -> u64 {
            super::clock(|lines, core, now| lines.entry(self.line()).or_default().read(core, now));
            self.0.load(order)
        }

        pub fn fetch_or(&self, bits: u64, order: Ordering) -> u64 {
            self.for_writing().fetch_or(bits, order)
        }

        pub fn fetch_and(&self, bits: u64, order: Ordering) -> u64 {
            self.for_writing().fetch_and(bits, order)
        }

        pub fn compare_exchange_weak(&self, old: u64, new: u64, done: Ordering, failed: Ordering) -> Result<u64, u64> {
            self.for_writing().compare_exchange(old, new, done, failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_serves_one_writer_at_a_time_and_all_readers_that_have_it() {
        let mut line = Line::default();
        assert_eq!(line.write(1, 10), 10 + MOVE);
        assert_eq!(line.write(1, 200), 200 + OWN);
        assert_eq!(line.read(2, 300), 300 + MOVE);
        assert_eq!((line.read(1, 500), line.read(2, 500), line.read(3, 500)), (500, 500, 500 + MOVE));
        assert_eq!(line.write(1, 600), 600 + MOVE);
        assert_eq!(line.write(2, 600), 600 + 2 * MOVE);
    }

    #[test]
    fn cores_take_turns_by_their_clocks() {
        let seen = Mutex::new(Vec::new());
        Machine::run(3, 10, |core| {
            for _ in 0..3 {
                let now = work(25);
                seen.lock().unwrap().push((now, core));
            }
        });
        assert_eq!(
            seen.into_inner().unwrap(),
            [(25, 0), (35, 1), (45, 2), (50, 0), (60, 1), (70, 2), (75, 0), (85, 1), (95, 2)]
        );
    }
}
