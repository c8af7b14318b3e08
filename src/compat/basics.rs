//! Making arenas, and what they have room for.

use super::{Arena, DEFAULT_CAPACITY, Slot};
use crate::arena::make_room;

impl<T> Arena<T> {
    /// An empty arena with room for 4 values.
    ///
    /// ```
    /// assert_eq!(smarena::compat::Arena::<u8>::new().capacity(), 4);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// An empty arena with room for `n` values, at least 1.
    ///
    /// # Panics
    /// If there is no memory for `n` values.
    ///
    /// ```
    /// assert_eq!(smarena::compat::Arena::<u8>::with_capacity(9).capacity(), 9);
    /// assert_eq!(smarena::compat::Arena::<u8>::with_capacity(0).capacity(), 1);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(n: usize) -> Self {
        let mut arena = Self { slots: Vec::new(), generation: 0, vacant: None, len: 0 };
        arena.reserve(n.max(1));
        arena
    }

    /// The number of slots.
    ///
    /// ```
    /// assert_eq!(smarena::compat::Arena::<u8>::with_capacity(9).capacity(), 9);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The number of values.
    ///
    /// ```
    /// assert_eq!(smarena::compat::Arena::from_iter([1, 2]).len(), 2);
    /// ```
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    ///
    /// ```
    /// assert!(smarena::compat::Arena::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds `additional` slots, which are used before those that are vacant now. O(`additional`), and the values move.
    ///
    /// # Panics
    /// If there is no memory for them.
    ///
    /// ```
    /// let mut arena = smarena::compat::Arena::<u8>::with_capacity(2);
    /// arena.reserve(3);
    /// assert_eq!(arena.capacity(), 5);
    /// ```
    #[track_caller]
    pub fn reserve(&mut self, additional: usize) {
        let start = self.slots.len();
        make_room(&mut self.slots, additional);
        let end = start + additional;
        self.slots.extend((start + 1..=end).map(|next| Slot::Vacant { next: Some(next) }));
        if additional > 0 {
            self.slots[end - 1] = Slot::Vacant { next: self.vacant };
            self.vacant = Some(start);
        }
    }
}
