//! The events of all threads in one order: an array, and a cursor that hands out places in it.
//!
//! ```text
//! push:  place = next++ ──► inside the array: write the event there, its first word last
//!                    └────► behind it: full
//! thin:  under the lock: wait until every place is written, keep some, next = how many
//! ```

use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, lock, spin_until};

/// An event in two words; the first is never zero.
pub(crate) type Words = [u64; 2];

/// The events of a full ring, in their order.
pub(crate) type Events<'r> = core::iter::Map<core::slice::Iter<'r, Slot>, fn(&Slot) -> Words>;

/// Without room for so many events nothing is recorded.
const LEAST: usize = 256;

/// Shared.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Box<[Slot]>,
    /// The next free place; behind the last one while somebody makes room.
    next: AtomicUsize,
    /// Who makes room, or reads.
    turn: Mutex<()>,
}

/// One event; its first word is zero until it has been written.
#[derive(Debug)]
pub(crate) struct Slot {
    first: AtomicU64,
    second: AtomicU64,
}

impl Ring {
    /// Room for `len` events; or, where so much memory cannot be had, for a quarter, and so on: a program is to run no worse for being recorded.
    pub(crate) fn new(mut len: usize) -> Self {
        let (slot, mut slots) = (|| Slot { first: AtomicU64::new(0), second: AtomicU64::new(0) }, Vec::new());
        while len > LEAST && slots.try_reserve_exact(len).is_err() {
            len = (len / 4).max(LEAST);
        }
        slots.extend((0..len).map(|_| slot()));
        Self { slots: slots.into(), next: AtomicUsize::new(0), turn: Mutex::new(()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds an event, and returns its place; `None` if the array is full.
    #[inline]
    pub(crate) fn push(&self, event: Words) -> Option<usize> {
        // Acquire pairs with the release in `thin`: a place that is handed out again has been cleared.
        let place = self.next.fetch_add(1, Ordering::Acquire);
        self.slots.get(place)?.write(event);
        Some(place)
    }

    /// Makes room, unless another thread just did: shows `judge` all events, and keeps those that what it returns, asked in their order, says yes to.
    #[cold]
    pub(crate) fn thin<K: FnMut(Words) -> bool>(&self, judge: impl FnOnce(Events<'_>) -> K) {
        let _turn = lock(&self.turn);
        // Relaxed: whoever made room before held the lock. Places only go up meanwhile.
        if self.next.load(Ordering::Relaxed) < self.len() {
            return;
        }
        let (mut keep, mut kept) = (judge(self.slots.iter().map(Slot::wait as fn(&Slot) -> Words)), 0);
        for slot in &self.slots {
            let event = slot.wait();
            // Relaxed: nobody is handed a place before the release below.
            slot.first.store(0, Ordering::Relaxed);
            if keep(event) {
                self.slots[kept].write(event);
                kept += 1;
            }
        }
        // Release pairs with `push`: it finds its place cleared.
        self.next.store(kept, Ordering::Release);
    }

    /// All events up to now, in order; and `beside`, what `thin`'s caller keeps beside them, as it goes with these.
    pub(crate) fn read<R>(&self, beside: impl FnOnce() -> R) -> (Vec<Words>, R) {
        let _turn = lock(&self.turn);
        // Relaxed: of the events that are being written right now, it does not matter which are seen.
        let written = self.next.load(Ordering::Relaxed).min(self.len());
        let events = self.slots[..written].iter().map(Slot::wait).collect();
        (events, beside())
    }
}

impl Slot {
    fn write(&self, [first, second]: Words) {
        self.second.store(second, Ordering::Relaxed);
        // Release pairs with `wait`: who sees the first word sees the second.
        self.first.store(first, Ordering::Release);
    }

    /// What the place holds. Its writer has been given it already, and may still be writing: that is waited for.
    fn wait(&self) -> Words {
        spin_until(|| {
            // Acquire pairs with `write`.
            let first = self.first.load(Ordering::Acquire);
            // Relaxed: the Acquire brings it along.
            (first != 0).then(|| [first, self.second.load(Ordering::Relaxed)])
        })
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_says_so_and_keeps_what_it_is_told_in_order() {
        let ring = Ring::new(4);
        let even = |_: Events<'_>| |[first, _]: Words| first % 2 == 0;
        for (place, n) in (1..=4).enumerate() {
            assert_eq!(ring.push([n, n * 10]), Some(place));
        }
        assert_eq!(ring.push([5, 50]), None);
        ring.thin(even);
        assert_eq!(ring.push([6, 60]), Some(2));
        // There is room: nobody is asked.
        ring.thin(|_| -> fn(Words) -> bool { unreachable!() });
        assert_eq!(ring.read(|| 7), (vec![[2, 20], [4, 40], [6, 60]], 7));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{Arc, model, thread};

    /// Two threads push while the ring runs full: none of the events is lost, but for those that were to go, and none is torn.
    #[test]
    fn loom_events_are_whole_and_in_order_while_room_is_made() {
        fn push(ring: &Ring, n: u64) {
            while ring.push([n, n]).is_none() {
                // The first event of each thread goes when room is made.
                ring.thin(|_| |[first, _]: Words| first % 10 != 1);
            }
        }
        model(|| {
            let ring = Arc::new(Ring::new(2));
            let other = {
                let ring = ring.clone();
                thread::spawn(move || {
                    push(&ring, 11);
                    push(&ring, 12);
                })
            };
            push(&ring, 21);
            other.join().unwrap();
            let (events, ()) = ring.read(|| ());
            assert!(events.iter().all(|[first, second]| first == second), "{events:?}");
            let place = |event| events.iter().position(|&[first, _]| first == event);
            // Three events in two places: at least one of those that may go went.
            assert!(place(12).is_some() && events.len() <= 2, "{events:?}");
            assert!(place(11).is_none_or(|first| Some(first) < place(12)), "{events:?}");
        });
    }

    /// An event that has to go is counted: who reads finds it in one way, not in both.
    #[test]
    fn loom_an_event_is_read_or_was_counted() {
        model(|| {
            let (ring, counted) = (Arc::new(Ring::new(1)), Arc::new(AtomicU64::new(0)));
            ring.push([1, 1]);
            let other = {
                let (ring, counted) = (ring.clone(), counted.clone());
                // Relaxed, both: the ring's lock orders them.
                thread::spawn(move || ring.thin(|_| move |_| counted.fetch_add(1, Ordering::Relaxed) > 0))
            };
            let (events, counted) = ring.read(|| counted.load(Ordering::Relaxed));
            assert_eq!(events.len() as u64 + counted, 1);
            other.join().unwrap();
        });
    }
}
