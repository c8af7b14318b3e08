//! The chunks of one arena: where they are, how far they are opened, and their occupancy words.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::place::{CHUNK_NUMBERS, Place, slots_of};
use super::slot::{Slot, SlotPtr};

/// One chunk: a block of `slots` slots followed by one occupancy bit for each of them. Absent while `slots` is 0.
pub(crate) struct Chunk<T> {
    first: SlotPtr<T>,
    words: *const u64,
    opened: u32,
    slots: u32,
}

impl<T> Chunk<T> {
    const ABSENT: Self = Self {
        first: SlotPtr::NULL,
        words: core::ptr::null(),
        opened: 0,
        slots: 0,
    };

    /// The slots that have been in use at some time.
    #[inline]
    pub(crate) const fn opened(&self) -> u32 {
        self.opened
    }

    /// The slots it has.
    #[inline]
    pub(crate) const fn slots(&self) -> u32 {
        self.slots
    }

    /// The occupancy words that stand for opened slots, and hence are initialised (A2).
    #[inline]
    pub(crate) const fn opened_words(&self) -> u32 {
        self.opened.div_ceil(64)
    }

    #[inline]
    pub(crate) const fn slot(&self, offset: u32) -> SlotPtr<T> {
        self.first.add(offset)
    }

    #[inline]
    pub(crate) const fn word(&self, word: u32) -> *mut u64 {
        self.words.wrapping_add(word as usize).cast_mut()
    }
}

/// All chunks, by number. The present ones come first.
pub(crate) struct Table<T>([Chunk<T>; CHUNK_NUMBERS]);

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self([const { Chunk::ABSENT }; CHUNK_NUMBERS])
    }

    #[inline]
    pub(crate) const fn chunk(&self, chunk: usize) -> &Chunk<T> {
        &self.0[chunk]
    }

    /// The slot at `place`, if it is opened.
    #[inline]
    pub(crate) const fn opened(&self, place: Place) -> Option<SlotPtr<T>> {
        let chunk = &self.0[place.chunk()];
        if place.offset() < chunk.opened {
            Some(chunk.slot(place.offset()))
        } else {
            None
        }
    }

    /// The address of the slot at `place`, which means something if its chunk is present.
    #[inline]
    pub(crate) const fn slot(&self, place: Place) -> SlotPtr<T> {
        self.0[place.chunk()].slot(place.offset())
    }

    /// Opens the next slot of `chunk`, which has one left, and says whether it begins an occupancy word.
    #[inline]
    pub(crate) const fn open(&mut self, chunk: usize) -> bool {
        let offset = self.0[chunk].opened;
        self.0[chunk].opened = offset + 1;
        offset % 64 == 0
    }

    /// # Safety
    /// The slot at `place` is opened (A2), or is about to be and does not begin a word.
    #[inline]
    pub(crate) unsafe fn mark(&mut self, place: Place) {
        let word = self.0[place.chunk()].word(place.word());
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *word |= place.bit() };
    }

    /// # Safety
    /// As for `mark`.
    #[inline]
    pub(crate) unsafe fn unmark(&mut self, place: Place) {
        let word = self.0[place.chunk()].word(place.word());
        // SAFETY: A2: the word stands for an opened slot, so it is initialised, and `&mut self` is alone with it.
        unsafe { *word &= !place.bit() };
    }

    /// # Safety
    /// The chunk of `place` is present (A1), and no other slot of its word is opened.
    #[inline]
    pub(crate) unsafe fn begin_word(&mut self, place: Place, bits: u64) {
        let word = self.0[place.chunk()].word(place.word());
        // SAFETY: A1: the block has room for the words of all its slots.
        unsafe { word.write(bits) };
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
        let align = if align_of::<Slot<T>>() > align_of::<u64>() {
            align_of::<Slot<T>>()
        } else {
            align_of::<u64>()
        };
        match Layout::from_size_align(size, align) {
            Ok(layout) => Some((layout, words_at)),
            Err(_) => None,
        }
    }

    /// Makes chunk `chunk` present. `block` has its layout, `words_at` came with that.
    pub(crate) fn add(&mut self, chunk: usize, block: NonNull<u8>, words_at: usize) {
        self.0[chunk] = Chunk {
            first: SlotPtr::new(block.as_ptr().cast::<Slot<T>>()),
            words: block.as_ptr().wrapping_add(words_at).cast::<u64>(),
            opened: 0,
            slots: slots_of(chunk, Slot::<T>::FIRST_BITS),
        };
    }

    /// Makes chunk `chunk` absent and hands out its block, if it was present.
    pub(crate) fn remove(&mut self, chunk: usize) -> Option<(NonNull<u8>, Layout)> {
        let (layout, _) = Self::layout(chunk)?;
        let removed = core::mem::replace(&mut self.0[chunk], Chunk::ABSENT);
        let block = NonNull::new(removed.first.block())?;
        Some((block, layout))
    }
}
