//! What a full log may forget if its blocks are few: the older ones of the lives that have ended.

#![expect(clippy::cast_possible_truncation, reason = "some bits of a hash")]

use super::{Event, Words, mixed};

/// For each event of the older half, whether it belongs to a life that has ended there. What is live at the end of that half, and what comes later, stays, so
/// that the bytes live are right at every later event.
///
/// `None` if that half has more than `few` blocks; or if less than a quarter of it is over, since that would make little room.
pub(super) fn over(events: impl ExactSizeIterator<Item = Words>, few: usize) -> Option<Vec<bool>> {
    let half = events.len() / 2;
    let (mut over, mut ended) = (vec![false; half], 0);
    let mut begun = Begun::new(few);
    for (place, event) in events.take(half).map(Event::unpack).enumerate() {
        let before = begun.of(event.block)?;
        let (now, is_over) = if event.freed { (None, true) } else { (Some(place), false) };
        over[place] = is_over;
        ended += usize::from(is_over);
        if let Some(before) = core::mem::replace(before, now) {
            over[before] = true;
            ended += 1;
        }
    }
    (ended >= half / 4).then_some(over)
}

/// Where the life of each block that is live began. A table of its own, since a program waits for the way through a full log.
struct Begun {
    /// Blocks that were ever seen, one above their number, which is 0 where there is none.
    places: Box<[(u64, Option<usize>)]>,
    room: usize,
}

impl Begun {
    fn new(few: usize) -> Self {
        let len = (few * 4).next_power_of_two();
        Self { places: vec![(0, None); len].into_boxed_slice(), room: few }
    }

    /// Of this block; `None` if it is one too many.
    fn of(&mut self, block: u64) -> Option<&mut Option<usize>> {
        let mask = self.places.len() - 1;
        let mut place = mixed(block) as usize & mask;
        while self.places[place].0 != block + 1 {
            if self.places[place].0 == 0 {
                self.room = self.room.checked_sub(1)?;
                self.places[place].0 = block + 1;
                break;
            }
            place = (place + 1) & mask;
        }
        Some(&mut self.places[place].1)
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    /// Blocks by number, given back where they are negative.
    fn told(events: &[i64], few: usize) -> Option<Vec<bool>> {
        let event =
            |&number: &i64| Event { block: number.unsigned_abs(), size: 9, align: 1, thread: 1, freed: number < 0 };
        over(events.iter().map(event).map(Event::pack), few)
    }

    #[test]
    fn lives_of_the_older_half_are_over_if_both_events_are_there() {
        let later = [9; 6];
        let events = [&[1, 2, -1, 3, -2, -4][..], &later].concat();
        assert_eq!(told(&events, 4), Some(vec![true, true, true, false, true, true]));
        assert_eq!(told(&events, 3), None, "there are four blocks");
        // A life of which the end was missed is over when the next one begins.
        assert_eq!(
            told(&[&[1, 1, -1, 2, 3, 4][..], &later].concat(), 4),
            Some(vec![true, true, true, false, false, false])
        );
        assert_eq!(
            told(&[&[1, 2, 3, 4, 5, -5][..], &later].concat(), 9),
            Some(vec![false, false, false, false, true, true])
        );
        assert_eq!(told(&[&[1, 2, 3, 4, 5, 6, 7, -7][..], &[9; 8]].concat(), 9).map(|over| over.len()), Some(8));
        assert_eq!(told(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17], 20), None, "little is over");
    }
}
