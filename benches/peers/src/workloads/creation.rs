//! `creation`: a heap of 8 buckets of 16 MiB: resident bytes of the first one in its process, and the time one takes (median of 21).

use std::time::Instant;

use super::{MAIN, Plan, at_most};
use crate::candidate::Candidate;
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::resident::resident;

const KIB: Targets = &[(MAIN, at_most(64.0))];
const MICROS: Targets = &[(MAIN, at_most(100.0))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let row = Row::new("creation", &[(Metric::Kib, KIB), (Metric::Micros, MICROS)]);
    vec![Case::new("creation", vec![row], Creation).alone(plan.count(7, 3))]
}

struct Creation;

impl Workload for Creation {
    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let before = resident().expect("this row needs Linux");
        let first = candidate.new_heap();
        let kib = resident().expect("this row needs Linux").saturating_sub(before) as f64 / 1024.0;
        drop(first);
        let create = |_| {
            let begin = Instant::now();
            let heap = candidate.new_heap();
            let micros = begin.elapsed().as_nanos() as f64 / 1000.0;
            drop(heap);
            micros
        };
        let mut micros: Vec<f64> = (0..21).map(create).collect();
        micros.sort_by(f64::total_cmp);
        vec![kib, micros[10]]
    }

    fn needs_heaps(&self) -> bool {
        true
    }
}
