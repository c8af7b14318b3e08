//! What all threads that use a recorder write to.

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use std::collections::HashSet;
use std::time::Instant;

use super::event::{self, Event};
use super::{First, Recording, Ring, SizeCount, Sizes, Words, oldness, process};
use crate::derived::default;
use crate::heap::noted::Noted;
use crate::sync::fixed::{AtomicU32, AtomicU64};

/// Every so many events the time is noted.
pub(crate) const MARK: usize = 256;
/// One block in two million: what does not fit then does not fit at all.
pub(super) const MOST_RATE: u32 = 21;

/// A sample of half as many blocks would say little.
const FEW: usize = 256;

/// How many events are kept if nothing else is said: 16 MiB.
const EVENTS: usize = 1 << 20;
/// And at the most: 16 GiB.
pub(super) const MOST_EVENTS: usize = 1 << 30;

/// What recorders write to. Its memory is made with the first event; where that cannot be had, there is room for fewer events.
///
/// ```
/// use smarena::record::{Log, Recorder};
/// use smarena::{Global, SmBox};
///
/// static LOG: Log = Log::with_events(10_000);
/// drop(SmBox::new_in(7, Recorder::with_log(Global, &LOG)));
/// assert_eq!(LOG.recording().events().len(), 2);
/// ```
#[derive(Debug)]
pub struct Log {
    events: usize,
    parts: First<Parts>,
}

struct Parts {
    /// Whose events they are: `process::number` of it.
    process: u32,
    ring: Ring,
    /// Microseconds since `started`, one a `MARK` of places.
    times: Box<[AtomicU64]>,
    started: Instant,
    /// One block in `2^rate` has its events in the ring.
    rate: AtomicU32,
    /// What the ring has not: the blocks that were handed out and are not sampled.
    unsampled: Sizes,
}

thread_local! {
    /// The thread's number, 0 until it has one. No destructor: there also while the thread ends.
    static THREAD: Cell<u16> = const { Cell::new(0) };
    /// Whether the thread is inside the log, whose own memory may come from the heap that is recorded.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Log {
    /// Room for a million events before only a sample is kept.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_events(EVENTS)
    }

    /// Room for so many events before only a sample is kept: 16 bytes each, and never fewer than 256.
    ///
    /// # Panics
    /// If `events` are more than `1 << 30`, which takes 16 GiB. Here, and not when the first block is recorded.
    #[must_use]
    #[track_caller]
    pub const fn with_events(events: usize) -> Self {
        assert!(events <= MOST_EVENTS, "a log has room for 1 << 30 events at most");
        Self { events, parts: First::none() }
    }

    /// Notes what happens to a block.
    #[inline]
    pub(crate) fn note(&self, address: usize, size: usize, align: usize, noted: Noted) {
        if INSIDE.replace(true) {
            return;
        }
        let parts = self.parts.get_or_make(|| Parts::new(self.events));
        if parts.is_ours() {
            let block = (address as u64 >> 4) & ((1 << 52) - 1);
            let freed = noted != Noted::HandedOut;
            let event = Event { block, size, align, thread: thread(), freed };
            let words = if noted == Noted::Kept { event::kept(event.pack()) } else { event.pack() };
            parts.note(event, words);
        }
        INSIDE.set(false);
    }

    /// What was seen up to now; nothing in a child of `fork` that is younger than the first event.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let before = INSIDE.replace(true);
        let parts = self.parts.get().filter(|parts| parts.is_ours());
        let recording = parts.map_or_else(Recording::default, Parts::recording);
        INSIDE.set(before);
        recording
    }
}

default! { [] Log: Self::new() }

/// This thread's number.
fn thread() -> u16 {
    /// Relaxed: a number that is handed out, and nothing else.
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if THREAD.get() == 0 {
        THREAD.set(u16::try_from(NEXT.fetch_add(1, Relaxed) % u32::from(u16::MAX)).unwrap_or(0) + 1);
    }
    THREAD.get()
}

impl Parts {
    fn new(events: usize) -> Self {
        process::tell_apart();
        let ring = Ring::new(events.max(MARK));
        Self {
            process: process::number(),
            times: (0..ring.len().div_ceil(MARK)).map(|_| AtomicU64::new(0)).collect(),
            ring,
            started: Instant::now(),
            rate: AtomicU32::new(0),
            unsampled: Sizes::new(),
        }
    }

