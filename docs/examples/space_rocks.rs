//! Entities under handles: rocks that drift, and ships that aim at one. A handle whose rock is gone finds nothing, for ever, also when
//! another rock has taken its place.
//!
//! `cargo run --release --example space_rocks`

#![expect(clippy::print_stdout, reason = "a program for people")]

use smarena::{Handle, SecondaryMap, SmArena};

struct Rock {
    place: (f32, f32),
    speed: (f32, f32),
}

struct Ship {
    target: Handle<Rock>,
}

fn main() {
    let mut rocks = SmArena::new();
    let handles: Vec<Handle<Rock>> =
        (1..=4_u8).map(|n| rocks.insert(Rock { place: (0.0, 0.0), speed: (n.into(), 1.0) })).collect();
    // What only some rocks have lies in a map beside the arena.
    let mut names = SecondaryMap::new();
    names.insert(handles[3], "Gertrude");
    let ships = [Ship { target: handles[0] }, Ship { target: handles[3] }];

    for _ in 0..3 {
        for (_, rock) in rocks.iter_mut() {
            rock.place = (rock.place.0 + rock.speed.0, rock.place.1 + rock.speed.1);
        }
        rocks.retain(|_, rock| rock.place.0 <= 10.0); // The fourth is at 12 in the end.
    }
    let new = rocks.insert(Rock { place: (5.0, 5.0), speed: (0.0, 0.0) });
    assert!(new.slot() == handles[3].slot() && new != handles[3]);

    let found: Vec<_> = ships.iter().map(|ship| rocks.get(ship.target).map(|rock| rock.place)).collect();
    assert_eq!(found, [Some((3.0, 3.0)), None]);
    println!("{} rocks; ships aim at {found:?}; {:?} is gone", rocks.len(), names.remove(handles[3]));
}
