//! The standard traits of an arena.

use core::fmt;
use core::ops::{Index, IndexMut};

use super::SmArena;
use super::handle::Handle;
use super::iter::{IntoIter, Iter, IterMut};
use crate::heap::HeapRef;

impl<T, H: HeapRef> Drop for SmArena<T, H> {
    fn drop(&mut self) {
        // The storage drops the chunks afterwards, also when a value's drop panics here.
        if core::mem::needs_drop::<T>() {
            self.clear();
        }
    }
}

impl<T, H: HeapRef + Default> Default for SmArena<T, H> {
    fn default() -> Self {
        Self::new_in(H::default())
    }
}

/// In the copy every handle of this arena is valid, and names the copied value. If this arena ever held a value, the copy
/// gives out the same handles next.
///
/// A *snapshot* is an arena into which `clone_from` puts such a copy, in the memory that is there; the way back is the same call. It allocates
/// only while the snapshot has fewer slots than the arena, and values are copied by their own `clone_from`. Time is
/// proportional to the slots that were ever in use.
///
/// ```
/// use smarena::SmArena;
///
/// let mut world = SmArena::from_iter(["Ada", "Bob"]);
/// let mut snapshot = SmArena::new();
/// snapshot.clone_from(&world);
///
/// let eve = world.insert("Eve");
/// world.retain(|_, name| *name != "Ada");
/// world.clone_from(&snapshot);
/// assert!(world.values().eq(&["Ada", "Bob"]) && !world.contains(eve));
/// assert_eq!(world.insert("Mallory"), eve);       // what follows is given the same handles again
/// ```
impl<T: Clone, H: HeapRef> Clone for SmArena<T, H> {
    /// # Panics
    /// If the heap has no memory, and when a value's `clone` does.
    #[track_caller]
    fn clone(&self) -> Self {
        let mut copy = Self::new_in(self.heap().clone());
        if let Err(error) = copy.storage.grow_to(self.storage.table().backed()) {
            error.fail()
        }
        // Into an arena, so that a panicking clone finds an owner for the values cloned before.
        copy.clone_from(self);
        copy
    }

    /// Makes this arena a copy of `source`. It stays on its own heap and keeps all its room. Its handles are valid only as far as they are
    /// `source`'s; what it handed out and `source` did not, it may hand out again.
    ///
    /// # Panics
    /// If the heap has no memory: then nothing has changed but that the arena may have grown. And when a value's `clone`, `clone_from` or drop does: then
    /// some slots are as they were and the others as in `source`, and the arena can be used.
    #[track_caller]
    fn clone_from(&mut self, source: &Self) {
        if let Err(error) = self.storage.copy_from(&source.storage) {
            error.fail()
        }
    }
}

/// The value.
///
/// # Panics
/// If the handle is stale.
impl<T, H: HeapRef> Index<Handle<T>> for SmArena<T, H> {
    type Output = T;

    #[inline]
    #[track_caller]
    fn index(&self, handle: Handle<T>) -> &T {
        match self.get(handle) {
            Some(value) => value,
            None => stale(handle),
        }
    }
}

impl<T, H: HeapRef> IndexMut<Handle<T>> for SmArena<T, H> {
    #[inline]
    #[track_caller]
    fn index_mut(&mut self, handle: Handle<T>) -> &mut T {
        match self.get_mut(handle) {
            Some(value) => value,
            None => stale(handle),
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn stale<T>(handle: Handle<T>) -> ! {
    panic!("{handle:?} names no value of this arena")
}

impl<T, H: HeapRef> Extend<T> for SmArena<T, H> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        // The iterator's word on its length is not taken: growing copies nothing, so there is little to win.
        for value in values {
            self.insert(value);
        }
    }
}

// For the process-wide heap alone, as inference could not tell which one is meant.
impl<T> FromIterator<T> for SmArena<T> {
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut arena = Self::new();
        arena.extend(values);
        arena
    }
}

impl<T, H: HeapRef> IntoIterator for SmArena<T, H> {
    type Item = (Handle<T>, T);
    type IntoIter = IntoIter<T, H>;

    fn into_iter(self) -> IntoIter<T, H> {
        IntoIter::new(self)
    }
}

impl<'a, T, H: HeapRef> IntoIterator for &'a SmArena<T, H> {
    type Item = (Handle<T>, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, H: HeapRef> IntoIterator for &'a mut SmArena<T, H> {
    type Item = (Handle<T>, &'a mut T);
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T: fmt::Debug, H: HeapRef> fmt::Debug for SmArena<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().fmt(f)
    }
}
