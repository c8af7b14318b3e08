//! The chunks of one arena: where they are, how far they are opened, and their vacancy words.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::place::{CHUNK_NUMBERS, Place, slots_of};
use super::slot::{Slot, SlotPtr};

/// All chunks, by number; the present ones come first. A look-up reads one end and one address, both by a place's upper
/// bits alone, so each kind has an array of its own.
pub(crate) struct Table<T> {
    /// For each chunk, the address that offset 0 of *chunk 0* would have, were the chunk's slots numbered by place: so a
    /// place need not be taken apart. Never used as an address itself.
    origins: [SlotPtr<T>; CHUNK_NUMBERS],
    /// For each chunk, the place of its first slot that is not opened.
    opened: [u32; CHUNK_NUMBERS],
    /// For each chunk, the place behind its last slot; that of its first while it is absent.
    ends: [u32; CHUNK_NUMBERS],
    /// For each chunk, its vacancy words.
    words: [*const u64; CHUNK_NUMBERS],
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        let mut firsts = [0; CHUNK_NUMBERS];
        let mut chunk = 0;
        while chunk < CHUNK_NUMBERS {
            firsts[chunk] = Place::new(chunk, 0).bits();
            chunk += 1;
        }
        Self {
            origins: [SlotPtr::NULL; CHUNK_NUMBERS],
            opened: firsts,
            ends: firsts,
            words: [core::ptr::null(); CHUNK_NUMBERS],
        }
    }

    /// The slots of a chunk that have been in use at some time.
    #[inline]
    pub(crate) const fn opened_slots(&self, chunk: usize) -> u32 {
        self.opened[chunk] - Place::new(chunk, 0).bits()
    }

    /// The vacancy words of a chunk that stand for opened slots, and hence are initialised (A2).
    #[inline]
    pub(crate) const fn opened_words(&self, chunk: usize) -> u32 {
        self.opened_slots(chunk).div_ceil(64)
    }

    /// The slots a chunk has; 0 if it is absent.
    #[cfg(feature = "serde")]
    pub(crate) const fn slots(&self, chunk: usize) -> u32 {
        self.ends[chunk] - Place::new(chunk, 0).bits()
    }

    /// The place of the next slot of a chunk to be opened, if there is one left.
    #[inline]
    pub(crate) const fn unopened(&self, chunk: usize) -> Option<Place> {
        let place = self.opened[chunk];
        if place < self.ends[chunk] { Some(Place::from_bits(place)) } else { None }
    }

    #[inline]
    pub(crate) const fn word(&self, chunk: usize, word: u32) -> *mut u64 {
        self.words[chunk].wrapping_add(word as usize).cast_mut()
    }

    /// The slot at `place`, if it is opened.
    #[inline]
    pub(crate) const fn opened(&self, place: Place) -> Option<SlotPtr<T>> {
        if place.bits() < self.opened[place.chunk()] { Some(self.slot(place)) } else { None }
    }

    /// The address of the slot at `place`, which means something if its chunk is present.
    #[inline]
    pub(crate) const fn slot(&self, place: Place) -> SlotPtr<T> {
        self.origins[place.chunk()].add(place.bits())
    }

    /// Opens the slot at `place`, as one that is marked as occupied.
    ///
    /// # Safety
    /// `place` is what [`unopened`](Self::unopened) says for its chunk.
    #[inline]
    pub(crate) unsafe fn open(&mut self, place: Place) {
        if place.bits() % 64 == 0 {
            let word = self.word(place.chunk(), place.word());
            // SAFETY: A1: the chunk is present, and its block has room for the words of all its slots.
            unsafe { word.write(0) };
        }
        self.opened[place.chunk()] = place.bits() + 1;
    }

    /// # Safety
    /// The slot at `place` is opened (A2).
    #[inline]
    pub(crate) unsafe fn mark_occupied(&mut self, place: Place) {
        let word = self.word(place.chunk(), place.word());
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *word &= !place.bit() };
    }

    /// # Safety
    /// As for `mark_occupied`.
    #[inline]
    pub(crate) unsafe fn mark_vacant(&mut self, place: Place) {
        let word = self.word(place.chunk(), place.word());
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *word |= place.bit() };
    }

    /// The occupied slots of one of the chunk's opened words, one bit each.
    ///
    /// # Safety
    /// `word < opened_words(chunk)`.
    #[inline]
    pub(crate) unsafe fn occupied(&self, chunk: usize, word: u32) -> u64 {
        // SAFETY: A2: the caller says that it is one of the chunk's opened words, so it is initialised.
        let vacant = unsafe { self.word(chunk, word).read() };
        match self.opened_slots(chunk) - word * 64 {
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

    /// Makes chunk `chunk` present. `block` has its layout, `words_at` came with that.
    pub(crate) fn add(&mut self, chunk: usize, block: NonNull<u8>, words_at: usize) {
        let first = Place::new(chunk, 0).bits();
        self.origins[chunk] = SlotPtr::new(block.as_ptr().cast::<Slot<T>>()).sub(first);
        self.words[chunk] = block.as_ptr().wrapping_add(words_at).cast::<u64>();
        self.ends[chunk] = first + slots_of(chunk, Slot::<T>::FIRST_BITS);
    }

    /// Makes chunk `chunk` absent and hands out its block, if it was present.
    pub(crate) fn remove(&mut self, chunk: usize) -> Option<(NonNull<u8>, Layout)> {
        let (layout, _) = Self::layout(chunk)?;
        let first = Place::new(chunk, 0);
        let block = NonNull::new(self.slot(first).block())?;
        self.origins[chunk] = SlotPtr::NULL;
        self.words[chunk] = core::ptr::null();
        self.opened[chunk] = first.bits();
        self.ends[chunk] = first.bits();
        Some((block, layout))
    }
}
