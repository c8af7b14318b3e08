//! Slots chosen by the caller: a value at a given handle, a slot kept while its value is away, a slot by its number.

use super::{Handle, InsertAtError, InsertError, Place, SmArena, Storage};
use crate::heap::HeapRef;

impl<T, H: HeapRef> SmArena<T, H> {
    /// Puts `value` where `handle` says, so that this handle names it: to rebuild an arena from elsewhere, or to follow
    /// another one. A value that is there already is given back.
    ///
    /// Handles of earlier generations of that slot become stale. A generation that the slot has left behind is refused.
    /// Takes time proportional to the vacant slots, and memory up to the handle's slot.
    ///
    /// # Errors
    /// [`InsertAtError`], with the value. Chunks that were added before one was refused stay.
    ///
    /// ```
    /// use smarena::SmArena;
    ///
    /// let mut server = SmArena::from_iter(["map"]);
    /// let mut client = server.clone();
    /// let handle = server.insert("entity");
    /// client.insert_at(handle, "entity")?;
    /// assert_eq!(client[handle], "entity");
    /// # Ok::<(), smarena::InsertAtError<&str>>(())
    /// ```
    pub fn insert_at(&mut self, handle: Handle<T>, value: T) -> Result<Option<T>, InsertAtError<T>> {
        if let Some(there) = self.get_mut(handle) {
            return Ok(Some(core::mem::replace(there, value)));
        }
        if handle == Handle::DANGLING || !self.storage.is_ahead(handle.place(), handle.generation_of_slot()) {
            return Err(InsertAtError::Stale { handle, value });
        }
        let there = self.storage.handle_at(handle.place()).and_then(|older| self.remove(older));
        // SAFETY: A3: the slot's generation is behind the handle's, and it was vacated if it was occupied.
        match unsafe { self.storage.fill_at(handle, value) } {
            Ok(()) => Ok(there),
            Err((value, error)) => Err(InsertAtError::Grow(InsertError { value, error })),
        }
    }

    /// Moves the value out for a while. Its handle finds nothing until [`reattach`](Self::reattach), but its slot is kept:
    /// no other value gets it. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(String::from("a"));
    /// let mut value = arena.detach(handle).unwrap();
    /// assert!(!arena.contains(handle));
    /// value.push('b'); // the arena is free for other uses meanwhile
    /// arena.reattach(handle, value)?;
    /// assert_eq!(arena[handle], "ab");
    /// # Ok::<(), smarena::InsertAtError<String>>(())
    /// ```
    pub fn detach(&mut self, handle: Handle<T>) -> Option<T> {
        self.storage.detach(handle)
    }

    /// Puts a value back into the slot that [`detach`](Self::detach) kept for `handle`. O(1).
    ///
    /// # Errors
    /// [`InsertAtError::Stale`], with the value, if no slot is kept for this handle.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert!(arena.reattach(handle, 2).is_err());
    /// arena.detach(handle);
    /// assert!(arena.reattach(handle, 2).is_ok());
    /// ```
    pub fn reattach(&mut self, handle: Handle<T>, value: T) -> Result<(), InsertAtError<T>> {
        self.storage.reattach(handle, value).map_err(|value| InsertAtError::Stale { handle, value })
    }

    /// Gives up the slot that [`detach`](Self::detach) kept for `handle`, which is stale from now on. `false` if none is
    /// kept. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// arena.detach(handle);
    /// assert!(arena.release(handle));
    /// assert!(arena.reattach(handle, 1).is_err());
    /// ```
    pub fn release(&mut self, handle: Handle<T>) -> bool {
        self.storage.release(handle)
    }

    /// The value in slot `slot` and its handle, whatever the generation. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.get_unknown_gen(handle.slot()), Some((handle, &"value")));
    /// assert_eq!(arena.get_unknown_gen(99), None);
    /// ```
    #[must_use]
    pub fn get_unknown_gen(&self, slot: u32) -> Option<(Handle<T>, &T)> {
        let handle = self.handle_of_slot(slot)?;
        Some((handle, self.get(handle)?))
    }

    /// The value in slot `slot`, mutable, and its handle, whatever the generation. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// *arena.get_unknown_gen_mut(0).unwrap().1 = 2;
    /// assert_eq!(arena[handle], 2);
    /// ```
    #[must_use]
    pub fn get_unknown_gen_mut(&mut self, slot: u32) -> Option<(Handle<T>, &mut T)> {
        let handle = self.handle_of_slot(slot)?;
        Some((handle, self.get_mut(handle)?))
    }

    /// Moves the value in slot `slot` out, whatever the generation, and says which handle named it. O(1).
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.remove_unknown_gen(0), Some((handle, "value")));
    /// assert_eq!(arena.remove_unknown_gen(0), None);
    /// ```
    pub fn remove_unknown_gen(&mut self, slot: u32) -> Option<(Handle<T>, T)> {
        let handle = self.handle_of_slot(slot)?;
        Some((handle, self.remove(handle)?))
    }

    fn handle_of_slot(&self, slot: u32) -> Option<Handle<T>> {
        self.storage.handle_at(Place::of_number(slot, Storage::<T, H>::FIRST_BITS)?)
    }
}
