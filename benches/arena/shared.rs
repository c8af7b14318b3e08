//! The arena that threads share, beside sharded-slab: reads through a guard, removals and insertions.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use super::{OPERATIONS, ROUNDS, median, per_op, shuffled};

const VALUES: usize = 1000;

/// What is measured of a shared arena of 8-byte values.
trait Shared: Sync {
    type Key: Copy + Send + Sync;
    fn new() -> Self;
    fn insert(&self, value: u64) -> Self::Key;
    /// The value, read through a guard.
    fn read(&self, key: Self::Key) -> Option<u64>;
    fn read_all(&self, keys: &[Self::Key]) -> u64 {
        keys.iter().map(|&key| self.read(key).unwrap_or(0)).fold(0, u64::wrapping_add)
    }
    fn remove(&self, key: Self::Key) -> bool;
}

impl Shared for smarena::SharedArena<u64> {
    type Key = smarena::Handle<u64>;
    fn new() -> Self {
        Self::new()
    }
    #[inline]
    fn insert(&self, value: u64) -> Self::Key {
        self.insert(value)
    }
    #[inline]
    fn read(&self, key: Self::Key) -> Option<u64> {
        self.get(key).map(|guard| *guard)
    }
    #[inline]
    fn remove(&self, key: Self::Key) -> bool {
        self.remove(key)
    }
}

impl Shared for sharded_slab::Slab<u64> {
    type Key = usize;
    fn new() -> Self {
        Self::new()
    }
    #[inline]
    fn insert(&self, value: u64) -> usize {
        self.insert(value).expect("there is room for thousands")
    }
    #[inline]
    fn read(&self, key: usize) -> Option<u64> {
        self.get(key).map(|guard| *guard)
    }
    #[inline]
    fn remove(&self, key: usize) -> bool {
        self.remove(key)
    }
}

/// As a shared arena, but each round of reads is one reading.
struct Readings(smarena::SharedArena<u64>);

impl Shared for Readings {
    type Key = smarena::Handle<u64>;
    fn new() -> Self {
        Self(smarena::SharedArena::new())
    }
    #[inline]
    fn insert(&self, value: u64) -> Self::Key {
        self.0.insert(value)
    }
    #[inline]
    fn read(&self, key: Self::Key) -> Option<u64> {
        self.0.reading().get(key).copied()
    }
    #[inline]
    fn read_all(&self, keys: &[Self::Key]) -> u64 {
        let reading = self.0.reading();
        keys.iter().map(|&key| reading.get(key).copied().unwrap_or(0)).fold(0, u64::wrapping_add)
    }
    #[inline]
    fn remove(&self, key: Self::Key) -> bool {
        self.0.remove(key)
    }
}

#[derive(Clone, Copy)]
enum Work {
    /// All threads read the same values, each in the same shuffled order.
    Read,
    /// Each thread removes and inserts values of its own.
    Churn,
}

#[inline(never)]
fn read<A: Shared>(arena: &A, keys: &[A::Key]) -> u64 {
    arena.read_all(keys)
}

#[inline(never)]
fn churn<A: Shared>(arena: &A, keys: &mut [A::Key]) {
    for key in keys {
        black_box(arena.remove(*key));
        *key = arena.insert(7);
    }
}

/// Nanoseconds of CPU time per operation, the mean of the threads'.
fn measure<A: Shared>(work: Work, threads: usize) -> f64 {
    let arena = A::new();
    let insert_all = || shuffled((0..VALUES).map(|i| arena.insert(i as u64)).collect());
    let common = insert_all();
    let start = Barrier::new(threads);
    let body = || {
        let mut own = insert_all();
        start.wait();
        per_op(OPERATIONS / VALUES, VALUES, || match work {
            Work::Read => _ = black_box(read(&arena, &common)),
            Work::Churn => churn(&arena, &mut own),
        })
    };
    let times: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(body)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no arena panics")).collect()
    });
    times.iter().sum::<f64>() / threads as f64
}

/// Prints the rows.
pub(super) fn rows() {
    type Measure = fn(Work, usize) -> f64;
    let guards: Measure = measure::<smarena::SharedArena<u64>>;
    println!("\n{:<14}{:>8}{:>16}{:>16}{:>8}{:>8}", "ns/op", "threads", "smarena", "sharded-slab", "ratio", "wanted");
    for (work, name, measure_ours) in [
        (Work::Read, "shared-read", guards),
        (Work::Read, "reading", measure::<Readings>),
        (Work::Churn, "shared-churn", guards),
    ] {
        for threads in [1, 2] {
            let (mut ours, mut peers) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                ours.push(measure_ours(work, threads));
                peers.push(measure::<sharded_slab::Slab<u64>>(work, threads));
            }
            let (ours, peers) = (median(ours), median(peers));
            print!("{name:<14}{threads:>8}{:>8.2} (x{:>4.1}){:>8.2} (x{:>4.1})", ours.0, ours.1, peers.0, peers.1);
            println!("{:>8.2}{:>8.2}", ours.0 / peers.0, 1.0);
        }
    }
}
