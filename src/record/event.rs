//! One thing that a program asked of its heap, and its two words in the ring.

use super::Words;

/// What a program asked of its heap: a block, or to take one back.
///
/// ```
/// use smarena::record::{Event, Recorder};
/// use smarena::{Global, SmBox};
///
/// let recorder = Recorder::new(Global);
/// drop(SmBox::<[u8; 100], _>::new_in([0; 100], recorder.clone()));
/// let events = recorder.recording().events().to_vec();
/// assert!(matches!(events[..], [Event { freed: false, size: 100, .. }, Event { freed: true, .. }]));
/// assert_eq!(events[0].block, events[1].block);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Event {
    /// Which block: a number that no other live block has. Blocks that come later may have it again.
    pub block: u64,
    /// Bytes that were asked for; where the block is given back, those that its owner names, which of a buffer are the whole block's. Sizes of 16 TiB and more are recorded as that.
    pub size: usize,
    /// The alignment that was asked for, in bytes: a power of two.
    pub align: usize,
    /// Which thread: threads are numbered from 1 as they first come by, and after 65535 again from 1.
    pub thread: u16,
    /// Whether the block was given back, and not handed out.
    pub freed: bool,
}

const BLOCK_BITS: u32 = 56;
const SIZE_BITS: u32 = 48;
/// Set in every first word, so that it is never zero.
const WRITTEN: u64 = 1 << 63;
const FREED: u64 = 1 << 62;
/// Of a block that was not given back after all: this event and the last one of the same block did not happen. It is in the ring alone.
const KEPT: u64 = 1 << 61;

/// The words of an event by which its block's last one did not happen.
#[inline]
pub(super) fn kept([first, second]: Words) -> Words {
    [first | KEPT, second]
}

pub(super) fn is_kept([first, _]: Words) -> bool {
    first & KEPT != 0
}

impl Event {
    /// `align` takes six bits, the block's address without its four lowest bits the others.
    #[inline]
    pub(crate) fn pack(self) -> Words {
        let freed = if self.freed { FREED } else { 0 };
        let align = u64::from(self.align.trailing_zeros().min(63)) << (BLOCK_BITS - 4);
        let block = self.block & ((1 << (BLOCK_BITS - 4)) - 1);
        let size = (self.size as u64).min((1 << SIZE_BITS) - 1);
        [WRITTEN | freed | align | block, u64::from(self.thread) << SIZE_BITS | size]
    }

    pub(crate) fn unpack([first, second]: Words) -> Self {
        Self {
            block: first & ((1 << (BLOCK_BITS - 4)) - 1),
            size: usize::try_from(second & ((1 << SIZE_BITS) - 1)).unwrap_or(usize::MAX),
            align: 1_usize.checked_shl((first >> (BLOCK_BITS - 4)) as u32 & 63).unwrap_or(1),
            thread: (second >> SIZE_BITS) as u16,
            freed: first & FREED != 0,
        }
    }

    /// Whether events of this block are kept when one block in `2^rate` is. The same for all events of a block.
    #[inline]
    pub(crate) fn is_sampled(block: u64, rate: u32) -> bool {
        rate == 0 || mixed(block) >> (64 - rate.min(63)) == 0
    }
}

/// One multiplication (Fibonacci hashing) spreads neighbours evenly, but takes ten blocks in a row that lie 544 bytes apart, and then none of the
/// next seventy: blocks of one size are to be in the sample independently of each other.
#[inline]
pub(super) fn mixed(block: u64) -> u64 {
    let mixed = block.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_two_words() {
        let largest = usize::try_from((1_u64 << 48) - 1).unwrap_or(usize::MAX);
        for (block, size, align, thread, freed) in
            [(1, 0, 1, 1, false), ((1 << 52) - 1, largest, 1 << 21, u16::MAX, true), (77, 100, 4096, 3, false)]
        {
            let event = Event { block, size, align, thread, freed };
            assert_eq!(Event::unpack(event.pack()), event);
            assert_ne!(event.pack()[0], 0);
            assert!(!is_kept(event.pack()) && is_kept(kept(event.pack())));
            assert_eq!(Event::unpack(kept(event.pack())), event);
        }
    }

    #[test]
    fn a_half_of_the_blocks_is_sampled_at_rate_one_and_those_of_a_higher_rate_are_among_them() {
        let sampled = |rate| (0..100_000_u64).filter(move |&block| Event::is_sampled(block, rate));
        assert_eq!(sampled(0).count(), 100_000);
        assert!((49_000..51_000).contains(&sampled(1).count()));
        assert!((700..860).contains(&sampled(7).count()));
        assert!(sampled(7).all(|block| Event::is_sampled(block, 6)));
    }

    #[test]
    fn blocks_in_a_row_are_sampled_independently_whatever_lies_between_them() {
        for stride in 1..200 {
            let row: Vec<_> = (0..8000).map(|n| Event::is_sampled(0x7f12_3456 + n * stride, 3)).collect();
            let longest = row.split(|&sampled| !sampled).map(<[bool]>::len).max();
            assert!(longest < Some(9), "{longest:?} in a row, {stride} apart");
            let sampled = row.iter().filter(|&&sampled| sampled).count();
            // A thousand, and five times the deviation.
            assert!((852..1148).contains(&sampled), "{sampled}, {stride} apart");
        }
    }
}
