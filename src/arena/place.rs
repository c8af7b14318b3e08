//! Where a slot lies: which chunk, which offset in it. Arithmetic only.
//!
//! A place is the slot's number, counted on from the size of the first chunk. Chunks double, so each begins at a power of two: a place's highest
//! bit says which chunk it is in, the bits below are its offset there. The number
//! a user sees ([`Place::number`]) counts the slots of all chunks from 0, without gaps. Places and numbers sort alike.

/// Numbers of a place's highest bit.
pub(crate) const HIGHEST_BITS: usize = 32;

/// A slot's chunk and its offset in that chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct Place(u32);

/// Behind all places that a slot can have, which are fewer than 32 bits could tell apart: each must have a packed form.
const fn end(first_bits: u32) -> u32 {
    if first_bits < 3 { 1 << 29 } else { 1 << 30 }
}

impl Place {
    /// No slot: the end of the vacant list.
    pub(crate) const NONE: Self = Self(u32::MAX);
    /// No slot: stands in a detached slot instead of a link.
    pub(crate) const DETACHED: Self = Self(u32::MAX - 1);

    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The first place of a chunk. `chunk <= max_chunks(first_bits)`.
    #[inline]
    pub(crate) const fn first_of(chunk: usize, first_bits: u32) -> Self {
        Self(slots_of(chunk, first_bits))
    }

    /// The number of the place's highest bit. By it a chunk is found. No place is 0 (A7).
    ///
    /// Not by `ilog2`: on x86-64 that is an instruction which waits for what was in its register before, so look-ups in a loop would wait for each
    /// other. This is the same with another one before it, which ends the wait.
    #[inline]
    pub(crate) const fn highest_bit(self) -> usize {
        (self.0.leading_zeros() ^ 31) as usize
    }

    /// The chunk; of what is no slot's place, one that no arena has.
    #[inline]
    pub(crate) const fn chunk(self, first_bits: u32) -> usize {
        self.highest_bit() - first_bits as usize
    }

    #[inline]
    pub(crate) const fn offset(self) -> u32 {
        self.0 ^ 1 << self.highest_bit()
    }

    /// The slot's vacancy word, counted as places are: 64 to a word, those of a chunk in a row.
    #[inline]
    pub(crate) const fn word(self) -> u32 {
        self.0 / 64
    }

    /// Whether there can be a slot here (A7).
    #[inline]
    pub(crate) const fn is_of_slot(self, first_bits: u32) -> bool {
        self.0 >= 1 << first_bits && self.0 < end(first_bits)
    }

    /// The slot's bit in its vacancy word.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }

    /// The slot's number, counted from 0 over all chunks.
    #[inline]
    pub(crate) const fn number(self, first_bits: u32) -> u32 {
        self.0.wrapping_sub(1 << first_bits)
    }

    /// The place of slot `number`; `None` beyond the last slot an arena can have.
    #[inline]
    pub(crate) const fn of_number(number: u32, first_bits: u32) -> Option<Self> {
        if number < end(first_bits) - (1 << first_bits) { Some(Self(number + (1 << first_bits))) } else { None }
    }
}

/// The offset's bits in a packed place; above them are five for the chunk.
const OFFSET_BITS: u32 = 27;

/// Places as a handle's number has them, in files and elsewhere: a chunk and an offset, of chunks that double up to `1 << 27` slots and go
/// on in that size.
impl Place {
    pub(crate) const fn packed(self, first_bits: u32) -> u32 {
        let (steps, offset) = (self.0 >> OFFSET_BITS, self.0 & ((1 << OFFSET_BITS) - 1));
        if !self.is_of_slot(first_bits) {
            self.0
        } else if steps == 0 {
            #[expect(clippy::cast_possible_truncation, reason = "a chunk's number has 5 bits")]
            let chunk = self.chunk(first_bits) as u32;
            chunk << OFFSET_BITS | self.offset()
        } else {
            (OFFSET_BITS - first_bits + steps - 1) << OFFSET_BITS | offset
        }
    }

    /// The place that is packed so, if it is one of a slot.
    pub(crate) const fn from_packed(packed: u32, first_bits: u32) -> Option<Self> {
        let (chunk, offset) = (packed >> OFFSET_BITS, packed & ((1 << OFFSET_BITS) - 1));
        let doublings = OFFSET_BITS - first_bits;
        if chunk < doublings {
            let first = 1 << (first_bits + chunk);
            return if offset < first { Some(Self(first | offset)) } else { None };
        }
        let steps = chunk - doublings + 1;
        if steps < end(first_bits) >> OFFSET_BITS { Some(Self(steps << OFFSET_BITS | offset)) } else { None }
    }
}

