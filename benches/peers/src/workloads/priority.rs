//! `priority`: a real-time thread and an ordinary one on the same processor, which both allocate and free blocks of 4000 bytes, larger than the buckets of our
//! heaps serve. The longest pair of the real-time thread, but for its first: where it waits for a lock by spinning, the ordinary one that holds it does not run, and
//! the wait is as long as the system lets a real-time thread go on.

use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{scope, sleep, spawn};
use std::time::{Duration, Instant};

use super::replace::written;
use super::{MAIN, Plan, of_best};
use crate::candidate::{Calls, Candidate, Job, Skip};
use crate::case::{Case, Metric, Row, Targets, Workload};

const TARGETS: Targets = &[(MAIN, of_best(2.0))];
const BYTES: usize = 4000;

pub fn cases(plan: &Plan) -> Vec<Case> {
    let row = Row::new("priority", &[(Metric::Wall, TARGETS)]);
    let bytes = plan.pick(BYTES, 3 * BYTES);
    vec![Case::new("priority", vec![row], Priority { turns: plan.count(5000, 500), bytes }).alone(plan.count(7, 1))]
}

struct Priority {
    turns: usize,
    bytes: usize,
}

/// What either thread does: a pair, until there were so many turns or it is told to stop.
struct Turns<'p> {
    bytes: usize,
    stop: &'p AtomicBool,
    /// Of the real-time thread: how many, with a pause before each; and the longest pair, in ns.
    measured: Option<(usize, &'p mut f64)>,
}

impl Job for Turns<'_> {
    fn run<C: Calls>(self, calls: C) {
        let pair = || {
            let block = written(calls, self.bytes);
            // SAFETY: live, and freed here only.
            unsafe { calls.free(block) };
        };
        let Some((turns, longest)) = self.measured else {
            while !self.stop.load(Relaxed) {
                pair();
            }
            return;
        };
        // What a thread's first call costs is another row's.
        pair();
        for _ in 0..turns {
            // Not in step with the ordinary thread.
            sleep(Duration::from_micros(53));
            let begin = Instant::now();
            pair();
            *longest = longest.max(begin.elapsed().as_nanos() as f64);
        }
        self.stop.store(true, Relaxed);
    }
}

/// Lets the calling thread run on this processor alone.
fn stay_on(processor: usize) {
    // SAFETY: zero bytes are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a number that the system gave.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: a valid set.
    let answer = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(answer, 0, "a thread may stay where it is");
}

/// Makes the calling thread a real-time one.
fn become_real_time() -> Result<(), Skip> {
    let param = libc::sched_param { sched_priority: 50 };
    // SAFETY: a valid parameter.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const param) } {
        0 => Ok(()),
        _ => Err(format!("no real-time threads: {}", std::io::Error::last_os_error())),
    }
}

impl Workload for Priority {
    fn ready(&self) -> Result<(), Skip> {
        spawn(become_real_time).join().expect("it says what is refused")
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        // SAFETY: no precondition.
        let processor = usize::try_from(unsafe { libc::sched_getcpu() }).expect("this row needs Linux");
        let (both, stop, mut longest) = (&Barrier::new(2), &AtomicBool::new(false), 0.0);
        let turns = |measured| Turns { bytes: self.bytes, stop, measured };
        scope(|scope| {
            let ordinary = turns(None);
            scope.spawn(move || {
                stay_on(processor);
                both.wait();
                candidate.enter(ordinary);
            });
            let real_time = turns(Some((self.turns, &mut longest)));
            scope.spawn(move || {
                stay_on(processor);
                become_real_time().expect("it could before");
                both.wait();
                candidate.enter(real_time);
            });
        });
        vec![longest]
    }
}
