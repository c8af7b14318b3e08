//! A dense arena taken apart for a file, and put together again.

use super::DenseArena;
#[cfg(feature = "serde")]
use super::{Cell, NONE};
use crate::arena::Handle;
#[cfg(feature = "serde")]
use crate::arena::{generation::Generation, place::Place, slot::Slot};

impl<T> DenseArena<T> {
    /// The generation a slot begins with.
    #[cfg(feature = "serde")]
    pub(crate) const fn floor(&self) -> Generation {
        self.floor
    }

    /// The generations of all slots.
    #[cfg(feature = "serde")]
    pub(crate) fn generations(&self) -> impl ExactSizeIterator<Item = u32> {
        self.slots.iter().map(|cell| cell.generation.get())
    }

    /// The vacant slots, in the order in which they are filled.
    #[cfg(feature = "serde")]
    pub(crate) fn vacant_slots(&self) -> impl Iterator<Item = u32> {
        let listed = |slot: u32| (slot != NONE).then_some(slot);
        core::iter::successors(listed(self.vacant), move |&slot| listed(self.slots[slot as usize].at))
    }

    /// Keys and values, the values mutable, as two slices.
    #[cfg(feature = "rayon")]
    pub(crate) fn slices_mut(&mut self) -> (&[Handle<T>], &mut [T]) {
        (&self.handles, &mut self.values)
    }

    /// The arena that has these parts; what is wrong with them, if there is none: they may be anything.
    #[cfg(feature = "serde")]
    pub(crate) fn from_parts(
        first_generation: u32,
        generations: &[u32],
        values: Vec<(u32, T)>,
        vacant: &[u32],
    ) -> Result<Self, &'static str> {
        /// In no list yet, and without a value. No slot has this number.
        const NOWHERE: u32 = NONE - 1;
        let floor = Generation::new(first_generation);
        if floor.is_occupied() || floor >= Generation::RETIRED {
            return Err("the first generation must be even, and not the last one");
        }
        if generations.iter().any(|&generation| Generation::new(generation) > Generation::RETIRED) {
            return Err("no slot has this generation");
        }
        let place_of = |slot: u32| Place::of_number(slot, Slot::<T>::FIRST_BITS);
        let last = u32::try_from(generations.len()).ok().map(|slots| slots.saturating_sub(1)).and_then(place_of);
        if last.is_none() {
            return Err("no arena has so many slots");
        }
        let slots = generations.iter().map(|&generation| Cell { generation: Generation::new(generation), at: NOWHERE });
        let mut arena = Self { slots: slots.collect(), floor, ..Self::new() };
        for (slot, value) in values {
            let free = |cell: &&mut Cell| cell.generation.is_occupied() && cell.at == NOWHERE;
            let cell = arena.slots.get_mut(slot as usize).filter(free);
            let (Some(cell), Some(place)) = (cell, place_of(slot)) else {
                return Err("a value must be that of an occupied slot, and the only one");
            };
            #[expect(clippy::cast_possible_truncation, reason = "there are no more values than slots")]
            let at = arena.values.len() as u32;
            cell.at = at;
            arena.handles.push(Handle::new(place, cell.generation));
            arena.values.push(value);
        }
        for &slot in vacant.iter().rev() {
            let idle = |cell: &&mut Cell| {
                !cell.generation.is_occupied() && cell.generation != Generation::RETIRED && cell.at == NOWHERE
            };
            let Some(cell) = arena.slots.get_mut(slot as usize).filter(idle) else {
                return Err("the list of vacant slots must have each of them once, and no other");
            };
            cell.at = core::mem::replace(&mut arena.vacant, slot);
        }
        let missing = |cell: &Cell| cell.at == NOWHERE && cell.generation != Generation::RETIRED;
        if arena.slots.iter().any(missing) {
            return Err("each slot must have a value, be vacant, or be retired");
        }
        Ok(arena)
    }
}
