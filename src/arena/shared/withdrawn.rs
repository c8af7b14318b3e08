//! A value that was removed from a shared arena and is to be had once nobody looks at it any more.

use core::fmt;
use core::mem::ManuallyDrop;

use super::SharedArena;
use super::guard::Guard;
use crate::arena::Handle;
use crate::derived::{debug_tuple, dereference};
use crate::heap::{Global, HeapRef};

/// A value that nobody finds any more, and that others may still look at. Made by [`SharedArena::withdraw`].
///
/// It can be read, and moved out once all guards are gone and all readings have ended that may have seen it. Who drops it instead leaves the
/// value to the last of these.
///
/// ```
/// let arena = smarena::SharedArena::new();
/// let handle = arena.insert(String::from("value"));
/// let guard = arena.get(handle);
/// let withdrawn = arena.withdraw(handle).unwrap();
/// assert!(!arena.contains(handle));
/// let withdrawn = withdrawn.try_into_value().unwrap_err();    // there is a guard
/// assert_eq!(*withdrawn, "value");
/// drop(guard);
/// assert_eq!(withdrawn.try_into_value().unwrap(), "value");
/// ```
#[must_use = "the value is dropped with it"]
pub struct Withdrawn<'a, T, H: HeapRef = Global> {
    /// Counted like any other guard.
    guard: Guard<'a, T, H>,
    /// If readings may have seen the value: how many turns there had been.
    turns: Option<u64>,
}

impl<T, H: HeapRef> SharedArena<T, H> {
    /// Removes the value: its handle is stale from now on. What is returned gives the value once nobody looks at it any more. `None` if the
    /// handle is stale already. O(1).
    ///
    /// # Panics
    /// If there are 2,147,483,647 guards of this value already.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// let guard = arena.get(handle).unwrap();
    /// let withdrawn = arena.withdraw(handle).unwrap();
    /// std::thread::scope(|scope| {
    ///     let waiting = scope.spawn(|| withdrawn.wait());
    ///     drop(guard);
    ///     assert_eq!(waiting.join().unwrap(), "value");
    /// });
    /// ```
    #[track_caller]
    pub fn withdraw(&self, handle: Handle<T>) -> Option<Withdrawn<'_, T, H>> {
        let slot = self.slots.slot(handle.place())?;
        slot.state.withdraw(handle.generation_of_slot()).then(|| self.withdrawn(Guard::counted(self, slot, handle)))
    }

    /// Moves the value out, if nobody holds a guard and there is no reading; if there is one, it stays. `None` too if the handle is stale. O(1).
    ///
    /// (Should a reading begin in that moment, it waits for its end.)
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// let guard = arena.get(handle);
    /// assert_eq!(arena.take(handle), None);
    /// drop(guard);
    /// assert_eq!(arena.take(handle), Some("value"));
    /// ```
    pub fn take(&self, handle: Handle<T>) -> Option<T> {
        let slot = self.slots.slot(handle.place())?;
        let is_taken = !self.slots.book.is_read() && slot.state.take(handle.generation_of_slot());
        is_taken.then(|| self.withdrawn(Guard::counted(self, slot, handle)).wait())
    }

    /// Books a value as removed that has this guard.
    fn withdrawn<'a>(&'a self, guard: Guard<'a, T, H>) -> Withdrawn<'a, T, H> {
        let turns = self.slots.book.went().then(|| self.slots.turns());
        Withdrawn { guard, turns }
    }
}

impl<T, H: HeapRef> Withdrawn<'_, T, H> {
    /// Whether nobody looks at the value any more. Since it was removed, nobody can begin to.
    fn is_free(&self) -> bool {
        self.guard.is_last() && self.turns.is_none_or(|turns| self.guard.arena().slots.have_ended(turns))
    }

    fn into_value(self) -> T {
        // The guard's drop would drop the value.
        let guard = ManuallyDrop::new(self.guard);
        // SAFETY: G3, G5: as `is_free` has said, there is no other guard, and all readings have ended that may have seen the value.
        unsafe { guard.vacate() }
    }

    /// Moves the value out, if nobody looks at it any more.
    ///
    /// # Errors
    /// Itself, while there are guards, or readings that were under way when the value was removed; or, perhaps, such as began before those had
    /// ended.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.withdraw(handle).unwrap().try_into_value().unwrap(), "value");
    /// ```
    pub fn try_into_value(self) -> Result<T, Self> {
        if self.is_free() { Ok(self.into_value()) } else { Err(self) }
    }

    /// Moves the value out, once nobody looks at it any more. The thread sleeps meanwhile: for ever, if it has a guard or a reading itself.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.withdraw(handle).unwrap().wait(), "value");
    /// ```
    #[must_use = "drop what was withdrawn instead, if the value is not wanted"]
    pub fn wait(self) -> T {
        if !self.is_free() {
            self.guard.arena().slots.wait(|| self.is_free());
        }
        self.into_value()
    }
}

dereference! { [T, H: HeapRef] Withdrawn<'_, T, H> => T: |withdrawn| &withdrawn.guard }

debug_tuple! { [T: fmt::Debug, H: HeapRef] Withdrawn<'_, T, H> |withdrawn| **withdrawn }
