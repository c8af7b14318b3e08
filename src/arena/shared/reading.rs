//! A reading: many values of a shared arena looked at, none of them counted.

use super::SharedArena;
use crate::arena::Handle;
use crate::derived::debug_by;
use crate::heap::{Global, HeapRef};

/// Looks at values of a [`SharedArena`] without a guard for each. Made by [`SharedArena::reading`].
///
/// A guard is counted in the value's own slot, and cores that read the same value pass that slot to and fro. A reading is counted once,
/// when it begins, and then writes nothing. The price: what is removed meanwhile is gone for all who look it up, but it is
/// dropped, and its slot used again, only after the readings that were under way then, and perhaps those that began before these had
/// ended. So read what there is to read, and end it.
///
/// ```
/// let arena = smarena::SharedArena::new();
/// let handle = arena.insert(String::from("value"));
/// let reading = arena.reading();
/// let value: &String = reading.get(handle).unwrap();
/// arena.remove(handle);
/// assert_eq!(value, "value");                 // dropped with the reading
/// assert!(reading.get(handle).is_none());
/// ```
///
/// What it found cannot outlive it:
///
/// ```compile_fail,E0505
/// let arena = smarena::SharedArena::new();
/// let handle = arena.insert(1);
/// let reading = arena.reading();
/// let value = reading.get(handle);
/// drop(reading);
/// println!("{value:?}");
/// ```
#[must_use = "values are only kept while the reading lives"]
pub struct Reading<'a, T, H: HeapRef = Global> {
    arena: &'a SharedArena<T, H>,
    phase: usize,
}

impl<T, H: HeapRef> SharedArena<T, H> {
    /// Begins to read many values. Takes one atomic exchange, on a word that insertions and removals change, too.
    ///
    /// # Panics
    /// If there are 32,767 readings already.
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handles = [1, 2, 3].map(|value| arena.insert(value));
    /// let reading = arena.reading();
    /// assert_eq!(handles.iter().filter_map(|&handle| reading.get(handle)).sum::<i32>(), 6);
    /// ```
    #[track_caller]
    pub fn reading(&self) -> Reading<'_, T, H> {
        Reading { arena: self, phase: self.slots.book.begin() }
    }
}

impl<T, H: HeapRef> Reading<'_, T, H> {
    /// The value, which stays as long as the reading does. `None` if the handle is stale. O(1).
    ///
    /// ```
    /// let arena = smarena::SharedArena::new();
    /// let handle = arena.insert("value");
    /// assert_eq!(arena.reading().get(handle), Some(&"value"));
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        let slot = self.arena.slots.slot(handle.place())?;
        if !slot.state.is_there(handle.generation_of_slot()) {
            return None;
        }
        // SAFETY: G5: the value was there after this reading had begun, so it is until the reading ends.
        Some(unsafe { slot.value() })
    }
}

impl<T, H: HeapRef> Drop for Reading<'_, T, H> {
    #[inline]
    fn drop(&mut self) {
        if self.arena.slots.book.end(self.phase) {
            self.arena.slots.go_on();
        }
    }
}

debug_by! { [T, H: HeapRef] Reading<'_, T, H> |_| {} }
