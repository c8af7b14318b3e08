//! Walks the occupied slots of a table from both ends, a run of neighbours at a time.

use super::place::Place;
use super::slot::SlotPtr;
use super::table::Table;

/// Where both ends of an iteration are. One iterator's.
///
/// Each end takes runs of neighbouring occupied slots, of one vacancy word at most, and gives out their slots one by one.
/// The two ends know nothing of each other's position: `untaken` alone says when they have met. Then each takes
/// what is left of the other's run. The walk holds only as long as nothing moves in; what is moved out behind
/// either end does not disturb it.
pub(crate) struct Cursor<T> {
    front: End<T>,
    back: End<T>,
    /// Occupied slots that are in neither end's runs.
    untaken: u32,
}

/// One end: its run, and the vacancy word it is at.
struct End<T> {
    run: Run<T>,
    /// The occupied slots of the word that were in no run yet.
    bits: u64,
    /// The number of that word in its chunk.
    word: u32,
    chunk: usize,
}

/// Neighbouring occupied slots of one word.
struct Run<T> {
    first: SlotPtr<T>,
    place: u32,
    len: u32,
}

impl<T> Clone for Run<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> Clone for End<T> {
    fn clone(&self) -> Self {
        Self { run: self.run.clone(), ..*self }
    }
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Self {
        Self { front: self.front.clone(), back: self.back.clone(), untaken: self.untaken }
    }
}

impl<T> Run<T> {
    const EMPTY: Self = Self { first: SlotPtr::NULL, place: 0, len: 0 };

    /// The lowest slot of a run that is not empty.
    #[inline]
    fn pop_first(&mut self) -> (Place, SlotPtr<T>) {
        let popped = (Place::from_bits(self.place), self.first);
        self.place += 1;
        self.first = self.first.add(1);
        self.len -= 1;
        popped
    }

    /// The highest slot of a run that is not empty.
    #[inline]
    fn pop_last(&mut self) -> (Place, SlotPtr<T>) {
        self.len -= 1;
        (Place::from_bits(self.place + self.len), self.first.add(self.len))
    }
}

impl<T> Cursor<T> {
    /// `len` occupied slots in `present` chunks.
    pub(crate) const fn new(present: usize, len: u32) -> Self {
        // Both ends stand on an empty word just outside: "word -1" of chunk 0, and word 0 of the chunk after the last.
        Self {
            front: End { run: Run::EMPTY, bits: 0, word: u32::MAX, chunk: 0 },
            back: End { run: Run::EMPTY, bits: 0, word: 0, chunk: present },
            untaken: len,
        }
    }

    #[inline]
    pub(crate) const fn remaining(&self) -> usize {
        self.untaken as usize + self.front.run.len as usize + self.back.run.len as usize
    }

    /// The next occupied slot from the front.
    #[inline]
    pub(crate) fn next(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        if self.front.run.len == 0 {
            if self.untaken == 0 {
                return (self.back.run.len > 0).then(|| self.back.run.pop_first());
            }
            self.untaken -= self.front.take_first(table, self.untaken);
        }
        Some(self.front.run.pop_first())
    }

    /// The next occupied slot from the back.
    #[inline]
    pub(crate) fn next_back(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        if self.back.run.len == 0 {
            if self.untaken == 0 {
                return (self.front.run.len > 0).then(|| self.front.run.pop_last());
            }
            self.untaken -= self.back.take_last(table, self.untaken);
        }
        Some(self.back.run.pop_last())
    }
}

impl<T> End<T> {
    /// Takes the next run from the front, of `most` slots at most, and says how many. There is one: `most` is not 0.
    #[inline]
    fn take_first(&mut self, table: &Table<T>, most: u32) -> u32 {
        while self.bits == 0 {
            self.word = self.word.wrapping_add(1);
            while self.word >= table.opened_words(self.chunk) {
                self.word = 0;
                self.chunk += 1;
            }
            self.load(table);
        }
        let first = self.bits.trailing_zeros();
        let len = (self.bits >> first).trailing_ones();
        // The addition carries over the run's ones and leaves what is above.
        self.bits &= self.bits.wrapping_add(1 << first);
        self.take(table, first, len.min(most))
    }

    /// Takes the next run from the back, of `most` slots at most, and says how many. There is one: `most` is not 0.
    #[inline]
    fn take_last(&mut self, table: &Table<T>, most: u32) -> u32 {
        while self.bits == 0 {
            while self.word == 0 {
                self.chunk -= 1;
                self.word = table.opened_words(self.chunk);
            }
            self.word -= 1;
            self.load(table);
        }
        let above = self.bits.leading_zeros();
        let len = (self.bits << above).leading_ones();
        let first = 64 - above - len;
        self.bits &= (1 << first) - 1;
        let len_taken = len.min(most);
        self.take(table, first + len - len_taken, len_taken)
    }

    #[inline]
    fn take(&mut self, table: &Table<T>, first: u32, len: u32) -> u32 {
        let place = Place::new(self.chunk, self.word * 64 + first);
        self.run = Run { first: table.slot(place), place: place.bits(), len };
        len
    }

    #[inline]
    fn load(&mut self, table: &Table<T>) {
        // SAFETY: A2: the word was just compared with the chunk's opened words.
        self.bits = unsafe { table.occupied(self.chunk, self.word) };
    }
}
