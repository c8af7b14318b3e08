//! rayon: a dense arena's handles and values, walked by several threads.

use rayon::iter::{Copied, IndexedParallelIterator, IntoParallelIterator, ParallelIterator, Zip};
use rayon::slice;

use crate::arena::{DenseArena, Handle};

/// Handles and values, a piece of the slice for each thread. `with_min_len` says how many values a piece has at least.
///
/// ```
/// use rayon::prelude::*;
///
/// let arena = smarena::DenseArena::from_iter(0..10_000_u64);
/// let sum: u64 = arena.par_iter().with_min_len(1024).map(|(_, value)| value).sum();
/// assert_eq!(sum, 49_995_000);
/// ```
impl<'a, T: Sync> IntoParallelIterator for &'a DenseArena<T> {
    type Item = (Handle<T>, &'a T);
    type Iter = Zip<Copied<slice::Iter<'a, Handle<T>>>, slice::Iter<'a, T>>;

    fn into_par_iter(self) -> Self::Iter {
        self.keys().into_par_iter().copied().zip(self.values_slice())
    }
}

/// Handles and values, the values mutable.
///
/// ```
/// use rayon::prelude::*;
///
/// let mut arena = smarena::DenseArena::from_iter(0..10_000_u64);
/// arena.par_iter_mut().with_min_len(1024).for_each(|(_, value)| *value *= 2);
/// assert_eq!(arena.values_slice()[9_999], 19_998);
/// ```
impl<'a, T: Send> IntoParallelIterator for &'a mut DenseArena<T> {
    type Item = (Handle<T>, &'a mut T);
    type Iter = Zip<Copied<slice::Iter<'a, Handle<T>>>, slice::IterMut<'a, T>>;

    fn into_par_iter(self) -> Self::Iter {
        let (handles, values) = self.slices_mut();
        handles.into_par_iter().copied().zip(values)
    }
}
