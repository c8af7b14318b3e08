//! The iterators: by reference, by mutable reference, by value, draining; all of exact size and from both ends.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::SmArena;
use super::cursor::Cursor;
use super::generation::Generation;
use super::handle::Handle;
use super::place::Place;
use super::slot::SlotPtr;
use super::storage::Storage;
use super::table::Table;
use crate::heap::HeapRef;

#[inline]
fn handle_of<T>((place, slot): (Place, SlotPtr<T>)) -> Handle<T> {
    // SAFETY: A2: the cursor gives occupied slots, which are opened; the iterator's borrow keeps them so.
    let generation: Generation = unsafe { slot.generation() };
    Handle::new(place, generation)
}

/// The table, but the compiler does not know where from. It would see that the table stays as it is during the whole walk, keep all that the step
/// from word to word reads of it in registers, and the caller's own values on the stack.
fn in_memory<T>(table: &Table<T>) -> &Table<T> {
    core::hint::black_box(table)
}

/// Handles and values, in slot order. Made by [`SmArena::iter`].
///
/// ```
/// let arena: smarena::SmArena<u32> = (0..3).collect();
/// assert_eq!(arena.iter().rev().map(|(_, value)| *value).collect::<Vec<_>>(), [2, 1, 0]);
/// ```
pub struct Iter<'a, T> {
    cursor: Cursor<T>,
    table: &'a Table<T>,
    values: PhantomData<&'a T>,
}

/// Handles and values, the values mutable. Made by [`SmArena::iter_mut`].
///
/// ```
/// let mut arena: smarena::SmArena<u32> = (0..3).collect();
/// for (_, value) in &mut arena {
///     *value += 1;
/// }
/// assert_eq!(arena.values().copied().collect::<Vec<_>>(), [1, 2, 3]);
/// ```
pub struct IterMut<'a, T> {
    cursor: Cursor<T>,
    table: &'a Table<T>,
    values: PhantomData<&'a mut T>,
}

/// Handles and values, moved out one by one. Made by [`SmArena::drain`]; what is left when it is dropped is dropped.
///
/// ```
/// let mut arena: smarena::SmArena<u32> = (0..3).collect();
/// assert_eq!(arena.drain().map(|(_, value)| value).sum::<u32>(), 3);
/// assert!(arena.is_empty());
/// ```
pub struct Drain<'a, T, H: HeapRef> {
    cursor: Cursor<T>,
    storage: &'a mut Storage<T, H>,
}

/// Handles and values of an arena that is used up. Made by its [`IntoIterator`].
///
/// ```
/// let arena: smarena::SmArena<u32> = (0..3).collect();
/// assert_eq!(arena.into_iter().map(|(_, value)| value).sum::<u32>(), 3);
/// ```
pub struct IntoIter<T, H: HeapRef> {
    cursor: Cursor<T>,
    arena: SmArena<T, H>,
}

impl<'a, T> Iter<'a, T> {
    pub(super) fn new<H: HeapRef>(storage: &'a Storage<T, H>) -> Self {
        let table = in_memory(storage.table());
        Self { cursor: Cursor::new(table), table, values: PhantomData }
    }

    #[inline]
    fn item(found: (Place, SlotPtr<T>)) -> (Handle<T>, &'a T) {
        // SAFETY: A3: the cursor gives occupied slots; the arena is borrowed for 'a, so the value stays and is not changed.
        (handle_of(found), unsafe { found.1.value_ref() })
    }
}

impl<'a, T> IterMut<'a, T> {
    pub(super) fn new<H: HeapRef>(storage: &'a mut Storage<T, H>) -> Self {
        let table = in_memory(storage.table());
        Self { cursor: Cursor::new(table), table, values: PhantomData }
    }

    #[inline]
    fn item(found: (Place, SlotPtr<T>)) -> (Handle<T>, &'a mut T) {
        // SAFETY: A3: the cursor gives occupied slots, each once; the arena is mutably borrowed for 'a, and the table,
        // which is all this iterator shares, holds no values.
        (handle_of(found), unsafe { found.1.value_mut() })
    }
}

impl<'a, T, H: HeapRef> Drain<'a, T, H> {
    pub(super) fn new(storage: &'a mut Storage<T, H>) -> Self {
        Self { cursor: Cursor::new(storage.table()), storage }
    }

    #[inline]
    fn item(&mut self, found: (Place, SlotPtr<T>)) -> Option<(Handle<T>, T)> {
        let handle = handle_of(found);
        Some((handle, self.storage.take(handle)?))
    }

    /// Drops the values that were not handed out, where they lie.
    fn discard_rest(&mut self) {
        while let Some(found) = self.cursor.next(self.storage.table()) {
            self.storage.discard(handle_of(found));
        }
    }
}

