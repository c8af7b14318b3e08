//! The run's phases, and the counters that all threads share.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smarena::{HeapStats, StaticHeap};

use crate::ending::Failure;
use crate::options::Options;
use crate::{Net, counting};

/// Exchanges after which a client has its cache, and its sockets what they keep; a turn of all sizes at least.
pub(crate) const WARM_UP: usize = 100;

const WARMING_UP: u8 = 0;
const STEADY: u8 = 1;
const OVER: u8 = 2;

/// Shared by all threads. Its flags guard no other memory, so relaxed accesses suffice throughout.
pub(crate) struct Race {
    phase: AtomicU8,
    closed: AtomicBool,
    /// Clients that are not warm yet; changes, and the end by a failure, are told.
    cold: Mutex<usize>,
    changed: Condvar,
    pub(crate) udp: Counter,
    pub(crate) tcp: Counter,
}

/// Somebody's part, which has failed unless it says otherwise.
struct Part<'r> {
    race: &'r Race,
    failed: bool,
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.failed {
            // Under the lock, so that whoever waits has looked before, or sees it.
            let _cold = self.race.cold.lock().unwrap_or_else(PoisonError::into_inner);
            self.race.phase.store(OVER, Ordering::Relaxed);
            self.race.changed.notify_all();
        }
    }
}

/// Packets echoed in the steady state, of one protocol.
#[derive(Default)]
pub(crate) struct Counter {
    packets: AtomicU64,
    bytes: AtomicU64,
}

/// What happened between the warm-up and the end.
pub(crate) struct Steady {
    pub(crate) time: Duration,
    /// Calls of the whole process to the system's allocator.
    pub(crate) allocations: u64,
    pub(crate) udp: Traffic,
    pub(crate) tcp: Traffic,
    /// The heap at the end, with everybody still at work.
    pub(crate) heap: HeapStats,
}

#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Race {
    pub(crate) fn new(clients: usize) -> Self {
        Self {
            phase: AtomicU8::new(WARMING_UP),
            closed: AtomicBool::new(false),
            cold: Mutex::new(clients),
            changed: Condvar::new(),
            udp: Counter::default(),
            tcp: Counter::default(),
        }
    }

    /// Leads everybody through the phases, with a line of progress every second unless it is watched.
    pub(crate) fn direct(&self, options: &Options) -> Steady {
        let mut cold = self.cold.lock().unwrap_or_else(PoisonError::into_inner);
        while *cold > 0 && !self.is_over() {
            cold = self.changed.wait(cold).unwrap_or_else(PoisonError::into_inner);
        }
        let allocations = counting::allocations();
        let start = Instant::now();
        // If somebody has failed by now, it is over before it began.
        let _ = self.phase.compare_exchange(WARMING_UP, STEADY, Ordering::Relaxed, Ordering::Relaxed);

        let (mut second, mut before) = (1, 0);
        while !self.is_over() && start.elapsed() < options.time {
            let next = Duration::from_secs(second).min(options.time);
            let left = next.saturating_sub(start.elapsed());
            cold = self.changed.wait_timeout(cold, left).unwrap_or_else(PoisonError::into_inner).0;
            if start.elapsed() >= next && next < options.time {
                let packets = self.udp.read().packets + self.tcp.read().packets;
                if !options.watch {
                    // Not by `eprintln!`, which panics where nothing can be written.
                    drop(writeln!(io::stderr(), "{second:>4} s {:>10} packets/s", packets - before));
                }
                (second, before) = (second + 1, packets);
            }
        }

        let time = start.elapsed();
        let allocations = counting::allocations() - allocations;
        let (udp, tcp) = (self.udp.read(), self.tcp.read());
        let heap = Net::HEAP.stats();
        self.phase.store(OVER, Ordering::Relaxed);
        Steady { time, allocations, udp, tcp, heap }
    }

    pub(crate) fn is_steady(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == STEADY
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == OVER
    }

    /// Ends it before its time.
    #[cfg(feature = "watch")]
    pub(crate) fn finish(&self) {
        // Under the lock, so that whoever waits has looked before, or sees it.
        let _cold = self.cold.lock().unwrap_or_else(PoisonError::into_inner);
        self.phase.store(OVER, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Says that one client more is warm.
    pub(crate) fn warm(&self) {
        *self.cold.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.changed.notify_all();
    }

    /// Does somebody's part; if it fails, or panics, everybody else's is over too.
    pub(crate) fn part<T>(&self, part: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut ends = Part { race: self, failed: true };
        let outcome = part();
        ends.failed = outcome.is_err();
        outcome
    }

    /// Tells the servers that no client is left.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

impl Counter {
    pub(crate) fn add(&self, bytes: usize) {
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Traffic {
        Traffic { packets: self.packets.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}
