//! A guard: a value of a shared arena that stays where it is while somebody looks at it.

use core::fmt;
use core::ops::Deref;

use super::SharedArena;
use super::chunks::Slot;
use crate::arena::handle::Handle;
use crate::heap::{Global, HeapRef};

/// Keeps a value of a [`SharedArena`] alive and in its place. Made by [`SharedArena::get`].
///
/// ```
/// let arena = smarena::SharedArena::new();
/// let handle = arena.insert(String::from("value"));
/// let guard = arena.get(handle).unwrap();
/// arena.remove(handle);
/// assert_eq!(*guard, "value"); // dropped with the guard
/// ```
///
/// It cannot outlive the arena:
///
/// ```compile_fail,E0505
/// let arena = smarena::SharedArena::new();
/// let handle = arena.insert(1);
/// let guard = arena.get(handle);
/// drop(arena);
/// println!("{guard:?}");
/// ```
#[must_use = "the value is only kept while the guard lives"]
pub struct Guard<'a, T, H: HeapRef = Global> {
    arena: &'a SharedArena<T, H>,
    slot: &'a Slot<T>,
    handle: Handle<T>,
}

impl<'a, T, H: HeapRef> Guard<'a, T, H> {
    /// The guard of the value `handle` names, if it is there.
    #[inline]
    #[track_caller]
    pub(super) fn new(arena: &'a SharedArena<T, H>, handle: Handle<T>) -> Option<Self> {
        let slot = arena.slots.slot(handle.place())?;
        // Lazily: a guard that was not counted must not be dropped.
        slot.state.guard(handle.generation_of_slot()).then(|| Self { arena, slot, handle })
    }

    /// The value's handle.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.get(handle).unwrap().handle(), handle);
    /// ```
    #[must_use]
    pub const fn handle(&self) -> Handle<T> {
        self.handle
    }
}

impl<T, H: HeapRef> Deref for Guard<'_, T, H> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: G3: this guard was counted when it was made, and is until it is dropped.
        unsafe { self.slot.value() }
    }
}

impl<T, H: HeapRef> Drop for Guard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if self.slot.state.unguard() {
            // SAFETY: G3: it was the last guard of a removed value, so both are this thread's alone.
            drop(unsafe { self.arena.slots.vacate(self.slot, self.handle) });
        }
    }
}

// SAFETY: G3: a guard gives `&T` (hence `T: Sync`), and may drop the value on the thread it is dropped on (`T: Send`).
unsafe impl<T: Send + Sync, H: HeapRef + Sync> Send for Guard<'_, T, H> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send + Sync, H: HeapRef + Sync> Sync for Guard<'_, T, H> {}

impl<T: fmt::Debug, H: HeapRef> fmt::Debug for Guard<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
