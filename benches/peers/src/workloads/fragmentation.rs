//! `fragmentation/*`: 200,000 live blocks of 16 to 1024 bytes, lognormal, whose sizes shift from phase to phase. MiB resident: the most there
//! ever were; when nine tenths are freed and the rest was in light use for ten seconds, nobody asking for memory back; and when
//! all are freed and the allocator was told to return what it can.
//!
//! In the first set the oldest block is replaced, in the second any: then hardly a page is free when nine tenths of the blocks are.

use std::hint::black_box;
use std::ptr::null_mut;
use std::thread::sleep;
use std::time::Duration;

use super::{MAIN, Plan, at_most, of_best};
use crate::candidate::{Calls, Candidate, Job, Setup, block};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::random::Random;
use crate::resident::resident;

const PEAK: Targets = &[(MAIN, of_best(1.0))];
const IDLE: Targets = &[(MAIN, of_best(1.2))];
const TRIMMED: Targets = &[(MAIN, at_most(2.0))];

/// The middle size of each phase.
const MEDIANS: [f64; 4] = [64.0, 160.0, 400.0, 250.0];
/// Looks at the resident memory in each phase.
const LOOKS: usize = 16;
/// Replacements in each hundredth of a second of light use.
const LIGHT: usize = 100;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let rows = [("peak", PEAK), ("idle", IDLE), ("trimmed", TRIMMED)];
    let rows = rows.map(|(name, targets)| Row::new(format!("fragmentation/{name}"), &[(Metric::Mib, targets)]));
    let work = Fragmentation {
        blocks: plan.count(200_000, 50_000),
        hundredths: plan.count(1000, 300),
        oldest_first: plan.pick(true, false),
    };
    // Once: each takes ten seconds, and resident memory hardly differs from run to run.
    vec![Case::new("fragmentation", rows.to_vec(), work).alone(1)]
}

struct Fragmentation {
    blocks: usize,
    /// Hundredths of a second of light use.
    hundredths: usize,
    oldest_first: bool,
}

struct Live<'f, C> {
    calls: C,
    work: &'f Fragmentation,
    random: Random,
    blocks: Vec<*mut u8>,
    /// Resident bytes before the first block.
    before: usize,
    most: f64,
}

impl<C: Calls> Live<'_, C> {
    /// A block of the phase with this middle size.
    fn new_block(&mut self, median: f64) -> *mut u8 {
        // Twelve even numbers are as good as one of a bell curve.
        let bell: f64 = (0..12).map(|_| self.random.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0;
        let size = (median * (bell * 0.7).exp()).clamp(16.0, 1024.0) as usize;
        let block = block(self.calls, size);
        // SAFETY: the block was just allocated with this size.
        unsafe { block.write_bytes(1, size) };
        block
    }

    fn replace(&mut self, slot: usize, median: f64) {
        self.free(slot);
        self.blocks[slot] = self.new_block(median);
    }

    fn free(&mut self, slot: usize) {
        let block = std::mem::replace(&mut self.blocks[slot], null_mut());
        if !block.is_null() {
            // SAFETY: live, and freed here only.
            unsafe { self.calls.free(block) };
        }
    }

    /// Replaces as many blocks as there are.
    fn phase(&mut self, median: f64) {
        let slots = self.blocks.len();
        for turn in 0..slots {
            let any = self.random.below(slots);
            let slot = if self.work.oldest_first || self.blocks[turn].is_null() { turn } else { any };
            self.replace(slot, median);
            if turn % (slots / LOOKS) == 0 {
                self.most = self.most.max(self.mib());
            }
        }
    }

    fn mib(&self) -> f64 {
        let now = resident().expect("this row needs Linux");
        now.saturating_sub(self.before) as f64 / f64::from(1 << 20)
    }
}

impl Job for (&Fragmentation, &mut [f64; 3]) {
    fn run<C: Calls>(self, calls: C) {
        let (work, found) = self;
        let mut blocks = vec![std::ptr::dangling_mut(); black_box(work.blocks)];
        // Resident before the first look.
        blocks.fill(black_box(null_mut()));
        let before = resident().expect("this row needs Linux");
        let mut live = Live { calls, work, random: Random::new(7), blocks, before, most: 0.0 };

        MEDIANS.iter().for_each(|&median| live.phase(median));
        let last = MEDIANS[MEDIANS.len() - 1];
        let kept = work.blocks / 10;
        (0..work.blocks - kept).for_each(|slot| live.free(slot));
        for _ in 0..work.hundredths {
            sleep(Duration::from_millis(10));
            for _ in 0..LIGHT {
                let slot = work.blocks - kept + live.random.below(kept);
                live.replace(slot, last);
            }
        }
        let idle = live.mib();

        live.phase(MEDIANS[0]);
        (0..work.blocks).for_each(|slot| live.free(slot));
        calls.trim();
        *found = [live.most, idle, live.mib()];
    }
}

impl Workload for Fragmentation {
    fn setup(&self) -> Setup {
        Setup { live_bytes: self.blocks * 1024, any_program: true, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let mut found = [0.0; 3];
        candidate.enter((self, &mut found));
        found.to_vec()
    }
}
