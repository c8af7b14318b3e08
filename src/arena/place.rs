//! Where a slot lies: which chunk, which offset in it. Arithmetic only.
//!
//! A place packs both into 32 bits, so that a look-up finds the chunk with one shift. Chunks double from
//! `1 << first_bits` slots up to [`MAX_CHUNK_SLOTS`]; the number a user sees ([`Place::number`]) counts the slots of all
//! chunks without gaps. Places and numbers sort alike.

const OFFSET_BITS: u32 = 27;

/// The most slots a chunk has.
pub(crate) const MAX_CHUNK_SLOTS: u32 = 1 << OFFSET_BITS;
/// Chunk numbers that a place can express.
pub(crate) const CHUNK_NUMBERS: usize = 1 << (32 - OFFSET_BITS);
/// The most chunks an arena has. One less than can be expressed, so that some places are never a slot's.
pub(crate) const MAX_CHUNKS: usize = CHUNK_NUMBERS - 1;

/// A slot's chunk and its offset in that chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub(crate) struct Place(u32);

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

    /// `chunk < CHUNK_NUMBERS`, `offset < MAX_CHUNK_SLOTS`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a chunk number has 5 bits")]
    pub(crate) const fn new(chunk: usize, offset: u32) -> Self {
        Self((chunk as u32) << OFFSET_BITS | offset)
    }

    #[inline]
    pub(crate) const fn chunk(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    #[inline]
    pub(crate) const fn offset(self) -> u32 {
        self.0 & (MAX_CHUNK_SLOTS - 1)
    }

    /// The slot's vacancy word, counted as places are: 64 to a word, those of a chunk in a row.
    #[inline]
    pub(crate) const fn word(self) -> u32 {
        self.0 / 64
    }

    /// Whether there can be a slot here: the chunk is one an arena can have, and has the offset (A7).
    #[inline]
    pub(crate) const fn is_of_slot(self, first_bits: u32) -> bool {
        self.chunk() < MAX_CHUNKS && self.offset() < slots_of(self.chunk(), first_bits)
    }

    /// The slot's bit in its vacancy word.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }

    /// The slot's number, counted from 0 over all chunks.
    #[inline]
    pub(crate) const fn number(self, first_bits: u32) -> u32 {
        // By a look into a table: look-ups by number wait for this.
        self.0.wrapping_sub(NOT_SLOTS[first_bits as usize][self.chunk()])
    }

    /// The place of slot `number`; `None` beyond the last slot an arena can have.
    #[inline]
    pub(crate) const fn of_number(number: u32, first_bits: u32) -> Option<Self> {
        let doublings = OFFSET_BITS - first_bits;
        let steady = slots_before(doublings as usize, first_bits);
        let chunk = if number < steady {
            ((number >> first_bits) + 1).ilog2()
        } else {
            doublings + (number - steady) / MAX_CHUNK_SLOTS
        } as usize;
        if chunk >= MAX_CHUNKS {
            return None;
        }
        Some(Self::new(chunk, number - slots_before(chunk, first_bits)))
    }
}

/// For each number of a first chunk's bits and each chunk: what its places are ahead of its slots' numbers.
const NOT_SLOTS: &[[u32; CHUNK_NUMBERS]; 7] = &{
    let mut ahead = [[0; CHUNK_NUMBERS]; 7];
    let mut first_bits = 0;
    while first_bits < ahead.len() {
        let mut chunk = 0;
        while chunk < CHUNK_NUMBERS {
            #[expect(clippy::cast_possible_truncation, reason = "six at most")]
            let before = slots_before(chunk, first_bits as u32);
            ahead[first_bits][chunk] = Place::new(chunk, 0).bits() - before;
            chunk += 1;
        }
        first_bits += 1;
    }
    ahead
};

/// The slots of chunk `chunk`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a chunk number has 5 bits")]
pub(crate) const fn slots_of(chunk: usize, first_bits: u32) -> u32 {
    let doublings = (OFFSET_BITS - first_bits) as usize;
    if chunk < doublings { 1 << (first_bits + chunk as u32) } else { MAX_CHUNK_SLOTS }
}

/// The slots of all chunks before `chunk`. `chunk <= CHUNK_NUMBERS - 1`.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a chunk number has 5 bits")]
pub(crate) const fn slots_before(chunk: usize, first_bits: u32) -> u32 {
    let doublings = (OFFSET_BITS - first_bits) as usize;
    if chunk < doublings {
        ((1 << chunk) - 1) << first_bits
    } else {
        // 31 chunks of 1 << 27 slots do not overflow.
        (((1 << doublings) - 1) << first_bits) + (chunk - doublings) as u32 * MAX_CHUNK_SLOTS
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_CHUNKS, Place, slots_before, slots_of};

    #[test]
    fn chunks_follow_each_other_without_gaps() {
        for first_bits in 0..=6 {
            let mut before = 0_u64;
            for chunk in 0..MAX_CHUNKS {
                assert_eq!(u64::from(slots_before(chunk, first_bits)), before);
                for offset in [0, slots_of(chunk, first_bits) - 1] {
                    let place = Place::new(chunk, offset);
                    assert!(place < Place::DETACHED);
                    assert_eq!((place.chunk(), place.offset()), (chunk, offset));
                    let number = place.number(first_bits);
                    assert_eq!(u64::from(number), before + u64::from(offset));
                    assert_eq!(Place::of_number(number, first_bits), Some(place));
                }
                before += u64::from(slots_of(chunk, first_bits));
            }
            let end = u32::try_from(before).unwrap();
            assert_eq!(Place::of_number(end, first_bits), None);
            assert_eq!(Place::of_number(u32::MAX, first_bits), None);
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
        let place = Place::new(3, 200);
        assert_eq!((place.word() - Place::new(3, 0).word(), place.bit()), (3, 1 << 8));
    }
}
