//! The slots of one arena: where they are, how far they are opened, and their vacancy words.
//!
//! Near and far: the first slots lie in chunks, which are found by one look into the directory. Once the heap has no block
//! for the next chunk, all that are added from then on lie in pieces ([`pieces`](super::pieces)), which are further off.

mod anew;
mod opening;

use core::alloc::Layout;
use core::ptr::NonNull;

use super::pieces::{self, Changing, Found};
use super::{HIGHEST_BITS, Place, Slot, SlotPtr, slots_before, slots_of};

/// Where the chunks are, by the highest bits of their places. A block of the heap, so that an arena itself is small.
pub(crate) struct Directory<T> {
    /// For each chunk, the address that place 0 would have, did the chunk's slots begin there: so a place need not be taken apart. Never used
    /// as an address itself.
    origins: [SlotPtr<T>; HIGHEST_BITS],
    /// The same for the vacancy words, 64 places each.
    words: [*const u64; HIGHEST_BITS],
}

impl<T> Directory<T> {
    pub(crate) const EMPTY: Self =
        Self { origins: [SlotPtr::NULL; HIGHEST_BITS], words: [core::ptr::null(); HIGHEST_BITS] };
}

/// All slots. Chunks by number, the present ones first; pieces behind them. Slots are opened in order, so one place says how far. A look-up
/// among the near ones reads that place and one address, which depends on the highest bit of the slot's place alone.
pub(crate) struct Table<T> {
    /// Behind the last opened slot that is near (A2). In chunk `filling`, or at its end.
    opened_end: u32,
    /// Slots before it can be opened without more ado: they are in chunk `filling`, and their vacancy word is begun.
    room_end: u32,
    /// What the directory has for chunk `filling` (A1), so that an insertion need not look there.
    filling_origin: SlotPtr<T>,
    /// Null while no chunk is present.
    directory: *mut Directory<T>,
    /// Behind the last slot that is near: in chunk `present - 1`.
    near_end: u32,
    /// The slot that was emptied last, if it is near, unless it is occupied again: its vacancy bit is set when the next one is emptied (A3).
    /// Who removes and inserts by turns always gets that slot, and so never writes a bit.
    late: Place,
    /// The vacancy bits that are set (A5).
    marked: u32,
    /// The chunk in which the last opened slot that is near lies.
    filling: u32,
    /// The number of present chunks.
    present: u32,
    /// The slots that have memory: those of the present chunks, and of the pieces.
    backed: u32,
    /// The opened slots that are far, and the vacant ones among them. They are opened when all that are near are.
    far_opened: u32,
    far_vacant: u32,
    pieces: pieces::Own<Slot<T>>,
}

impl<T> Table<T> {
    /// The first place of all.
    const FIRST: u32 = Place::first_of(0, Slot::<T>::FIRST_BITS).bits();

    pub(crate) const fn new() -> Self {
        Self {
            opened_end: Self::FIRST,
            room_end: Self::FIRST,
            filling_origin: SlotPtr::NULL,
            directory: core::ptr::null_mut(),
            near_end: Self::FIRST,
            late: Place::NONE,
            marked: 0,
            filling: 0,
            present: 0,
            backed: 0,
            far_opened: 0,
            far_vacant: 0,
            pieces: pieces::Own::NONE,
        }
    }

    #[inline]
    pub(crate) const fn present(&self) -> usize {
        self.present as usize
    }

    /// The slots that have memory.
    #[inline]
    pub(crate) const fn backed(&self) -> u32 {
        self.backed
    }

    #[inline]
    const fn near_opened(&self) -> u32 {
        Place::from_bits(self.opened_end).number(Slot::<T>::FIRST_BITS)
    }

    /// The number of opened slots.
    #[inline]
    pub(crate) const fn opened_count(&self) -> u32 {
        self.near_opened() + self.far_opened
    }

    /// The number of occupied slots. Not kept, as every insertion and removal would have to change it.
    #[inline]
    pub(crate) const fn occupied_slots(&self) -> u32 {
        self.near_occupied() + self.far_occupied()
    }

