//! Comparing and hashing owners of bytes: by content, against everything that is bytes.

/// Equality, order and hash of `$owner<H>`, which has `as_slice`.
macro_rules! compares_by_content {
    ($owner:ident) => {
        impl<H: HeapRef> Eq for $owner<H> {}

        impl<H: HeapRef, G: HeapRef> PartialEq<$owner<G>> for $owner<H> {
            #[inline]
            fn eq(&self, other: &$owner<G>) -> bool {
                self.as_slice() == other.as_slice()
            }
        }

        impl<H: HeapRef> Ord for $owner<H> {
            #[inline]
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.as_slice().cmp(other.as_slice())
            }
        }

        impl<H: HeapRef, G: HeapRef> PartialOrd<$owner<G>> for $owner<H> {
            #[inline]
            fn partial_cmp(&self, other: &$owner<G>) -> Option<core::cmp::Ordering> {
                self.as_slice().partial_cmp(other.as_slice())
            }
        }

        /// As the slice hashes, so that a map keyed by these can be asked with a `&[u8]`.
        impl<H: HeapRef> core::hash::Hash for $owner<H> {
            #[inline]
            fn hash<S: core::hash::Hasher>(&self, state: &mut S) {
                self.as_slice().hash(state);
            }
        }

        crate::content::compares_with! {
            $owner:
            [] [u8];
            [const N: usize,] [u8; N];
            [] Vec<u8>;
            [] str;
            [] String;
        }

        /// With whatever it compares with, by reference.
        impl<T: ?Sized, H: HeapRef> PartialEq<&T> for $owner<H>
        where
            Self: PartialEq<T>,
        {
            #[inline]
            fn eq(&self, other: &&T) -> bool {
                *self == **other
            }
        }

        /// With whatever it compares with, by reference.
        impl<T: ?Sized, H: HeapRef> PartialOrd<&T> for $owner<H>
        where
            Self: PartialOrd<T>,
        {
            #[inline]
            fn partial_cmp(&self, other: &&T) -> Option<core::cmp::Ordering> {
                self.partial_cmp(*other)
            }
        }

        crate::content::compares_from! {
            $owner:
            [] &[u8];
            [const N: usize,] &[u8; N];
            [] &str;
        }
    };
}

/// Equality and order between `$owner<H>` and other types of bytes, in both directions.
macro_rules! compares_with {
    ($owner:ident: $([$($parameter:tt)*] $other:ty;)+) => {
        $(
            impl<$($parameter)* H: HeapRef> PartialEq<$other> for $owner<H> {
                #[inline]
                fn eq(&self, other: &$other) -> bool {
                    self.as_slice() == AsRef::<[u8]>::as_ref(other)
                }
            }

            impl<$($parameter)* H: HeapRef> PartialOrd<$other> for $owner<H> {
                #[inline]
                fn partial_cmp(&self, other: &$other) -> Option<core::cmp::Ordering> {
                    self.as_slice().partial_cmp(AsRef::<[u8]>::as_ref(other))
                }
            }
        )+

        crate::content::compares_from! { $owner: $([$($parameter)*] $other;)+ }
    };
}

/// Equality and order between other types of bytes and `$owner<H>`, in this direction.
macro_rules! compares_from {
    ($owner:ident: $([$($parameter:tt)*] $other:ty;)+) => {$(
        impl<$($parameter)* H: HeapRef> PartialEq<$owner<H>> for $other {
            #[inline]
            fn eq(&self, other: &$owner<H>) -> bool {
                AsRef::<[u8]>::as_ref(self) == other.as_slice()
            }
        }

        impl<$($parameter)* H: HeapRef> PartialOrd<$owner<H>> for $other {
            #[inline]
            fn partial_cmp(&self, other: &$owner<H>) -> Option<core::cmp::Ordering> {
                AsRef::<[u8]>::as_ref(self).partial_cmp(other.as_slice())
            }
        }
    )+};
}

pub(crate) use {compares_by_content, compares_from, compares_with};
