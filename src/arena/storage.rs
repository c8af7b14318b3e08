//! The slots of one arena: which are vacant, how a value moves in and out, how chunks come and go.
//!
//! The invariants A1 to A7 are in the module's front page.

mod chosen;
mod copy;
mod growth;
mod restore;

use core::marker::PhantomData;

pub(crate) use self::restore::Content;

use super::{Generation, GrowError, Handle, OnDrop, Place, Slot, SlotPtr, Table};
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

/// A slot that is marked as occupied, and in which the value is still missing.
pub(crate) struct Claimed<T> {
    pub(crate) slot: SlotPtr<T>,
    pub(crate) handle: Handle<T>,
}

impl<T, H: HeapRef> Storage<T, H> {
    pub(crate) const FIRST_BITS: u32 = Slot::<T>::FIRST_BITS;
    #[cfg(feature = "serde")]
    pub(crate) const SLOT_BYTES: usize = size_of::<Slot<T>>();

    pub(crate) const fn new(heap: H) -> Self {
        const { Slot::<T>::ALIGN_IS_SERVED };
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
        self.table.backed() - self.withheld
    }

    /// The slot that holds the value `handle` names.
    #[inline]
    pub(crate) fn find(&self, handle: Handle<T>) -> Option<SlotPtr<T>> {
        let Some(slot) = self.table.opened(handle.place()) else {
            return self.find_far(handle);
        };
        // SAFETY: A2: the table has just said that the slot is opened.
        let generation = unsafe { slot.generation() };
        (generation == handle.generation_of_slot()).then_some(slot)
    }

    #[cold]
    #[inline(never)]
    fn find_far(&self, handle: Handle<T>) -> Option<SlotPtr<T>> {
        let slot = self.table.opened_far(handle.place())?;
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
        let slot = self.opened(place)?;
        // SAFETY: A2: the table has just said that the slot is opened.
        Some(unsafe { slot.generation() })
    }

    /// The slot at `place`, if it is opened.
    pub(super) fn opened(&self, place: Place) -> Option<SlotPtr<T>> {
        self.table.opened(place).or_else(|| self.table.opened_far(place))
    }

    /// Whether the opened slot at `place` is detached.
    pub(crate) fn is_detached(&self, place: Place) -> bool {
        let Some(slot) = self.opened(place) else {
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
        let Some(slot) = self.table.opened(handle.place()) else {
            return if self.table.has_far() { self.get_far(handle) } else { None };
        };
        // SAFETY: A2: the table has just said that the slot is opened.
        if unsafe { slot.generation() } != handle.generation_of_slot() {
            return None;
        }
        // SAFETY: A3: the slot's generation is the handle's and so odd; it holds a value, which `&self` keeps there.
        Some(unsafe { slot.value_ref() })
    }

    #[cold]
    #[inline(never)]
    fn get_far(&self, handle: Handle<T>) -> Option<&T> {
        let slot = self.find_far(handle)?;
        // SAFETY: A3: as in `get`.
        Some(unsafe { slot.value_ref() })
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let Some(slot) = self.table.opened(handle.place()) else {
            return if self.table.has_far() { self.get_far_mut(handle) } else { None };
        };
        // SAFETY: A2: the table has just said that the slot is opened.
        if unsafe { slot.generation() } != handle.generation_of_slot() {
            return None;
        }
        // SAFETY: A3: the slot's generation is the handle's and so odd; it holds a value, and `&mut self` is alone.
        Some(unsafe { slot.value_mut() })
    }

    #[cold]
    #[inline(never)]
    fn get_far_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        let slot = self.find_far(handle)?;
        // SAFETY: A3: as in `get_mut`.
        Some(unsafe { slot.value_mut() })
    }

    /// Makes the slot of the next value an occupied one, but for the value, if there is one or the arena can grow.
    ///
    /// # Safety
    /// The caller writes a value there at once: nothing that could panic comes before.
    #[inline(always)]
    pub(crate) unsafe fn claim(&mut self) -> Result<Claimed<T>, GrowError> {
        match self.claim_near() {
            Some(claimed) => Ok(claimed),
            None => self.claim_elsewhere(),
        }
    }

