//! The slots of one arena: which are vacant, how a value moves in and out, how chunks come and go.
//!
//! The invariants A1 to A7 are in the module's front page.

mod chosen;
mod growth;
mod restore;

use core::convert::Infallible;
use core::marker::PhantomData;

#[cfg(feature = "serde")]
pub(crate) use self::restore::Content;

use super::error::GrowError;
use super::generation::Generation;
use super::handle::Handle;
use super::place::{Place, slots_before};
use super::slot::{Slot, SlotPtr};
use super::table::Table;
use crate::class::MAX_ALIGN;
use crate::heap::HeapRef;

/// One owner's (`&mut` changes, `&` reads). Drops no values, only chunks: the arena drops the values before.
pub(crate) struct Storage<T, H: HeapRef> {
    table: Table<T>,
    /// The head of the vacant list (A4).
    vacant: Place,
    /// Opened slots that neither hold a value nor are in the vacant list: retired or detached (A5).
    withheld: u32,
    /// The generation a slot has when it is opened (A6).
    floor: Generation,
    heap: H,
    values: PhantomData<T>,
}

/// A slot that the next value can move into, and the generation it will have there.
#[derive(Clone, Copy)]
pub(crate) struct Vacancy {
    place: Place,
    generation: Generation,
}

impl Vacancy {
    #[inline]
    pub(crate) const fn handle<T>(self) -> Handle<T> {
        Handle::new(self.place, self.generation)
    }
}

impl<T, H: HeapRef> Storage<T, H> {
    pub(crate) const FIRST_BITS: u32 = Slot::<T>::FIRST_BITS;
    const ALIGN_IS_SERVED: () =
        assert!(align_of::<T>() <= MAX_ALIGN, "an arena's values can be aligned to 4096 bytes at most");

    pub(crate) const fn new(heap: H) -> Self {
        const { Self::ALIGN_IS_SERVED };
        Self {
            table: Table::new(),
            vacant: Place::NONE,
            withheld: 0,
            floor: Generation::FRESH,
            heap,
            values: PhantomData,
        }
    }

    pub(crate) const fn table(&self) -> &Table<T> {
        &self.table
    }

