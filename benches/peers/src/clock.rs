//! Time: what a thread used, what passed, and the worker threads of a round.

use std::sync::Barrier;
use std::time::Instant;

use crate::candidate::{Calls, Candidate, Job, Setup};
use crate::case::Workload;

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for the write, and every clock used here exists wherever this program compiles.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// CPU time of the calling thread, in ns.
pub fn thread_cpu() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the process with all its threads, the ended ones included, in ns.
pub fn process_cpu() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// One thread's timed part.
struct Lap {
    cpu: u64,
    begin: Instant,
    end: Instant,
}

/// A worker thread's clock; every worker of a round calls [`Clock::time`] equally often.
pub struct Clock<'a> {
    start: &'a Barrier,
    laps: Vec<Lap>,
}

impl Clock<'_> {
    /// Waits for the other workers, then runs and times `part`.
    #[inline(always)]
    pub fn time<T>(&mut self, part: impl FnOnce() -> T) -> T {
        self.start.wait();
        let (begin, cpu) = (Instant::now(), thread_cpu());
        let result = part();
        let (cpu, end) = (thread_cpu() - cpu, Instant::now());
        self.laps.push(Lap { cpu, begin, end });
        result
    }
}

/// A workload of fresh threads that all do one kind of work, in one or more timed parts.
pub trait Work: Send + Sync + 'static {
    /// What a heap is to be ready for.
    fn setup(&self) -> Setup {
        Setup::default()
    }

    /// Number of threads.
    fn threads(&self) -> usize;

    /// Operations of each timed part, all threads together.
    fn operations(&self) -> Vec<usize>;

    /// What worker `worker` does: warm up, then the timed parts.
    fn work<C: Calls>(&self, worker: usize, calls: C, clock: &mut Clock<'_>);
}

/// What a worker thread does with a candidate's calls.
struct Worker<'w, 'c, W> {
    work: &'w W,
    worker: usize,
    clock: &'w mut Clock<'c>,
}

impl<W: Work> Job for Worker<'_, '_, W> {
    fn run<C: Calls>(self, calls: C) {
        self.work.work(self.worker, calls, self.clock);
    }
}

impl<W: Work> Workload for W {
    fn setup(&self) -> Setup {
        Work::setup(self)
    }

    fn round<C: Candidate>(&self, candidate: &C) -> Vec<f64> {
        race(self.threads(), &self.operations(), |worker, clock| candidate.enter(Worker { work: self, worker, clock }))
    }
}

/// Fresh threads that do `work` at once. CPU and wall time of each timed part, ns for each of its `operations`.
pub fn race(threads: usize, operations: &[usize], work: impl Fn(usize, &mut Clock<'_>) + Sync) -> Vec<f64> {
    let start = Barrier::new(threads);
    let laps: Vec<Vec<Lap>> = std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let spawn = |worker| {
            scope.spawn(move || {
                let mut clock = Clock { start, laps: Vec::with_capacity(4) };
                work(worker, &mut clock);
                clock.laps
            })
        };
        let workers: Vec<_> = (0..threads).map(spawn).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker ends the process where it fails")).collect()
    });
    operations
        .iter()
        .enumerate()
        .flat_map(|(part, &operations)| {
            let laps = || laps.iter().map(|laps| &laps[part]);
            let cpu: u64 = laps().map(|lap| lap.cpu).sum();
            let begin = laps().map(|lap| lap.begin).min().expect("there is a worker");
            let end = laps().map(|lap| lap.end).max().expect("there is a worker");
            [cpu as f64 / operations as f64, (end - begin).as_nanos() as f64 / operations as f64]
        })
        .collect()
}
