//! `collection[handle]`, for all that have values by handle.

use core::fmt;

/// `Index` and `IndexMut` by `get` and `get_mut`, and what a handle that has no value is said to do.
macro_rules! index_by_handle {
    ([$($generics:tt)*] $type:ty, $Handle:ty => $Value:ty, $what:literal) => {
        /// # Panics
        /// If the handle names no value.
        impl<$($generics)*> core::ops::Index<$Handle> for $type {
            type Output = $Value;

            #[inline]
            #[track_caller]
            fn index(&self, handle: $Handle) -> &$Value {
                match self.get(handle) {
                    Some(value) => value,
                    None => $crate::arena::index::absent(handle, $what),
                }
            }
        }

        impl<$($generics)*> core::ops::IndexMut<$Handle> for $type {
            #[inline]
            #[track_caller]
            fn index_mut(&mut self, handle: $Handle) -> &mut $Value {
                match self.get_mut(handle) {
                    Some(value) => value,
                    None => $crate::arena::index::absent(handle, $what),
                }
            }
        }
    };
}
pub(super) use index_by_handle;

#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn absent(handle: impl fmt::Debug, what: &str) -> ! {
    panic!("{handle:?} {what}")
}
