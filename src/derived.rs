//! Implementations that are the same for many types, where `derive` has none or would ask something of a type's parameters.

/// `Debug` of a type by some of what it can tell, and `..` for the rest:
/// `debug_by! { [H: HeapRef] Batch<'_, H> |batch| { left: batch.0.len() } }`. With `finish` before the brace that is all there is to tell.
macro_rules! debug_by {
    ([$($generics:tt)*] $Type:ident $(<$($parameter:tt),+>)? |$this:pat_param| { $($told:tt)* }) => {
        crate::derived::debug_by! {
            [$($generics)*] $Type $(<$($parameter),+>)? |$this| finish_non_exhaustive { $($told)* }
        }
    };
    ([$($generics:tt)*] $Type:ident $(<$($parameter:tt),+>)? |$this:pat_param| $finish:ident {
        $($field:ident: $value:expr),* $(,)?
    }) => {
        impl<$($generics)*> core::fmt::Debug for $Type $(<$($parameter),+>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($Type))$(.field(stringify!($field), &$value))*.$finish()
            }
        }
    };
}

/// `Debug` of a type as that of a tuple of what it can tell: `debug_tuple! { [T] VacantEntry<'_, T> |entry| entry.handle }`.
macro_rules! debug_tuple {
    ([$($generics:tt)*] $Type:ident $(<$($parameter:tt),+>)? |$this:ident| $($value:expr),+) => {
        impl<$($generics)*> core::fmt::Debug for $Type $(<$($parameter),+>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                f.debug_tuple(stringify!($Type))$(.field(&$value))+.finish()
            }
        }
    };
}

/// `Debug` of a collection by its entries, as `debug_map` or `debug_list`.
macro_rules! debug_entries {
    ($(#[$meta:meta])* [$($generics:tt)*] $type:ty: $debug:ident |$this:ident| $entries:expr) => {
        $(#[$meta])*
        impl<$($generics)*> core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                f.$debug().entries($entries).finish()
            }
        }
    };
}

/// A trait of `core::fmt` of a type by that of something it has: `format_as! { [T: Debug] Loan<T>: Debug |loan| **loan }`.
macro_rules! format_as {
    ($(#[$meta:meta])* [$($generics:tt)*] $type:ty: $Trait:ident |$this:ident| $shown:expr) => {
        $(#[$meta])*
        impl<$($generics)*> core::fmt::$Trait for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let $this = self;
                core::fmt::$Trait::fmt(&$shown, f)
            }
        }
    };
}

/// `Display` of an error by a sentence for each of its variants: `says! { [] WasLate: Self { by } => "late by {by} seconds"; }`.
macro_rules! says {
    ([$($generics:tt)*] $type:ty: $($variant:pat $(if $condition:expr)? => $sentence:literal $(, $value:expr)*;)+) => {
        impl<$($generics)*> core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $($variant $(if $condition)? => write!(f, $sentence $(, $value)*),)+
                }
            }
        }
    };
}

/// `Deref` of a type to what it holds, and behind `mut` `DerefMut`:
/// `dereference! { [T] Loan<T> => T: |loan| &loan.value, mut &mut loan.value }`.
macro_rules! dereference {
    ([$($generics:tt)*] $type:ty => $target:ty: |$this:ident| $held:expr, mut $held_mut:expr) => {
        crate::derived::dereference! { [$($generics)*] $type => $target: |$this| $held }

        impl<$($generics)*> core::ops::DerefMut for $type {
            #[inline(always)]
            fn deref_mut(&mut self) -> &mut $target {
                let $this = self;
                $held_mut
            }
        }
    };
    ([$($generics:tt)*] $type:ty => $target:ty: |$this:ident| $held:expr) => {
        impl<$($generics)*> core::ops::Deref for $type {
            type Target = $target;

            #[inline(always)]
            fn deref(&self) -> &$target {
                let $this = self;
                $held
            }
        }
    };
}

/// `Default` of a type: `default! { [T] DenseArena<T>: Self::new() }`.
macro_rules! default {
    ($(#[$meta:meta])* [$($generics:tt)*] $type:ty: $value:expr) => {
        $(#[$meta])*
        impl<$($generics)*> Default for $type {
            #[inline]
            fn default() -> Self {
                $value
            }
        }
    };
}

/// Methods of a builder that set one thing each: `setters! { limit(buffers: usize) => limit; }`.
macro_rules! setters {
    ($($(#[$meta:meta])* $name:ident($value:ident: $type:ty) => $($field:ident).+;)+) => {$(
        $(#[$meta])*
        pub const fn $name(mut self, $value: $type) -> Self {
            self.$($field).+ = $value;
            self
        }
    )+};
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

/// `From` of one type for another: `from! { [H: HeapRef] SmBuf<H> => SmBytes<H>: |buf| buf.freeze(); }`.
macro_rules! from {
    ($($(#[$meta:meta])* [$($generics:tt)*] $source:ty => $type:ty: |$value:ident| $made:expr;)+) => {$(
        $(#[$meta])*
        impl<$($generics)*> From<$source> for $type {
            #[inline]
            #[track_caller]
            fn from($value: $source) -> Self {
                $made
            }
        }
    )+};
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

/// `IntoIterator` of references to a collection that has `iter`, and, if there are two, `iter_mut`.
macro_rules! iterate_by_reference {
    ([$($generics:tt)*] $type:ty: $Iter:ty => $Item:ty, $IterMut:ty => $ItemMut:ty) => {
        crate::derived::iterate_by_reference! { [$($generics)*] $type: $Iter => $Item }

        impl<'a, $($generics)*> IntoIterator for &'a mut $type {
            type Item = $ItemMut;
            type IntoIter = $IterMut;

            #[inline]
            fn into_iter(self) -> $IterMut {
                self.iter_mut()
            }
        }
    };
    ([$($generics:tt)*] $type:ty: $Iter:ty => $Item:ty) => {
        impl<'a, $($generics)*> IntoIterator for &'a $type {
            type Item = $Item;
            type IntoIter = $Iter;

            #[inline]
            fn into_iter(self) -> $Iter {
                self.iter()
            }
        }
    };
}

/// `AsRef` and `Borrow` of what a type dereferences to, and behind `mut` `AsMut` and `BorrowMut`, too.
macro_rules! lend_as {
    ([$($generics:tt)*] $type:ty => mut $target:ty) => {
        crate::derived::lend_as! { [$($generics)*] $type => $target }

        impl<$($generics)*> AsMut<$target> for $type {
            #[inline]
            fn as_mut(&mut self) -> &mut $target {
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
    ([$($generics:tt)*] $type:ty => $target:ty) => {
        impl<$($generics)*> AsRef<$target> for $type {
            #[inline]
            fn as_ref(&self) -> &$target {
                self
            }
        }

        impl<$($generics)*> core::borrow::Borrow<$target> for $type {
            #[inline]
            fn borrow(&self) -> &$target {
                self
            }
        }
    };
}

pub(crate) use {
    clone_fields, collect, compare_by, copy, debug_by, debug_entries, debug_tuple, default, dereference, extend_by,
    format_as, from, iterate_by_reference, lend_as, says, setters, wrap,
};
