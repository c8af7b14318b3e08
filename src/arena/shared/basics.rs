//! Making shared arenas, and putting values in, finding and removing them.

use super::slots::Slots;
use super::state::Removal;
use super::{Guard, SharedArena};
use crate::arena::{GrowError, Handle, InsertError};
use crate::heap::HeapRef;
use crate::sync::const_but_for_models;

#[cfg(not(any(loom, shuttle)))]
impl<T> SharedArena<T> {
    /// An empty arena on the process-wide heap. Allocates nothing.
    ///
    /// ```
    /// static ARENA: smarena::SharedArena<u8> = smarena::SharedArena::new();
    /// assert!(ARENA.is_empty());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::new_in(crate::heap::Global)
    }
}

impl<T, H: HeapRef> SharedArena<T, H> {
    const_but_for_models! {
        /// An empty arena on `heap`. Allocates nothing.
        ///
        /// ```
        /// let arena = smarena::SharedArena::new_in(smarena::Global);
        /// arena.insert(1);
        /// ```
        #[must_use]
        pub fn new_in(heap: H) -> Self {
            Self { slots: Slots::new(heap) }
        }
    }

    /// The heap its chunks come from.
    ///
    /// ```
    /// assert_eq!(smarena::SharedArena::<u8>::new().heap(), &smarena::Global);
    /// ```
    #[must_use]
    pub const fn heap(&self) -> &H {
        self.slots.heap()
    }

