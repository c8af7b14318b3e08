//! Implementations that are the same for many types, where `derive` has none or would ask something of a type's parameters.

/// `Debug` of a type by some of what it can tell, and `..` for the rest:
/// `debug_by! { [H: HeapRef] Batch<'_, H> |batch| { left: batch.0.len() } }`.
macro_rules! debug_by {
    ([$($generics:tt)*] $Type:ident $(<$($parameter:tt),+>)? |$this:pat_param| {
        $($field:ident: $value:expr),* $(,)?
    }) => {
        impl<$($generics)*> core::fmt::Debug for $Type $(<$($parameter),+>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($Type))$(.field(stringify!($field), &$value))*.finish_non_exhaustive()
            }
        }
    };
}

/// `Clone` and `Copy` of a type.
macro_rules! copy {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> Clone for $type {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($generics)*> Copy for $type {}
    };
}

/// Equality, order and hash of a type, which are those of something it has: `compare_by! { [T] Handle<T>: both() }`.
macro_rules! compare_by {
    ([$($generics:tt)*] $type:ty: $($key:tt)+) => {
        impl<$($generics)*> PartialEq for $type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.$($key)+ == other.$($key)+
            }
        }

        impl<$($generics)*> Eq for $type {}

        impl<$($generics)*> PartialOrd for $type {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl<$($generics)*> Ord for $type {
            #[inline]
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.$($key)+.cmp(&other.$($key)+)
            }
        }

        impl<$($generics)*> core::hash::Hash for $type {
            #[inline]
            fn hash<S: core::hash::Hasher>(&self, state: &mut S) {
                self.$($key)+.hash(state);
            }
        }
    };
}

/// `Clone` of a type by that of its fields: `clone_fields! { [T] Run<T>: first, place, end }`.
macro_rules! clone_fields {
    ($(#[$meta:meta])* [$($generics:tt)*] $type:ty: $($field:ident),+) => {
        $(#[$meta])*
        impl<$($generics)*> Clone for $type {
            #[inline]
            fn clone(&self) -> Self {
                Self { $($field: Clone::clone(&self.$field)),+ }
            }
        }
    };
}

/// `Extend` of a collection by the method that takes one item.
macro_rules! extend_by {
    ([$($generics:tt)*] $type:ty: $method:ident($Item:ty)) => {
        impl<$($generics)*> Extend<$Item> for $type {
            #[track_caller]
            fn extend<I: IntoIterator<Item = $Item>>(&mut self, items: I) {
                // The iterator's word on its length is not taken.
                for item in items {
                    self.$method(item);
                }
            }
        }
    };
}

/// `FromIterator` of a collection that begins as `new()`, and is extended.
macro_rules! collect {
    ([$($generics:tt)*] $type:ty: $Item:ty) => {
        impl<$($generics)*> FromIterator<$Item> for $type {
            #[track_caller]
            fn from_iter<I: IntoIterator<Item = $Item>>(items: I) -> Self {
                let mut collection = Self::new();
                collection.extend(items);
                collection
            }
        }
    };
}

/// `From` of what a variant of an enum holds and nothing else: `wrap! { [] UringError: System(io::Error) }`.
macro_rules! wrap {
    ([$($generics:tt)*] $type:ty: $variant:ident($inner:ty)) => {
        impl<$($generics)*> From<$inner> for $type {
            fn from(inner: $inner) -> Self {
                Self::$variant(inner)
            }
        }
    };
}

/// `IntoIterator` of references to a collection that has `iter` and `iter_mut`.
macro_rules! iterate_by_reference {
    ([$($generics:tt)*] $type:ty: $Iter:ty => $Item:ty, $IterMut:ty => $ItemMut:ty) => {
        impl<'a, $($generics)*> IntoIterator for &'a $type {
            type Item = $Item;
            type IntoIter = $Iter;

            #[inline]
            fn into_iter(self) -> $Iter {
                self.iter()
            }
        }

        impl<'a, $($generics)*> IntoIterator for &'a mut $type {
            type Item = $ItemMut;
            type IntoIter = $IterMut;

            #[inline]
            fn into_iter(self) -> $IterMut {
                self.iter_mut()
            }
        }
    };
}

/// `AsRef`, `AsMut`, `Borrow` and `BorrowMut` of what a type dereferences to.
macro_rules! lend_as {
    ([$($generics:tt)*] $type:ty => $target:ty) => {
        impl<$($generics)*> AsRef<$target> for $type {
            #[inline]
            fn as_ref(&self) -> &$target {
                self
            }
        }

        impl<$($generics)*> AsMut<$target> for $type {
            #[inline]
            fn as_mut(&mut self) -> &mut $target {
                self
            }
        }

        impl<$($generics)*> core::borrow::Borrow<$target> for $type {
            #[inline]
            fn borrow(&self) -> &$target {
                self
            }
        }

        impl<$($generics)*> core::borrow::BorrowMut<$target> for $type {
            #[inline]
            fn borrow_mut(&mut self) -> &mut $target {
                self
            }
        }
    };
}

pub(crate) use {clone_fields, collect, compare_by, copy, debug_by, extend_by, iterate_by_reference, lend_as, wrap};
