//! Arenas in a join: walked along, or looked up in.

use core::marker::PhantomData;

use super::Part;
use crate::arena::{Handle, Place, SmArena, Storage};
use crate::derived::debug_by;
use crate::heap::HeapRef;

impl<'a, T, H: HeapRef> Part for &'a SmArena<T, H> {
    type Of = T;
    type Value = &'a T;
    type Within = Self;

    fn steps(&self) -> usize {
        self.len()
    }

    fn within(self) -> Self {
        self
    }

    #[inline]
    fn find(within: &mut Self, handle: Handle<T>) -> Option<&'a T> {
        within.get(handle)
    }
}

/// An arena in which values are looked up, mutable, from the lowest place to the highest.
pub struct Seek<'a, T, H: HeapRef> {
    storage: &'a Storage<T, H>,
    /// Behind the last place that was asked for.
    from: Place,
    values: PhantomData<&'a mut T>,
}

debug_by! { [T, H: HeapRef] Seek<'_, T, H> |seek| { from: seek.from } }

impl<'a, T, H: HeapRef> Part for &'a mut SmArena<T, H> {
    type Of = T;
    type Value = &'a mut T;
    type Within = Seek<'a, T, H>;

    fn steps(&self) -> usize {
        self.len()
    }

    fn within(self) -> Seek<'a, T, H> {
        Seek { storage: &self.storage, from: Place::from_bits(0), values: PhantomData }
    }

    #[inline]
    fn find(within: &mut Seek<'a, T, H>, handle: Handle<T>) -> Option<&'a mut T> {
        if handle.place() < within.from {
            return None;
        }
        within.from = Place::from_bits(handle.place().bits().saturating_add(1));
        let slot = within.storage.find(handle)?;
        // SAFETY: A3: `find` has seen that the slot is occupied. Each place is asked for once at most, as `from` rises beyond it; the arena is
        // mutably borrowed for 'a, and its storage, which is all that is shared, holds no values itself.
        Some(unsafe { slot.value_mut() })
    }
}
