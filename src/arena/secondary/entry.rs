//! A handle's place in a secondary map, with a value or without.

use core::fmt;

use crate::arena::Handle;
use crate::derived::debug_tuple;

/// A map, whichever of the two.
pub(super) trait Store<T, V> {
    fn value(&self, handle: Handle<T>) -> Option<&V>;
    fn value_mut(&mut self, handle: Handle<T>) -> Option<&mut V>;
    fn set(&mut self, handle: Handle<T>, value: V);
    fn unset(&mut self, handle: Handle<T>) -> Option<V>;
}

/// A handle's place in a secondary map. Made by [`SecondaryMap::entry`](crate::SecondaryMap::entry).
///
/// ```
/// use smarena::{SecondaryEntry, SecondaryMap, SmArena};
///
/// let handle = SmArena::new().insert("Ada");
/// let mut ages = SecondaryMap::new();
/// match ages.entry(handle).unwrap() {
///     SecondaryEntry::Occupied(entry) => *entry.into_mut() += 1,
///     SecondaryEntry::Vacant(entry) => *entry.insert(36) += 0,
/// }
/// assert_eq!(ages[handle], 36);
/// ```
pub enum SecondaryEntry<'a, T, V> {
    /// There is a value for this handle.
    Occupied(SecondaryOccupied<'a, T, V>),
    /// There is none, or one of an older handle of its slot.
    Vacant(SecondaryVacant<'a, T, V>),
}

/// A value in a secondary map.
///
/// ```
/// use smarena::{SecondaryEntry, SecondaryMap, SmArena};
///
/// let handle = SmArena::new().insert("Ada");
/// let mut ages = SecondaryMap::from_iter([(handle, 36)]);
/// let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
/// assert_eq!(entry.remove(), 36);
/// ```
pub struct SecondaryOccupied<'a, T, V> {
    map: &'a mut dyn Store<T, V>,
    handle: Handle<T>,
}

/// The place for a value in a secondary map.
///
/// ```
/// use smarena::{SecondaryEntry, SecondaryMap, SmArena};
///
/// let handle = SmArena::new().insert("Ada");
/// let mut ages = SecondaryMap::new();
/// let Some(SecondaryEntry::Vacant(entry)) = ages.entry(handle) else { panic!() };
/// assert_eq!(*entry.insert(36), 36);
/// ```
pub struct SecondaryVacant<'a, T, V> {
    map: &'a mut dyn Store<T, V>,
    handle: Handle<T>,
}

impl<'a, T, V> SecondaryEntry<'a, T, V> {
    /// The handle.
    ///
    /// ```
    /// let handle = smarena::SmArena::new().insert("Ada");
    /// let mut ages = smarena::SecondaryMap::<_, u8>::new();
    /// assert_eq!(ages.entry(handle).unwrap().handle(), handle);
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle<T> {
        match self {
            Self::Occupied(entry) => entry.handle,
            Self::Vacant(entry) => entry.handle,
        }
    }

    /// The value there, or this one.
    ///
    /// ```
    /// let handle = smarena::SmArena::new().insert("Ada");
    /// let mut ages = smarena::SecondaryMap::new();
    /// assert_eq!(*ages.entry(handle).unwrap().or_insert(36), 36);
    /// ```
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value there, or the one that `make` returns.
    ///
    /// ```
    /// let handle = smarena::SmArena::new().insert("Ada");
    /// let mut ages = smarena::SecondaryMap::new();
    /// assert_eq!(*ages.entry(handle).unwrap().or_insert_with(|| 36), 36);
    /// ```
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(make()),
        }
    }

    /// The value there, or the default one.
    ///
    /// ```
    /// let handle = smarena::SmArena::new().insert("Ada");
    /// let mut ages = smarena::SecondaryMap::<_, u8>::new();
    /// *ages.entry(handle).unwrap().or_default() += 1;
    /// assert_eq!(ages[handle], 1);
    /// ```
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, if there is one.
    ///
    /// ```
    /// let handle = smarena::SmArena::new().insert("Ada");
    /// let mut ages = smarena::SecondaryMap::from_iter([(handle, 36)]);
    /// ages.entry(handle).unwrap().and_modify(|age| *age += 1).or_insert(0);
    /// assert_eq!(ages[handle], 37);
    /// ```
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }
}

