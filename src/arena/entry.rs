//! Entries: a slot looked up once, then used: vacant (its handle known before the value) or occupied.

use core::fmt;

use super::{Claimed, Handle, SlotPtr, Storage};
use crate::derived::debug_tuple;
use crate::heap::HeapRef;

/// The slot the next value goes into. Made by [`SmArena::vacant_entry`](crate::SmArena::vacant_entry).
///
/// Dropping it without a value changes nothing.
///
/// ```
/// use smarena::{Handle, SmArena};
///
/// struct Node { me: Handle<Node> }
///
/// let mut arena = SmArena::new();
/// let entry = arena.vacant_entry();
/// let me = entry.handle();
/// entry.insert(Node { me });
/// assert_eq!(arena[me].me, me);
/// ```
pub struct VacantEntry<'a, T, H: HeapRef> {
    storage: &'a mut Storage<T, H>,
    handle: Handle<T>,
}

/// A value in its slot. Made by [`SmArena::entry`](crate::SmArena::entry).
///
/// ```
/// let mut arena = smarena::SmArena::new();
/// let handle = arena.insert(1);
/// let mut entry = arena.entry(handle).unwrap();
/// *entry.get_mut() += 1;
/// assert_eq!(entry.remove(), 2);
/// assert!(arena.entry(handle).is_none());
/// ```
pub struct OccupiedEntry<'a, T, H: HeapRef> {
    storage: &'a mut Storage<T, H>,
    slot: SlotPtr<T>,
    handle: Handle<T>,
}

impl<'a, T, H: HeapRef> VacantEntry<'a, T, H> {
    /// `handle` is the one that `storage` gave last.
    #[inline]
    pub(super) const fn new(storage: &'a mut Storage<T, H>, handle: Handle<T>) -> Self {
        Self { storage, handle }
    }

    /// The handle the value will have.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let entry = arena.vacant_entry();
    /// let handle = entry.handle();
    /// entry.insert("value");
    /// assert_eq!(arena[handle], "value");
    /// ```
    #[inline]
    #[must_use]
    pub const fn handle(&self) -> Handle<T> {
        self.handle
    }

    /// Moves the value in. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// *arena.vacant_entry().insert(1) += 1;
    /// assert_eq!(arena.values().next(), Some(&2));
    /// ```
    #[inline]
    pub fn insert(self, value: T) -> &'a mut T {
        // SAFETY: A3: the value is written at once. It is the slot that the entry has seen, as it has the storage to itself.
        let Claimed { slot, .. } = unsafe { self.storage.claim_or_fail() };
        // SAFETY: A1, A3: the slot is this value's.
        unsafe { slot.value().write(value) };
        // SAFETY: A3: the slot has just been filled, and the storage is mutably borrowed for 'a.
        unsafe { &mut *slot.value() }
    }
}

impl<'a, T, H: HeapRef> OccupiedEntry<'a, T, H> {
    #[inline]
    pub(super) fn new(storage: &'a mut Storage<T, H>, handle: Handle<T>) -> Option<Self> {
        let slot = storage.find(handle)?;
        Some(Self { storage, slot, handle })
    }

    /// The value's handle.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.entry(handle).unwrap().handle(), handle);
    /// ```
    #[inline]
    #[must_use]
    pub const fn handle(&self) -> Handle<T> {
        self.handle
    }

    /// The value.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.entry(handle).unwrap().get(), &1);
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self) -> &T {
        // SAFETY: A3: the slot was found occupied, and the entry has the storage to itself; `&self` only reads.
        unsafe { &*self.slot.value() }
    }

    /// The value, mutable for as long as the entry lives.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// *arena.entry(handle).unwrap().get_mut() = 2;
    /// assert_eq!(arena[handle], 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: A3: the slot was found occupied, and the entry has the storage to itself; `&mut self` is alone.
        unsafe { &mut *self.slot.value() }
    }

    /// The value, mutable for as long as the arena was borrowed.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// let value: &mut i32 = arena.entry(handle).unwrap().into_mut();
    /// *value = 2;
    /// ```
    #[inline]
    #[must_use]
    pub fn into_mut(self) -> &'a mut T {
        // SAFETY: A3: the slot was found occupied, and the entry, which had the storage to itself for 'a, ends here.
        unsafe { &mut *self.slot.value() }
    }

    /// Puts another value in the place of this one, which is given back. The handle stays valid.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.entry(handle).unwrap().replace(2), 1);
    /// assert_eq!(arena[handle], 2);
    /// ```
    #[inline]
    pub fn replace(&mut self, value: T) -> T {
        core::mem::replace(self.get_mut(), value)
    }

    /// Moves the value out; its handle is stale from now on.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.entry(handle).unwrap().remove(), 1);
    /// assert!(!arena.contains(handle));
    /// ```
    #[inline]
    #[must_use = "use `SmArena::remove` to throw a value away"]
    pub fn remove(self) -> T {
        match self.storage.take(self.handle) {
            Some(value) => value,
            None => unreachable!("the entry's slot was found occupied"),
        }
    }
}

// SAFETY: A3: an entry is a sole borrow of the storage; its slot pointer reaches nothing else.
unsafe impl<T: Send, H: HeapRef + Send> Send for OccupiedEntry<'_, T, H> {}
// SAFETY: as above; `&OccupiedEntry` gives `&T`.
unsafe impl<T: Sync, H: HeapRef + Sync> Sync for OccupiedEntry<'_, T, H> {}

debug_tuple! { [T, H: HeapRef] VacantEntry<'_, T, H> |entry| entry.handle }

debug_tuple! { [T: fmt::Debug, H: HeapRef] OccupiedEntry<'_, T, H> |entry| entry.handle, entry.get() }
