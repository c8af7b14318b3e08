//! Secondary maps: more values for the handles of an arena, one map for each kind of value.
//!
//! Both kinds are sorted by slot, so that several can be walked together ([`join`](super::join)). No unsafe code.

// Declared before the others: what it has comes first on the page of each type.
mod face;

mod disjoint;
mod entry;
mod iter;
mod join;

use core::marker::PhantomData;
use core::num::NonZeroU32;
use std::collections::{BTreeMap, TryReserveError};

pub use self::entry::{SecondaryEntry, SecondaryOccupied, SecondaryVacant};
pub use self::iter::{SecondaryIntoIter, SecondaryIter, SecondaryIterMut};
use super::Handle;

/// A value, and the generation of the handle it is for.
type Cell<V> = (NonZeroU32, V);

/// More values for the handles of an arena whose values are `T`: one for as many handles as have one.
///
/// - A stale handle finds nothing. A value for a newer handle of a slot takes the place of an older one; a value for an
///   older handle is not taken.
/// - The map knows nothing of the arena: when a value is removed there, what is here stays until its slot's next handle gets
///   one, or [`retain`](Self::retain) throws it out.
/// - `get`, `insert` and `remove` take constant time. There is room for every slot up to the highest one, in the system's
///   memory; for a kind of value that few handles have, [`SparseSecondaryMap`] takes less. So ask the arena about a handle from elsewhere,
///   which may name any slot, before you insert for it.
/// - In files (feature `serde`) it is a map from handles to values. A file is refused that would make more than 64 MiB of room, and for each of
///   its values 1024 slots or 1 MiB, whichever is less. What has been refused can be read as a [`SparseSecondaryMap`], whose files are the same.
///
/// ```
/// use smarena::{SecondaryMap, SmArena};
///
/// let mut names = SmArena::new();
/// let mut ages = SecondaryMap::new();
/// let (ada, bob) = (names.insert("Ada"), names.insert("Bob"));
/// ages.insert(ada, 36);
/// assert_eq!((ages.get(ada), ages.get(bob)), (Some(&36), None));
/// names.remove(ada);
/// ages.retain(|handle, _| names.contains(handle));
/// assert!(ages.is_empty());
/// ```
///
/// A handle may be of [a type of one's own](crate::handle_type), but the map is of the values' type: it takes every type of handles to such values, and cannot
/// tell arenas apart by them. Where two arenas have values of one type, wrap the values. Handles to values of another type do not compile:
///
/// ```compile_fail,E0277
/// let handle = smarena::SmArena::new().insert(1_u8);
/// let mut map = smarena::SecondaryMap::<u16, f32>::new();
/// map.insert(handle, 1.0);
/// ```
pub struct SecondaryMap<T, V> {
    /// One for each slot.
    cells: Vec<Option<Cell<V>>>,
    len: usize,
    handles: PhantomData<fn() -> T>,
}

/// As [`SecondaryMap`], for a kind of value that few handles have: memory for those alone, and O(log n) for each call.
///
/// ```
/// use smarena::{SmArena, SparseSecondaryMap};
///
/// let mut names = SmArena::from_iter((0..1000).map(|number| number.to_string()));
/// let mut crowns = SparseSecondaryMap::new();
/// let king = names.keys().nth(700).unwrap();
/// crowns.insert(king, "gold");
/// assert_eq!(crowns.get(king), Some(&"gold"));
/// ```
///
/// A handle may be of [a type of one's own](crate::handle_type). Handles of another type do not compile:
///
/// ```compile_fail,E0277
/// let handle = smarena::SmArena::new().insert(1_u8);
/// let mut map = smarena::SparseSecondaryMap::<u16, f32>::new();
/// map.insert(handle, 1.0);
/// ```
pub struct SparseSecondaryMap<T, V> {
    /// By slot.
    cells: BTreeMap<u32, Cell<V>>,
    handles: PhantomData<fn() -> T>,
}

/// The generation, as a cell has it.
#[inline]
fn generation<T>(handle: Handle<T>) -> NonZeroU32 {
    handle.odd_generation()
}

impl<T, V> SecondaryMap<T, V> {
    /// The slots there is room for.
    ///
    /// ```
    /// assert_eq!(smarena::SecondaryMap::<u8, u8>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.cells.capacity()
    }

    /// Makes room for the slots below `slots`, if it can: an insertion for one of them allocates nothing.
    ///
    /// # Errors
    /// If there is no memory for them; then nothing has changed.
    ///
    /// ```
    /// let mut map = smarena::SecondaryMap::<u8, u8>::new();
    /// map.try_reserve(10)?;
    /// assert!(map.capacity() >= 10 && map.try_reserve(usize::MAX).is_err());
    /// # Ok::<(), std::collections::TryReserveError>(())
    /// ```
    pub fn try_reserve(&mut self, slots: usize) -> Result<(), TryReserveError> {
        self.cells.try_reserve(slots.saturating_sub(self.cells.len()))
    }

    #[inline]
    fn cell(&self, slot: u32) -> Option<&Cell<V>> {
        self.cells.get(slot as usize)?.as_ref()
    }

    #[inline]
    fn cell_mut(&mut self, slot: u32) -> Option<&mut Cell<V>> {
        self.cells.get_mut(slot as usize)?.as_mut()
    }

    fn put(&mut self, slot: u32, cell: Cell<V>) -> Option<Cell<V>> {
        let slot = slot as usize;
        if slot >= self.cells.len() {
            self.cells.resize_with(slot + 1, || None);
        }
        let before = self.cells[slot].replace(cell);
        self.len += usize::from(before.is_none());
        before
    }

    fn take(&mut self, slot: u32) -> Option<Cell<V>> {
        let cell = self.cells.get_mut(slot as usize)?.take();
        self.len -= usize::from(cell.is_some());
        cell
    }

    fn count(&self) -> usize {
        self.len
    }

    fn throw_all(&mut self) {
        self.len = 0;
        self.cells.clear();
    }

    /// Asks of each whether it stays. Counts them one by one: a panic in between leaves the count right.
    fn keep_if(&mut self, mut keep: impl FnMut(u32, &mut Cell<V>) -> bool) {
        for (slot, cell) in (0..).zip(&mut self.cells) {
            if cell.as_mut().is_some_and(|cell| !keep(slot, cell)) {
                self.len -= 1;
                *cell = None;
            }
        }
    }
}

impl<T, V> SparseSecondaryMap<T, V> {
    fn cell(&self, slot: u32) -> Option<&Cell<V>> {
        self.cells.get(&slot)
    }

    fn cell_mut(&mut self, slot: u32) -> Option<&mut Cell<V>> {
        self.cells.get_mut(&slot)
    }

    fn put(&mut self, slot: u32, cell: Cell<V>) -> Option<Cell<V>> {
        self.cells.insert(slot, cell)
    }

    fn take(&mut self, slot: u32) -> Option<Cell<V>> {
        self.cells.remove(&slot)
    }

    fn count(&self) -> usize {
        self.cells.len()
    }

    fn throw_all(&mut self) {
        self.cells.clear();
    }

    fn keep_if(&mut self, mut keep: impl FnMut(u32, &mut Cell<V>) -> bool) {
        self.cells.retain(|&slot, cell| keep(slot, cell));
    }
}
