//! Several values of a secondary map, borrowed mutably at once.

use super::{SecondaryMap, SparseSecondaryMap, generation};
use crate::arena::{DisjointError, Handle, each_once, side_by_side};

impl<T, V> SecondaryMap<T, V> {
    /// Borrows the values of `N` handles mutably at once. Takes `N * N / 2` comparisons, so it is meant for a few.
    ///
    /// # Errors
    /// [`DisjointError`] if a handle has no value here or occurs twice.
    ///
    /// ```
    /// let mut names = smarena::SmArena::new();
    /// let [ada, bob] = ["Ada", "Bob"].map(|name| names.insert(name));
    /// let mut ages = smarena::SecondaryMap::from_iter([(ada, 36), (bob, 40)]);
    /// let [a, b] = ages.get_disjoint_mut([ada, bob])?;
    /// core::mem::swap(a, b);
    /// assert_eq!((ages[ada], ages[bob]), (40, 36));
    /// # Ok::<(), smarena::DisjointError>(())
    /// ```
    pub fn get_disjoint_mut<const N: usize>(
        &mut self,
        handles: [impl Into<Handle<T>>; N],
    ) -> Result<[&mut V; N], DisjointError> {
        let handles = handles.map(Into::into);
        let at = each_once(handles, 0, |handle| self.contains(handle).then(|| handle.slot() as usize))?;
        Ok(side_by_side(&mut self.cells, at).map(|cell| match cell {
            Some((_, value)) => value,
            None => unreachable!("the map contains each of the handles"),
        }))
    }
}

impl<T, V> SparseSecondaryMap<T, V> {
    /// Borrows the values of `N` handles mutably at once. Takes time for all values from the lowest of these slots to the highest.
    ///
    /// # Errors
    /// [`DisjointError`] if a handle has no value here or occurs twice.
    ///
    /// ```
    /// let mut names = smarena::SmArena::new();
    /// let [ada, bob] = ["Ada", "Bob"].map(|name| names.insert(name));
    /// let mut ages = smarena::SparseSecondaryMap::from_iter([(ada, 36), (bob, 40)]);
    /// let [a, b] = ages.get_disjoint_mut([bob, ada])?;
    /// core::mem::swap(a, b);
    /// assert_eq!((ages[ada], ages[bob]), (40, 36));
    /// # Ok::<(), smarena::DisjointError>(())
    /// ```
    pub fn get_disjoint_mut<const N: usize>(
        &mut self,
        handles: [impl Into<Handle<T>>; N],
    ) -> Result<[&mut V; N], DisjointError> {
        let handles = handles.map(Into::into);
        let slots = each_once(handles, 0, |handle| self.contains(handle).then(|| handle.slot()))?;
        let (Some(&first), Some(&last)) = (slots.iter().min(), slots.iter().max()) else {
            return Ok(handles.map(|_| unreachable!("there are no handles")));
        };
        let mut found = [const { None }; N];
        for (slot, (there, value)) in self.cells.range_mut(first..=last) {
            if let Some(at) = slots.iter().position(|wanted| wanted == slot) {
                debug_assert!(*there == generation(handles[at]));
                found[at] = Some(value);
            }
        }
        Ok(found.map(|value| value.unwrap_or_else(|| unreachable!("the map contains each of the handles"))))
    }
}
