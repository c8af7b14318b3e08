//! A guard: a value of a shared arena that stays where it is while somebody looks at it.

use core::fmt;

use super::SharedArena;
use super::chunks::Slot;
use crate::arena::Handle;
use crate::derived::{dereference, format_as};
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
        // `then`, not `then_some`: a guard that was not counted must not exist, as its drop would count it off.
        slot.state.guard(handle.generation_of_slot()).then(|| Self { arena, slot, handle })
    }

    /// A guard that is counted already.
    pub(super) const fn counted(arena: &'a SharedArena<T, H>, slot: &'a Slot<T>, handle: Handle<T>) -> Self {
        Self { arena, slot, handle }
    }

    pub(super) const fn arena(&self) -> &'a SharedArena<T, H> {
        self.arena
    }

    /// Whether the value was removed, and this is its last guard.
    pub(super) fn is_last(&self) -> bool {
        self.slot.state.is_last()
    }

    /// Moves the value out.
    ///
    /// # Safety
    /// The guard is the last of a removed value, which no reading may see any more, and is not used again, not even to be dropped (G3, G5).
    pub(super) unsafe fn vacate(&self) -> T {
        // SAFETY: G3, G5: the slot and the handle's value are the caller's alone.
        unsafe { self.arena.slots.vacate(self.slot, self.handle) }
    }

    /// For a guard that was not counted any more when so many others were left of a value that was removed.
    #[cold]
    #[inline(never)]
    fn leave(&self, others: u64) {
        let slots = &self.arena.slots;
        match others {
            // SAFETY: G3: it was the last guard of a removed value, and readings are asked for (G5).
            0 => unsafe { slots.give_up(self.slot, self.handle, slots.book.ask()) },
            // The one that is left may be that of a `Withdrawn`, which waits to be alone.
            1 => slots.wake_all(),
            _ => {}
        }
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

dereference! {
    [T, H: HeapRef] Guard<'_, T, H> => T: |guard|
    // SAFETY: G3: this guard was counted when it was made, and is until it is dropped.
    unsafe { guard.slot.value() }
}

impl<T, H: HeapRef> Drop for Guard<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if let Some(others) = self.slot.state.unguard() {
            self.leave(others);
        }
    }
}

// SAFETY: G3: a guard gives `&T` (hence `T: Sync`), and may drop the value on the thread it is dropped on (`T: Send`).
unsafe impl<T: Send + Sync, H: HeapRef + Sync> Send for Guard<'_, T, H> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send + Sync, H: HeapRef + Sync> Sync for Guard<'_, T, H> {}

format_as! { [T: fmt::Debug, H: HeapRef] Guard<'_, T, H>: Debug |guard| **guard }
