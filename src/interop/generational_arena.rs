//! Conversions between the compat arena and generational-arena's, in which every index stays valid.

use crate::compat::{Arena, Builder, Index, NotRebuilt, counted};

/// A generation that no arena reaches by counting removals.
const BEYOND: u64 = 1 << 63;
impl From<generational_arena::Index> for Index {
    fn from(index: generational_arena::Index) -> Self {
        let (slot, generation) = index.into_raw_parts();
        Self::from_raw_parts(slot, generation)
    }
}

impl From<Index> for generational_arena::Index {
    fn from(index: Index) -> Self {
        let (slot, generation) = index.into_raw_parts();
        Self::from_raw_parts(slot, generation)
    }
}

/// Every index names the same value afterwards, and stale ones stay stale. O(capacity).
///
/// An empty arena does not tell its generation; the conversion goes on at 2⁶³ then.
///
/// ```
/// let mut old = generational_arena::Arena::new();
/// let index = old.insert("value");
/// let new = smarena::compat::Arena::from(old);
/// assert_eq!(new[index.into()], "value");
/// ```
impl<T> From<generational_arena::Arena<T>> for Arena<T> {
    fn from(mut arena: generational_arena::Arena<T>) -> Self {
        let capacity = arena.capacity();
        let indices: Vec<_> = arena.iter().map(|(index, _)| Index::from(index)).collect();
        // One read from a file may be at the last generation, which a removal would overflow.
        let is_last = indices.iter().any(|index| index.generation == u64::MAX);
        let next = match indices.first() {
            _ if is_last => Some(u64::MAX),
            // Out and in again, to the slot just left: the index it gets now has the generation to go on with.
            Some(&first) => arena.remove(first.into()).map(|value| arena.insert(value).into_raw_parts().1),
            None => None,
        };
        let mut builder = Builder::new(capacity, 1);
        let mut values = indices.iter().zip(arena).peekable();
        for slot in 0..capacity {
            let value = values.next_if(|(index, _)| index.index == slot);
            builder.push(value.map(|(index, value)| (index.generation, value)));
        }
        let mut converted = builder.finish();
        converted.generation = next.unwrap_or(BEYOND);
        converted
    }
}

/// Every index names the same value afterwards. O(capacity): generations above 2²⁰ and 64 more for each slot are refused.
///
/// ```
/// let mut new = smarena::compat::Arena::new();
/// let first = new.insert("a");
/// new.remove(first);
/// let index = new.insert("b");
/// let old = generational_arena::Arena::try_from(new)?;
/// assert_eq!(old[index.into()], "b");
/// # Ok::<(), smarena::compat::NotRebuilt<&str>>(())
/// ```
impl<T> TryFrom<Arena<T>> for generational_arena::Arena<T> {
    type Error = NotRebuilt<T>;

    fn try_from(arena: Arena<T>) -> Result<Self, NotRebuilt<T>> {
        let capacity = arena.capacity();
        let mut indices: Vec<_> = arena.iter().map(|(index, _)| index).collect();
        indices.sort_by_key(|index| (index.generation, index.index));
        if indices.last().is_some_and(|index| index.generation > counted(capacity)) || !can_rebuild(&indices) {
            return Err(NotRebuilt(arena));
        }
        let mut values: Vec<_> = (0..capacity).map(|_| None).collect();
        let slots: Vec<_> = arena.iter().map(|(index, _)| index.index).collect();
        for (slot, value) in slots.into_iter().zip(arena) {
            values[slot] = Some(value);
        }
        let mut rebuilt = Rebuilt { arena: Self::with_capacity(1), slots: 0, generation: 0, values };
        groups(&indices).for_each(|group| rebuilt.bring(group));
        rebuilt.create(capacity);
        Ok(rebuilt.arena)
    }
}

fn groups(indices: &[Index]) -> impl Iterator<Item = &[Index]> {
    indices.chunk_by(|a, b| a.generation == b.generation)
}

/// Whether each group's slots that must exist before it, because a higher one is in use, can be emptied one by one
/// between the last generation and its own.
fn can_rebuild(indices: &[Index]) -> bool {
    let (mut generation, mut slots) = (0, 0);
    groups(indices).all(|group| {
        let there = group.iter().filter(|index| index.index < slots).count() as u64;
        let (now, before) = (group[0].generation, generation);
        generation = now;
        slots = group.iter().map(|index| index.index + 1).fold(slots, usize::max);
        now - before >= there
    })
}

/// An arena being built up in the order of its generations.
struct Rebuilt<T> {
    arena: generational_arena::Arena<T>,
    /// The slots that are done: each one with a value that is to come holds it already, to keep its place. The slot
    /// after them exists as well, if there is one, and is the first to be used.
    slots: usize,
    generation: u64,
    /// The values that are not in the arena, by slot.
    values: Vec<Option<T>>,
}

impl<T> Rebuilt<T> {
    /// Brings the slots of one generation to it.
    fn bring(&mut self, group: &[Index]) {
        let there = group.iter().filter(|index| index.index < self.slots).count();
        for index in group.iter().filter(|index| index.index < self.slots) {
            let placeholder = self.arena.get_unknown_gen(index.index).map(|(_, placeholder)| placeholder);
            self.values[index.index] = placeholder.and_then(|placeholder| self.arena.remove(placeholder));
            self.generation += 1;
        }
        self.count_up(group[0]);
        for _ in 0..there {
            self.insert();
        }
        self.create(group.iter().map(|index| index.index + 1).fold(self.slots, usize::max));
    }

    /// Moves the value of `index` in and out of the first vacant slot, once for each generation still missing.
    fn count_up(&mut self, index: Index) {
        let mut value = self.values[index.index].take();
        while self.generation < index.generation {
            let Some(carried) = value else { unreachable!("the value was taken out just now, or is still to come") };
            let moved = self.arena.insert(carried);
            value = self.arena.remove(moved);
            self.generation += 1;
        }
        self.values[index.index] = value;
    }

    /// Adds slots up to `end`.
    fn create(&mut self, end: usize) {
        while self.slots < end {
            if self.values[self.slots].is_some() {
                self.insert();
            }
            self.slots += 1;
            if self.slots < self.values.len() {
                self.arena.reserve(1);
            }
        }
    }

    /// Fills the first vacant slot with its value.
    fn insert(&mut self) {
        self.arena.insert_with(|index| {
            let slot = index.into_raw_parts().0;
            self.values[slot].take().unwrap_or_else(|| unreachable!("the slots emptied last are filled first"))
        });
    }
}
