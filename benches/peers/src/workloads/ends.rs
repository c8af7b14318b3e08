//! `thread-ends`: 2000 threads that used ten heaps end, and 64 others make and drop heaps meanwhile: CPU time of all that at once, as a
//! multiple of the same one after the other.
//!
//! Both times all threads are there, and have used the heaps, before the clock starts; it stops when the last one has been joined, so that a
//! thread's very end is in it. It is the process's. Of the threads 1023 have caches.

use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::{self, Builder, ScopedJoinHandle};

use super::{MAIN, Plan, at_most, wait_for};
use crate::candidate::{Candidate, UseHeap};
use crate::case::{Case, Metric, Row, Targets, Workload};
use crate::clock::process_cpu;

const TARGETS: Targets = &[(MAIN, at_most(3.0))];
const MAKERS: usize = 64;
/// Heaps that each of the makers makes and drops.
const MADE: usize = 20;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let row = Row::new("thread-ends", &[(Metric::AtOnce, TARGETS)]);
    let ends = Ends { threads: plan.count(2000, 500), heaps: plan.pick(10, 3) };
    vec![Case::new("thread-ends", vec![row], ends).alone(plan.count(3, 1))]
}

struct Ends {
    threads: usize,
    heaps: usize,
}

impl Ends {
    /// CPU time of the ends, in ns.
    fn cpu<C: Candidate>(&self, candidate: &C, heaps: &[C::Heap], at_once: bool) -> u64 {
        let ready = &AtomicUsize::new(0);
        let go: &Vec<AtomicBool> = &(0..MAKERS + self.threads).map(|_| AtomicBool::new(false)).collect();
        thread::scope(|scope| {
            let life = |number: usize| {
                move || {
                    if number >= MAKERS {
                        heaps.iter().for_each(UseHeap::use_heap);
                    }
                    ready.fetch_add(1, Release);
                    while !go[number].load(Acquire) {
                        thread::park();
                    }
                    if number < MAKERS {
                        (0..MADE).for_each(|_| new_heap(candidate).use_heap());
                    }
                }
            };
            let spawn = |number| Builder::new().stack_size(64 << 10).spawn_scoped(scope, life(number));
            let spawn = |number| spawn(number).expect("the system has so many threads");
            let threads: Vec<ScopedJoinHandle<'_, ()>> = (0..go.len()).map(spawn).collect();
            wait_for(|| (ready.load(Acquire) == go.len()).then_some(()));
            let let_go = |(go, thread): (&AtomicBool, &ScopedJoinHandle<'_, ()>)| {
                go.store(true, Release);
                thread.thread().unpark();
            };
            let begin = process_cpu();
            if at_once {
                go.iter().zip(&threads).for_each(let_go);
            }
            for (go, thread) in go.iter().zip(threads) {
                let_go((go, &thread));
                thread.join().expect("it ends the process where it fails");
            }
            process_cpu() - begin
        })
    }
}

fn new_heap<C: Candidate>(candidate: &C) -> C::Heap {
    candidate.new_heap().expect("there are heaps to create")
}

impl Workload for Ends {
    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        let heaps: Vec<C::Heap> = (0..self.heaps).map(|_| new_heap(candidate)).collect();
        let [one_by_one, at_once] = [false, true].map(|at_once| self.cpu(candidate, &heaps, at_once));
        vec![at_once as f64 / one_by_one as f64]
    }

    fn needs_heaps(&self) -> bool {
        true
    }
}
