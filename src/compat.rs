//! An arena that behaves as `generational_arena` 0.2.9 did, for programs that used it.
//!
//! Changing `use generational_arena::{Arena, Index}` into `use smarena::compat::{Arena, Index}` is the whole migration:
//! capacities grow alike, indices and generations come in the same order, and the serde format (feature `serde`) is the
//! same. What differs:
//!
//! - [`Arena::clear`] after reading an empty arena from a file leaves it usable, where the original panics in the next
//!   insertion, and never changes the capacity.
//! - [`Arena::get2_mut`] with one index twice gives `(Some, None)`, where the original panics.
//! - [`Arena::drain`] keeps the capacity, where the original's is 0 afterwards; one that is leaked leaves an empty arena.
//! - [`Arena::reserve`] of nothing does nothing, where the original panics in the next insertion.
//! - When the generation has got to `u64::MAX`, a slot that is emptied is retired, where the original overflows.
//! - Lengths that an iterator or a file claims to have are not allocated beforehand, unless they come true.
//! - [`Debug`](core::fmt::Debug) shows indices and values, not the list of slots.
//!
//! As with the original, values move when the arena grows, an index of another arena is accepted, and the file format
//! does not say which generations empty slots had. [`SmArena`](crate::SmArena) is better in each.
//!
//! ```
//! use smarena::compat::Arena;
//!
//! let mut arena = Arena::new();
//! let ada = arena.insert("Ada");
//! assert_eq!(arena[ada], "Ada");
//! assert_eq!(arena.remove(ada), Some("Ada"));
//! assert!(!arena.contains(ada));
//! ```

// Declared before the others: what it has comes first on the page of the type.
mod basics;

mod build;
mod index;
mod iter;
#[cfg(feature = "generational-arena")]
mod not_rebuilt;
mod traits;

use core::mem;

#[cfg(any(feature = "serde", feature = "generational-arena"))]
pub(crate) use self::build::Builder;

pub use self::index::Index;
pub use self::iter::{Drain, IntoIter, Iter, IterMut};
#[cfg(feature = "generational-arena")]
pub use self::not_rebuilt::NotRebuilt;
#[cfg(feature = "generational-arena")]
pub(crate) use self::not_rebuilt::counted;

/// The slots an arena has that was asked for none in particular.
pub(crate) const DEFAULT_CAPACITY: usize = 4;
/// A claimed length up to which memory is provided before any value has come.
const BELIEVED: usize = 4096;

/// Values named by [`Index`]; one generation, which counts the removals, for the whole arena.
///
/// ```
/// let mut arena = smarena::compat::Arena::new();
/// let index = arena.insert(7);
/// assert_eq!(arena.get(index), Some(&7));
/// ```
#[derive(Clone)]
pub struct Arena<T> {
    pub(crate) slots: Vec<Slot<T>>,
    /// The generation of the next value.
    pub(crate) generation: u64,
    /// The first of the vacant slots, which are linked.
    vacant: Option<usize>,
    pub(crate) len: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Slot<T> {
    Vacant {
        next: Option<usize>,
    },
    Occupied {
        generation: u64,
        value: T,
    },
    /// Was emptied when the generations were used up.
    Retired,
}

impl<T> Arena<T> {
    /// Moves `value` in, doubling the capacity if there is no room. O(1) amortised.
    ///
    /// # Panics
    /// If there is no memory to grow.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert("value");
    /// assert_eq!(arena[index], "value");
    /// ```
    #[track_caller]
    pub fn insert(&mut self, value: T) -> Index {
        self.insert_with(|_| value)
    }

    /// Moves the value that `create` returns in; it is told the index. If it panics, the arena is as it was, or has grown.
    ///
    /// # Panics
    /// If there is no memory to grow, or `create` does.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert_with(|index| index);
    /// assert_eq!(arena[index], index);
    /// ```
    #[track_caller]
    pub fn insert_with(&mut self, create: impl FnOnce(Index) -> T) -> Index {
        if self.vacant.is_none() {
            self.reserve(self.slots.len().max(1));
        }
        self.try_insert_with(create).unwrap_or_else(|_| unreachable!("there is room now"))
    }

    /// Moves `value` in if there is room. O(1).
    ///
    /// # Errors
    /// The value, if the arena would have to grow.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::with_capacity(1);
    /// assert!(arena.try_insert(1).is_ok());
    /// assert_eq!(arena.try_insert(2), Err(2));
    /// ```
    pub fn try_insert(&mut self, value: T) -> Result<Index, T> {
        if self.vacant.is_none() {
            return Err(value);
        }
        self.try_insert_with(|_| value).map_err(|_| unreachable!("there is room"))
    }

    /// Moves the value that `create` returns in if there is room; it is told the index. O(1).
    ///
    /// # Errors
    /// `create` itself, not called, if the arena would have to grow.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::with_capacity(1);
    /// assert!(arena.try_insert_with(|index| index).is_ok());
    /// assert!(arena.try_insert_with(|index| index).is_err());
    /// ```
    pub fn try_insert_with<F: FnOnce(Index) -> T>(&mut self, create: F) -> Result<Index, F> {
        let Some(index) = self.vacant else {
            return Err(create);
        };
        let Slot::Vacant { next } = self.slots[index] else { unreachable!("the list links vacant slots") };
        let generation = self.generation;
        let value = create(Index { index, generation });
        self.slots[index] = Slot::Occupied { generation, value };
        self.vacant = next;
        self.len += 1;
        Ok(Index { index, generation })
    }

