//! The pieces of an arena that one owner has: an address in between, pieces while somebody looks or changes.

use core::marker::PhantomData;
use core::ptr::null_mut;

use super::{Pieces, Stretch};
use crate::derived::dereference;
use crate::sync::{AtomicPtr, Ordering};

/// The pieces of an arena that one owner has, outside of calls: no atomics, or the compiler would not know that the arena stays as it is
/// while it is borrowed, and each turn of a loop that looks values up would read all that it knows of the arena anew.
pub(crate) struct Own<S> {
    newest: *mut Stretch,
    slots: PhantomData<fn() -> S>,
}

/// [`Own`] pieces while they are changed.
pub(crate) struct Changing<'a, S> {
    own: &'a mut Own<S>,
    pieces: Pieces<S>,
}

impl<S> Own<S> {
    pub(crate) const NONE: Self = Self { newest: null_mut(), slots: PhantomData };

    /// The pieces, for reading.
    #[inline]
    pub(crate) fn pieces(&self) -> Pieces<S> {
        Pieces { newest: AtomicPtr::new(self.newest), slots: PhantomData }
    }

    pub(crate) fn change(&mut self) -> Changing<'_, S> {
        let pieces = self.pieces();
        Changing { own: self, pieces }
    }
}

dereference! { [S] Changing<'_, S> => Pieces<S>: |change| &change.pieces, mut &mut change.pieces }

/// Writes the change back, also when the heap panics.
impl<S> Drop for Changing<'_, S> {
    fn drop(&mut self) {
        // Relaxed: the owner is alone.
        self.own.newest = self.pieces.newest.load(Ordering::Relaxed);
    }
}
