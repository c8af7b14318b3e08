//! `grow`: a block that grows from 1 MiB to 256 in steps of one, each page of which is written: CPU time of a step, and the most MiB that were
//! ever resident. In the second set 50 steps of one page, from 64 MiB on.

use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Candidate, Job, Setup, block, out_of_memory};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::clock::thread_cpu;
use crate::resident::most_resident;

const STEP: Targets = &[(MAIN, of_best(1.1))];
const PEAK: Targets = &[(MAIN, of_best(1.05))];
const PAGE: usize = 4096;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let row = Row::new("grow", &[(Metric::Cpu, STEP), (Metric::Mib, PEAK)]);
    let (from, step, steps) = plan.pick((1 << 20, 1 << 20, plan.count(255, 63)), (64 << 20, PAGE, 50));
    vec![Case::new("grow", vec![row], Grow { from, step, steps }).alone(plan.count(7, 3))]
}

struct Grow {
    from: usize,
    step: usize,
    steps: usize,
}

impl Job for (&Grow, &mut [f64; 2]) {
    fn run<C: Calls>(self, calls: C) {
        let (&Grow { from, step, steps }, found) = self;
        let before = most_resident().expect("this row needs Linux");
        let mut grown = block(calls, from);
        let write = |block: *mut u8, from: usize, to: usize| {
            for offset in (from..to).step_by(PAGE) {
                // SAFETY: the block has `to` bytes.
                let place = unsafe { block.add(offset) };
                // SAFETY: the block is live, and nobody else's.
                unsafe { place.write(1) };
            }
        };
        write(grown, 0, from);
        let cpu = thread_cpu();
        for size in (0..steps).map(|number| from + number * step) {
            // SAFETY: live, asked for with this size; used no more once it has moved.
            grown = unsafe { calls.realloc(grown, size, size + step) };
            if grown.is_null() {
                out_of_memory(size + step);
            }
            write(grown, size, size + step);
        }
        let cpu = (thread_cpu() - cpu) as f64 / steps as f64;
        let most = most_resident().expect("this row needs Linux") - before;
        // SAFETY: live, and freed here only.
        unsafe { calls.free(grown) };
        *found = [cpu, most as f64 / f64::from(1 << 20)];
    }
}

impl Workload for Grow {
    fn setup(&self) -> Setup {
        let most = self.from + self.step * self.steps;
        Setup { live_bytes: 2 * most, largest: most, any_program: true, ..Setup::default() }
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let mut found = [0.0; 2];
        candidate.enter((self, &mut found));
        found.to_vec()
    }
}
