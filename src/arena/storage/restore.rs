//! Building an arena slot by slot, for a copy or from a file.

use super::Storage;
use crate::arena::{Generation, GrowError, Handle, Place};
use crate::heap::HeapRef;

/// What a restored slot has in it.
pub(crate) enum Content<T> {
    Value(T),
    Vacant,
    #[cfg_attr(not(feature = "serde"), allow(dead_code, reason = "files alone have such"))]
    Detached,
}

impl<T, H: HeapRef> Storage<T, H> {
    /// Opens the next slot, growing if there is none. `generation` is odd exactly if there is a value.
    pub(crate) fn restore(&mut self, generation: Generation, content: Content<T>) -> Result<(), GrowError> {
        debug_assert!(generation.is_occupied() == matches!(content, Content::Value(_)));
        let place = self.find_unopened()?;
        // SAFETY: A2: it is the next slot to be opened.
        unsafe { self.table.open(place) };
        // SAFETY: A2: it is opened now.
        unsafe { self.table.mark_vacant(place) };
        let slot = self.table.slot(place);
        // SAFETY: A4: the slot has just been opened: it holds no value and is in no list.
        unsafe { self.hand_on(slot, place, generation) };
        if generation != Generation::RETIRED && !matches!(content, Content::Vacant) {
            // SAFETY: A4: the slot has just been opened and pushed: it is the head of the vacant list.
            self.vacant = unsafe { slot.link() };
            self.withheld += 1;
        }
        match content {
            Content::Vacant => {}
            // SAFETY: A3: the slot is opened, has no value, and `&mut self` is alone with it.
            Content::Detached => unsafe { slot.set_link(Place::DETACHED) },
            // SAFETY: A3: the slot is opened, has no value, is in no list any more and has the handle's generation.
            Content::Value(value) => unsafe { self.fill_withheld(slot, Handle::new(place, generation), value) },
        }
        Ok(())
    }

    /// The slot's number.
    #[cfg(feature = "serde")]
    pub(crate) fn number_of(&self, place: Place) -> u32 {
        place.number(Self::FIRST_BITS)
    }

    /// The vacant list.
    #[cfg(feature = "serde")]
    pub(crate) fn vacant_places(&self) -> impl Iterator<Item = Place> {
        let listed = |place: Place| (place != Place::NONE).then_some(place);
        // SAFETY: A4: slots in the vacant list are opened and not occupied.
        core::iter::successors(listed(self.vacant), move |&at| listed(unsafe { self.table.slot(at).link() }))
    }

    /// Makes the slot with this number a detached one, before the vacant list is sorted. `false` if it is not a vacant slot.
    #[cfg(feature = "serde")]
    pub(crate) fn withhold(&mut self, number: u32) -> bool {
        let place = Place::of_number(number, Self::FIRST_BITS).filter(|&place| self.is_idle(place));
        if let Some(place) = place {
            // SAFETY: A3: the slot is opened, not occupied, and `&mut self` is alone with it.
            unsafe { self.table.slot(place).set_link(Place::DETACHED) };
            self.withheld += 1;
        }
        place.is_some()
    }

    /// Brings the vacant list into this order. `false`, and nothing is changed, if these are not the numbers of the vacant slots.
    #[cfg(feature = "serde")]
    pub(crate) fn order_vacant(&mut self, numbers: &[u32]) -> bool {
        let mut missing = std::collections::HashSet::new();
        missing.extend(self.vacant_places());
        let places: Vec<_> = numbers.iter().filter_map(|&number| Place::of_number(number, Self::FIRST_BITS)).collect();
        if places.len() != numbers.len() || !places.iter().all(|place| missing.remove(place)) || !missing.is_empty() {
            return false;
        }
        self.vacant = Place::NONE;
        for place in places.into_iter().rev() {
            // SAFETY: A4: the slot was in the vacant list: it is opened and not occupied, and `&mut self` is alone with it.
            unsafe { self.table.slot(place).set_link(self.vacant) };
            self.vacant = place;
        }
        true
    }

    /// Sorts the vacant list by slot, lowest first, and counts what is withheld.
    pub(crate) fn sort_vacant(&mut self) {
        (self.vacant, self.withheld) = (Place::NONE, self.table.opened_count() - self.len());
        for place in self.table.opened_places().rev() {
            if self.is_idle(place) {
                // SAFETY: A3: the slot is opened, not occupied, and `&mut self` is alone with it.
                unsafe { self.table.slot(place).set_link(self.vacant) };
                self.vacant = place;
                self.withheld -= 1;
            }
        }
    }
}
