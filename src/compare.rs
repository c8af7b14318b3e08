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

        crate::compare::compares_with! {
            $owner:
            [] [u8];
            [] &[u8];
            [const N: usize,] [u8; N];
            [const N: usize,] &[u8; N];
            [] Vec<u8>;
            [] str;
            [] &str;
            [] String;
        }
    };
}

/// Equality and order between `$owner<H>` and other types of bytes, in both directions.
macro_rules! compares_with {
    ($owner:ident: $([$($parameter:tt)*] $other:ty;)+) => {$(
        impl<$($parameter)* H: HeapRef> PartialEq<$other> for $owner<H> {
            #[inline]
            fn eq(&self, other: &$other) -> bool {
                self.as_slice() == AsRef::<[u8]>::as_ref(other)
            }
        }

        impl<$($parameter)* H: HeapRef> PartialEq<$owner<H>> for $other {
            #[inline]
            fn eq(&self, other: &$owner<H>) -> bool {
                AsRef::<[u8]>::as_ref(self) == other.as_slice()
            }
        }

        impl<$($parameter)* H: HeapRef> PartialOrd<$other> for $owner<H> {
            #[inline]
            fn partial_cmp(&self, other: &$other) -> Option<core::cmp::Ordering> {
                self.as_slice().partial_cmp(AsRef::<[u8]>::as_ref(other))
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

pub(crate) use {compares_by_content, compares_with};
