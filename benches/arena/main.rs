//! Arenas beside their peers: CPU time per operation, interleaved rounds, medians, ratio to the best peer.
//!
//! `cargo bench --bench arena [-- NAME]`; NAME picks the workloads whose name contains it.
#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints its table")]
#![allow(clippy::cast_possible_truncation, reason = "a random number below a usize fits one")]
#![allow(unsafe_code, reason = "the thread's CPU clock is a C call")]

mod shared;
mod snapshot;
mod tables;

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;
/// About so many operations make a sample.
const OPERATIONS: usize = 1_000_000;
/// The most that ours may take, as a part of what the best peer takes: each operation, and the longest insertion.
const WANTED: f64 = 1.0;
const WANTED_LONGEST: f64 = 0.01;

/// The CPU time of this thread.
fn cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Unix, and `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What is measured of an arena.
trait Arena<T>: Sized {
    const NAME: &'static str;
    type Key: Copy;
    fn new() -> Self;
    fn insert(&mut self, value: T) -> Self::Key;
    fn get(&self, key: Self::Key) -> Option<&T>;
    fn remove(&mut self, key: Self::Key) -> Option<T>;
    fn each(&self, seen: impl FnMut(Self::Key, &T));
}

macro_rules! arena {
    ($adapter:ident, $name:literal, $type:ty, $key:ty, $new:expr) => {
        struct $adapter<T>($type);
        impl<T> Arena<T> for $adapter<T> {
            const NAME: &'static str = $name;
            type Key = $key;
            fn new() -> Self {
                Self($new)
            }
            #[inline]
            fn insert(&mut self, value: T) -> $key {
                self.0.insert(value)
            }
            #[inline]
            fn get(&self, key: $key) -> Option<&T> {
                self.0.get(key)
            }
            #[inline]
            fn remove(&mut self, key: $key) -> Option<T> {
                self.0.remove(key)
            }
            #[inline]
            fn each(&self, mut seen: impl FnMut($key, &T)) {
                for (key, value) in &self.0 {
                    seen(key, value);
                }
            }
        }
    };
}

arena!(Ours, "smarena", smarena::SmArena<T>, smarena::Handle<T>, smarena::SmArena::new());
arena!(Compat, "compat", smarena::compat::Arena<T>, smarena::compat::Index, smarena::compat::Arena::new());
arena!(
    Generational,
    "gen-arena",
    generational_arena::Arena<T>,
    generational_arena::Index,
    generational_arena::Arena::new()
);
arena!(
    SlotMap,
    "slotmap",
    slotmap::SlotMap<slotmap::DefaultKey, T>,
    slotmap::DefaultKey,
    slotmap::SlotMap::new()
);
arena!(Thunderdome, "thunderdome", thunderdome::Arena<T>, thunderdome::Index, thunderdome::Arena::new());

struct Slab<T>(slab::Slab<T>);
impl<T> Arena<T> for Slab<T> {
    const NAME: &'static str = "slab";
    type Key = usize;
    fn new() -> Self {
        Self(slab::Slab::new())
    }
    #[inline]
    fn insert(&mut self, value: T) -> usize {
        self.0.insert(value)
    }
    #[inline]
    fn get(&self, key: usize) -> Option<&T> {
        self.0.get(key)
    }
    #[inline]
    fn remove(&mut self, key: usize) -> Option<T> {
        self.0.try_remove(key)
    }
    #[inline]
    fn each(&self, mut seen: impl FnMut(usize, &T)) {
        for (key, value) in &self.0 {
            seen(key, value);
        }
    }
}

/// A value of 8 or 64 bytes.
trait Value: Copy + 'static {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

impl Value for u64 {
    fn of(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}

impl Value for [u64; 8] {
    fn of(number: u64) -> Self {
        [number; 8]
    }
    fn number(&self) -> u64 {
        self[0]
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }
}

fn shuffled<K>(mut keys: Vec<K>) -> Vec<K> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for i in (1..keys.len()).rev() {
        keys.swap(i, random.below(i + 1));
    }
    keys
}

fn filled<T: Value, A: Arena<T>>(count: usize) -> (A, Vec<A::Key>) {
    let mut arena = A::new();
    let keys = (0..count).map(|i| arena.insert(T::of(i as u64))).collect();
    (arena, keys)
}

/// Nanoseconds of CPU time per operation.
fn per_op(repeats: usize, ops: usize, mut body: impl FnMut()) -> f64 {
    let start = cpu();
    for _ in 0..repeats {
        body();
    }
    (cpu() - start).as_secs_f64() * 1e9 / (repeats * ops) as f64
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Insert,
    GetHit,
    GetStale,
    Churn,
    IterFull,
    IterTenth,
}

const WORKS: [(Work, &str); 6] = [
    (Work::Insert, "insert"),
    (Work::GetHit, "get-hit"),
    (Work::GetStale, "get-stale"),
    (Work::Churn, "churn"),
    (Work::IterFull, "iter-full"),
    (Work::IterTenth, "iter-10%"),
];

// What is measured. Functions of their own, so that no candidate's loop is compiled in the surroundings of another's, and
// so that a profiler names them.

#[inline(never)]
fn insert<T: Value, A: Arena<T>>(count: usize) {
    let mut arena = A::new();
    for i in 0..count {
        black_box(arena.insert(T::of(i as u64)));
    }
    black_box(&arena);
}

#[inline(never)]
fn get_hit<T: Value, A: Arena<T>>(arena: &A, keys: &[A::Key]) -> u64 {
    keys.iter().map(|&key| arena.get(key).map_or(0, Value::number)).fold(0, u64::wrapping_add)
}

#[inline(never)]
fn get_stale<T: Value, A: Arena<T>>(arena: &A, keys: &[A::Key]) -> usize {
    keys.iter().filter(|&&key| arena.get(key).is_some()).count()
}

#[inline(never)]
fn churn<T: Value, A: Arena<T>>(arena: &mut A, keys: &mut [A::Key], random: &mut Random) {
    for i in 0..keys.len() {
        let at = random.below(keys.len());
        black_box(arena.remove(keys[at]).map(|value| value.number()));
        keys[at] = arena.insert(T::of(i as u64));
    }
}

#[inline(never)]
fn iterate<T: Value, A: Arena<T>>(arena: &A) -> u64 {
    let mut sum = 0_u64;
    arena.each(|key, value| {
        black_box(key);
        sum = sum.wrapping_add(value.number());
    });
    sum
}

/// A round's state is built outside the measured part.
fn measure<T: Value, A: Arena<T>>(work: Work, count: usize) -> f64 {
    let repeats = (OPERATIONS / count).max(1);
    if work == Work::Insert {
        return per_op(repeats, count, || insert::<T, A>(count));
    }
    let (mut arena, keys) = filled::<T, A>(count);
    let mut keys = shuffled(keys);
    match work {
        Work::GetStale => {
            for &key in &keys {
                arena.remove(key);
            }
            for i in 0..count {
                arena.insert(T::of(i as u64));
            }
        }
        Work::IterTenth => {
            for &key in &keys[count / 10..] {
                arena.remove(key);
            }
        }
        _ => {}
    }
    let mut random = Random(7);
    per_op(repeats, count, || match work {
        Work::Insert => unreachable!("measured above"),
        Work::GetHit => _ = black_box(get_hit(&arena, &keys)),
        Work::GetStale => _ = black_box(get_stale(&arena, &keys)),
        Work::Churn => churn(&mut arena, &mut keys, &mut random),
        Work::IterFull | Work::IterTenth => _ = black_box(iterate(&arena)),
    })
}

fn median(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() - 1] / times[0])
}

fn row<T: Value>(work: (Work, &str), count: usize) {
    type Measure = fn(Work, usize) -> f64;
    let candidates: [(&str, Measure); 6] = [
        (Ours::<T>::NAME, measure::<T, Ours<T>>),
        (Compat::<T>::NAME, measure::<T, Compat<T>>),
        (Generational::<T>::NAME, measure::<T, Generational<T>>),
        (SlotMap::<T>::NAME, measure::<T, SlotMap<T>>),
        (Thunderdome::<T>::NAME, measure::<T, Thunderdome<T>>),
        (Slab::<T>::NAME, measure::<T, Slab<T>>),
    ];
    let mut times = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (times, (_, measure)) in times.iter_mut().zip(candidates) {
            times.push(measure(work.0, count));
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    // Slab has no generations: it takes a stale key for a fresh one.
    let peers = if work.0 == Work::GetStale { 2..5 } else { 2..6 };
    let best = medians[peers].iter().map(|(time, _)| *time).fold(f64::INFINITY, f64::min);
    print!("{:<10}{:>9}{:>4} B", work.1, count, size_of::<T>());
    for (time, spread) in &medians {
        print!("{time:>8.2} (x{spread:>4.1})");
    }
    println!("{:>8.2}{WANTED:>8.2}", medians[0].0 / best);
}

/// The longest single insertion while an arena grows to `count` values, in microseconds of wall time.
fn longest<T: Value, A: Arena<T>>(count: usize) -> f64 {
    let mut arena = A::new();
    let mut longest = Duration::ZERO;
    for i in 0..count {
        let start = Instant::now();
        black_box(arena.insert(T::of(i as u64)));
        longest = longest.max(start.elapsed());
    }
    longest.as_secs_f64() * 1e6
}

fn longest_row<T: Value>(count: usize) {
    type Measure = fn(usize) -> f64;
    let candidates: [(&str, Measure); 5] = [
        (Ours::<T>::NAME, longest::<T, Ours<T>>),
        (Generational::<T>::NAME, longest::<T, Generational<T>>),
        (SlotMap::<T>::NAME, longest::<T, SlotMap<T>>),
        (Thunderdome::<T>::NAME, longest::<T, Thunderdome<T>>),
        (Slab::<T>::NAME, longest::<T, Slab<T>>),
    ];
    let mut times = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (times, (_, measure)) in times.iter_mut().zip(candidates) {
            times.push(measure(count));
        }
    }
    print!("longest   {count:>9}{:>4} B, us:", size_of::<T>());
    let medians: Vec<_> = times.into_iter().map(median).collect();
    for ((name, _), (time, spread)) in candidates.iter().zip(&medians) {
        print!("  {name} {time:.0} (x{spread:.1})");
    }
    let best = medians[1..].iter().map(|(time, _)| *time).fold(f64::INFINITY, f64::min);
    println!("  ratio {:.4}  wanted {WANTED_LONGEST:.2}", medians[0].0 / best);
}

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    print!("{:<10}{:>9}{:>6}", "ns/op", "values", "size");
    for name in ["smarena", "compat", "gen-arena", "slotmap", "thunderdome", "slab"] {
        print!("{name:>16}");
    }
    println!("{:>8}{:>8}", "ratio", "wanted");
    for work in WORKS.into_iter().filter(|(_, name)| name.contains(&only)) {
        for count in [1000, 1_000_000] {
            row::<u64>(work, count);
            row::<[u64; 8]>(work, count);
        }
    }
    if "longest".contains(&only) {
        longest_row::<u64>(10_000_000);
    }
    if "tables".contains(&only) {
        tables::rows();
    }
    if "rollback".contains(&only) {
        snapshot::rows();
    }
    if "shared".contains(&only) {
        shared::rows();
    }
}