/// The most chunks an arena has.
pub(crate) const fn max_chunks(first_bits: u32) -> usize {
    (end(first_bits).ilog2() - first_bits) as usize
}

/// The slots of chunk `chunk`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a chunk number has 5 bits")]
pub(crate) const fn slots_of(chunk: usize, first_bits: u32) -> u32 {
    1 << (first_bits + chunk as u32)
}

/// The slots of all chunks before `chunk`. `chunk <= max_chunks(first_bits)`.
#[inline]
pub(crate) const fn slots_before(chunk: usize, first_bits: u32) -> u32 {
    slots_of(chunk, first_bits) - slots_of(0, first_bits)
}

/// Slots of an arena that has all the chunks that it can, as far as these have a layout.
pub(crate) fn most_slots(first_bits: u32, has_layout: impl Fn(usize) -> bool) -> usize {
    let chunks = (0..max_chunks(first_bits)).take_while(|&chunk| has_layout(chunk));
    chunks.map(|chunk| slots_of(chunk, first_bits) as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::{Place, end, max_chunks, slots_before, slots_of};

    #[test]
    fn chunks_follow_each_other_without_gaps() {
        for first_bits in 0..=6 {
            let mut before = 0;
            for chunk in 0..max_chunks(first_bits) {
                assert_eq!(slots_before(chunk, first_bits), before);
                for offset in [0, slots_of(chunk, first_bits) - 1] {
                    let place = Place::from_bits(Place::first_of(chunk, first_bits).bits() + offset);
                    assert!(place < Place::DETACHED && place.is_of_slot(first_bits));
                    assert_eq!((place.chunk(first_bits), place.offset()), (chunk, offset));
                    let number = place.number(first_bits);
                    assert_eq!(number, before + offset);
                    assert_eq!(Place::of_number(number, first_bits), Some(place));
                }
                before += slots_of(chunk, first_bits);
            }
            assert_eq!(Place::of_number(before, first_bits), None);
            assert_eq!(Place::of_number(u32::MAX, first_bits), None);
            assert!(Place::NONE.chunk(first_bits) >= max_chunks(first_bits));
            for nothing in [0, (1 << first_bits) - 1, end(first_bits), u32::MAX] {
                assert!(!Place::from_bits(nothing).is_of_slot(first_bits));
            }
        }
    }

    #[test]
    fn numbers_and_places_sort_alike() {
        for number in 0..10_000 {
            let (a, b) = (Place::of_number(number, 2).unwrap(), Place::of_number(number + 1, 2).unwrap());
            assert!(a < b);
            assert_eq!(a.number(2), number);
        }
    }

    #[test]
    fn words_hold_64_slots() {
        let place = Place::from_bits(Place::first_of(3, 6).bits() + 200);
        assert_eq!((place.word() - Place::first_of(3, 6).word(), place.bit()), (3, 1 << 8));
    }

    #[test]
    fn a_packed_place_has_chunk_and_offset() {
        let packed = |number, first_bits| Place::of_number(number, first_bits).unwrap().packed(first_bits);
        let steady = (1 << 27) - 64;
        for (number, chunk, offset) in [
            (0, 0, 0),
            (63, 0, 63),
            (64, 1, 0),
            (200, 2, 8),
            (steady - 1, 20, (1 << 26) - 1),
            (steady, 21, 0),
            (steady + (1 << 27) + 5, 22, 5),
        ] {
            assert_eq!(packed(number, 6), chunk << 27 | offset, "{number}");
        }
        assert_eq!(packed(2, 0), 1 << 27 | 1);
        assert_eq!((Place::NONE.packed(6), Place::from_packed(u32::MAX, 6)), (u32::MAX, None));
        for first_bits in 0..=6 {
            for number in (0..1000).chain((0..29).flat_map(|bit| [(1_u32 << bit) - 1, (1 << bit) - 99 % (1 << bit)])) {
                let place = Place::of_number(number, first_bits).unwrap();
                assert_eq!(Place::from_packed(place.packed(first_bits), first_bits), Some(place));
            }
            // An offset that the chunk has not, and chunks that no arena has.
            for packed in [1 << first_bits, (1 << 27) - 1, 31 << 27, u32::MAX] {
                assert_eq!(Place::from_packed(packed, first_bits), None, "{packed:x}");
            }
        }
    }
}
