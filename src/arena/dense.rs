//! `DenseArena<T>`: values side by side, for walks; handles as everywhere. No unsafe code.

// Declared before the others: what it has comes first on the page of the type.
mod basics;

#[cfg(any(feature = "serde", feature = "rayon"))]
mod parts;
mod walk;

use core::fmt;

use super::{Generation, Handle, index_by_handle};
use crate::derived::{collect, debug_entries, default, extend_by};

/// Values side by side in one slice, named by [`Handle`]s.
///
/// As in an [`SmArena`](crate::SmArena), a handle is 8 bytes and stale for ever once its value was removed. What differs:
///
/// - All values lie in one slice ([`values_slice`](Self::values_slice)), in the order of their insertions, so a walk is as fast as one along a
///   `Vec`. But a removal moves the *last* value into the gap, as `Vec::swap_remove` does: the order is that of a `Vec` that is
///   treated so, and depends on nothing else.
/// - Values move, also when the slice grows; it lies in the system's memory.
/// - A look-up takes one step more.
///
/// ```
/// use smarena::DenseArena;
///
/// let mut positions = DenseArena::new();
/// let [a, b, c] = [1.0, 2.0, 3.0].map(|place| positions.insert(place));
/// positions.remove(a);
/// assert_eq!(positions.values_slice(), [3.0, 2.0]);
/// assert_eq!((positions[b], positions[c], positions.get(a)), (2.0, 3.0, None));
/// ```
pub struct DenseArena<T> {
    values: Vec<T>,
    /// The handle of each value.
    handles: Vec<Handle<T>>,
    slots: Vec<Cell>,
    /// The vacant slot that is filled next; `NONE` stands for a new one.
    vacant: u32,
    /// The generation a slot begins with.
    floor: Generation,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Odd while there is a value.
    generation: Generation,
    /// Where the value is; or else the slot that is vacant after this one.
    at: u32,
}

/// No slot is vacant.
const NONE: u32 = u32::MAX;

impl<T: Clone> Clone for DenseArena<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        copy.clone_from(self);
        copy
    }

    /// Makes this arena a copy of `source`, in the memory that is there, as [`SmArena`](crate::SmArena) does. It is empty if a value's clone panics.
    ///
    /// ```
    /// let mut world = smarena::DenseArena::from_iter([1, 2]);
    /// let mut snapshot = smarena::DenseArena::new();
    /// snapshot.clone_from(&world);
    /// world.clear();
    /// world.clone_from(&snapshot);
    /// assert_eq!(world.values_slice(), [1, 2]);
    /// ```
    fn clone_from(&mut self, source: &Self) {
        let mut values = core::mem::take(&mut self.values);
        self.clear();
        values.clone_from(&source.values);
        // From here on nothing panics.
        self.values = values;
        self.handles.clone_from(&source.handles);
        self.slots.clone_from(&source.slots);
        (self.vacant, self.floor) = (source.vacant, source.floor);
    }
}

default! { [T] DenseArena<T>: Self::new() }

index_by_handle! { [T] DenseArena<T>, Handle<T> => T, "names no value of this arena" }

extend_by! { [T] DenseArena<T>: insert(T) }

collect! { [T] DenseArena<T>: T }

debug_entries! { [T: fmt::Debug] DenseArena<T>: debug_map |arena| arena.iter() }

#[cfg(test)]
mod tests {
    use super::{DenseArena, Generation, Handle};

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let mut arena = DenseArena::new();
        let first = arena.insert(1);
        arena.remove(first);
        // As if it had had all its values but one.
        arena.slots[0].generation = Generation::RETIRED.previous().previous();
        let last = arena.insert(2);
        assert_eq!((last.slot(), last.generation_of_slot()), (0, Generation::RETIRED.previous()));
        assert_eq!(arena.remove(last), Some(2));
        assert_eq!((arena.insert(3).slot(), arena.insert(4).slot()), (1, 2));
        assert!(!arena.contains(last) && !arena.contains(Handle::new(first.place(), Generation::NEVER)));
    }
}
