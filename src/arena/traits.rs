//! The standard traits of an arena.

use core::fmt;

use super::{GrowError, Handle, IntoIter, Iter, IterMut, SmArena, index_by_handle};
use crate::derived::{collect, debug_entries, default, extend_by, iterate_by_reference};
use crate::heap::HeapRef;

impl<T, H: HeapRef> Drop for SmArena<T, H> {
    fn drop(&mut self) {
        // The storage drops the chunks afterwards, also when a value's drop panics here.
        if core::mem::needs_drop::<T>() {
            self.clear();
        }
    }
}

default! { [T, H: HeapRef + Default] SmArena<T, H>: Self::new_in(H::default()) }

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
        GrowError::or_fail(copy.storage.grow_to(self.storage.table().backed()));
        // The clones belong to an arena from the beginning: if a value's `clone` panics, that arena drops those made before.
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
        GrowError::or_fail(self.storage.copy_from(&source.storage));
    }
}

index_by_handle! { [T, H: HeapRef] SmArena<T, H>, Handle<T> => T, "names no value of this arena" }

// Growing copies nothing, so there is little to win by the iterator's word on its length.
extend_by! { [T, H: HeapRef] SmArena<T, H>: insert(T) }

// For the process-wide heap alone: of any heap, type inference could not tell which one is meant.
collect! { [T] SmArena<T>: T }

impl<T, H: HeapRef> IntoIterator for SmArena<T, H> {
    type Item = (Handle<T>, T);
    type IntoIter = IntoIter<T, H>;

    fn into_iter(self) -> IntoIter<T, H> {
        IntoIter::new(self)
    }
}

iterate_by_reference! {
    [T, H: HeapRef] SmArena<T, H>: Iter<'a, T> => (Handle<T>, &'a T), IterMut<'a, T> => (Handle<T>, &'a mut T)
}

debug_entries! { [T: fmt::Debug, H: HeapRef] SmArena<T, H>: debug_map |arena| arena.iter() }
