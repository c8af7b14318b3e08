//! A rollback: an arena becomes its snapshot again, beside the mere copying of as many bytes.

use std::hint::black_box;

use crate::{ROUNDS, median, per_op};

const VALUES: usize = 100_000;
const REPEATS: usize = 20;
/// The most that a rollback may take, as a part of what copying takes.
const WANTED: f64 = 1.2;

type Value = [u64; 8];

/// Prints nanoseconds of CPU time per value.
pub(crate) fn rows() {
    let value = |number: usize| [number as u64; 8];
    let mut world: smarena::SmArena<Value> = (0..VALUES).map(value).collect();
    let mut peer = slotmap::SlotMap::new();
    (0..VALUES).for_each(|number| _ = peer.insert(value(number)));
    let mut bytes: Vec<_> = (0..VALUES).map(value).collect();
    let (snapshot, peers_snapshot, copy): (_, slotmap::SlotMap<slotmap::DefaultKey, Value>, _) =
        (world.clone(), peer.clone(), bytes.clone());
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0].push(per_op(REPEATS, VALUES, || black_box(&mut world).clone_from(black_box(&snapshot))));
        times[1].push(per_op(REPEATS, VALUES, || black_box(&mut peer).clone_from(black_box(&peers_snapshot))));
        times[2].push(per_op(REPEATS, VALUES, || black_box(&mut bytes).copy_from_slice(black_box(&copy))));
    }
    let [ours, slotmap, bytes] = times.map(median);
    print!("rollback  {VALUES:>9}  64 B");
    for (name, (time, spread)) in [("smarena", ours), ("slotmap", slotmap), ("bytes", bytes)] {
        print!("  {name} {time:.2} (x{spread:.1})");
    }
    println!("  ratio to bytes {:.2}  wanted {WANTED:.2}", ours.0 / bytes.0);
}
