//! What the run came to.

use std::fmt;
use std::thread;

use hdrhistogram::Histogram;

use crate::Pool;
use crate::client::Seen;
use crate::ending::Failure;
use crate::options::Options;
use crate::race::{Steady, Traffic};

pub(crate) struct Report {
    options: Options,
    steady: Steady,
    udp: Seen,
    tcp: Seen,
    /// Buffers that had not come back when everybody had ended, and how many there may be.
    on_loan: usize,
    limit: usize,
}

/// How a client's thread ended.
type Ended = thread::Result<Result<Seen, Failure>>;

impl Report {
    /// Adds up what the clients saw; fails with the first of them that failed.
    pub(crate) fn new(
        options: &Options,
        steady: Steady,
        udp: Vec<Ended>,
        tcp: Vec<Ended>,
        pool: &Pool,
    ) -> Result<Self, Failure> {
        let (udp, tcp) = (sum(udp)?, sum(tcp)?);
        Ok(Self { options: options.clone(), steady, udp, tcp, on_loan: pool.in_flight(), limit: pool.limit() })
    }

    /// Whether packets travelled over both protocols, every echo was what had been sent, and every buffer came back.
    /// A lost UDP packet is no flaw; a lost TCP packet has ended the run before.
    pub(crate) fn is_flawless(&self) -> bool {
        let travelled = self.steady.udp.packets > 0 && self.steady.tcp.packets > 0;
        travelled && self.differing() == 0 && self.on_loan == 0
    }

    fn differing(&self) -> u64 {
        self.udp.differing + self.tcp.differing
    }
}

fn sum(clients: Vec<Ended>) -> Result<Seen, Failure> {
    let mut sum: Option<Seen> = None;
    for client in clients {
        let seen = client.map_err(|_| "a client panicked")??;
        match &mut sum {
            None => sum = Some(seen),
            Some(sum) => {
                sum.latency.add(&seen.latency)?;
                sum.differing += seen.differing;
                sum.resent += seen.resent;
                sum.lost += seen.lost;
            }
        }
    }
    sum.ok_or_else(|| "there was no client".into())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, steady, udp, tcp, on_loan, limit } = self;
        let Options { clients, sizes, .. } = options;
        let seconds = steady.time.as_secs_f64();
        writeln!(
            f,
            "{clients} clients of each protocol, packets of {sizes:?} bytes, {seconds:.1} s after the warm-up\n"
        )?;

        writeln!(
            f,
            "{:>8} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>7} {:>6}",
            "echoed", "packets/s", "MB/s", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us", "resent", "lost"
        )?;
        for (protocol, traffic, seen) in [("UDP", steady.udp, udp), ("TCP", steady.tcp, tcp)] {
            let Traffic { packets, bytes } = traffic;
            write!(f, "{protocol:>8} {:>10.0} {:>8.1}", packets as f64 / seconds, bytes as f64 / seconds / 1e6)?;
            for quantile in [0.5, 0.9, 0.99, 0.999, 1.0] {
                write!(f, " {:>9.1}", microseconds(&seen.latency, quantile))?;
            }
            writeln!(f, " {:>7} {:>6}", seen.resent, seen.lost)?;
        }

        let packets = steady.udp.packets + steady.tcp.packets;
        let allocations = steady.allocations;
        writeln!(f, "\nheap allocations per packet: {:.3}", allocations as f64 / packets.max(1) as f64)?;
        let view = if options.watch { ", the view's among them" } else { "" };
        writeln!(f, "({allocations} calls of the system's allocator in {packets} packets{view})")?;
        writeln!(f, "buffers not given back: {on_loan}, of at most {limit}")?;
        writeln!(f, "echoes that differed from what had been sent: {}\n", self.differing())?;
        write!(f, "the heap before everybody ended, with buffers still on loan:\n{}", steady.heap)
    }
}

fn microseconds(latency: &Histogram<u64>, quantile: f64) -> f64 {
    latency.value_at_quantile(quantile) as f64 / 1000.0
}