impl<T, H: HeapRef> IntoIter<T, H> {
    pub(super) fn new(arena: SmArena<T, H>) -> Self {
        let storage = &arena.storage;
        Self { cursor: Cursor::new(storage.table()), arena }
    }

    #[inline]
    fn item(&mut self, found: (Place, SlotPtr<T>)) -> Option<(Handle<T>, T)> {
        let handle = handle_of(found);
        Some((handle, self.arena.remove(handle)?))
    }
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Handle<T>, &'a T);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.table).map(Self::item)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.cursor.remaining(), Some(self.cursor.remaining()))
    }
}

impl<T> DoubleEndedIterator for Iter<'_, T> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.cursor.next_back(self.table).map(Self::item)
    }
}

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = (Handle<T>, &'a mut T);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.next(self.table).map(Self::item)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.cursor.remaining(), Some(self.cursor.remaining()))
    }
}

impl<T> DoubleEndedIterator for IterMut<'_, T> {
    #[inline(always)]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.cursor.next_back(self.table).map(Self::item)
    }
}

impl<T, H: HeapRef> Iterator for Drain<'_, T, H> {
    type Item = (Handle<T>, T);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next(self.storage.table())?;
        self.item(found)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.cursor.remaining(), Some(self.cursor.remaining()))
    }
}

impl<T, H: HeapRef> DoubleEndedIterator for Drain<'_, T, H> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_back(self.storage.table())?;
        self.item(found)
    }
}

impl<T, H: HeapRef> Drop for Drain<'_, T, H> {
    fn drop(&mut self) {
        /// Goes on with the rest when a value's drop panics.
        struct Rest<'d, 'a, T, H: HeapRef>(&'d mut Drain<'a, T, H>);

        impl<T, H: HeapRef> Drop for Rest<'_, '_, T, H> {
            fn drop(&mut self) {
                self.0.discard_rest();
            }
        }

        let rest = Rest(self);
        rest.0.discard_rest();
    }
}

impl<T, H: HeapRef> Iterator for IntoIter<T, H> {
    type Item = (Handle<T>, T);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next(self.arena.storage.table())?;
        self.item(found)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.cursor.remaining(), Some(self.cursor.remaining()))
    }
}

impl<T, H: HeapRef> DoubleEndedIterator for IntoIter<T, H> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let found = self.cursor.next_back(self.arena.storage.table())?;
        self.item(found)
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> ExactSizeIterator for IterMut<'_, T> {}
impl<T, H: HeapRef> ExactSizeIterator for Drain<'_, T, H> {}
impl<T, H: HeapRef> ExactSizeIterator for IntoIter<T, H> {}
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IterMut<'_, T> {}
impl<T, H: HeapRef> FusedIterator for Drain<'_, T, H> {}
impl<T, H: HeapRef> FusedIterator for IntoIter<T, H> {}

// SAFETY: an `Iter` is a shared borrow of the values (A3), and its pointers reach nothing else.
unsafe impl<T: Sync> Send for Iter<'_, T> {}
// SAFETY: as above; `&Iter` only allows cloning it.
unsafe impl<T: Sync> Sync for Iter<'_, T> {}
// SAFETY: an `IterMut` is a sole borrow of the values it has not given out (A3), and its pointers reach nothing else.
unsafe impl<T: Send> Send for IterMut<'_, T> {}
// SAFETY: as above; `&IterMut` gives out no values, only their number.
unsafe impl<T: Sync> Sync for IterMut<'_, T> {}
// SAFETY: A3: a cursor is a position; the values belong to the storage, which is borrowed and decides for itself.
unsafe impl<T: Send, H: HeapRef + Send> Send for Drain<'_, T, H> {}
// SAFETY: as above; `&Drain` gives out no values.
unsafe impl<T: Sync, H: HeapRef + Sync> Sync for Drain<'_, T, H> {}
// SAFETY: A3: a cursor is a position; the values belong to the arena, which decides for itself.
unsafe impl<T: Send, H: HeapRef + Send> Send for IntoIter<T, H> {}
// SAFETY: as above; `&IntoIter` gives out no values.
unsafe impl<T: Sync, H: HeapRef + Sync> Sync for IntoIter<T, H> {}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self { cursor: self.cursor.clone(), ..*self }
    }
}

impl<T: fmt::Debug> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// What is left in an iterator whose values cannot be looked at.
macro_rules! debug_remaining {
    ($name:ident, $type:ty $(, $heap:ident)?) => {
        impl<T $(, $heap: HeapRef)?> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let remaining = self.cursor.remaining();
                f.debug_struct(stringify!($name)).field("remaining", &remaining).finish_non_exhaustive()
            }
        }
    };
}

debug_remaining!(IterMut, IterMut<'_, T>);
debug_remaining!(Drain, Drain<'_, T, H>, H);
debug_remaining!(IntoIter, IntoIter<T, H>, H);
