//! `pool/N`, `pool-across`: a buffer of 2 KiB is acquired, its first word written, and released: by each of N threads on its own;
//! by another thread, to which they travel 64 at a time; what travelling and reading the clock cost is not counted. `freeze/N`: a filled buffer of N bytes is frozen, cloned three times, all four dropped.

use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Instant;

use super::{Plan, of_best, wait_for};
use crate::candidates::buffers::{BufferWork, Buffers};
use crate::case::{Case, Metric, Row, Targets};
use crate::clock::{race, thread_cpu};

const POOLED: Targets = &[("smarena-pool", of_best(0.40))];
const ACROSS: Targets = &[("smarena-pool", of_best(0.50))];
const FROZEN: Targets = &[("smarena-buf", of_best(0.60))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let size = plan.pick(2048, 1500);
    let mut cases = Vec::new();
    for threads in plan.pick([1, 2], [3, 4]) {
        let name = format!("pool/{threads}");
        let rows = vec![Row::timed(&name, POOLED)];
        cases.push(Case::of_buffers(name, rows, Pool { size, threads, turns: plan.count(3_000_000, 300_000) }));
    }
    let across = Across { size, batches: plan.count(32_000, 3_200) };
    cases.push(Case::of_buffers("pool-across", vec![Row::new("pool-across", &[(Metric::Cpu, ACROSS)])], across));
    for size in plan.pick([64, 1400], [200, 9000]) {
        let name = format!("freeze/{size}");
        let rows = vec![Row::new(&name, &[(Metric::Wall, FROZEN)])];
        cases.push(Case::of_buffers(name, rows, Freezing { size, batches: plan.count(20_000, 2_000) }));
    }
    cases
}

/// Acquires a buffer and writes to it.
#[inline(always)]
fn one<B: Buffers>(buffers: &B, number: usize) -> B::Buf<'_> {
    let mut buf = buffers.acquire();
    B::put(&mut buf, &number.to_ne_bytes());
    black_box(B::content(&buf));
    buf
}

struct Pool {
    size: usize,
    threads: usize,
    /// Of each thread.
    turns: usize,
}

impl BufferWork for Pool {
    fn buf_size(&self) -> usize {
        self.size
    }

    fn round<B: Buffers>(&self, buffers: &B) -> Vec<f64> {
        race(self.threads, &[self.threads * self.turns], |_, clock| {
            (0..self.turns / 16).for_each(|number| drop(one(buffers, number)));
            clock.time(|| (0..self.turns).for_each(|number| drop(one(buffers, number))));
        })
    }
}

/// Buffers that travel together.
const BATCH: usize = 64;
/// Lists that go round: one is filled, one is emptied.
const LISTS: usize = 2;

struct Across {
    size: usize,
    batches: usize,
}

/// Lists go round: full in one direction, empty in the other.
type Ends<T> = (Sender<Vec<T>>, Receiver<Vec<T>>);

/// The next list.
fn next<T>(from: &Receiver<Vec<T>>) -> Vec<T> {
    wait_for(|| match from.try_recv() {
        Ok(list) => Some(list),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => unreachable!("the other worker sends as many"),
    })
}

/// Sums up the CPU time of pieces of work so short that reading the clock, a system call, takes a good part of it: without that part.
struct Stopwatch {
    /// What is measured where nothing is done, in ns.
    nothing: u64,
    sum: u64,
}

impl Stopwatch {
    fn new() -> Self {
        let mut nothing: [u64; 1001] = std::array::from_fn(|_| cpu_of(|| ()));
        nothing.sort_unstable();
        Stopwatch { nothing: nothing[nothing.len() / 2], sum: 0 }
    }

    #[inline(always)]
    fn add(&mut self, work: impl FnOnce()) {
        self.sum += cpu_of(work).saturating_sub(self.nothing);
    }
}

/// The CPU time that `work` takes, in ns.
#[inline(always)]
fn cpu_of(work: impl FnOnce()) -> u64 {
    let begin = thread_cpu();
    work();
    thread_cpu() - begin
}

impl Across {
    /// Acquires the buffers; the CPU time of that, without that of sending them.
    fn acquire<'b, B: Buffers>(&self, buffers: &'b B, (full, emptied): Ends<B::Buf<'b>>) -> u64 {
        let mut here = Vec::with_capacity(BATCH);
        let mut time = Stopwatch::new();
        for _ in 0..self.batches {
            time.add(|| here.extend((0..BATCH).map(|number| one(buffers, number))));
            let mut list = next(&emptied);
            list.append(&mut here);
            // The last lists come back when nobody takes them any more.
            drop(full.send(list));
        }
        time.sum
    }

    /// Releases them; the CPU time of that, without that of receiving them.
    fn release<T>(&self, (empty, filled): Ends<T>) -> u64 {
        let mut here = Vec::with_capacity(BATCH);
        let mut time = Stopwatch::new();
        for _ in 0..self.batches {
            let mut list = next(&filled);
            here.append(&mut list);
            drop(empty.send(list));
            time.add(|| here.clear());
        }
        time.sum
    }
}

impl BufferWork for Across {
    fn buf_size(&self) -> usize {
        self.size
    }

    fn round<B: Buffers>(&self, buffers: &B) -> Vec<f64> {
        let ((full, filled), (empty, emptied)) = (channel(), channel());
        for _ in 0..LISTS {
            empty.send(Vec::with_capacity(BATCH)).expect("we have the other end");
        }
        let time = std::thread::scope(|scope| {
            let acquiring = scope.spawn(|| self.acquire(buffers, (full, emptied)));
            self.release((empty, filled)) + acquiring.join().expect("a pool ends the process where it fails")
        });
        vec![time as f64 / (self.batches * BATCH) as f64]
    }
}

struct Freezing {
    size: usize,
    batches: usize,
}

/// Buffers that are filled, untimed, before they are frozen: few enough for a thread's cache.
const FILLED: usize = 32;

impl BufferWork for Freezing {
    fn buf_size(&self) -> usize {
        self.size
    }

    fn needs_freezing(&self) -> bool {
        true
    }

    fn round<B: Buffers>(&self, buffers: &B) -> Vec<f64> {
        let content = vec![7; self.size];
        let mut filled = Vec::with_capacity(FILLED);
        let mut nanoseconds = 0;
        for _ in 0..self.batches {
            filled.extend((0..FILLED).map(|_| {
                let mut buf = buffers.acquire();
                B::put(&mut buf, &content);
                buf
            }));
            let begin = Instant::now();
            for buf in filled.drain(..) {
                let frozen = B::freeze(buf).expect("asked for by needs_freezing");
                for clone in [frozen.clone(), frozen.clone(), frozen.clone(), frozen] {
                    black_box(clone.as_ref().as_ptr());
                }
            }
            nanoseconds += begin.elapsed().as_nanos();
        }
        vec![nanoseconds as f64 / (self.batches * FILLED) as f64]
    }
}
