//! All values at once: iterate, retain, drain, clear.

use super::{Cursor, Drain, Handle, Iter, IterMut, SmArena};
use crate::heap::HeapRef;

impl<T, H: HeapRef> SmArena<T, H> {
    /// Removes and drops the values for which `keep` says no, in slot order.
    ///
    /// If `keep` or a drop panics, the values it was not asked about stay.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter(0..4);
    /// arena.retain(|_, value| *value % 2 == 0);
    /// assert_eq!(arena.values().copied().collect::<Vec<_>>(), [0, 2]);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(Handle<T>, &mut T) -> bool) {
        let mut cursor = Cursor::new(self.storage.table());
        while let Some((place, _)) = cursor.next(self.storage.table()) {
            let Some(handle) = self.storage.handle_at(place) else { unreachable!("the cursor gives occupied slots") };
            if self.get_mut(handle).is_some_and(|value| !keep(handle, value)) {
                self.storage.discard(handle);
            }
        }
    }

    /// Walks along the values in slot order, and moves those out for which `take` says yes. What the iterator has not come to when it is
    /// dropped stays.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter(0..4);
    /// let odd: Vec<_> = arena.extract_if(|_, value| *value % 2 == 1).map(|(_, value)| value).collect();
    /// assert_eq!(odd, [1, 3]);
    /// assert_eq!(arena.values().copied().collect::<Vec<_>>(), [0, 2]);
    /// ```
    pub fn extract_if<F>(&mut self, mut take: F) -> impl Iterator<Item = (Handle<T>, T)> + use<'_, T, H, F>
    where
        F: FnMut(Handle<T>, &mut T) -> bool,
    {
        let mut cursor = Cursor::new(self.storage.table());
        core::iter::from_fn(move || {
            loop {
                let (place, _) = cursor.next(self.storage.table())?;
                let handle = self.storage.handle_at(place)?;
                if self.get_mut(handle).is_some_and(|value| take(handle, value)) {
                    return Some((handle, self.remove(handle)?));
                }
            }
        })
    }

    /// Removes and drops all values. Slots and memory stay; detached slots stay detached.
    ///
    /// If a drop panics, the rest is removed and dropped all the same.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter(0..4);
    /// arena.clear();
    /// assert!(arena.is_empty());
    /// ```
    pub fn clear(&mut self) {
        drop(self.drain());
    }

    /// Moves the values out one by one, in slot order. Those the iterator has not come to when it is dropped are dropped;
    /// if it is leaked instead, they stay.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter(0..4);
    /// assert_eq!(arena.drain().map(|(_, value)| value).collect::<Vec<_>>(), [0, 1, 2, 3]);
    /// ```
    pub fn drain(&mut self) -> Drain<'_, T, H> {
        Drain::new(&mut self.storage)
    }

    /// Handles and values, in slot order.
    ///
    /// ```
    /// let arena = smarena::SmArena::from_iter(["a", "b"]);
    /// for (handle, value) in arena.iter() {
    ///     assert_eq!(arena.get(handle), Some(value));
    /// }
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(&self.storage)
    }

    /// Handles and values, the values mutable, in slot order.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter([1, 2]);
    /// arena.iter_mut().for_each(|(_, value)| *value *= 2);
    /// assert_eq!(arena.values().sum::<i32>(), 6);
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut::new(&mut self.storage)
    }

    /// The handles, in slot order.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::new();
    /// let handle = arena.insert(1);
    /// assert_eq!(arena.keys().collect::<Vec<_>>(), [handle]);
    /// ```
    pub fn keys(&self) -> impl ExactSizeIterator<Item = Handle<T>> + DoubleEndedIterator + Clone {
        self.iter().map(|(handle, _)| handle)
    }

    /// The values, in slot order.
    ///
    /// ```
    /// assert_eq!(smarena::SmArena::from_iter([1, 2]).values().sum::<i32>(), 3);
    /// ```
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values, mutable, in slot order.
    ///
    /// ```
    /// let mut arena = smarena::SmArena::from_iter([1, 2]);
    /// arena.values_mut().for_each(|value| *value *= 2);
    /// ```
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut T> + DoubleEndedIterator {
        self.iter_mut().map(|(_, value)| value)
    }
}
