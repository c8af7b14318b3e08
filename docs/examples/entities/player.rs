//! One thread's part in the battle: it keeps its entities' number up, and lets them attack.

use std::ops::Add;
use std::sync::atomic::Ordering;

use crate::world::{Battle, Entity, Found, Reference};

/// What a thread did, in numbers.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Tally {
    pub(crate) spawned: u64,
    pub(crate) despawned: u64,
    pub(crate) attacks: u64,
    /// References to entities that were gone.
    pub(crate) stale: u64,
    /// References that led to another entity: never.
    pub(crate) mistaken: u64,
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            spawned: self.spawned + other.spawned,
            despawned: self.despawned + other.despawned,
            attacks: self.attacks + other.attacks,
            stale: self.stale + other.stale,
            mistaken: self.mistaken + other.mistaken,
        }
    }
}

pub(crate) struct Player<'b> {
    battle: &'b Battle,
    /// The entities it spawned. Some are gone: it notices when their turn comes.
    own: Vec<Reference>,
    random: u64,
    pub(crate) tally: Tally,
}

impl<'b> Player<'b> {
    /// `seed` is not 0.
    pub(crate) fn new(battle: &'b Battle, seed: u64, population: usize) -> Self {
        let mut player = Self { battle, own: Vec::with_capacity(population), random: seed, tally: Tally::default() };
        for _ in 0..population {
            let entity = player.spawn();
            player.own.push(entity);
        }
        player
    }

    /// One of its entities attacks its target. Where one is gone, another is spawned in its place.
    pub(crate) fn tick(&mut self) {
        self.tally.attacks += 1;
        let turn = (self.random() >> 16) as usize % self.own.len();
        let target = match self.battle.look(self.own[turn], think) {
            Found::Right(target) => target,
            missed => {
                self.missed(missed);
                self.own[turn] = self.spawn();
                return;
            }
        };
        let Some(target) = target else {
            // Nothing to hunt: it retires.
            self.despawn(self.own[turn]);
            return;
        };
        match self.battle.look(target, hit) {
            Found::Right(true) => self.despawn(target),
            Found::Right(false) => {}
            missed => {
                self.missed(missed);
                self.despawn(self.own[turn]);
            }
        }
    }

    fn spawn(&mut self) -> Reference {
        self.tally.spawned += 1;
        let random = self.random();
        self.battle.spawn(random)
    }

    fn despawn(&mut self, reference: Reference) {
        self.tally.despawned += u64::from(self.battle.despawn(reference));
    }

    fn missed<R>(&mut self, found: Found<R>) {
        match found {
            Found::Right(_) => {}
            Found::Stale => self.tally.stale += 1,
            Found::Mistaken => self.tally.mistaken += 1,
        }
    }

    /// Xorshift.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// Where the entity will be, and what it goes for: nothing, if it has got too far out or carries too much.
fn think(entity: &Entity) -> Option<Reference> {
    let position = entity.body.position.iter().zip(entity.body.velocity).map(|(at, speed)| at + speed);
    let load = entity.inventory.as_ref().map_or(0, |inventory| inventory.items.iter().sum());
    entity.target.filter(|_| position.sum::<f32>().is_finite() && load < 1000)
}

/// Takes a point of health off. `true` for the one who took the last.
fn hit(entity: &Entity) -> bool {
    // Relaxed: only the number counts; the despawning is ordered by the arena.
    let before = entity.health.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |health| health.checked_sub(1));
    before == Ok(1)
}
