//! A small game: entities under handles, their components in secondary maps, systems that walk several of these together, despawning in the
//! walk. Then the world is saved and loaded, rolled back and played again, always to the same checksum.
//!
//! `cargo run --release --features serde --example entities -- --ticks 2000`

#[path = "../shared/arguments.rs"]
mod arguments;
#[path = "../shared/ending.rs"]
mod ending;
#[cfg(test)]
mod tests;

use std::{ffi::OsString, process::ExitCode};

use arguments::{value, within};
use ending::{Ending, Failure};
use lexopt::{Arg, Parser};
use serde::{Deserialize, Serialize};
use smarena::{Handle, SecondaryMap, SmArena, SparseSecondaryMap, join};

const HELP: &str = "\
Plays a small game, saves it, loads it, and plays on from there three times.

Usage: entities [--ticks N]
  --ticks N   how long it takes, 1 to 1000000 [default: 1000]

Exit status: 0, or 1 if two checksums differed, or 2 if the arguments are wrong.
";

/// What every entity has. What only some have is in the world's maps.
#[derive(Clone, Serialize, Deserialize)]
struct Entity {
    health: i64,
}

/// All there is, so all that has to be saved.
#[derive(Clone, Default, Serialize, Deserialize)]
struct World {
    entities: SmArena<Entity>,
    places: SecondaryMap<Entity, [i64; 2]>,
    speeds: SecondaryMap<Entity, [i64; 2]>,
    prey: SparseSecondaryMap<Entity, Handle<Entity>>,
    random: u64,
    despawned: u64,
}

impl World {
    fn tick(&mut self, population: usize) {
        self.spawn(population);
        self.move_on();
        self.hunt();
        self.despawn();
    }

    /// A few more in each tick. Half of them move; every eighth hunts the one before it.
    fn spawn(&mut self, population: usize) {
        let mut before = None;
        for _ in 0..32.min(population - self.entities.len()) {
            let random = self.random();
            let entity = self.entities.insert(Entity { health: 20 + random as i64 % 80 });
            self.places.insert(entity, [random as i64 % 1000, 0]);
            if random % 2 == 0 {
                self.speeds.insert(entity, [random as i64 % 7, random as i64 % 5]);
            }
            if let Some(prey) = before.replace(entity).filter(|_| random % 8 == 1) {
                self.prey.insert(entity, prey);
            }
        }
    }

    /// All grow older, and who has a place and a speed moves.
    fn move_on(&mut self) {
        self.entities.values_mut().for_each(|entity| entity.health -= 1);
        for (_, (place, speed)) in join((&mut self.places, &self.speeds)) {
            *place = [place[0] + speed[0], place[1] + speed[1]];
        }
    }

    /// Hunters hurt their prey. When that is gone its handle finds nothing, whoever has its slot now, and they starve.
    fn hunt(&mut self) {
        for (hunter, prey) in &self.prey {
            let hurt = if self.entities.contains(*prey) { *prey } else { hunter };
            self.entities[hurt].health -= 3;
        }
    }

    /// Takes those out whose health is used up, while walking along all, and with them their components.
    fn despawn(&mut self) {
        for (gone, _) in self.entities.extract_if(|_, entity| entity.health <= 0) {
            self.places.remove(gone);
            self.speeds.remove(gone);
            self.prey.remove(gone);
            self.despawned += 1;
        }
    }

    /// A number below 2^32 (xorshift), which is part of the world: it has to be the same again.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 32
    }

    /// Of who is where, and of all handles: a world in which others are handed out has another one.
    fn checksum(&self) -> u64 {
        let walk = join((&self.entities, &self.places));
        let all = walk.flat_map(|(handle, (entity, at))| [handle.to_bits(), (entity.health + at[0] + at[1]) as u64]);
        all.chain([self.random]).fold(0, |sum: u64, number| (sum.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9))
    }
}

/// Plays half of the game, then the other half: as it is, from a file, and after a rollback.
fn run(ticks: usize, population: usize) -> Result<Ending, Failure> {
    let play = |world: &mut World| (0..ticks.div_ceil(2)).for_each(|_| world.tick(population));
    let mut world = World { random: 88_172_645_463_325_252, ..World::default() };
    play(&mut world);
    let (file, snapshot) = (serde_json::to_string(&world)?, world.clone());
    play(&mut world);
    let (left, despawned, played) = (world.entities.len(), world.despawned, world.checksum());
    let mut loaded: World = serde_json::from_str(&file)?;
    play(&mut loaded);
    // In the memory that the arena has.
    world.entities.clone_from(&snapshot.entities);
    world = World { entities: world.entities, ..snapshot };
    play(&mut world);
    let sums = [played, loaded.checksum(), world.checksum()];
    let report = format!("{left} entities left, {despawned} despawned; checksums {sums:x?}\n");
    Ok(if sums == [played; 3] { Ending::Good(report) } else { Ending::Flawed(report) })
}

fn main() -> ExitCode {
    program(std::env::args_os().collect()).tell("entities")
}

/// The program, for these arguments; the first is its name.
fn program(arguments: Vec<OsString>) -> Ending {
    let mut parser = Parser::from_iter(arguments);
    let ticks = match parser.next() {
        Ok(Some(Arg::Long("ticks"))) => value("--ticks", &mut parser),
        Ok(Some(Arg::Short('h') | Arg::Long("help"))) => return Ending::Good(HELP.to_owned()),
        Ok(Some(other)) => Err(other.unexpected().to_string()),
        Ok(None) => Ok("1000".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match ticks.and_then(|ticks| within("--ticks", &ticks, 1..=1_000_000)) {
        Ok(ticks) => run(ticks, 1000).unwrap_or_else(Ending::Failed),
        Err(error) => Ending::Misused(error),
    }
}
