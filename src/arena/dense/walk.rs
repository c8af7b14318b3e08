//! Several or all values of a dense arena at once: taken out in the walk, drained, by value, mutable side by side.

use super::DenseArena;
use crate::arena::{DisjointError, Handle, each_once, side_by_side};

impl<T> DenseArena<T> {
    /// Walks along the values, from the last to the first, and moves those out for which `take` says yes: so each is asked about once,
    /// wherever removals move it. What the iterator has not come to when it is dropped stays.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter(0..5);
    /// let odd: Vec<_> = arena.extract_if(|_, number| *number % 2 == 1).map(|(_, number)| number).collect();
    /// assert_eq!((odd, arena.values_slice()), (vec![3, 1], &[0, 4, 2][..]));
    /// ```
    pub fn extract_if<F>(&mut self, mut take: F) -> impl Iterator<Item = (Handle<T>, T)> + use<'_, T, F>
    where
        F: FnMut(Handle<T>, &mut T) -> bool,
    {
        let mut at = self.len();
        core::iter::from_fn(move || {
            while let Some(next) = at.checked_sub(1) {
                at = next;
                let handle = self.handles[at];
                if take(handle, &mut self.values[at]) {
                    return Some((handle, self.remove(handle)?));
                }
            }
            None
        })
    }

    /// Moves all values out, in order. Their handles are stale from now on, whatever becomes of the iterator. Memory stays.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::from_iter([1, 2]);
    /// assert_eq!(arena.drain().map(|(_, value)| value).sum::<i32>(), 3);
    /// assert!(arena.is_empty());
    /// ```
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = (Handle<T>, T)> + DoubleEndedIterator {
        for at in 0..self.len() {
            self.vacate(self.handles[at]);
        }
        self.handles.drain(..).zip(self.values.drain(..))
    }

    /// Borrows the values of `N` handles mutably at once. Takes `N * N / 2` comparisons, so it is meant for a few.
    ///
    /// # Errors
    /// [`DisjointError`] if a handle names no value or occurs twice.
    ///
    /// ```
    /// let mut arena = smarena::DenseArena::new();
    /// let [a, b] = [1, 2].map(|value| arena.insert(value));
    /// let [x, y] = arena.get_disjoint_mut([a, b])?;
    /// core::mem::swap(x, y);
    /// assert_eq!((arena[a], arena[b]), (2, 1));
    /// # Ok::<(), smarena::DisjointError>(())
    /// ```
    pub fn get_disjoint_mut<const N: usize>(&mut self, handles: [Handle<T>; N]) -> Result<[&mut T; N], DisjointError> {
        let at = each_once(handles, 0, |handle| self.find(handle))?;
        Ok(side_by_side(&mut self.values, at))
    }
}

impl<T> IntoIterator for DenseArena<T> {
    type Item = (Handle<T>, T);
    type IntoIter = core::iter::Zip<std::vec::IntoIter<Handle<T>>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.handles.into_iter().zip(self.values)
    }
}

impl<'a, T> IntoIterator for &'a DenseArena<T> {
    type Item = (Handle<T>, &'a T);
    type IntoIter = core::iter::Zip<core::iter::Copied<core::slice::Iter<'a, Handle<T>>>, core::slice::Iter<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.handles.iter().copied().zip(&self.values)
    }
}

impl<'a, T> IntoIterator for &'a mut DenseArena<T> {
    type Item = (Handle<T>, &'a mut T);
    type IntoIter = core::iter::Zip<core::iter::Copied<core::slice::Iter<'a, Handle<T>>>, core::slice::IterMut<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.handles.iter().copied().zip(&mut self.values)
    }
}