    #[inline]
    pub(crate) const fn near_occupied(&self) -> u32 {
        self.near_opened() - self.marked - (self.late.bits() != Place::NONE.bits()) as u32
    }

    #[inline]
    pub(crate) const fn far_occupied(&self) -> u32 {
        self.far_opened - self.far_vacant
    }

    /// The slots of a chunk that have been in use at some time.
    #[inline]
    const fn opened_slots(&self, chunk: usize) -> u32 {
        if chunk < self.filling as usize {
            slots_of(chunk, Slot::<T>::FIRST_BITS)
        } else if chunk == self.filling as usize {
            self.opened_end - Place::first_of(chunk, Slot::<T>::FIRST_BITS).bits()
        } else {
            0
        }
    }

    /// Behind the last opened slot that is near.
    #[inline]
    pub(crate) const fn opened_end(&self) -> u32 {
        self.opened_end
    }

    /// Behind the last opened slot of a chunk.
    #[inline]
    pub(crate) const fn opened_end_of(&self, chunk: usize) -> u32 {
        Place::first_of(chunk, Slot::<T>::FIRST_BITS).bits() + self.opened_slots(chunk)
    }

    /// The opened places, in order.
    pub(crate) fn opened_places(&self) -> impl DoubleEndedIterator<Item = Place> + use<T> {
        (0..self.opened_count()).filter_map(|number| Place::of_number(number, Slot::<T>::FIRST_BITS))
    }

    /// Whether the slot at `place`, which has memory, is near.
    #[inline]
    pub(crate) const fn is_near(&self, place: Place) -> bool {
        place.bits() < self.near_end
    }

    /// Where the vacancy word of the slot at `place` is.
    ///
    /// # Safety
    /// The slot is near.
    #[inline]
    const unsafe fn word(&self, place: Place) -> *mut u64 {
        // SAFETY: A1: a chunk is present, so there is a directory.
        let words = unsafe { &raw const (*self.directory).words };
        let words = words.cast::<*const u64>().wrapping_add(place.highest_bit());
        // SAFETY: A7: a place is not 0, as in `near`.
        unsafe { words.read() }.wrapping_add(place.word() as usize).cast_mut()
    }

    /// The slot at `place`, if it is opened and near. By A7 the comparison says so: its offset is one of its chunk.
    #[inline]
    pub(crate) const fn opened(&self, place: Place) -> Option<SlotPtr<T>> {
        debug_assert!(place.bits() >= self.opened_end || place.is_of_slot(Slot::<T>::FIRST_BITS));
        if place.bits() < self.opened_end {
            // SAFETY: A1: the slot is near.
            return Some(unsafe { self.near(place) });
        }
        None
    }

    /// Whether there are far slots that are opened.
    #[inline]
    pub(crate) const fn has_far(&self) -> bool {
        self.far_opened > 0
    }

    /// The slot at `place`, if it is opened and far.
    pub(crate) fn opened_far(&self, place: Place) -> Option<SlotPtr<T>> {
        let is_opened = !self.is_near(place) && place.number(Slot::<T>::FIRST_BITS) < self.opened_count();
        is_opened.then(|| self.far(place)).flatten().map(|found| SlotPtr::new(found.slot))
    }

    /// The address of the slot at `place`, which means something if it has memory.
    #[inline]
    pub(crate) fn slot(&self, place: Place) -> SlotPtr<T> {
        if self.is_near(place) {
            // SAFETY: A1: the slot is near.
            return unsafe { self.near(place) };
        }
        self.far(place).map_or(SlotPtr::NULL, |found| SlotPtr::new(found.slot))
    }

    /// The address of the slot at `place`.
    ///
    /// # Safety
    /// The slot is near.
    #[inline]
    pub(crate) const unsafe fn near(&self, place: Place) -> SlotPtr<T> {
        // SAFETY: A1: a chunk is present, so there is a directory.
        let origins = unsafe { &raw const (*self.directory).origins };
        let origin = origins.cast::<SlotPtr<T>>().wrapping_add(place.highest_bit());
        // SAFETY: A7: a place is not 0, so its highest bit has a number below 32. That is not asked: each look-up would.
        unsafe { origin.read() }.add(place.bits())
    }