    /// Whether this process has begun it. Otherwise another thread, which did not come along, may have been in here when this one was forked.
    #[inline]
    fn is_ours(&self) -> bool {
        self.process == process::number()
    }

    #[inline]
    fn note(&self, event: Event, words: Words) {
        // Relaxed: a rate that was just raised makes one event too many, which whoever reads the ring leaves out.
        while Event::is_sampled(event.block, self.rate.load(Relaxed)) {
            match self.ring.push(words) {
                Some(place) if place % MARK == 0 => return self.mark(place),
                Some(_) => return,
                None if self.rate.load(Relaxed) == MOST_RATE => break,
                None => self.thin(),
            }
        }
        if !event.freed {
            self.unsampled.count(event.size);
        }
    }

    #[cold]
    fn mark(&self, place: usize) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.times[place / MARK].store(micros, Relaxed);
    }

    /// Halves the blocks whose events are kept; or, where these are few already, which are handed out again and again, forgets what is long over.
    fn thin(&self) {
        let (mut from, mut to, mut last) = (0, 0, 0);
        self.ring.thin(|events| {
            let rate = self.rate.load(Relaxed) + 1;
            let over = oldness::over(events, FEW.min(self.ring.len() / 8));
            if over.is_none() {
                self.rate.store(rate, Relaxed);
            }
            move |words| {
                let event = Event::unpack(words);
                if from % MARK == 0 {
                    last = self.times[from / MARK].load(Relaxed);
                }
                let kept = match &over {
                    None => Event::is_sampled(event.block, rate),
                    Some(over) => over.get(from).is_none_or(|&is_over| !is_over),
                };
                from += 1;
                if !kept && !event.freed {
                    self.unsampled.count(event.size);
                }
                if kept && to % MARK == 0 {
                    self.times[to / MARK].store(last, Relaxed);
                }
                to += usize::from(kept);
                kept
            }
        });
    }

    fn recording(&self) -> Recording {
        // Relaxed: what `thin` changes, it changes under the ring's lock.
        let (noted, (rate, mut unsampled, times)) = self.ring.read(|| {
            let times: Vec<u64> = self.times.iter().map(|time| time.load(Relaxed)).collect();
            (self.rate.load(Relaxed), self.unsampled.counts().collect::<Vec<SizeCount>>(), times)
        });
        let refused = refused(&noted);
        let (mut events, mut marks) = (Vec::with_capacity(noted.len()), Vec::new());
        for (place, &words) in noted.iter().enumerate().filter(|(place, _)| !refused.contains(place)) {
            let event = Event::unpack(words);
            if !Event::is_sampled(event.block, rate) {
                unsampled.extend((!event.freed).then(|| SizeCount::of(event.size)));
                continue;
            }
            if events.len() % MARK == 0 {
                marks.push(times[place / MARK]);
            }
            events.push(event);
        }
        Recording::new(events, marks, rate, unsampled)
    }
}

/// Where the events stand that did not happen: those of blocks that were kept after all, and the ones before, which said that they go back.
fn refused(noted: &[Words]) -> HashSet<usize> {
    let (mut refused, mut kept) = (HashSet::new(), HashSet::new());
    for (place, &words) in noted.iter().enumerate().rev() {
        let block = Event::unpack(words).block;
        if event::is_kept(words) {
            kept.insert(block);
            refused.insert(place);
        } else if kept.remove(&block) {
            refused.insert(place);
        }
    }
    refused
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_comes_late_for_a_raised_rate_is_counted_and_left_out() {
        let parts = Parts::new(MARK);
        let [stays, goes] = [true, false].map(|sampled| (1..).find(|&block| Event::is_sampled(block, 1) == sampled));
        for block in [stays, goes, stays].map(Option::unwrap) {
            let event = Event { block, size: 100, align: 16, thread: 1, freed: false };
            parts.ring.push(event.pack());
        }
        parts.rate.store(1, Relaxed);
        let recording = parts.recording();
        assert_eq!((recording.events().len(), recording.allocations()), (2, 3));
    }
}