impl<'a, T, V> SecondaryOccupied<'a, T, V> {
    /// There is a value for the handle.
    pub(super) fn new(map: &'a mut dyn Store<T, V>, handle: Handle<T>) -> Self {
        Self { map, handle }
    }

    /// The handle.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.handle(), handle);
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle<T> {
        self.handle
    }

    /// The value.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.get(), &36);
    /// ```
    #[must_use]
    pub fn get(&self) -> &V {
        self.map.value(self.handle).unwrap_or_else(|| unreachable!("an entry that is occupied has a value"))
    }

    /// The value, mutable for as long as the entry lives.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(mut entry)) = ages.entry(handle) else { panic!() };
    /// *entry.get_mut() += 1;
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut V {
        self.map.value_mut(self.handle).unwrap_or_else(|| unreachable!("an entry that is occupied has a value"))
    }

    /// The value, mutable for as long as the map was borrowed.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
    /// let age: &mut i32 = entry.into_mut();
    /// *age = 40;
    /// ```
    #[must_use]
    pub fn into_mut(self) -> &'a mut V {
        self.map.value_mut(self.handle).unwrap_or_else(|| unreachable!("an entry that is occupied has a value"))
    }

    /// Puts another value in the place of this one, which is given back.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(mut entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.insert(37), 36);
    /// ```
    pub fn insert(&mut self, value: V) -> V {
        core::mem::replace(self.get_mut(), value)
    }

    /// Moves the value out.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.remove(), 36);
    /// ```
    #[must_use = "use the map's `remove` to throw a value away"]
    pub fn remove(self) -> V {
        self.map.unset(self.handle).unwrap_or_else(|| unreachable!("an entry that is occupied has a value"))
    }

    /// Moves the value out, with the handle.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::from_iter([(handle, 36)]);
    /// # let Some(SecondaryEntry::Occupied(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.remove_entry(), (handle, 36));
    /// assert!(!ages.contains(handle));
    /// ```
    #[must_use = "use the map's `remove` to throw a value away"]
    pub fn remove_entry(self) -> (Handle<T>, V) {
        (self.handle, self.remove())
    }
}

impl<'a, T, V> SecondaryVacant<'a, T, V> {
    /// There is no value for the handle, nor for a newer one of its slot.
    pub(super) fn new(map: &'a mut dyn Store<T, V>, handle: Handle<T>) -> Self {
        Self { map, handle }
    }

    /// The handle.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::<_, u8>::new();
    /// # let Some(SecondaryEntry::Vacant(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(entry.handle(), handle);
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle<T> {
        self.handle
    }

    /// Puts a value there. That of an older handle of the same slot is dropped.
    ///
    /// ```
    /// # use smarena::{SecondaryEntry, SecondaryMap, SmArena};
    /// # let handle = SmArena::new().insert("Ada");
    /// # let mut ages = SecondaryMap::new();
    /// # let Some(SecondaryEntry::Vacant(entry)) = ages.entry(handle) else { panic!() };
    /// assert_eq!(*entry.insert(36), 36);
    /// ```
    pub fn insert(self, value: V) -> &'a mut V {
        self.map.set(self.handle, value);
        self.map.value_mut(self.handle).unwrap_or_else(|| unreachable!("it has just been put there"))
    }
}

impl<T, V: fmt::Debug> fmt::Debug for SecondaryEntry<'_, T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied(entry) => entry.fmt(f),
            Self::Vacant(entry) => entry.fmt(f),
        }
    }
}

debug_tuple! { [T, V: fmt::Debug] SecondaryOccupied<'_, T, V> |entry| entry.handle, entry.get() }

debug_tuple! { [T, V] SecondaryVacant<'_, T, V> |entry| entry.handle }
