//! `Index`: a slot number and a generation, both in the open.

/// Names a value in a [`compat::Arena`](super::Arena).
///
/// Ordered by slot, then generation.
///
/// ```
/// let mut arena = smarena::compat::Arena::new();
/// let index = arena.insert("value");
/// assert_eq!(index.into_raw_parts(), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index {
    pub(crate) index: usize,
    pub(crate) generation: u64,
}

impl Index {
    /// The index with this slot number and generation. A made-up one names a value or it does not.
    ///
    /// ```
    /// use smarena::compat::Index;
    ///
    /// assert_eq!(Index::from_raw_parts(3, 4).into_raw_parts(), (3, 4));
    /// ```
    #[must_use]
    pub const fn from_raw_parts(index: usize, generation: u64) -> Self {
        Self { index, generation }
    }

    /// The slot number and the generation.
    ///
    /// ```
    /// use smarena::compat::Index;
    ///
    /// assert_eq!(Index::from_raw_parts(3, 4).into_raw_parts(), (3, 4));
    /// ```
    #[must_use]
    pub const fn into_raw_parts(self) -> (usize, u64) {
        (self.index, self.generation)
    }
}
