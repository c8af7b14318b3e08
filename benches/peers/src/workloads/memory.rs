//! `memory-*`: 10 M blocks of 32 bytes, all written: resident bytes over the bytes asked for, when all are live, when all are freed
//! (oldest first), and after the allocator was told to return what it can.

use std::hint::black_box;
use std::ptr::NonNull;

use super::{MAIN, Plan, at_most};
use crate::candidate::{Calls, Candidate, Job, Setup, block};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::resident::resident;

const FULL: Targets = &[(MAIN, at_most(1.03))];
const TRIMMED: Targets = &[(MAIN, at_most(0.02))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let rows = [("memory-full", FULL), ("memory-freed", &[] as Targets), ("memory-trimmed", TRIMMED)];
    let rows = rows.map(|(name, targets)| Row::new(name, &[(Metric::Resident, targets)]));
    let work = Memory { blocks: plan.count(10_000_000, 1_000_000), size: plan.pick(32, 80) };
    // Resident memory hardly differs from run to run: a few rounds are enough.
    vec![Case::new("memory", rows.to_vec(), work).alone(plan.count(3, 1))]
}

struct Memory {
    blocks: usize,
    size: usize,
}

/// Fills `found` with bytes resident when full, freed and trimmed.
struct Fill<'a> {
    memory: &'a Memory,
    found: &'a mut [f64; 3],
}

impl Job for Fill<'_> {
    fn run<C: Calls>(self, calls: C) {
        // Not null, so that the array's own pages are resident before the first look.
        let mut blocks: Vec<*mut u8> = vec![NonNull::dangling().as_ptr(); black_box(self.memory.blocks)];
        let before = now();
        for slot in &mut blocks {
            *slot = block(calls, self.memory.size);
            // SAFETY: the block was just allocated with this size.
            unsafe { slot.write_bytes(1, self.memory.size) };
        }
        let full = now() - before;
        for &block in &blocks {
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        }
        let freed = now() - before;
        calls.trim();
        *self.found = [full, freed, now() - before];
        drop(blocks);
    }
}

fn now() -> f64 {
    resident().expect("this row needs Linux") as f64
}

impl Workload for Memory {
    fn setup(&self) -> Setup {
        Setup { live_bytes: self.blocks * self.size, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let mut found = [0.0; 3];
        candidate.enter(Fill { memory: self, found: &mut found });
        let ideal = (self.blocks * self.size) as f64;
        found.map(|bytes| bytes / ideal).to_vec()
    }
}
