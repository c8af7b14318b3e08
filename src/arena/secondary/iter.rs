//! Walking secondary maps, in slot order.

use core::iter::{Enumerate, FusedIterator};
use core::marker::PhantomData;
use std::collections::btree_map;
use std::{slice, vec};

use super::{Cell, SecondaryMap, SparseSecondaryMap};
use crate::arena::Handle;
use crate::derived::{debug_by, iterate_by_reference};

type Cells<'a, V> = slice::Iter<'a, Option<Cell<V>>>;
type CellsMut<'a, V> = slice::IterMut<'a, Option<Cell<V>>>;
type IntoCells<V> = vec::IntoIter<Option<Cell<V>>>;
type Pairs<'a, V> = btree_map::Iter<'a, u32, Cell<V>>;
type PairsMut<'a, V> = btree_map::IterMut<'a, u32, Cell<V>>;
type IntoPairs<V> = btree_map::IntoIter<u32, Cell<V>>;

/// Handles and values of a secondary map, in slot order.
///
/// ```
/// let handle = smarena::SmArena::new().insert("Ada");
/// let ages = smarena::SecondaryMap::from_iter([(handle, 36)]);
/// assert!(ages.iter().eq([(handle, &36)]));
/// ```
pub struct SecondaryIter<'a, T, V>(Walk<Cells<'a, V>, Pairs<'a, V>, T>);

/// Handles and values of a secondary map, the values mutable, in slot order.
///
/// ```
/// let handle = smarena::SmArena::new().insert("Ada");
/// let mut ages = smarena::SecondaryMap::from_iter([(handle, 36)]);
/// ages.iter_mut().for_each(|(_, age)| *age += 1);
/// assert_eq!(ages[handle], 37);
/// ```
pub struct SecondaryIterMut<'a, T, V>(Walk<CellsMut<'a, V>, PairsMut<'a, V>, T>);

/// Handles and values, moved out of a secondary map in slot order.
///
/// ```
/// let handle = smarena::SmArena::new().insert("Ada");
/// let ages = smarena::SparseSecondaryMap::from_iter([(handle, 36)]);
/// assert!(ages.into_iter().eq([(handle, 36)]));
/// ```
pub struct SecondaryIntoIter<T, V>(Walk<IntoCells<V>, IntoPairs<V>, T>);

/// Along the cells of the one kind of map or of the other. `left` values are still to come.
struct Walk<D, S, T> {
    cells: Source<D, S>,
    left: usize,
    handles: PhantomData<fn() -> T>,
}

enum Source<D, S> {
    Dense(Enumerate<D>),
    Sparse(S),
}

impl<D: Iterator, S, T> Walk<D, S, T> {
    fn dense(cells: D, left: usize) -> Self {
        Self { cells: Source::Dense(cells.enumerate()), left, handles: PhantomData }
    }

    fn sparse(cells: S, left: usize) -> Self {
        Self { cells: Source::Sparse(cells), left, handles: PhantomData }
    }
}

macro_rules! iterator {
    ($Iter:ident <$($life:lifetime,)? T, V>, $Item:ty, |$cell:ident| $dense:expr) => {
        impl<$($life,)? T, V> Iterator for $Iter<$($life,)? T, V> {
            type Item = (Handle<T>, $Item);

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                let (slot, generation, value) = match &mut self.0.cells {
                    Source::Dense(cells) => cells.find_map(|(slot, $cell)| {
                        let (generation, value) = $dense?;
                        Some((u32::try_from(slot).ok()?, generation.get(), value))
                    })?,
                    Source::Sparse(cells) => {
                        let (slot, (generation, value)) = cells.next()?;
                        (slot.to_owned(), generation.get(), value)
                    }
                };
                self.0.left -= 1;
                // Every value was inserted by a handle, so there is one with this slot and generation.
                Some((Handle::from_parts(slot, generation)?, value))
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.0.left, Some(self.0.left))
            }
        }

        impl<$($life,)? T, V> ExactSizeIterator for $Iter<$($life,)? T, V> {}
        impl<$($life,)? T, V> FusedIterator for $Iter<$($life,)? T, V> {}

        debug_by! { [$($life,)? T, V] $Iter<$($life,)? T, V> |iter| { remaining: iter.0.left } }
    };
}

iterator!(SecondaryIter<'a, T, V>, &'a V, |cell| cell.as_ref());
iterator!(SecondaryIterMut<'a, T, V>, &'a mut V, |cell| cell.as_mut());
iterator!(SecondaryIntoIter<T, V>, V, |cell| cell);

macro_rules! walked {
    ($Map:ident, $kind:ident) => {
        impl<T, V> $Map<T, V> {
            /// Handles and values, in slot order.
            ///
            /// ```
            /// let handle = smarena::SmArena::new().insert("Ada");
            #[doc = concat!("let map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
            /// assert!(map.iter().eq([(handle, &36)]));
            /// ```
            #[must_use]
            pub fn iter(&self) -> SecondaryIter<'_, T, V> {
                SecondaryIter(Walk::$kind(self.cells.iter(), self.len()))
            }

            /// Handles and values, the values mutable, in slot order.
            ///
            /// ```
            /// let handle = smarena::SmArena::new().insert("Ada");
            #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
            /// map.iter_mut().for_each(|(_, age)| *age += 1);
            /// assert_eq!(map[handle], 37);
            /// ```
            #[must_use]
            pub fn iter_mut(&mut self) -> SecondaryIterMut<'_, T, V> {
                let left = self.len();
                SecondaryIterMut(Walk::$kind(self.cells.iter_mut(), left))
            }
        }

        impl<T, V> IntoIterator for $Map<T, V> {
            type Item = (Handle<T>, V);
            type IntoIter = SecondaryIntoIter<T, V>;

            fn into_iter(self) -> SecondaryIntoIter<T, V> {
                let left = self.len();
                SecondaryIntoIter(Walk::$kind(self.cells.into_iter(), left))
            }
        }

        iterate_by_reference! {
            [T, V] $Map<T, V>:
            SecondaryIter<'a, T, V> => (Handle<T>, &'a V), SecondaryIterMut<'a, T, V> => (Handle<T>, &'a mut V)
        }
    };
}

walked!(SecondaryMap, dense);
walked!(SparseSecondaryMap, sparse);
