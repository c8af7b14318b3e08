//! What both kinds of secondary map can do, written once.

use core::fmt;
use core::marker::PhantomData;
use std::collections::BTreeMap;

use super::entry::{SecondaryEntry, SecondaryOccupied, SecondaryVacant, Store};
use super::{SecondaryMap, SparseSecondaryMap, generation};
use crate::arena::{Handle, index_by_handle, make_room};
use crate::derived::{collect, debug_entries, default};

/// The methods and traits of a map that has `cell`, `cell_mut`, `put`, `take`, `count`, `throw_all` and `keep_if`.
macro_rules! secondary_map {
    ($Map:ident, $cells:expr $(, $field:ident: $value:expr)?) => {
            impl<T, V> $Map<T, V> {
                /// An empty map. Allocates nothing.
                ///
                /// ```
                #[doc = concat!("assert!(smarena::", stringify!($Map), "::<u8, u8>::new().is_empty());")]
                /// ```
                #[must_use]
                pub const fn new() -> Self {
                    Self { cells: $cells, $($field: $value,)? handles: PhantomData }
                }

                /// The number of values.
                ///
                /// ```
                #[doc = concat!("assert_eq!(smarena::", stringify!($Map), "::<u8, u8>::new().len(), 0);")]
                /// ```
                #[must_use]
                pub fn len(&self) -> usize {
                    self.count()
                }

                /// Whether there are no values.
                ///
                /// ```
                #[doc = concat!("assert!(smarena::", stringify!($Map), "::<u8, u8>::new().is_empty());")]
                /// ```
                #[must_use]
                pub fn is_empty(&self) -> bool {
                    self.count() == 0
                }

                /// Whether there is a value for this handle.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert!(map.contains(handle));
                /// ```
                #[doc(alias = "contains_key")]
                #[must_use]
                pub fn contains(&self, handle: impl Into<Handle<T>>) -> bool {
                    self.get(handle).is_some()
                }

                /// The handle's value.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert_eq!(map.get(handle), Some(&36));
                /// ```
                #[inline]
                #[must_use]
                pub fn get(&self, handle: impl Into<Handle<T>>) -> Option<&V> {
                    let handle = handle.into();
                    let (there, value) = self.cell(handle.slot())?;
                    (*there == generation(handle)).then_some(value)
                }

                /// The handle's value, mutable.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// *map.get_mut(handle).unwrap() += 1;
                /// assert_eq!(map[handle], 37);
                /// ```
                #[inline]
                #[must_use]
                pub fn get_mut(&mut self, handle: impl Into<Handle<T>>) -> Option<&mut V> {
                    let handle = handle.into();
                    let (there, value) = self.cell_mut(handle.slot())?;
                    (*there == generation(handle)).then_some(value)
                }

                /// Puts a value there for this handle, and gives back the one it had.
                ///
                /// A value of an older handle of the same slot is dropped. If the slot has that of a newer one, or the handle is
                /// [`DANGLING`](Handle::DANGLING), it is the new value that is dropped.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::new();")]
                /// assert_eq!(map.insert(handle, 36), None);
                /// assert_eq!(map.insert(handle, 37), Some(36));
                /// ```
                pub fn insert(&mut self, handle: impl Into<Handle<T>>, value: V) -> Option<V> {
                    match self.entry(handle)? {
                        SecondaryEntry::Occupied(mut entry) => Some(entry.insert(value)),
                        SecondaryEntry::Vacant(entry) => {
                            entry.insert(value);
                            None
                        }
                    }
                }

                /// Moves the handle's value out.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert_eq!(map.remove(handle), Some(36));
                /// assert_eq!(map.remove(handle), None);
                /// ```
                pub fn remove(&mut self, handle: impl Into<Handle<T>>) -> Option<V> {
                    let handle = handle.into();
                    if self.contains(handle) { self.take(handle.slot()).map(|(_, value)| value) } else { None }
                }

                /// The handle's place, with a value or without. `None` if there is a value for a newer handle of its slot, or the handle is
                /// [`DANGLING`](Handle::DANGLING).
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::new();")]
                /// *map.entry(handle).unwrap().or_insert(36) += 1;
                /// assert_eq!(map[handle], 37);
                /// ```
                pub fn entry(&mut self, handle: impl Into<Handle<T>>) -> Option<SecondaryEntry<'_, T, V>> {
                    let handle = handle.into();
                    if handle == Handle::DANGLING {
                        return None;
                    }
                    match self.cell(handle.slot()) {
                        Some((there, _)) if *there == generation(handle) => {
                            Some(SecondaryEntry::Occupied(SecondaryOccupied::new(self, handle)))
                        }
                        Some((there, _)) if *there > generation(handle) => None,
                        _ => Some(SecondaryEntry::Vacant(SecondaryVacant::new(self, handle))),
                    }
                }

                /// Drops all values.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// map.clear();
                /// assert!(map.is_empty());
                /// ```
                pub fn clear(&mut self) {
                    self.throw_all();
                }

                /// Drops the values for which `keep` says no, in slot order. If it panics, the values it was not asked about stay.
                ///
                /// ```
                /// let mut names = smarena::SmArena::new();
                /// let handles = ["Ada", "Bob"].map(|name| names.insert(name));
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter(handles.map(|handle| (handle, 36)));")]
                /// names.remove(handles[0]);
                /// map.retain(|handle, _| names.contains(handle));
                /// assert!(map.keys().eq([handles[1]]));
                /// ```
                pub fn retain(&mut self, mut keep: impl FnMut(Handle<T>, &mut V) -> bool) {
                    self.keep_if(|slot, (generation, value)| {
                        Handle::from_parts(slot, generation.get()).is_some_and(|handle| keep(handle, value))
                    });
                }

                /// Moves the values out, in slot order. The map is empty at once.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert!(map.drain().eq([(handle, 36)]));
                /// assert!(map.is_empty());
                /// ```
                pub fn drain(&mut self) -> impl Iterator<Item = (Handle<T>, V)> + use<T, V> {
                    core::mem::take(self).into_iter()
                }

                /// The handles that have a value, in slot order.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert!(map.keys().eq([handle]));
                /// ```
                pub fn keys(&self) -> impl Iterator<Item = Handle<T>> {
                    self.iter().map(|(handle, _)| handle)
                }

                /// The values, in slot order.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// assert!(map.values().eq([&36]));
                /// ```
                pub fn values(&self) -> impl Iterator<Item = &V> {
                    self.iter().map(|(_, value)| value)
                }

                /// The values, mutable, in slot order.
                ///
                /// ```
                /// let handle = smarena::SmArena::new().insert("Ada");
                #[doc = concat!("let mut map = smarena::", stringify!($Map), "::from_iter([(handle, 36)]);")]
                /// map.values_mut().for_each(|age| *age += 1);
                /// assert_eq!(map[handle], 37);
                /// ```
                pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
                    self.iter_mut().map(|(_, value)| value)
                }
            }

            impl<T, V> Store<T, V> for $Map<T, V> {
                fn value(&self, handle: Handle<T>) -> Option<&V> {
                    self.get(handle)
                }

                fn value_mut(&mut self, handle: Handle<T>) -> Option<&mut V> {
                    self.get_mut(handle)
                }

                fn set(&mut self, handle: Handle<T>, value: V) {
                    drop(self.put(handle.slot(), (generation(handle), value)));
                }

                fn unset(&mut self, handle: Handle<T>) -> Option<V> {
                    self.remove(handle)
                }
            }

            default! { [T, V] $Map<T, V>: Self::new() }

            impl<T, V: Clone> Clone for $Map<T, V> {
                fn clone(&self) -> Self {
                    Self { cells: self.cells.clone(), $($field: self.$field,)? handles: PhantomData }
                }

                /// In the memory that is there, as far as the standard library's collection can. The map is empty if a value's clone panics.
                fn clone_from(&mut self, source: &Self) {
                    let mut cells = core::mem::take(self).cells;
                    cells.clone_from(&source.cells);
                    *self = Self { cells, $($field: source.$field,)? handles: PhantomData };
                }
            }

            impl<T, V: PartialEq> PartialEq for $Map<T, V> {
                fn eq(&self, other: &Self) -> bool {
                    self.iter().eq(other.iter())
                }
            }

            impl<T, V: Eq> Eq for $Map<T, V> {}

            debug_entries! { [T, V: fmt::Debug] $Map<T, V>: debug_map |map| map.iter() }

            index_by_handle! { [T, V, K: Into<Handle<T>> + Copy + fmt::Debug] $Map<T, V>, K => V, "has no value in this map" }

            impl<T, V, K: Into<Handle<T>>> Extend<(K, V)> for $Map<T, V> {
                fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, values: I) {
                    for (handle, value) in values {
                        self.insert(handle, value);
                    }
                }
            }

            collect! { [T, V, K: Into<Handle<T>>] $Map<T, V>: (K, V) }
    };
}

impl<T, V> SecondaryMap<T, V> {
    /// An empty map with room for the slots below `slots`.
    ///
    /// # Panics
    /// If there is no memory for them.
    ///
    /// ```
    /// assert!(smarena::SecondaryMap::<u8, u8>::with_capacity(10).capacity() >= 10);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(slots: usize) -> Self {
        let mut map = Self::new();
        make_room(&mut map.cells, slots);
        map
    }
}

secondary_map!(SecondaryMap, Vec::new(), len: 0);
secondary_map!(SparseSecondaryMap, BTreeMap::new());