    /// The slot at `place` and how many of its piece lie beside it, if it is far and has memory.
    #[cold]
    #[inline(never)]
    pub(crate) fn far(&self, place: Place) -> Option<Found<Slot<T>>> {
        self.pieces.pieces().find(place.number(Slot::<T>::FIRST_BITS))
    }

    /// The places of the far slots that are opened are those of these numbers.
    pub(crate) const fn far_numbers(&self) -> core::ops::Range<u32> {
        self.near_opened()..self.opened_count()
    }

    /// Whether the slot at `place`, which is opened, is near.
    #[inline(always)]
    const fn is_near_and_opened(&self, place: Place) -> bool {
        place.bits() < self.opened_end
    }

    /// # Safety
    /// The slot at `place` is opened (A2) and vacant.
    #[inline(always)]
    pub(crate) unsafe fn mark_occupied(&mut self, place: Place) {
        if self.late == place {
            self.late = Place::NONE;
            return;
        }
        if !self.is_near_and_opened(place) {
            self.far_vacant -= 1;
            return;
        }
        // SAFETY: A1: the slot is near.
        let word = unsafe { self.word(place) };
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *word &= !place.bit() };
        self.marked -= 1;
    }

    /// # Safety
    /// The slot at `place` is opened (A2) and occupied.
    #[inline(always)]
    pub(crate) unsafe fn mark_vacant(&mut self, place: Place) {
        if !self.is_near_and_opened(place) {
            self.far_vacant += 1;
            return;
        }
        let late = core::mem::replace(&mut self.late, place);
        if late != Place::NONE {
            // SAFETY: A1: what is late is near.
            let word = unsafe { self.word(late) };
            // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
            unsafe { *word |= late.bit() };
            self.marked += 1;
        }
    }

    /// The occupied ones of the 64 slots whose places begin with `first`, one bit each.
    ///
    /// # Safety
    /// `first` begins a word, in which there is an opened slot that is near; `opened_end` is that of its chunk.
    #[inline]
    pub(crate) unsafe fn occupied(&self, first: u32, opened_end: u32) -> u64 {
        // The last opened slot of the chunk, as the first place of the word may be before the chunk.
        let last = Place::from_bits(opened_end - 1);
        // SAFETY: A1: the slot is near.
        let last_word = unsafe { self.word(last) };
        let word = last_word.wrapping_sub((last.word() - first / 64) as usize);
        // SAFETY: A2: the caller says that the word stands for an opened slot, so it is initialised.
        let mut vacant = unsafe { word.read() };
        // `late` may lie in another chunk, in a word of the same number. Then its bit stands for no slot of this chunk.
        if self.late.word() == first / 64 {
            vacant |= self.late.bit();
        }
        match opened_end - first {
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

    /// The directory; null while no chunk is present.
    pub(crate) const fn directory(&self) -> *mut Directory<T> {
        self.directory
    }

    /// Puts the directory, or null, in its place, when no chunk is present.
    pub(crate) const fn set_directory(&mut self, directory: *mut Directory<T>) {
        debug_assert!(self.present == 0);
        self.directory = directory;
    }

    /// Makes the next chunk present. `block` has its layout, `words_at` came with that.
    ///
    /// # Safety
    /// There is a directory, and no piece.
    pub(crate) const unsafe fn add(&mut self, block: NonNull<u8>, words_at: usize) {
        let chunk = self.present();
        let (first, slots) = (Place::first_of(chunk, Slot::<T>::FIRST_BITS), slots_of(chunk, Slot::<T>::FIRST_BITS));
        // SAFETY: A1: the directory is this table's alone.
        let directory = unsafe { &mut *self.directory };
        directory.origins[first.highest_bit()] = SlotPtr::new(block.as_ptr().cast::<Slot<T>>()).sub(first.bits());
        directory.words[first.highest_bit()] =
            block.as_ptr().wrapping_add(words_at).cast::<u64>().wrapping_sub(first.word() as usize);
        self.present += 1;
        self.backed += slots;
        self.near_end = first.bits() + slots;
        if chunk == 0 {
            self.fill_from(0, 0);
        }
    }

    /// Makes the last present chunk absent and hands out its block, when no piece is left. Its slots are not opened any more: they are
    /// vacant, or the whole table ends.
    pub(crate) fn remove(&mut self) -> Option<(NonNull<u8>, Layout)> {
        let chunk = self.present().checked_sub(1)?;
        let (layout, _) = Self::layout(chunk)?;
        let block = NonNull::new(self.slot(Place::first_of(chunk, Slot::<T>::FIRST_BITS)).block())?;
        let slots = |chunk| slots_of(chunk, Slot::<T>::FIRST_BITS);
        let mut marked = self.opened_slots(chunk);
        if self.late.chunk(Slot::<T>::FIRST_BITS) == chunk {
            self.late = Place::NONE;
            marked -= 1;
        }
        // At the end of an arena, values that need no drop are still counted as there. Then this wraps, and nobody looks at it any more.
        self.marked = self.marked.wrapping_sub(marked);
        self.present -= 1;
        self.backed -= slots(chunk);
        self.near_end = Place::first_of(chunk, Slot::<T>::FIRST_BITS).bits();
        match (chunk.checked_sub(1), self.present.checked_sub(1)) {
            (Some(before), Some(number)) if self.filling as usize == chunk => self.fill_from(number, slots(before)),
            (None, _) => (self.opened_end, self.room_end) = (Self::FIRST, Self::FIRST),
            _ => {}
        }
        Some((block, layout))
    }

    /// The pieces, to change.
    pub(crate) fn pieces_mut(&mut self) -> Changing<'_, Slot<T>> {
        self.pieces.change()
    }

    /// The slots of the last piece, if there is one.
    pub(crate) fn slots_of_last_piece(&self) -> Option<u32> {
        self.pieces.pieces().slots_of_last()
    }

    /// Books so many slots of a new piece.
    pub(crate) const fn add_far(&mut self, slots: u32) {
        self.backed += slots;
    }

    /// Forgets so many slots at the end, which are far. Those that are opened are vacant, or the whole table ends.
    pub(crate) fn remove_far(&mut self, slots: u32) {
        self.backed -= slots;
        let gone = self.opened_count().saturating_sub(self.backed);
        self.far_opened -= gone;
        self.far_vacant = self.far_vacant.wrapping_sub(gone);
    }

    /// The number behind the last slot of the chunk or piece that has the slot at `place`.
    pub(crate) fn end_of_neighbours(&self, place: Place) -> u32 {
        match self.far(place) {
            Some(found) if !self.is_near(place) => place.number(Slot::<T>::FIRST_BITS) + found.behind + 1,
            _ => slots_before(place.chunk(Slot::<T>::FIRST_BITS) + 1, Slot::<T>::FIRST_BITS),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn slots_are_opened_in_order_and_as_occupied_ones() {
        let (layout, words_at) = Table::<u64>::layout(0).unwrap();
        // All bits are set, as none would be in a new word.
        let mut memory = vec![u128::MAX; layout.size().div_ceil(16)];
        let (mut table, mut directory) = (Table::<u64>::new(), Directory::EMPTY);
        table.set_directory(&raw mut directory);
        // SAFETY: A1: the memory has the chunk's layout, and there is a directory.
        unsafe { table.add(NonNull::from(memory.as_mut_slice()).cast(), words_at) };
        for before in 0..slots_of(0, Slot::<u64>::FIRST_BITS) {
            assert!(before % 64 != 0 || table.unopened().is_none() && table.begin_word());
            let place = table.unopened().unwrap();
            assert_eq!(table.unopened_slot(place).value(), table.slot(place).value());
            // SAFETY: A2: it is what `unopened` says.
            unsafe { table.open(place) };
            assert_eq!(table.opened_slots(0), before + 1);
            // SAFETY: A2: the word that stands for the slot just opened.
            let occupied = unsafe { table.occupied(64 + before / 64 * 64, table.opened_end()) };
            assert_eq!(occupied, u64::MAX >> (63 - before % 64));
        }
        assert!(table.unopened().is_none() && !table.begin_word());
    }
}
