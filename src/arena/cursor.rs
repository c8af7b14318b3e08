//! Walks the occupied slots of a table from both ends, a run of neighbours at a time.

use core::ops::Range;

use super::{Found, PREFETCHES, Place, Slot, SlotPtr, Table};
use crate::derived::clone_fields;

/// Where both ends of an iteration are. One iterator's.
///
/// Each end takes runs of neighbouring occupied slots, of one vacancy word at most, and gives out their slots one by one.
/// The two ends know nothing of each other's position: `untaken` alone says when they have met. Then each takes
/// what is left of the other's run. The walk holds only as long as nothing moves in; what is moved out behind
/// either end does not disturb it.
pub(crate) struct Cursor<T> {
    front: End<T>,
    back: End<T>,
    /// Occupied slots that are near and in neither end's runs.
    untaken: u32,
    far: Far<T>,
}

/// The far slots that neither end has come to. They follow the near ones: the front comes to them last, the back first.
struct Far<T> {
    /// Their numbers, vacant ones included.
    numbers: Range<u32>,
    /// The occupied ones among them.
    untaken: u32,
    /// The slots before and behind which `numbers` lie: their neighbours in the same piece need not be looked for.
    ends: [Found<Slot<T>>; 2],
}

/// One end: its run, and the vacancy word it is at.
struct End<T> {
    run: Run<T>,
    /// The occupied slots of the word that were in no run yet.
    bits: u64,
    /// The place that the word's lowest bit stands for.
    word: u32,
    /// Behind the last opened place of the chunk.
    opened_end: u32,
}

/// Neighbouring occupied slots of one word: the places from `place` to before `end`.
struct Run<T> {
    first: SlotPtr<T>,
    place: u32,
    end: u32,
}

clone_fields! { [T] Run<T>: first, place, end }
clone_fields! { [T] End<T>: run, bits, word, opened_end }
clone_fields! { [T] Cursor<T>: front, back, untaken, far }
clone_fields! { [T] Far<T>: numbers, untaken, ends }

impl<T> Far<T> {
    /// The next occupied one from the front or from the back, as a run of one.
    #[cold]
    #[inline(never)]
    fn next(&mut self, table: &Table<T>, from_back: bool) -> Option<Run<T>> {
        while self.untaken > 0 {
            let end = &mut self.ends[usize::from(from_back)];
            let number = if from_back { self.numbers.next_back()? } else { self.numbers.next()? };
            let place = Place::of_number(number, Slot::<T>::FIRST_BITS)?;
            *end = match end {
                Found { slot, before, behind: 1.. } if !from_back => {
                    Found { slot: slot.wrapping_add(1), before: *before + 1, behind: end.behind - 1 }
                }
                Found { slot, before: 1.., behind } if from_back => {
                    Found { slot: slot.wrapping_sub(1), before: end.before - 1, behind: *behind + 1 }
                }
                _ => table.far(place)?,
            };
            let slot = SlotPtr::new(end.slot);
            // SAFETY: A2: far slots with these numbers are opened.
            if unsafe { slot.generation() }.is_occupied() {
                self.untaken -= 1;
                return Some(Run { first: slot, place: place.bits(), end: place.bits() + 1 });
            }
        }
        None
    }
}

/// So many words further on is what a walk has fetched.
const AHEAD: u32 = 4;
/// An arena whose slots take no more bytes is as a rule in a cache already.
const CACHED: usize = 256 << 10;
/// What a processor fetches at once.
const LINE: usize = 64;

/// Has slots fetched from memory that the walk comes to later. A processor does so itself where it sees a pattern, as there is if small slots are
/// walked along one after the other. Where most are passed over it sees none; the walk would wait for each, and take longer than one along all.
///
/// Cold, though it is called for each word: so the compiler knows that what is in a loop around the walk is more often needed, and keeps
/// that in registers.
#[cold]
#[inline(never)]
fn look_ahead<T>(table: &Table<T>, word: u32, opened_end: u32) {
    let ahead = word + 64 * AHEAD;
    if ahead >= opened_end || opened_end as usize * size_of::<Slot<T>>() < CACHED {
        return;
    }
    // SAFETY: A2: the slots of this chunk are opened up to `opened_end`, and the first of the word lies before it.
    let mut occupied = unsafe { table.occupied(ahead, opened_end) };
    // SAFETY: A1: the slot is near.
    let first = unsafe { table.near(Place::from_bits(ahead)) };
    let (slots, step) = (occupied.count_ones() as usize, (LINE / size_of::<Slot<T>>()).max(1));
    if step > 1 && slots > 32 {
        return;
    }
    if slots * step >= 16 {
        // Most cache lines have an occupied slot, and it is faster to fetch all of them in a row than to pick some.
        (0..64).step_by(step).for_each(|offset| first.add(offset).prefetch());
        return;
    }
    while occupied != 0 {
        first.add(occupied.trailing_zeros()).prefetch();
        occupied &= occupied - 1;
    }
}

/// The place that the lowest bit of this one's word stands for.
const fn word_of(place: Place) -> u32 {
    place.bits() / 64 * 64
}

impl<T> Run<T> {
    const EMPTY: Self = Self { first: SlotPtr::NULL, place: 0, end: 0 };

    #[inline]
    const fn len(&self) -> u32 {
        self.end - self.place
    }

    /// Takes the lowest slot. The run is not empty.
    #[inline(always)]
    fn pop_first(&mut self) -> (Place, SlotPtr<T>) {
        let popped = (Place::from_bits(self.place), self.first);
        self.place += 1;
        self.first = self.first.add(1);
        popped
    }

