//! The iterators of a compat arena.

use core::iter::{Enumerate, FusedIterator};
use core::slice;
use std::vec;

use super::{Arena, Index, Slot};
use crate::derived::{clone_fields, iterate_by_reference};

/// Indices and values. Made by [`Arena::iter`].
///
/// ```
/// let arena = smarena::compat::Arena::from_iter(["a", "b"]);
/// assert_eq!(arena.iter().rev().map(|(_, value)| *value).collect::<Vec<_>>(), ["b", "a"]);
/// ```
#[derive(Debug)]
pub struct Iter<'a, T> {
    slots: Enumerate<slice::Iter<'a, Slot<T>>>,
    remaining: usize,
}

/// Indices and values, the values mutable. Made by [`Arena::iter_mut`].
///
/// ```
/// let mut arena = smarena::compat::Arena::from_iter([1, 2]);
/// arena.iter_mut().for_each(|(_, value)| *value *= 2);
/// assert_eq!(arena.iter().map(|(_, value)| *value).sum::<i32>(), 6);
/// ```
#[derive(Debug)]
pub struct IterMut<'a, T> {
    slots: Enumerate<slice::IterMut<'a, Slot<T>>>,
    remaining: usize,
}

/// Indices and values moved out of an arena that lives on. Made by [`Arena::drain`].
///
/// ```
/// let mut arena = smarena::compat::Arena::from_iter([1, 2]);
/// assert_eq!(arena.drain().map(|(_, value)| value).sum::<i32>(), 3);
/// assert!(arena.is_empty());
/// ```
#[derive(Debug)]
pub struct Drain<'a, T> {
    slots: Enumerate<vec::IntoIter<Slot<T>>>,
    remaining: usize,
    /// The arena is emptied already; the borrow is part of the signature that users know.
    _arena: core::marker::PhantomData<&'a mut Arena<T>>,
}

/// The values of an arena that is used up. Made by its [`IntoIterator`].
///
/// ```
/// let arena = smarena::compat::Arena::from_iter([1, 2]);
/// assert_eq!(arena.into_iter().sum::<i32>(), 3);
/// ```
#[derive(Debug)]
pub struct IntoIter<T> {
    slots: vec::IntoIter<Slot<T>>,
    remaining: usize,
}

pub(super) fn seen<T>((index, slot): (usize, &Slot<T>)) -> Option<(Index, &T)> {
    match slot {
        Slot::Occupied { generation, value } => Some((Index { index, generation: *generation }, value)),
        Slot::Vacant { .. } | Slot::Retired => None,
    }
}

pub(super) fn seen_mut<T>((index, slot): (usize, &mut Slot<T>)) -> Option<(Index, &mut T)> {
    match slot {
        Slot::Occupied { generation, value } => Some((Index { index, generation: *generation }, value)),
        Slot::Vacant { .. } | Slot::Retired => None,
    }
}

fn taken<T>((index, slot): (usize, Slot<T>)) -> Option<(Index, T)> {
    match slot {
        Slot::Occupied { generation, value } => Some((Index { index, generation }, value)),
        Slot::Vacant { .. } | Slot::Retired => None,
    }
}

fn value_of<T>(slot: Slot<T>) -> Option<T> {
    taken((0, slot)).map(|(_, value)| value)
}

/// An iterator that passes over the slots without a value and counts down the values.
macro_rules! iterate {
    ([$($generics:tt)*] $type:ty, $item:ty, $pick:path) => {
        impl<$($generics)*> Iterator for $type {
            type Item = $item;

            fn next(&mut self) -> Option<Self::Item> {
                let item = self.slots.find_map($pick)?;
                self.remaining -= 1;
                Some(item)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.remaining, Some(self.remaining))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $type {
            fn next_back(&mut self) -> Option<Self::Item> {
                let item = self.slots.by_ref().rev().find_map($pick)?;
                self.remaining -= 1;
                Some(item)
            }
        }

        impl<$($generics)*> ExactSizeIterator for $type {}
        impl<$($generics)*> FusedIterator for $type {}
    };
}

iterate!(['a, T] Iter<'a, T>, (Index, &'a T), seen);
iterate!(['a, T] IterMut<'a, T>, (Index, &'a mut T), seen_mut);
iterate!([T] Drain<'_, T>, (Index, T), taken);
iterate!([T] IntoIter<T>, T, value_of);

clone_fields! { [T] Iter<'_, T>: slots, remaining }

impl<T> Arena<T> {
    /// Indices and values, in slot order.
    ///
    /// ```
    /// let arena = smarena::compat::Arena::from_iter(["a"]);
    /// for (index, value) in arena.iter() {
    ///     assert_eq!(arena[index], *value);
    /// }
    /// ```
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { slots: self.slots.iter().enumerate(), remaining: self.len }
    }

    /// Indices and values, the values mutable, in slot order.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::from_iter([1]);
    /// arena.iter_mut().for_each(|(_, value)| *value += 1);
    /// assert_eq!(arena.iter().next().unwrap().1, &2);
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut { slots: self.slots.iter_mut().enumerate(), remaining: self.len }
    }

    /// Empties the arena at once and gives out what was in it. The capacity stays.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::with_capacity(8);
    /// arena.insert(1);
    /// assert_eq!(arena.drain().count(), 1);
    /// assert_eq!(arena.capacity(), 8);
    /// ```
    pub fn drain(&mut self) -> Drain<'_, T> {
        let remaining = self.len;
        let slots = self.empty().into_iter().enumerate();
        Drain { slots, remaining, _arena: core::marker::PhantomData }
    }
}

impl<T> IntoIterator for Arena<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { remaining: self.len, slots: self.slots.into_iter() }
    }
}

iterate_by_reference! {
    [T] Arena<T>: Iter<'a, T> => (Index, &'a T), IterMut<'a, T> => (Index, &'a mut T)
}
