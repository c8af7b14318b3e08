//! Making dense arenas, and putting values in, finding and removing them.

use super::{Cell, DenseArena, NONE};
use crate::arena::{Generation, Handle, Place, Slot, make_room};

impl<T> DenseArena<T> {
    /// An empty arena. Allocates nothing.
    ///
    /// ```
    /// assert!(smarena::DenseArena::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { values: Vec::new(), handles: Vec::new(), slots: Vec::new(), vacant: NONE, floor: Generation::FRESH }
    }

    /// An empty arena with room for at least `capacity` values.
    ///
    /// # Panics
    /// If there is no memory for them.
    ///
    /// ```
    /// assert!(smarena::DenseArena::<u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut arena = Self::new();
        make_room(&mut arena.values, capacity);
        make_room(&mut arena.handles, capacity);
        make_room(&mut arena.slots, capacity);
        arena
    }

    /// The number of values.
    ///
    /// ```
    /// assert_eq!(smarena::DenseArena::from_iter([1, 2]).len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no values.
    ///
    /// ```
    /// assert!(smarena::DenseArena::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number of values there is room for before they move.
    ///
    /// ```
    /// assert_eq!(smarena::DenseArena::<u8>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.values.capacity()
    }

    /// Puts `value` behind the others. O(1) amortised.
    ///
    /// # Panics
    /// If there is no memory, or no slots are left.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena[handle], "value");
    /// ```
    #[track_caller]
    pub fn insert(&mut self, value: T) -> Handle<T> {
        self.insert_with(|_| value)
    }

    /// Puts the value that `make` returns behind the others; `make` is told the handle it will have. If it panics, the arena is as it was.
    ///
    /// # Panics
    /// As [`insert`](Self::insert), and when `make` does.
    ///
    /// ```
    /// use smarena::{DenseArena, Handle};
    ///
    /// struct Node { me: Handle<Node> }
    ///
    /// let mut arena = DenseArena::new();
    /// let handle = arena.insert_with(|me| Node { me });
    /// assert_eq!(arena[handle].me, handle);
    /// ```
    #[track_caller]
    pub fn insert_with(&mut self, make: impl FnOnce(Handle<T>) -> T) -> Handle<T> {
        if self.slots.is_empty() && self.floor == Generation::FRESH {
            self.floor = Generation::first_of_arena();
        }
        let vacant = self.slots.get(self.vacant as usize).copied();
        let slot = if vacant.is_some() { self.vacant as usize } else { self.slots.len() };
        let place = u32::try_from(slot).ok().and_then(|slot| Place::of_number(slot, Slot::<T>::FIRST_BITS));
        let Some(place) = place else { panic!("{slot} slots are all that an arena of such values can have") };
        let generation = vacant.map_or(self.floor, |cell| cell.generation).next();
        let handle = Handle::new(place, generation);
        // The last call that can panic: what comes after it only writes, into memory that is there.
        self.values.reserve(1);
        self.handles.reserve(1);
        self.slots.reserve(1);
        let value = make(handle);
        #[expect(clippy::cast_possible_truncation, reason = "there are no more values than slots")]
        let cell = Cell { generation, at: self.values.len() as u32 };
        match vacant {
            Some(cell_before) => {
                self.vacant = cell_before.at;
                self.slots[slot] = cell;
            }
            None => self.slots.push(cell),
        }
        self.values.push(value);
        self.handles.push(handle);
        handle
    }

    /// Where the handle's value is.
    #[inline]
    pub(super) fn find(&self, handle: Handle<T>) -> Option<usize> {
        let cell = self.slots.get(handle.slot() as usize)?;
        (cell.generation == handle.generation_of_slot()).then_some(cell.at as usize)
    }

    /// Whether the handle names a value. O(1).
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let handle = arena.insert(1);
    /// assert!(arena.contains(handle));
    /// ```
    #[doc(alias = "contains_key")]
    #[inline]
    #[must_use]
    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.find(handle).is_some()
    }

    /// The value. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.get(handle), Some(&1));
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        self.values.get(self.find(handle)?)
    }

    /// The value, mutable. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let handle = arena.insert(1);
    /// *arena.get_mut(handle).unwrap() = 2;
    /// assert_eq!(arena[handle], 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let at = self.find(handle)?;
        self.values.get_mut(at)
    }

    /// Moves the value out, and the last one into its place. `None` if the handle is stale; if not, it is from now on. O(1).
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter(["a", "b", "c"]);
    /// let first = arena.keys()[0];
    /// assert_eq!(arena.remove(first), Some("a"));
    /// assert_eq!(arena.values_slice(), ["c", "b"]);
    /// ```
    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        let at = self.find(handle)?;
        self.vacate(handle);
        self.handles.swap_remove(at);
        if let Some(moved) = self.handles.get(at) {
            #[expect(clippy::cast_possible_truncation, reason = "there are no more values than slots")]
            let at = at as u32;
            self.slots[moved.slot() as usize].at = at;
        }
        Some(self.values.swap_remove(at))
    }

    /// Makes the handle stale, and its slot the one that is filled next, unless its generations are used up.
    pub(super) fn vacate(&mut self, handle: Handle<T>) {
        let (slot, generation) = (handle.slot(), handle.generation_of_slot().next());
        let after = if generation == Generation::RETIRED { NONE } else { core::mem::replace(&mut self.vacant, slot) };
        self.slots[slot as usize] = Cell { generation, at: after };
    }

    /// Removes and drops the values for which `keep` says no. From the last to the first: so each is asked about once, wherever removals
    /// move it.
    ///
    /// If `keep` or a drop panics, the values it was not asked about stay.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter(0..5);
    /// arena.retain(|_, number| *number % 2 == 0);
    /// assert_eq!(arena.values_slice(), [0, 4, 2]);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(Handle<T>, &mut T) -> bool) {
        for at in (0..self.len()).rev() {
            let handle = self.handles[at];
            if !keep(handle, &mut self.values[at]) {
                drop(self.remove(handle));
            }
        }
    }

    /// Removes and drops all values. Memory stays.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter(0..5);
    /// arena.clear();
    /// assert!(arena.is_empty());
    /// ```
    pub fn clear(&mut self) {
        while let Some(handle) = self.handles.pop() {
            self.vacate(handle);
        }
        self.values.clear();
    }

    /// All values.
    ///
    /// ```
    /// assert_eq!(smarena::DenseArena::from_iter([1, 2]).values_slice(), [1, 2]);
    /// ```
    #[must_use]
    pub fn values_slice(&self) -> &[T] {
        self.values.as_slice()
    }

    /// All values, mutable: with `rayon`, `par_iter_mut` walks along them on several threads.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter([1, 2]);
    /// arena.values_slice_mut().iter_mut().for_each(|value| *value *= 2);
    /// assert_eq!(arena.values_slice(), [2, 4]);
    /// ```
    #[must_use]
    pub fn values_slice_mut(&mut self) -> &mut [T] {
        self.values.as_mut_slice()
    }

    /// The handles of all values, in the order of these.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.keys(), [handle]);
    /// ```
    #[must_use]
    pub fn keys(&self) -> &[Handle<T>] {
        self.handles.as_slice()
    }

    /// Handles and values.
    ///
    /// ```
    /// let arena = smarena::DenseArena::from_iter([1, 2]);
    /// assert!(arena.iter().all(|(handle, value)| arena[handle] == *value));
    /// ```
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Handle<T>, &T)> + DoubleEndedIterator + Clone {
        self.handles.iter().copied().zip(&self.values)
    }

    /// Handles and values, the values mutable.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter([1, 2]);
    /// arena.iter_mut().for_each(|(_, value)| *value *= 2);
    /// assert_eq!(arena.values_slice(), [2, 4]);
    /// ```
    #[must_use]
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (Handle<T>, &mut T)> + DoubleEndedIterator {
        self.handles.iter().copied().zip(&mut self.values)
    }
}
