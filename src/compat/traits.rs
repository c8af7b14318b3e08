//! The standard traits of a compat arena.

use core::{fmt, ops};

use super::build::Builder;
use super::{Arena, Index};
use crate::derived::{debug_entries, default, extend_by};

default! { [T] Arena<T>: Self::new() }

debug_entries! { [T: fmt::Debug] Arena<T>: debug_map |arena| arena.iter() }

/// # Panics
/// If there is no such value.
impl<T> ops::Index<Index> for Arena<T> {
    type Output = T;

    #[track_caller]
    fn index(&self, index: Index) -> &T {
        self.get(index).expect("No element at index")
    }
}

impl<T> ops::IndexMut<Index> for Arena<T> {
    #[track_caller]
    fn index_mut(&mut self, index: Index) -> &mut T {
        self.get_mut(index).expect("No element at index")
    }
}

extend_by! { [T] Arena<T>: insert(T) }

/// The capacity is the upper bound of the iterator's length, or the lower if there is none.
impl<T> FromIterator<T> for Arena<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let values = values.into_iter();
        let (lower, upper) = values.size_hint();
        let mut builder = Builder::new(upper.unwrap_or(lower).max(1), 1);
        for value in values {
            builder.push(Some((0, value)));
        }
        builder.finish()
    }
}
