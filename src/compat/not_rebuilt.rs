//! The error of the way back to generational-arena.

use core::fmt;

use super::Arena;

/// An arena that could not be converted, given back.
///
/// generational-arena lets nobody set a generation; it can only be counted up, one for each removal. An arena whose
/// generations are above 2²⁰ and 64 more for each slot, or which were not reached by removals one by one (but by `clear` or
/// `drain`, or with slots freed long before they were used again) is not rebuilt. Its serde format can carry it over all the same.
///
/// ```
/// use smarena::compat::{Arena, NotRebuilt};
///
/// let mut arena = Arena::from_iter(["a", "b", "c", "d"]);
/// let indices: Vec<_> = arena.iter().map(|(index, _)| index).collect();
/// arena.remove(indices[0]);
/// arena.remove(indices[1]);
/// arena.insert("e"); // into the slot of "b"
/// arena.remove(indices[2]);
/// arena.insert("f"); // into that of "c"
/// arena.insert("g"); // into that of "a", which has been vacant since before "e" came
/// let NotRebuilt(same) = generational_arena::Arena::try_from(arena).unwrap_err();
/// assert_eq!(same.len(), 4);
/// ```
///
/// It says what is wrong, as any error does:
///
/// ```
/// # let mut arena = smarena::compat::Arena::from_iter(["a", "b"]);
/// let error = smarena::compat::NotRebuilt(arena);
/// assert!(error.to_string().starts_with("no sequence of insertions and removals"));
/// ```
pub struct NotRebuilt<T>(
    /// The arena, unchanged but for the order in which vacant slots are used.
    pub Arena<T>,
);

impl<T> fmt::Debug for NotRebuilt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotRebuilt(..)")
    }
}

/// The highest generation that is counted up to: a generation is but a number in a file, so the time that it takes must be bounded by
/// what the file holds.
pub(crate) const fn counted(capacity: usize) -> u64 {
    (capacity as u64).saturating_mul(64).saturating_add(1 << 20)
}

impl<T> fmt::Display for NotRebuilt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let highest = self.0.iter().map(|(index, _)| index.generation).max().unwrap_or(0);
        let (slots, counted) = (self.0.capacity(), counted(self.0.capacity()));
        if highest > counted {
            return write!(
                f,
                "generation {highest} is not counted up to, in an arena of {slots} slots {counted} at most"
            );
        }
        f.write_str("no sequence of insertions and removals was found that leads to these generations")
    }
}

impl<T> core::error::Error for NotRebuilt<T> {}
