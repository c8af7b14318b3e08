//! `producer-consumer`: one thread mallocs 64 bytes and writes them all, another reads the first word and frees; a ring of 1024 between.
//!
//! A thread that finds the ring full or empty spins a little, then yields: its CPU time counts, as it would in a program.

use std::hint::black_box;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::{MAIN, Plan, of_best, wait_for};
use crate::candidate::{Calls, Setup, block};
use crate::case::{Case, Metric, Row, Targets};
use crate::clock::{Clock, Work};

const TARGETS: Targets = &[(MAIN, of_best(0.80))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let name = "producer-consumer";
    let work = Handoff {
        size: plan.pick(64, 192),
        blocks: plan.count(3_000_000, 400_000),
        ring: (0..plan.pick(1024, 128)).map(|_| AtomicPtr::default()).collect(),
        sent: Line::default(),
        received: Line::default(),
    };
    vec![Case::new(name, vec![Row::new(name, &[(Metric::Cpu, TARGETS), (Metric::Wall, TARGETS)])], work)]
}

/// A counter with cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicUsize);

impl Line {
    /// Waits until the count is at least `wanted`, and returns it.
    fn reaches(&self, wanted: usize) -> usize {
        wait_for(|| {
            // Acquire: pairs with the Release of `publish`; the ring's slots up to the count are the reader's.
            let count = self.0.load(Ordering::Acquire);
            (count >= wanted).then_some(count)
        })
    }

    fn publish(&self, count: usize) {
        // Release: pairs with the Acquire of `reaches`.
        self.0.store(count, Ordering::Release);
    }
}

struct Handoff {
    size: usize,
    blocks: usize,
    ring: Box<[AtomicPtr<u8>]>,
    /// Blocks put into the ring; counts on from round to round.
    sent: Line,
    /// Blocks taken out.
    received: Line,
}

impl Handoff {
    fn slot(&self, count: usize) -> &AtomicPtr<u8> {
        &self.ring[count % self.ring.len()]
    }

    fn produce<C: Calls>(&self, calls: C, first: usize) {
        let mut received = first;
        for count in first..first + self.blocks {
            if count - received == self.ring.len() {
                received = self.received.reaches(received + self.ring.len() / 4);
            }
            let block = block(calls, self.size);
            // SAFETY: the block was just allocated with this size.
            unsafe { block.write_bytes(1, self.size) };
            self.slot(count).store(black_box(block), Ordering::Relaxed);
            self.sent.publish(count + 1);
        }
    }

    fn consume<C: Calls>(&self, calls: C, first: usize) {
        let mut sent = first;
        for count in first..first + self.blocks {
            if count == sent {
                sent = self.sent.reaches((sent + self.ring.len() / 4).min(first + self.blocks));
            }
            let block = self.slot(count).load(Ordering::Relaxed);
            // SAFETY: the producer wrote the block before it published the slot.
            black_box(unsafe { block.cast::<usize>().read() });
            // SAFETY: live, and freed by its one consumer.
            unsafe { calls.free(block) };
            self.received.publish(count + 1);
        }
    }
}

impl Work for Handoff {
    fn setup(&self) -> Setup {
        Setup { live_bytes: 16 << 20, ..Setup::default() }
    }

    fn threads(&self) -> usize {
        2
    }

    fn operations(&self) -> Vec<usize> {
        vec![self.blocks]
    }

    fn work<C: Calls>(&self, worker: usize, calls: C, clock: &mut Clock<'_>) {
        // The other worker cannot have moved its counter yet: both pass the clock's barrier after this.
        // Relaxed: the threads of the last round were joined.
        let first = self.sent.0.load(Ordering::Relaxed);
        clock.time(|| if worker == 0 { self.produce(calls, first) } else { self.consume(calls, first) });
    }
}
