//! The run's phases, and the counters that all threads share.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use smarena::{HeapStats, StaticHeap};

use crate::options::Options;
use crate::{Net, counting};

/// Long enough for every thread to get its cache, and for the sockets to allocate what they keep.
const WARM_UP: Duration = Duration::from_millis(500);

const WARMING_UP: u8 = 0;
const STEADY: u8 = 1;
const OVER: u8 = 2;

/// Shared by all threads. Its flags guard no other memory, so relaxed accesses suffice throughout.
pub(crate) struct Race {
    phase: AtomicU8,
    closed: AtomicBool,
    pub(crate) udp: Counter,
    pub(crate) tcp: Counter,
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
    pub(crate) fn new() -> Self {
        Self {
            phase: AtomicU8::new(WARMING_UP),
            closed: AtomicBool::new(false),
            udp: Counter::default(),
            tcp: Counter::default(),
        }
    }

    /// Leads everybody through the phases, with a line of progress every second.
    pub(crate) fn direct(&self, options: &Options) -> Steady {
        thread::sleep(WARM_UP);
        let allocations = counting::allocations();
        let start = Instant::now();
        // If somebody has failed by now, it is over before it began.
        let _ = self.phase.compare_exchange(WARMING_UP, STEADY, Ordering::Relaxed, Ordering::Relaxed);

        let mut before = 0;
        for second in 1.. {
            let next = Duration::from_secs(second).min(options.time);
            thread::sleep(next.saturating_sub(start.elapsed()));
            if next == options.time || self.is_over() {
                break;
            }
            let packets = self.udp.read().packets + self.tcp.read().packets;
            eprintln!("{second:>4} s {:>10} packets/s", packets - before);
            before = packets;
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

    /// Passes on how somebody's part ended; if it failed, everybody else's is over too.
    pub(crate) fn over_if_failed<T, E>(&self, outcome: Result<T, E>) -> Result<T, E> {
        if outcome.is_err() {
            self.phase.store(OVER, Ordering::Relaxed);
        }
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

    fn read(&self) -> Traffic {
        Traffic { packets: self.packets.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}