    /// The number of values that were not removed. Others may change it meanwhile.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// arena.insert(1);
    /// assert_eq!(arena.len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.book.len()
    }

    /// Whether there are no values. Others may change it meanwhile.
    ///
    /// ```
    /// assert!(smarena::SharedArena::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves `value` into a slot. O(1), but for the thread that adds a chunk: that takes time proportional to the chunk.
    ///
    /// # Panics
    /// If the arena has to grow and cannot: the heap has no memory, or no slots are left.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(*arena.get(handle).unwrap(), "value");
    /// ```
    #[track_caller]
    pub fn insert(&self, value: T) -> Handle<T> {
        match self.slots.insert(value) {
            Ok(handle) => handle,
            Err((_, error)) => error.fail(),
        }
    }

    /// Moves `value` into a slot, if there is one or the arena can grow.
    ///
    /// # Errors
    /// [`InsertError`], with the value.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.try_insert("value")?;
    /// assert!(arena.contains(handle));
    /// # Ok::<(), smarena::InsertError<&str>>(())
    /// ```
    pub fn try_insert(&self, value: T) -> Result<Handle<T>, InsertError<T>> {
        self.slots.insert(value).map_err(|(value, error)| InsertError { value, error })
    }

    /// Moves the value that `make` returns into a slot; `make` is told the handle it will have, which finds nothing until then.
    ///
    /// If `make` panics, that handle is stale for ever, and the slot can be used by others.
    ///
    /// # Panics
    /// As [`insert`](Self::insert), and when `make` does.
    ///
    /// ```
    /// use smarena::{Handle, SharedArena};
    ///
    /// struct Node { me: Handle<Node> }
    ///
    /// let arena = SharedArena::new();
    /// let handle = arena.insert_with(|me| Node { me });
    /// assert_eq!(arena.get(handle).unwrap().me, handle);
    /// ```
    #[track_caller]
    pub fn insert_with(&self, make: impl FnOnce(Handle<T>) -> T) -> Handle<T> {
        GrowError::or_fail(self.slots.insert_with(0, make)).1
    }

    /// The value that `handle` names; or if it is stale, a new one that `make` returns, under the guard's [`handle`](Guard::handle).
    ///
    /// Threads that come with the same stale handle at once have a value each.
    ///
    /// # Panics
    /// As [`insert_with`](Self::insert_with) and [`get`](Self::get).
    ///
    /// ```
    /// use smarena::{Handle, SharedArena};
    ///
    /// let arena = SharedArena::new();
    /// let guard = arena.get_or_insert_with(Handle::DANGLING, |_| "made");
    /// let again = arena.get_or_insert_with(guard.handle(), |_| "made again");
    /// assert_eq!((*again, arena.len()), ("made", 1));
    /// ```
    #[track_caller]
    pub fn get_or_insert_with(&self, handle: Handle<T>, make: impl FnOnce(Handle<T>) -> T) -> Guard<'_, T, H> {
        if let Some(guard) = self.get(handle) {
            return guard;
        }
        let (slot, handle) = GrowError::or_fail(self.slots.insert_with(1, make));
        Guard::counted(self, slot, handle)
    }

    /// The value that `handle` names; or if it is stale, this one, under the guard's [`handle`](Guard::handle).
    ///
    /// # Panics
    /// As [`insert`](Self::insert) and [`get`](Self::get).
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("there");
    /// assert_eq!(*arena.get_or_insert(handle, "new"), "there");
    /// arena.remove(handle);
    /// assert_eq!(*arena.get_or_insert(handle, "new"), "new");
    /// ```
    #[track_caller]
    pub fn get_or_insert(&self, handle: Handle<T>, value: T) -> Guard<'_, T, H> {
        self.get_or_insert_with(handle, |_| value)
    }

    /// The value, which stays as long as the guard does. `None` if the handle is stale. O(1).
    ///
    /// # Panics
    /// If there are 2,147,483,647 guards of this value already.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.get(handle).as_deref(), Some(&"value"));
    /// ```
    #[inline]
    #[track_caller]
    pub fn get(&self, handle: Handle<T>) -> Option<Guard<'_, T, H>> {
        Guard::new(self, handle)
    }

    /// The value, mutable. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SharedArena::new();
    /// let handle = arena.insert(1);
    /// *arena.get_mut(handle).unwrap() = 2;
    /// assert_eq!(*arena.get(handle).unwrap(), 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let slot = self.slots.slot(handle.place())?;
        if !slot.state.is_live(handle.generation_of_slot()) {
            return None;
        }
        // SAFETY: G2: there is a value; `&mut self` is alone with it, for guards borrow the arena.
        Some(unsafe { slot.value_mut() })
    }

    /// Whether the handle names a value. Others may remove it meanwhile. O(1).
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert!(arena.contains(handle));
    /// ```
    #[must_use]
    pub fn contains(&self, handle: Handle<T>) -> bool {
        self.slots.slot(handle.place()).is_some_and(|slot| slot.state.is_live(handle.generation_of_slot()))
    }

    /// Removes the value: its handle is stale from now on. `false` if it was already. O(1).
    ///
    /// The value is dropped before this returns, or by the last guard or [`reading`](Self::reading) if there are any; so it is not handed
    /// out. [`take`](Self::take) and [`withdraw`](Self::withdraw) do that.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert!(arena.remove(handle));
    /// assert!(!arena.remove(handle));
    /// ```
    pub fn remove(&self, handle: Handle<T>) -> bool {
        let Some(slot) = self.slots.slot(handle.place()) else {
            return false;
        };
        match slot.state.remove(handle.generation_of_slot()) {
            Removal::Stale => return false,
            Removal::Guarded => _ = self.slots.book.went(),
            // SAFETY: G2: the removal found no guards, so the slot is this thread's; and readings are asked for (G5).
            Removal::Ours => unsafe { self.slots.give_up(slot, handle, self.slots.book.went()) },
        }
        true
    }

    /// Guards of the values, one after the other, in slot order. Values that come or go meanwhile are met or not.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handles = [1, 2].map(|value| arena.insert(value));
    /// assert_eq!(arena.iter().map(|guard| *guard).sum::<i32>(), 3);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Guard<'_, T, H>> {
        (0..self.slots.opened()).filter_map(|number| {
            let place = Slots::<T, H>::place_of(number)?;
            let generation = self.slots.slot(place)?.state.generation();
            generation.is_occupied().then(|| self.get(Handle::new(place, generation)))?
        })
    }
}
