//! `pool/N`, `pool-across`: a buffer of 2 KiB is acquired, its first word written, and released: by each of N threads on its own;
//! by another thread, to which they travel 32 at a time. `freeze/N`: a filled buffer of N bytes is frozen, cloned three times, all four dropped.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::{Plan, of_best};
use crate::candidates::buffers::{BufferWork, Buffers};
use crate::case::{Case, Metric, Row, Targets};
use crate::clock::race;

const POOLED: Targets = &[("smarena-pool", of_best(0.50))];
const FROZEN: Targets = &[("smarena-buf", of_best(0.80))];

pub fn cases(plan: &Plan) -> Vec<Case> {
    let size = plan.pick(2048, 1500);
    let mut cases = Vec::new();
    for threads in plan.pick([1, 2], [3, 4]) {
        let name = format!("pool/{threads}");
        let rows = vec![Row::timed(&name, POOLED)];
        cases.push(Case::of_buffers(name, rows, Pool { size, threads, turns: plan.count(3_000_000, 300_000) }));
    }
    let across = Across { size, batches: plan.count(60_000, 6_000) };
    cases.push(Case::of_buffers("pool-across", vec![Row::timed("pool-across", POOLED)], across));
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
    black_box(buf)
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

/// Buffers that travel together, and lists of them that are under way.
const BATCH: usize = 32;
const LISTS: usize = 4;

struct Across {
    size: usize,
    batches: usize,
}

/// Lists go round: full in one direction, empty in the other.
type Ends<T> = (Sender<Vec<T>>, Receiver<Vec<T>>);

impl BufferWork for Across {
    fn buf_size(&self) -> usize {
        self.size
    }

    fn round<B: Buffers>(&self, buffers: &B) -> Vec<f64> {
        let ((full, filled), (empty, emptied)) = (channel(), channel());
        for _ in 0..LISTS {
            empty.send(Vec::with_capacity(BATCH)).expect("we have the other end");
        }
        let ends: [Mutex<Option<Ends<B::Buf<'_>>>>; 2] =
            [(full, emptied), (empty, filled)].map(|ends| Mutex::new(Some(ends)));
        race(2, &[self.batches * BATCH], |worker, clock| {
            let (to, from) = ends[worker].lock().expect("nobody panicked").take().expect("each worker comes once");
            clock.time(|| {
                for _ in 0..self.batches {
                    let mut list = from.recv().expect("the other worker sends as many");
                    if worker == 0 {
                        list.extend((0..BATCH).map(|number| one(buffers, number)));
                    } else {
                        list.clear();
                    }
                    // The last lists come back when nobody takes them any more.
                    drop(to.send(list));
                }
            });
        })
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
                let frozen = B::freeze(black_box(buf)).expect("asked for by needs_freezing");
                drop(black_box([frozen.clone(), frozen.clone(), frozen.clone()]));
                drop(black_box(frozen));
            }
            nanoseconds += begin.elapsed().as_nanos();
        }
        vec![nanoseconds as f64 / (self.batches * FILLED) as f64]
    }
}
