//! The iterators: by reference, by mutable reference, by value, draining; all of exact size and from both ends.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;

use super::{Cursor, Generation, Handle, Place, SlotPtr, SmArena, Storage, Table, drop_all};
use crate::derived::{clone_fields, debug_by, debug_entries};
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
}

impl<'a, T> IterMut<'a, T> {
    pub(super) fn new<H: HeapRef>(storage: &'a mut Storage<T, H>) -> Self {
        let table = in_memory(storage.table());
        Self { cursor: Cursor::new(table), table, values: PhantomData }
    }
}

impl<'a, T, H: HeapRef> Drain<'a, T, H> {
    pub(super) fn new(storage: &'a mut Storage<T, H>) -> Self {
        Self { cursor: Cursor::new(storage.table()), storage }
    }
}

impl<T, H: HeapRef> IntoIter<T, H> {
    pub(super) fn new(arena: SmArena<T, H>) -> Self {
        let storage = &arena.storage;
        Self { cursor: Cursor::new(storage.table()), arena }
    }
}

/// What all of them are, by the table they walk along and by what they make of a slot that the cursor has found.
macro_rules! iterator {
    (
        [$($generics:tt)*] $type:ty: $Value:ty, #[$inline:meta]
        |$this:ident| $table:expr, |$found:ident| $item:expr
    ) => {
        impl<$($generics)*> Iterator for $type {
            type Item = (Handle<T>, $Value);

            #[$inline]
            fn next(&mut self) -> Option<Self::Item> {
                let $this = self;
                let $found = $this.cursor.next($table)?;
                Some($item)
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.cursor.remaining(), Some(self.cursor.remaining()))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $type {
            #[$inline]
            fn next_back(&mut self) -> Option<Self::Item> {
                let $this = self;
                let $found = $this.cursor.next_back($table)?;
                Some($item)
            }
        }

        impl<$($generics)*> ExactSizeIterator for $type {}
        impl<$($generics)*> FusedIterator for $type {}
    };
}

iterator! {
    ['a, T] Iter<'a, T>: &'a T, #[inline(always)]
    // SAFETY: A3: the cursor gives occupied slots; the arena is borrowed for 'a, so the value stays and is not changed.
    |iter| iter.table, |found| (handle_of(found), unsafe { found.1.value_ref() })
}

iterator! {
    ['a, T] IterMut<'a, T>: &'a mut T, #[inline(always)]
    // SAFETY: A3: the cursor gives occupied slots, each once; the arena is mutably borrowed for 'a, and the table,
    // which is all this iterator shares, holds no values.
    |iter| iter.table, |found| (handle_of(found), unsafe { found.1.value_mut() })
}

iterator! {
    [T, H: HeapRef] Drain<'_, T, H>: T, #[inline]
    |drain| drain.storage.table(), |found| (handle_of(found), drain.storage.take(handle_of(found))?)
}

iterator! {
    [T, H: HeapRef] IntoIter<T, H>: T, #[inline]
    |iter| iter.arena.storage.table(), |found| (handle_of(found), iter.arena.remove(handle_of(found))?)
}

/// Drops the values that were not handed out, where they lie.
impl<T, H: HeapRef> Drop for Drain<'_, T, H> {
    fn drop(&mut self) {
        drop_all(|| {
            while let Some(found) = self.cursor.next(self.storage.table()) {
                self.storage.discard(handle_of(found));
            }
        });
    }
}

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

clone_fields! { [T] Iter<'_, T>: cursor, table, values }

debug_entries! { [T: fmt::Debug] Iter<'_, T>: debug_map |iter| iter.clone() }

// To show their values, these would have to hand them out.
debug_by! { [T] IterMut<'_, T> |iter| { remaining: iter.cursor.remaining() } }
debug_by! { [T, H: HeapRef] Drain<'_, T, H> |drain| { remaining: drain.cursor.remaining() } }
debug_by! { [T, H: HeapRef] IntoIter<T, H> |iter| { remaining: iter.cursor.remaining() } }
