//! Where all threads of a round meet, so that what is measured is the steady state and nothing else.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::compare::Failure;
use crate::counting;

/// Everybody meets four times: when all are warm, when the measuring has begun, when all are done, and when it has ended.
pub(crate) struct Gates(Barrier);

/// What one round came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) packets: u64,
    pub(crate) time: Duration,
    /// Calls of the whole process to the system's allocator.
    pub(crate) allocations: u64,
}

impl Gates {
    /// For `workers` and the one who measures.
    pub(crate) fn new(workers: usize) -> Self {
        Self(Barrier::new(workers + 1))
    }

    /// A worker's part: `work` on `warm_up` packets, which open caches and queues, then on the `packets` that count.
    /// A worker that failed, if only to come into being, still comes to every gate, so that nobody waits for ever.
    pub(crate) fn work<W>(
        &self,
        worker: Result<W, Failure>,
        warm_up: usize,
        packets: usize,
        mut work: impl FnMut(&mut W, usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut worker = worker.and_then(|mut worker| work(&mut worker, warm_up).map(|()| worker));
        self.0.wait();
        self.0.wait();
        if let Ok(working) = &mut worker {
            if let Err(error) = work(working, packets) {
                worker = Err(error);
            }
        }
        self.0.wait();
        // What the end costs is nobody's packet.
        self.0.wait();
        worker.map(drop)
    }

    /// The measurer's part; `packets` are those of all workers together.
    pub(crate) fn measure(&self, packets: usize) -> Round {
        self.0.wait();
        let allocations = counting::allocations();
        let start = Instant::now();
        self.0.wait();
        self.0.wait();
        let time = start.elapsed();
        let allocations = counting::allocations() - allocations;
        self.0.wait();
        Round { packets: packets as u64, time, allocations }
    }
}
