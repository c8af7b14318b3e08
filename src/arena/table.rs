//! The chunks of one arena: where they are, how far they are opened, and their vacancy words.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::place::{CHUNK_NUMBERS, Place, slots_of};
use super::slot::{Slot, SlotPtr};

/// All chunks, by number; the present ones come first. Slots are opened in order, so one place says how far. A look-up
/// reads that place and one address, which depends on the upper bits of the slot's place alone.
pub(crate) struct Table<T> {
    /// For each chunk, the address that offset 0 of *chunk 0* would have, were the chunk's slots numbered by place: so a
    /// place need not be taken apart. Never used as an address itself.
    origins: [SlotPtr<T>; CHUNK_NUMBERS],
    /// The same for the vacancy words, 64 places each.
    words: [*const u64; CHUNK_NUMBERS],
    /// Behind the last opened slot (A2). In chunk `filling`, or at its end.
    opened_end: u32,
    /// Behind the last slot of chunk `filling`; at its first while that chunk is absent.
    filling_end: u32,
    /// The chunk in which the last opened slot lies.
    filling: usize,
    /// The number of present chunks.
    present: usize,
    /// The slot that was emptied last, unless it is occupied again: its vacancy bit is set when the next one is emptied (A3). Who
    /// removes and inserts by turns always gets that slot, and so never writes a bit.
    late: Place,
    /// The vacancy bits that are set (A5).
    marked: u32,
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            origins: [SlotPtr::NULL; CHUNK_NUMBERS],
            words: [core::ptr::null(); CHUNK_NUMBERS],
            opened_end: 0,
            filling_end: 0,
            filling: 0,
            present: 0,
            late: Place::NONE,
            marked: 0,
        }
    }

    #[inline]
    pub(crate) const fn present(&self) -> usize {
        self.present
    }

    /// The number of occupied slots. Not kept, as every insertion and removal would have to change it.
    #[inline]
    pub(crate) const fn occupied_slots(&self) -> u32 {
        let opened = Place::from_bits(self.opened_end).number(Slot::<T>::FIRST_BITS);
        opened - self.marked - (self.late.bits() != Place::NONE.bits()) as u32
    }

    /// The slots of a chunk that have been in use at some time.
    #[inline]
    pub(crate) const fn opened_slots(&self, chunk: usize) -> u32 {
        if chunk < self.filling {
            slots_of(chunk, Slot::<T>::FIRST_BITS)
        } else if chunk == self.filling {
            self.opened_end - Place::new(chunk, 0).bits()
        } else {
            0
        }
    }

    /// Behind the last opened slot of all.
    #[inline]
    pub(crate) const fn opened_end(&self) -> u32 {
        self.opened_end
    }

    /// Behind the last opened slot of a chunk.
    #[inline]
    pub(crate) const fn opened_end_of(&self, chunk: usize) -> u32 {
        Place::new(chunk, 0).bits() + self.opened_slots(chunk)
    }

    /// The opened places, in order.
    pub(crate) fn opened_places(&self) -> impl Iterator<Item = Place> + use<T> {
        let (filling, in_filling) = (self.filling, self.opened_slots(self.filling));
        (0..=filling).flat_map(move |chunk| {
            let end = if chunk == filling { in_filling } else { slots_of(chunk, Slot::<T>::FIRST_BITS) };
            (0..end).map(move |offset| Place::new(chunk, offset))
        })
    }

    /// The place of the next slot to be opened, if chunk `filling` has it.
    #[inline]
    pub(crate) const fn unopened(&self) -> Option<Place> {
        if self.opened_end < self.filling_end { Some(Place::from_bits(self.opened_end)) } else { None }
    }

    /// Goes on to the next chunk, when all slots of this one are opened. `false` if that one is absent.
    pub(crate) const fn fill_next_chunk(&mut self) -> bool {
        debug_assert!(self.opened_end == self.filling_end);
        if self.filling + 1 >= self.present {
            return false;
        }
        self.fill_from(self.filling + 1, 0);
        true
    }

    /// The next slot to be opened is the one with `offset` in `chunk`, which is present.
    const fn fill_from(&mut self, chunk: usize, offset: u32) {
        let first = Place::new(chunk, 0).bits();
        self.filling = chunk;
        self.opened_end = first + offset;
        self.filling_end = first + slots_of(chunk, Slot::<T>::FIRST_BITS);
    }

    /// Where the vacancy word of the slot at `place` is, if its chunk is present.
    #[inline]
    const fn word(&self, place: Place) -> *mut u64 {
        self.words[place.chunk()].wrapping_add(place.word() as usize).cast_mut()
    }

    /// The slot at `place`, if it is opened. By A7 the comparison says so: its offset is one of its chunk.
    #[inline]
    pub(crate) const fn opened(&self, place: Place) -> Option<SlotPtr<T>> {
        debug_assert!(place.bits() >= self.opened_end || place.is_of_slot(Slot::<T>::FIRST_BITS));
        if place.bits() < self.opened_end { Some(self.slot(place)) } else { None }
    }

    /// The address of the slot at `place`, which means something if its chunk is present.
    #[inline]
    pub(crate) const fn slot(&self, place: Place) -> SlotPtr<T> {
        self.origins[place.chunk()].add(place.bits())
    }

    /// Opens one slot, as one that is marked as occupied. Its generation is the caller's task.
    ///
    /// # Safety
    /// `place` is what [`unopened`](Self::unopened) says.
    #[inline]
    pub(crate) unsafe fn open(&mut self, place: Place) {
        if place.bits() % 64 == 0 {
            // SAFETY: A1: the chunk is present, and its block has room for the words of all its slots.
            unsafe { self.word(place).write(0) };
        }
        // Otherwise A2 has it that the slot's bit is 0 already.
        self.opened_end = place.bits() + 1;
    }

    /// # Safety
    /// The slot at `place` is opened (A2) and vacant.
    #[inline]
    pub(crate) unsafe fn mark_occupied(&mut self, place: Place) {
        if self.late == place {
            self.late = Place::NONE;
            return;
        }
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *self.word(place) &= !place.bit() };
        self.marked -= 1;
    }

    /// # Safety
    /// The slot at `place` is opened (A2) and occupied.
    #[inline]
    pub(crate) unsafe fn mark_vacant(&mut self, place: Place) {
        let late = core::mem::replace(&mut self.late, place);
        if late != Place::NONE {
            // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
            unsafe { *self.word(late) |= late.bit() };
            self.marked += 1;
        }
    }

    /// The occupied ones of the 64 slots from `first` on, one bit each.
    ///
    /// # Safety
    /// `first` is that of an opened slot and the first of its word; `opened_end` is that of its chunk.
    #[inline]
    pub(crate) unsafe fn occupied(&self, first: Place, opened_end: u32) -> u64 {
        // SAFETY: A2: the caller says that the word stands for an opened slot, so it is initialised.
        let mut vacant = unsafe { self.word(first).read() };
        if self.late.word() == first.word() {
            vacant |= self.late.bit();
        }
        match opened_end - first.bits() {
            opened @ 0..64 => !vacant & ((1 << opened) - 1),
            _ => !vacant,
        }
    }

    /// The layout of chunk `chunk`'s block and where its words begin; `None` if no block can be that large.
    pub(crate) const fn layout(chunk: usize) -> Option<(Layout, usize)> {
        let slots = slots_of(chunk, Slot::<T>::FIRST_BITS) as usize;
        let Some(bytes) = size_of::<Slot<T>>().checked_mul(slots) else {
            return None;
        };
        let Some(words_at) = bytes.checked_next_multiple_of(align_of::<u64>()) else {
            return None;
        };
        let Some(size) = words_at.checked_add(slots.div_ceil(64) * size_of::<u64>()) else {
            return None;
        };
        let align = if align_of::<Slot<T>>() > align_of::<u64>() { align_of::<Slot<T>>() } else { align_of::<u64>() };
        match Layout::from_size_align(size, align) {
            Ok(layout) => Some((layout, words_at)),
            Err(_) => None,
        }
    }

    /// Makes the next chunk present. `block` has its layout, `words_at` came with that.
    pub(crate) const fn add(&mut self, block: NonNull<u8>, words_at: usize) {
        let chunk = self.present;
        let first = Place::new(chunk, 0);
        self.origins[chunk] = SlotPtr::new(block.as_ptr().cast::<Slot<T>>()).sub(first.bits());
        self.words[chunk] = block.as_ptr().wrapping_add(words_at).cast::<u64>().wrapping_sub(first.word() as usize);
        self.present += 1;
        if chunk == 0 {
            self.fill_from(0, 0);
        }
    }

    /// Makes the last present chunk absent and hands out its block. Its slots are not opened any more: they are vacant, or the
    /// whole table ends.
    pub(crate) fn remove(&mut self) -> Option<(NonNull<u8>, Layout)> {
        let chunk = self.present.checked_sub(1)?;
        let (layout, _) = Self::layout(chunk)?;
        let block = NonNull::new(self.slot(Place::new(chunk, 0)).block())?;
        self.origins[chunk] = SlotPtr::NULL;
        self.words[chunk] = core::ptr::null();
        self.present = chunk;
        let mut marked = self.opened_slots(chunk);
        if self.late.chunk() == chunk {
            self.late = Place::NONE;
            marked -= 1;
        }
        // A table that ends may have values that need no drop: then this is no number of anything.
        self.marked = self.marked.wrapping_sub(marked);
        if chunk == 0 {
            (self.opened_end, self.filling_end) = (0, 0);
        } else if self.filling == chunk {
            self.fill_from(chunk - 1, slots_of(chunk - 1, Slot::<T>::FIRST_BITS));
        }
        Some((block, layout))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn slots_are_opened_in_order_and_as_occupied_ones() {
        let (layout, words_at) = Table::<u64>::layout(0).unwrap();
        // No bit in it is as that of a new word should be.
        let mut memory = vec![u128::MAX; layout.size().div_ceil(16)];
        let mut table = Table::<u64>::new();
        table.add(NonNull::from(memory.as_mut_slice()).cast(), words_at);
        for before in 0..slots_of(0, Slot::<u64>::FIRST_BITS) {
            let place = table.unopened().unwrap();
            // SAFETY: A2: it is what `unopened` says.
            unsafe { table.open(place) };
            assert_eq!(table.opened_slots(0), before + 1);
            // SAFETY: A2: the word that stands for the slot just opened.
            let occupied = unsafe { table.occupied(Place::new(0, before / 64 * 64), table.opened_end()) };
            assert_eq!(occupied, u64::MAX >> (63 - before % 64));
        }
        assert!(table.unopened().is_none());
    }
}
