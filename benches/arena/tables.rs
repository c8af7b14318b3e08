//! The other tables beside slotmap's: walks along a dense arena, look-ups in a secondary map, and joins.

use std::hint::black_box;

use crate::{OPERATIONS, ROUNDS, median, per_op, shuffled};

fn print(name: &str, count: usize, times: [Vec<f64>; 2]) {
    let [ours, peer] = times.map(median);
    print!("{name:<14}{count:>9}  smarena {:.2} (x{:.1})  slotmap {:.2} (x{:.1})", ours.0, ours.1, peer.0, peer.1);
    println!("  ratio {:.2}  wanted 1.00", ours.0 / peer.0);
}

// Functions of their own, so that no candidate's loop is compiled in the surroundings of another's.

#[inline(never)]
fn walk<K>(handles_and_values: impl Iterator<Item = (K, u64)>) -> u64 {
    let mut sum = 0_u64;
    handles_and_values.for_each(|(key, value)| {
        black_box(key);
        sum = sum.wrapping_add(value);
    });
    sum
}

#[inline(never)]
fn get<K: Copy, M>(map: &M, keys: &[K], look_up: impl Fn(&M, K) -> Option<&u64>) -> u64 {
    keys.iter().map(|&key| look_up(map, key).copied().unwrap_or(0)).fold(0, u64::wrapping_add)
}

/// Prints nanoseconds of CPU time per value.
pub(crate) fn rows() {
    for count in [1000, 1_000_000] {
        let repeats = OPERATIONS / count;
        let mut arena = smarena::DenseArena::new();
        let mut map = slotmap::DenseSlotMap::new();
        let (handles, keys): (Vec<_>, Vec<_>) =
            (0..count as u64).map(|value| (arena.insert(value), map.insert(value))).unzip();
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let [ours, peer] = &mut times;
            ours.push(per_op(repeats, count, || _ = black_box(walk(arena.iter().map(|(key, value)| (key, *value))))));
            peer.push(per_op(repeats, count, || _ = black_box(walk(map.iter().map(|(key, value)| (key, *value))))));
        }
        print("dense-iter", count, times);

        let (handles, keys) = (shuffled(handles), shuffled(keys));
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let [ours, peer] = &mut times;
            ours.push(per_op(repeats, count, || _ = black_box(get(&arena, &handles, |arena, key| arena.get(key)))));
            peer.push(per_op(repeats, count, || _ = black_box(get(&map, &keys, |map, key| map.get(key)))));
        }
        print("dense-get", count, times);

        let ours_second: smarena::SecondaryMap<_, _> = handles.iter().copied().zip(0_u64..).collect();
        let peers_second: slotmap::SecondaryMap<_, _> = keys.iter().copied().zip(0_u64..).collect();
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            let [ours, peer] = &mut times;
            ours.push(per_op(repeats, count, || _ = black_box(get(&ours_second, &handles, |map, key| map.get(key)))));
            peer.push(per_op(repeats, count, || _ = black_box(get(&peers_second, &keys, |map, key| map.get(key)))));
        }
        print("secondary-get", count, times);
    }
    joins();
}

#[inline(never)]
fn joined<K>(both: impl Iterator<Item = (K, (u64, u64))>) -> u64 {
    walk(both.map(|(key, (x, y))| (key, x.wrapping_add(y))))
}

/// A map with a value for each handle joined with one that has a thousand, in either order, and one with as many. With slotmap the
/// program itself has to walk along the smaller one.
fn joins() {
    const COUNT: usize = 1_000_000;
    let handles: Vec<_> = (0..COUNT as u64).collect::<smarena::SmArena<_>>().keys().collect();
    let mut map = slotmap::SlotMap::with_key();
    let keys: Vec<slotmap::DefaultKey> = (0..COUNT as u64).map(|value| map.insert(value)).collect();
    for (name, few) in [("join-few", 1000), ("join-all", COUNT)] {
        let some = || (0_u64..).step_by(COUNT / few);
        let big: smarena::SecondaryMap<_, _> = handles.iter().copied().zip(0..).collect();
        let small: smarena::SparseSecondaryMap<_, _> = some().take(few).map(|at| (handles[at as usize], at)).collect();
        let peers_big: slotmap::SecondaryMap<_, _> = keys.iter().copied().zip(0..).collect();
        let peers_small: slotmap::SparseSecondaryMap<_, _> =
            some().take(few).map(|at| (keys[at as usize], at)).collect();
        let repeats = OPERATIONS / few;
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let [first, last, peer] = &mut times;
            let copied = |(handle, (x, y)): (_, (&u64, &u64))| (handle, (*x, *y));
            first.push(per_op(repeats, few, || {
                black_box(joined(smarena::join((black_box(&big), black_box(&small))).map(copied)));
            }));
            last.push(per_op(repeats, few, || {
                black_box(joined(smarena::join((black_box(&small), black_box(&big))).map(copied)));
            }));
            peer.push(per_op(repeats, few, || {
                let both =
                    black_box(&peers_small).iter().filter_map(|(key, y)| Some((key, (*y, *peers_big.get(key)?))));
                black_box(joined(both));
            }));
        }
        let [first, last, peer] = times;
        print(&format!("{name}, big 1st"), few, [first, peer.clone()]);
        print(&format!("{name}, big 2nd"), few, [last, peer]);
    }
}