    /// The same for those who cannot go on without. Not by way of the other: then there would be an error for the compiler to
    /// provide for, and it would let every insertion copy its value once more.
    ///
    /// # Safety
    /// As `claim`.
    ///
    /// # Panics
    /// If there is no slot and the arena cannot grow.
    #[inline(always)]
    #[track_caller]
    pub(crate) unsafe fn claim_or_fail(&mut self) -> Claimed<T> {
        match self.claim_near() {
            Some(claimed) => claimed,
            None => self.claim_elsewhere_or_fail(),
        }
    }

    /// The head of the vacant list if it is near; or if the list is empty, the next slot to be opened if there is room. (While there is, no
    /// slot is far.) A slot never used is opened only now, so the list has no chain of such slots, which insertions would wait for.
    #[inline(always)]
    fn claim_near(&mut self) -> Option<Claimed<T>> {
        let place = self.vacant;
        if let Some(slot) = self.table.opened(place) {
            // SAFETY: A4: slots in the vacant list are opened.
            let handle = Handle::new(place, unsafe { slot.generation() }.next());
            // SAFETY: A4: the head of the vacant list is opened and not occupied.
            self.vacant = unsafe { slot.link() };
            // SAFETY: A2: as above.
            unsafe { self.table.mark_occupied(place) };
            // SAFETY: A1: the slot is opened, and `&mut self` is alone with it.
            unsafe { slot.set_generation(handle.generation_of_slot()) };
            return Some(Claimed { slot, handle });
        }
        let place = self.table.unopened()?;
        debug_assert!(self.vacant == Place::NONE);
        let handle = Handle::new(place, self.floor.next());
        let slot = self.table.unopened_slot(place);
        // SAFETY: A2: it is the next slot to be opened; its generation comes next.
        unsafe { self.table.open(place) };
        // SAFETY: A1: as above, and `&mut self` is alone with it.
        unsafe { slot.set_generation(handle.generation_of_slot()) };
        Some(Claimed { slot, handle })
    }

    /// The handle that the next claim will have, if there is a slot or the arena can grow.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Handle<T>, GrowError> {
        if let Some(slot) = self.table.opened(self.vacant) {
            // SAFETY: A4: slots in the vacant list are opened.
            return Ok(Handle::new(self.vacant, unsafe { slot.generation() }.next()));
        }
        match self.table.unopened() {
            Some(place) => Ok(Handle::new(place, self.floor.next())),
            None => self.next_elsewhere(),
        }
    }

    /// Moves the value that `handle` names out.
    #[inline]
    pub(crate) fn take(&mut self, handle: Handle<T>) -> Option<T> {
        let slot = self.find(handle)?;
        // SAFETY: A3: `find` has seen that the slot is occupied.
        let value = unsafe { slot.value().read() };
        // SAFETY: A2: an occupied slot is opened.
        unsafe { self.table.mark_vacant(handle.place()) };
        // SAFETY: A3: the value has just been moved out.
        unsafe { self.hand_on(slot, handle.place(), handle.generation_of_slot().next()) };
        Some(value)
    }

    /// Drops the value that `handle` names where it lies: there may be no room for it on the stack. If that panics, it is gone all the same.
    pub(crate) fn discard(&mut self, handle: Handle<T>) {
        let Some(slot) = self.find(handle) else { return };
        let _emptied = OnDrop::new(|| {
            // SAFETY: A2: the slot was occupied, so it is opened.
            unsafe { self.table.mark_vacant(handle.place()) };
            // SAFETY: A3: the value was dropped just now, or its drop has panicked.
            unsafe { self.hand_on(slot, handle.place(), handle.generation_of_slot().next()) };
        });
        // SAFETY: A3: `find` has seen that the slot is occupied, and `&mut self` is alone. Whatever comes, the slot is vacant afterwards.
        unsafe { slot.value().drop_in_place() };
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
