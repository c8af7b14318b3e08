//! Building an arena out of a sequence whose claimed length may be a lie.

use super::{Arena, BELIEVED, Slot};

/// Takes slots one after the other.
pub(crate) struct Builder<T> {
    arena: Arena<T>,
    /// The capacity that a vector would have which started with the claimed length.
    capacity: usize,
    least: usize,
}

impl<T> Builder<T> {
    /// For a sequence that claims to have `claimed` slots; if it has more, the capacity doubles, to `least` slots at least.
    pub(crate) fn new(claimed: usize, least: usize) -> Self {
        let slots = Vec::with_capacity(claimed.min(BELIEVED));
        Self { arena: Arena { slots, generation: 0, vacant: None, len: 0 }, capacity: claimed, least }
    }

    /// Adds the next slot: a value with its generation, or a vacant one.
    pub(crate) fn push(&mut self, slot: Option<(u64, T)>) {
        if self.arena.slots.len() == self.capacity {
            self.capacity = (2 * self.capacity).max(self.least);
        }
        self.arena.slots.push(match slot {
            Some((generation, value)) => {
                self.arena.generation = self.arena.generation.max(generation);
                self.arena.len += 1;
                Slot::Occupied { generation, value }
            }
            None => Slot::Vacant { next: None },
        });
    }

    /// The arena, with as many slots as it would have got had the claim been believed, unless it was far from true.
    pub(crate) fn finish(mut self) -> Arena<T> {
        let slots = self.arena.slots.len();
        if self.capacity <= BELIEVED.max(slots.saturating_mul(2)) {
            self.arena.slots.reserve_exact(self.capacity - slots);
            self.arena.slots.resize_with(self.capacity, || Slot::Vacant { next: None });
        }
        self.arena.link();
        self.arena
    }
}
