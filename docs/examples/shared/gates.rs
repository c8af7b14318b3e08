//! Where all threads of a round meet, so that what is measured is the steady state and nothing else.

use std::error::Error;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::counting;
use crate::ending::Failure;

/// Everybody meets four times: when all are warm, when the measuring has begun, when all are done, and when it has ended.
/// Unlike a barrier of the standard library these gates open for everybody when somebody will not come.
pub(crate) struct Gates {
    everybody: usize,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    /// At the gate that is closed, and how many gates have opened before it.
    waiting: usize,
    gate: usize,
    given_up: bool,
}

/// What one round came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) packets: u64,
    pub(crate) time: Duration,
    /// Calls of the whole process to the system's allocator.
    pub(crate) allocations: u64,
}

/// Somebody else's part has failed.
#[derive(Debug)]
struct GivenUp;

impl Error for GivenUp {}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another thread has failed")
    }
}

/// Somebody's part, which has failed unless it says otherwise.
struct Part<'g> {
    gates: &'g Gates,
    failed: bool,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.failed {
            self.gates.state().given_up = true;
            self.gates.opened.notify_all();
        }
    }
}

impl Gates {
    /// For `workers` and the one who measures.
    pub(crate) fn new(workers: usize) -> Self {
        Self { everybody: workers + 1, state: Mutex::default(), opened: Condvar::new() }
    }

    /// Does somebody's part in the round. If it fails, or panics, nobody waits for anybody any more.
    pub(crate) fn part<T>(&self, part: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut ends = Part { gates: self, failed: true };
        let outcome = part();
        ends.failed = outcome.is_err();
        outcome
    }

    /// Fails if somebody's part has: for who waits elsewhere.
    #[allow(dead_code, reason = "only one example has somebody who does")]
    pub(crate) fn still_on(&self) -> Result<(), Failure> {
        if self.state().given_up { Err(GivenUp.into()) } else { Ok(()) }
    }

    /// A worker's part: `work` on `warm_up` packets, which open caches and queues, then on the `packets` that count.
    pub(crate) fn work<W>(
        &self,
        worker: Result<W, Failure>,
        warm_up: usize,
        packets: usize,
        mut work: impl FnMut(&mut W, usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.part(|| {
            let mut worker = worker?;
            work(&mut worker, warm_up)?;
            self.pass()?;
            self.pass()?;
            work(&mut worker, packets)?;
            self.pass()?;
            // What the end costs is nobody's packet.
            self.pass()
        })
    }

    /// The measurer's part; `packets` are those of all workers together.
    pub(crate) fn measure(&self, packets: usize) -> Result<Round, Failure> {
        self.pass()?;
        let allocations = counting::allocations();
        let start = Instant::now();
        self.pass()?;
        self.pass()?;
        let time = start.elapsed();
        let allocations = counting::allocations() - allocations;
        self.pass()?;
        Ok(Round { packets: packets as u64, time, allocations })
    }

    /// Waits until everybody has come to this gate.
    fn pass(&self) -> Result<(), Failure> {
        let mut state = self.state();
        state.waiting += 1;
        if state.waiting == self.everybody {
            state.waiting = 0;
            state.gate += 1;
            self.opened.notify_all();
            return Ok(());
        }
        let gate = state.gate;
        while state.gate == gate {
            if state.given_up {
                return Err(GivenUp.into());
            }
            state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a round came to, when all its `parts` have ended: of failures, the first that is not only about somebody else's.
pub(crate) fn together(
    measured: Result<Round, Failure>,
    parts: Vec<ScopedJoinHandle<'_, Result<(), Failure>>>,
) -> Result<Round, Failure> {
    let ends = parts.into_iter().map(|part| part.join().unwrap_or_else(|_| Err("a thread panicked".into())));
    // All are waited for. What the measurer has to say comes first: a part that was not started makes others fail.
    ends.fold(measured, |so_far, end| match (so_far, end) {
        (Ok(_), Err(failure)) => Err(failure),
        (Err(failure), Err(other)) if failure.is::<GivenUp>() => Err(other),
        (so_far, _) => so_far,
    })
}