    /// Moves a value out. O(1).
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert("value");
    /// assert_eq!(arena.remove(index), Some("value"));
    /// assert_eq!(arena.remove(index), None);
    /// ```
    pub fn remove(&mut self, i: Index) -> Option<T> {
        self.get(i)?;
        let vacated = self.vacated(i.index);
        let Slot::Occupied { value, .. } = mem::replace(&mut self.slots[i.index], vacated) else {
            unreachable!("`get` has found a value")
        };
        self.len -= 1;
        self.generation = self.generation.saturating_add(1);
        Some(value)
    }

    /// What slot `index` becomes when it is emptied now: first in the vacant list, unless no generation is left.
    fn vacated(&mut self, index: usize) -> Slot<T> {
        if self.generation == u64::MAX {
            return Slot::Retired;
        }
        Slot::Vacant { next: self.vacant.replace(index) }
    }

    /// Removes and drops the values for which `predicate` says no, in slot order.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::from_iter(0..4);
    /// arena.retain(|_, value| *value % 2 == 0);
    /// assert_eq!(arena.len(), 2);
    /// ```
    pub fn retain(&mut self, mut predicate: impl FnMut(Index, &mut T) -> bool) {
        for slot in 0..self.slots.len() {
            let Some((value, index)) = self.get_unknown_gen_mut(slot) else {
                continue;
            };
            if !predicate(index, value) {
                drop(self.remove(index));
            }
        }
    }

    /// Removes and drops all values. The capacity stays.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::from_iter(0..4);
    /// arena.clear();
    /// assert_eq!((arena.len(), arena.capacity()), (0, 4));
    /// ```
    pub fn clear(&mut self) {
        drop(self.empty());
    }

    /// Makes all slots vacant, in order, and hands out what they were.
    fn empty(&mut self) -> Vec<Slot<T>> {
        let exhausted = self.generation == u64::MAX;
        let vacant = self.slots.iter().map(|slot| match slot {
            Slot::Occupied { .. } if exhausted => Slot::Retired,
            Slot::Retired => Slot::Retired,
            Slot::Occupied { .. } | Slot::Vacant { .. } => Slot::Vacant { next: None },
        });
        let vacant = vacant.collect();
        if self.len > 0 {
            self.generation = self.generation.saturating_add(1);
        }
        self.len = 0;
        let slots = mem::replace(&mut self.slots, vacant);
        self.link();
        slots
    }

    /// Links all vacant slots in order.
    fn link(&mut self) {
        self.vacant = None;
        for (index, slot) in self.slots.iter_mut().enumerate().rev() {
            if let Slot::Vacant { next } = slot {
                *next = self.vacant.replace(index);
            }
        }
    }

    /// Whether there is a value.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert(1);
    /// assert!(arena.contains(index));
    /// ```
    #[must_use]
    pub fn contains(&self, i: Index) -> bool {
        self.get(i).is_some()
    }

    /// The value.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert(1);
    /// assert_eq!(arena.get(index), Some(&1));
    /// ```
    #[must_use]
    pub fn get(&self, i: Index) -> Option<&T> {
        match self.slots.get(i.index) {
            Some(Slot::Occupied { generation, value }) if *generation == i.generation => Some(value),
            _ => None,
        }
    }

    /// The value, mutable.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert(1);
    /// *arena.get_mut(index).unwrap() = 2;
    /// assert_eq!(arena[index], 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self, i: Index) -> Option<&mut T> {
        value_at(&mut self.slots, i.index, i.generation)
    }

    /// Two values at once, mutable. Of two indices of one slot only the newer is looked up; of one index twice, the first.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let (a, b) = (arena.insert(1), arena.insert(2));
    /// assert_eq!(arena.get2_mut(a, b), (Some(&mut 1), Some(&mut 2)));
    /// assert_eq!(arena.get2_mut(a, a), (Some(&mut 1), None));
    /// ```
    #[must_use]
    pub fn get2_mut(&mut self, i1: Index, i2: Index) -> (Option<&mut T>, Option<&mut T>) {
        if i1.index == i2.index {
            return if i1.generation >= i2.generation { (self.get_mut(i1), None) } else { (None, self.get_mut(i2)) };
        }
        let (low, high) = if i1.index < i2.index { (i1, i2) } else { (i2, i1) };
        let end = self.slots.len();
        let (left, right) = self.slots.split_at_mut(high.index.min(end));
        let of_low = value_at(left, low.index, low.generation);
        let of_high = value_at(right, 0, high.generation);
        if i1.index < i2.index { (of_low, of_high) } else { (of_high, of_low) }
    }

    /// The value in a slot and its index, whatever the generation.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert(1);
    /// assert_eq!(arena.get_unknown_gen(0), Some((&1, index)));
    /// ```
    #[must_use]
    pub fn get_unknown_gen(&self, i: usize) -> Option<(&T, Index)> {
        iter::seen((i, self.slots.get(i)?)).map(|(index, value)| (value, index))
    }

    /// The value in a slot, mutable, and its index, whatever the generation.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::new();
    /// let index = arena.insert(1);
    /// assert_eq!(arena.get_unknown_gen_mut(0), Some((&mut 1, index)));
    /// ```
    #[must_use]
    pub fn get_unknown_gen_mut(&mut self, i: usize) -> Option<(&mut T, Index)> {
        iter::seen_mut((i, self.slots.get_mut(i)?)).map(|(index, value)| (value, index))
    }
}

fn value_at<T>(slots: &mut [Slot<T>], at: usize, wanted: u64) -> Option<&mut T> {
    match slots.get_mut(at) {
        Some(Slot::Occupied { generation, value }) if *generation == wanted => Some(value),
        _ => None,
    }
}