    /// Takes the highest slot. The run is not empty.
    #[inline(always)]
    fn pop_last(&mut self) -> (Place, SlotPtr<T>) {
        self.end -= 1;
        (Place::from_bits(self.end), self.first.add(self.len()))
    }

    /// Takes the whole run away.
    #[inline(always)]
    const fn take(&mut self) -> Self {
        core::mem::replace(self, Self::EMPTY)
    }
}

impl<T> Cursor<T> {
    pub(crate) const fn new(table: &Table<T>) -> Self {
        // Both ends stand on an empty word just outside: the front before chunk 0, the back behind the last opened slot.
        let end = table.opened_end();
        let before_first = word_of(Place::first_of(0, Slot::<T>::FIRST_BITS)).wrapping_sub(64);
        Self {
            front: End { run: Run::EMPTY, bits: 0, word: before_first, opened_end: table.opened_end_of(0) },
            back: End { run: Run::EMPTY, bits: 0, word: end.next_multiple_of(64), opened_end: end },
            untaken: table.near_occupied(),
            far: Far { numbers: table.far_numbers(), untaken: table.far_occupied(), ends: [Found::NONE, Found::NONE] },
        }
    }

    #[inline]
    pub(crate) const fn remaining(&self) -> usize {
        (self.untaken + self.front.run.len() + self.back.run.len() + self.far.untaken) as usize
    }

    /// The next occupied slot from the front. Whatever comes next, it is popped from a run, at one place: so what a loop around this
    /// keeps in registers is the run alone.
    #[inline(always)]
    pub(crate) fn next(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        while self.front.run.len() == 0 {
            if self.untaken > 0 {
                self.untaken -= self.front.take_first(table, self.untaken);
            } else if self.back.run.len() > 0 {
                self.front.run = self.back.run.take();
            } else {
                self.front.run = self.next_far(table, false)?;
            }
        }
        Some(self.front.run.pop_first())
    }

    /// The next occupied slot from the back.
    #[inline(always)]
    pub(crate) fn next_back(&mut self, table: &Table<T>) -> Option<(Place, SlotPtr<T>)> {
        if self.far.untaken > 0 {
            return self.next_far(table, true).map(|mut run| run.pop_last());
        }
        while self.back.run.len() == 0 {
            if self.untaken > 0 {
                self.untaken -= self.back.take_last(table, self.untaken);
            } else if self.front.run.len() > 0 {
                self.back.run = self.front.run.take();
            } else {
                return None;
            }
        }
        Some(self.back.run.pop_last())
    }

    /// By way of a copy: were a part of the cursor passed on by reference, its other parts could not live in registers.
    #[inline(always)]
    fn next_far(&mut self, table: &Table<T>, from_back: bool) -> Option<Run<T>> {
        let mut far = self.far.clone();
        let next = far.next(table, from_back);
        self.far = far;
        next
    }
}

impl<T> End<T> {
    /// Takes the next run from the front, of `most` slots at most, and says how many. There is one: `most` is not 0.
    #[inline(always)]
    fn take_first(&mut self, table: &Table<T>, most: u32) -> u32 {
        while self.bits == 0 {
            self.word = self.word.wrapping_add(64);
            if self.word >= self.opened_end {
                let chunk = self.chunk() + 1;
                self.word = word_of(Place::first_of(chunk, Slot::<T>::FIRST_BITS));
                self.opened_end = table.opened_end_of(chunk);
            }
            self.load(table);
            if PREFETCHES {
                look_ahead(table, self.word, self.opened_end);
            }
        }
        let first = self.bits.trailing_zeros();
        let len = (self.bits >> first).trailing_ones();
        // Adding the run's lowest bit clears all of its ones; the bits above the run stay.
        self.bits &= self.bits.wrapping_add(1 << first);
        self.take(table, first, len.min(most))
    }

    /// Takes the next run from the back, of `most` slots at most, and says how many. There is one: `most` is not 0.
    #[inline(always)]
    fn take_last(&mut self, table: &Table<T>, most: u32) -> u32 {
        while self.bits == 0 {
            let first = Place::first_of(self.chunk(), Slot::<T>::FIRST_BITS);
            if self.word <= first.bits() {
                // The chunk before ends where this one begins: it is full.
                self.opened_end = first.bits();
                self.word = self.opened_end.next_multiple_of(64);
            }
            self.word -= 64;
            self.load(table);
        }
        let above = self.bits.leading_zeros();
        let len = (self.bits << above).leading_ones();
        let first = 64 - above - len;
        self.bits &= (1 << first) - 1;
        let len_taken = len.min(most);
        self.take(table, first + len - len_taken, len_taken)
    }

    #[inline(always)]
    fn take(&mut self, table: &Table<T>, first: u32, len: u32) -> u32 {
        let place = Place::from_bits(self.word + first);
        self.run = Run { first: table.slot(place), place: place.bits(), end: place.bits() + len };
        len
    }

    /// The chunk it is in.
    #[inline]
    fn chunk(&self) -> usize {
        Place::from_bits(self.opened_end - 1).chunk(Slot::<T>::FIRST_BITS)
    }

    #[inline(always)]
    fn load(&mut self, table: &Table<T>) {
        // SAFETY: A2: there is an opened slot in the word: it was just compared with the chunk's opened places, of which there
        // are some, as a run is left to be taken; and `opened_end` is where those end.
        self.bits = unsafe { table.occupied(self.word, self.opened_end) };
    }
}
