//! The world: entities in an arena that all threads share, each with components in boxes of one heap.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use smarena::{Handle, SharedArena, SmBox, StaticHeap};

smarena::static_heap! {
    /// The heap of entities and components. It is built when it is first used, and lives as long as the program.
    pub(crate) struct World: smarena::Piecewise<17> { bucket_bytes: 64 << 20, name: "world" }
}

impl World {
    /// Blocks that somebody still owns, the arena's own aside.
    pub(crate) fn components_in_use() -> usize {
        Self::HEAP.stats().live()
    }
}

/// Where an entity is and where it goes.
pub(crate) struct Body {
    pub(crate) position: [f32; 3],
    pub(crate) velocity: [f32; 3],
}

/// What an entity carries. Most have nothing, so it is a block of its own.
pub(crate) struct Inventory {
    pub(crate) items: [u32; 24],
}

/// One entity. It is shared as it stands, so what changes in it is atomic.
pub(crate) struct Entity {
    /// Given out once, to prove that a handle found the right entity.
    pub(crate) serial: u64,
    pub(crate) health: AtomicU64,
    pub(crate) target: Option<Reference>,
    pub(crate) body: SmBox<Body, World>,
    pub(crate) inventory: Option<SmBox<Inventory, World>>,
}

/// How entities refer to each other: a handle, and what it must find if it finds anything.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    pub(crate) handle: Handle<Entity>,
    pub(crate) serial: u64,
}

/// What a reference led to.
pub(crate) enum Found<R> {
    /// The entity; what was asked of it.
    Right(R),
    /// The entity is gone.
    Stale,
    /// Another entity: this must not happen.
    Mistaken,
}

/// Entities, and the board on which threads tell each other of some.
pub(crate) struct Battle {
    entities: SharedArena<Entity, World>,
    serials: AtomicU64,
    board: [Mutex<Option<Reference>>; 64],
}

impl Battle {
    pub(crate) fn new() -> Self {
        Self {
            entities: SharedArena::new_in(World),
            serials: AtomicU64::new(0),
            board: [const { Mutex::new(None) }; 64],
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entities.len()
    }

    /// Brings an entity into the world that hunts one from the board, and puts it there in turn.
    pub(crate) fn spawn(&self, random: u64) -> Reference {
        let place = &self.board[(random % 64) as usize];
        let target = *place.lock().expect("nobody panics with the board in hand");
        // Relaxed: the number only has to differ from all others.
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let body = Body { position: [serial as f32, 0.0, 0.0], velocity: [1.0, 0.5, 0.25] };
        let entity = Entity {
            serial,
            health: AtomicU64::new(1 + (random >> 8) % 4),
            target,
            body: SmBox::new_in(body, World),
            inventory: ((random >> 16) % 4 == 0).then(|| SmBox::new_in(Inventory { items: [1; 24] }, World)),
        };
        let reference = Reference { handle: self.entities.insert(entity), serial };
        *place.lock().expect("nobody panics with the board in hand") = Some(reference);
        reference
    }

    /// Looks at the entity a reference means. It stays while `look` does, even if another thread despawns it meanwhile.
    pub(crate) fn look<R>(&self, at: Reference, look: impl FnOnce(&Entity) -> R) -> Found<R> {
        match self.entities.get(at.handle) {
            None => Found::Stale,
            Some(entity) if entity.serial != at.serial => Found::Mistaken,
            Some(entity) => Found::Right(look(&entity)),
        }
    }

    /// Takes an entity out of the world. `false` if another thread was faster.
    pub(crate) fn despawn(&self, reference: Reference) -> bool {
        self.entities.remove(reference.handle)
    }
}
