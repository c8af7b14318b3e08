//! zerocopy: values that all-zero bytes are.

use zerocopy::FromZeros;

use crate::boxed::SmBox;
use crate::heap::{Global, HeapRef};

impl<T: FromZeros> SmBox<T> {
    /// A box of the [`Global`] heap whose value is all zero bytes. The value never is on the stack.
    ///
    /// # Panics
    /// As [`new`](SmBox::new).
    ///
    /// ```
    /// # use smarena::SmBox;
    /// let counters: SmBox<[u64; 1000]> = SmBox::zeroed();
    /// assert_eq!(counters[999], 0);
    /// ```
    #[inline]
    #[must_use]
    pub fn zeroed() -> Self {
        SmBox::zeroed_in(Global)
    }
}

impl<T: FromZeros, H: HeapRef> SmBox<T, H> {
    /// A box of `heap` whose value is all zero bytes. The value never is on the stack.
    ///
    /// # Panics
    /// As [`new_in`](SmBox::new_in).
    ///
    /// ```
    /// # use smarena::{Global, SmBox};
    /// let counters: SmBox<[u64; 1000]> = SmBox::zeroed_in(Global);
    /// assert_eq!(counters[999], 0);
    /// ```
    #[inline]
    #[must_use]
    pub fn zeroed_in(heap: H) -> Self {
        let zeros = Self::new_zeroed_in(heap);
        // SAFETY: B2: every byte is zero, and `FromZeros` promises that this is a valid value.
        unsafe { zeros.assume_init() }
    }
}