    pub(crate) const fn heap(&self) -> &H {
        &self.heap
    }

    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.table.occupied_slots()
    }

    #[cfg(feature = "serde")]
    pub(crate) const fn floor(&self) -> Generation {
        self.floor
    }

    /// For an arena that is built to hold given generations.
    #[cfg(feature = "serde")]
    pub(crate) const fn set_floor(&mut self, floor: Generation) {
        debug_assert!(!floor.is_occupied());
        self.floor = floor;
    }

    /// The values there is room for.
    pub(crate) const fn capacity(&self) -> u32 {
        slots_before(self.table.present(), Self::FIRST_BITS) - self.withheld
    }

    /// The slot that holds the value `handle` names.
    #[inline]
    pub(crate) fn find(&self, handle: Handle<T>) -> Option<SlotPtr<T>> {
        let slot = self.table.opened(handle.place())?;
        // SAFETY: A2: the table has just said that the slot is opened.
        let generation = unsafe { slot.generation() };
        (generation == handle.generation_of_slot()).then_some(slot)
    }

    /// The handle of the value at `place`, if there is one.
    pub(crate) fn handle_at(&self, place: Place) -> Option<Handle<T>> {
        let generation = self.generation_at(place)?;
        generation.is_occupied().then(|| Handle::new(place, generation))
    }

    /// The generation of the slot at `place`, if it is opened.
    pub(crate) fn generation_at(&self, place: Place) -> Option<Generation> {
        let slot = self.table.opened(place)?;
        // SAFETY: A2: the table has just said that the slot is opened.
        Some(unsafe { slot.generation() })
    }

    /// Whether the opened slot at `place` is detached.
    pub(crate) fn is_detached(&self, place: Place) -> bool {
        let Some(slot) = self.table.opened(place) else {
            return false;
        };
        // SAFETY: A2: the table has just said that the slot is opened.
        if unsafe { slot.generation() }.is_occupied() {
            return false;
        }
        // SAFETY: A3: the slot is opened, and its even generation says that it is not occupied.
        let link = unsafe { slot.link() };
        link == Place::DETACHED
    }

    #[inline]
    pub(crate) fn get(&self, handle: Handle<T>) -> Option<&T> {
        let slot = self.find(handle)?;
        // SAFETY: A3: the slot's generation is the handle's and so odd; it holds a value, which `&self` keeps there.
        Some(unsafe { slot.value_ref() })
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let slot = self.find(handle)?;
        // SAFETY: A3: the slot's generation is the handle's and so odd; it holds a value, and `&mut self` is alone.
        Some(unsafe { slot.value_mut() })
    }

    /// The slot for the next value, if there is one or the arena can grow.
    #[inline]
    pub(crate) fn vacancy(&mut self) -> Result<Vacancy, GrowError> {
        self.vacancy_or(Self::unopened_elsewhere)
    }

    /// The same for those who cannot go on without.
    ///
    /// # Panics
    /// If there is no slot and the arena cannot grow.
    #[inline]
    pub(crate) fn vacancy_or_fail(&mut self) -> Vacancy {
        let Ok(vacancy) = self.vacancy_or(|storage| Ok::<_, Infallible>(storage.unopened_elsewhere_or_fail()));
        vacancy
    }

    /// The head of the vacant list, or else the next slot to be opened, which `elsewhere` finds if chunk `filling` has none.
    ///
    /// Generic over the error, so that there is none for the compiler to provide for when there can be none: it would let every
    /// insertion copy its value once more.
    #[inline]
    fn vacancy_or<E>(&mut self, elsewhere: impl FnOnce(&mut Self) -> Result<Place, E>) -> Result<Vacancy, E> {
        if self.vacant != Place::NONE {
            // SAFETY: A4: slots in the vacant list are opened.
            let generation = unsafe { self.table.slot(self.vacant).generation() };
            return Ok(Vacancy { place: self.vacant, generation: generation.next() });
        }
        let place = match self.table.unopened() {
            Some(place) => place,
            None => elsewhere(self)?,
        };
        Ok(Vacancy { place, generation: self.floor.next() })
    }

    /// Moves a value into `vacancy`. A slot never used is opened only now, so the list has no chain of such slots, which
    /// insertions would wait for.
    ///
    /// # Safety
    /// `vacancy` is the one given last, and nothing changed since: it is the head of the vacant list, or if that is empty
    /// the next to be opened.
    #[inline]
    pub(crate) unsafe fn fill(&mut self, vacancy: Vacancy, value: T) -> SlotPtr<T> {
        let slot = self.table.slot(vacancy.place);
        if self.vacant == Place::NONE {
            // SAFETY: A2: the list is empty, so the vacancy is the next slot to be opened; `occupy` writes its generation.
            unsafe { self.table.open(vacancy.place) };
        } else {
            // SAFETY: A4: the head of the vacant list is opened and not occupied.
            self.vacant = unsafe { slot.link() };
            // SAFETY: A2: as above.
            unsafe { self.table.mark_occupied(vacancy.place) };
        }
        // SAFETY: A3: no value is there to be overwritten.
        unsafe { self.occupy(slot, vacancy.generation, value) };
        slot
    }

    /// # Safety
    /// The slot is opened, marked as occupied, in no list, and has no value.
    #[inline]
    unsafe fn occupy(&mut self, slot: SlotPtr<T>, generation: Generation, value: T) {
        // SAFETY: A1: the slot is opened, and `&mut self` is alone with it.
        unsafe { slot.set_generation(generation) };
        // SAFETY: A1: the slot's body is writable and aligned for `T`; by A3 no value is there to be overwritten.
        unsafe { slot.value().write(value) };
    }

    /// Moves the value that `handle` names out.
    #[inline]
    pub(crate) fn take(&mut self, handle: Handle<T>) -> Option<T> {
        let slot = self.find(handle)?;
        // SAFETY: A3: `find` has seen that the slot is occupied.
        let value = unsafe { slot.value().read() };
        // SAFETY: A3: the value has just been moved out, and its generation is the handle's.
        unsafe { self.vacate(slot, handle.place(), handle.generation_of_slot()) };
        Some(value)
    }

    /// Books a slot as vacant whose value has been moved out.
    ///
    /// # Safety
    /// `slot` is the one at `place`; it is occupied, has `generation`, and its value is not used again.
    #[inline]
    unsafe fn vacate(&mut self, slot: SlotPtr<T>, place: Place, generation: Generation) {
        // SAFETY: A2: an occupied slot is opened.
        unsafe { self.table.mark_vacant(place) };
        // SAFETY: A3: the slot is opened, and the caller gave up its value.
        unsafe { self.hand_on(slot, place, generation.next()) };
    }

    /// Gives an opened slot without a value an even `generation` and a place in the vacant list, or retires it.
    ///
    /// # Safety
    /// `slot` is the one at `place`; it is opened, not in the vacant list, and holds no value any more.
    #[inline]
    unsafe fn hand_on(&mut self, slot: SlotPtr<T>, place: Place, generation: Generation) {
        let link = if generation == Generation::RETIRED {
            self.withheld += 1;
            Place::NONE
        } else {
            core::mem::replace(&mut self.vacant, place)
        };
        // SAFETY: A2: the slot is opened, and `&mut self` is alone with it.
        unsafe { slot.set_generation(generation) };
        // SAFETY: A2: the same; the caller says that no value is in it.
        unsafe { slot.set_link(link) };
    }
}

// SAFETY: a storage owns its values and chunks, as a Vec does, and a heap reference that decides for itself; A1: blocks
// may be given back from any thread.
unsafe impl<T: Send, H: HeapRef + Send> Send for Storage<T, H> {}
// SAFETY: A3: `&Storage` gives `&T` and `&H` and changes nothing.
unsafe impl<T: Sync, H: HeapRef + Sync> Sync for Storage<T, H> {}
