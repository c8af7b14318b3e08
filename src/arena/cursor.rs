//! Walks the occupied slots of a table from both ends, a word of 64 at a time.

use super::place::Place;
use super::slot::SlotPtr;
use super::table::Table;

/// Where both ends of an iteration are. One iterator's.
///
/// The two ends know nothing of each other: `remaining` alone says when they have met. While it is not zero, the first
/// slot the front has not seen has not been seen by the back either. The walk holds only as long as nothing moves
/// in; what is moved out behind either end does not disturb it.
pub(crate) struct Cursor<T> {
    front: End<T>,
    back: End<T>,
    remaining: u32,
}

/// One end: the occupancy word it is at, with the bits it has not passed yet.
struct End<T> {
    bits: u64,
    /// The slot that bit 0 stands for.
    origin: SlotPtr<T>,
    /// The number of that word in its chunk.
    word: u32,
    chunk: usize,
}

impl<T> Clone for End<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Self {
        Self { front: self.front.clone(), back: self.back.clone(), remaining: self.remaining }
    }
}

impl<T> Cursor<T> {
    /// `len` occupied slots in `present` chunks.
    pub(crate) const fn new(present: usize, len: u32) -> Self {
        // Both ends stand on an empty word just outside: "word -1" of chunk 0, and word 0 of the chunk after the last.
        Self {
            front: End { bits: 0, origin: SlotPtr::NULL, word: u32::MAX, chunk: 0 },
            back: End { bits: 0, origin: SlotPtr::NULL, word: 0, chunk: present },
            remaining: len,
        }
    }

    #[inline]
    pub(crate) const fn remaining(&self) -> usize {
        self.remaining as usize
    }

    /// The next occupied slot from the front.
    #[inline]
    pub(crate) fn next(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        self.remaining = self.remaining.checked_sub(1)?;
        while self.front.bits == 0 {
            self.front.next_word(table);
        }
        let bit = self.front.bits.trailing_zeros();
        self.front.bits &= self.front.bits - 1;
        Some(self.front.slot(bit))
    }

    /// The next occupied slot from the back.
    #[inline]
    pub(crate) fn next_back(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        self.remaining = self.remaining.checked_sub(1)?;
        while self.back.bits == 0 {
            self.back.previous_word(table);
        }
        let bit = 63 - self.back.bits.leading_zeros();
        self.back.bits ^= 1 << bit;
        Some(self.back.slot(bit))
    }
}

impl<T> End<T> {
    #[inline]
    fn slot(&self, bit: u32) -> (Place, SlotPtr<T>) {
        (Place::new(self.chunk, self.word * 64 + bit), self.origin.add(bit))
    }

    /// Loads the word after this one. There is an occupied slot further on, hence a chunk with an opened word.
    #[inline]
    fn next_word(&mut self, table: &Table<T>) {
        self.word = self.word.wrapping_add(1);
        while self.word >= table.opened_words(self.chunk) {
            self.word = 0;
            self.chunk += 1;
        }
        self.load(table);
    }

    /// Loads the word before this one. There is an occupied slot further down, hence a chunk with an opened word.
    #[inline]
    fn previous_word(&mut self, table: &Table<T>) {
        while self.word == 0 {
            self.chunk -= 1;
            self.word = table.opened_words(self.chunk);
        }
        self.word -= 1;
        self.load(table);
    }

    #[inline]
    fn load(&mut self, table: &Table<T>) {
        // SAFETY: A2: the word is one of the chunk's opened words, so it is initialised.
        self.bits = unsafe { table.word(self.chunk, self.word).read() };
        self.origin = table.slot(Place::new(self.chunk, self.word * 64));
    }
}
