//! What all threads that use a recorder write to.

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use std::sync::OnceLock;
use std::time::Instant;

use super::event::Event;
use super::ring::Ring;
use super::sizes::Sizes;
use super::{Recording, SizeCount};
use crate::sync::fixed::{AtomicU32, AtomicU64};

/// Every so many events the time is noted.
pub(crate) const MARK: usize = 256;
/// One block in two million: what does not fit then does not fit at all.
pub(super) const MOST_RATE: u32 = 21;

/// How many events are kept if nothing else is said: 16 MiB.
const EVENTS: usize = 1 << 20;
/// And at the most: 16 GiB.
const MOST_EVENTS: usize = 1 << 30;

/// What recorders write to. Its memory is made with the first event.
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
    parts: OnceLock<Parts>,
}

#[derive(Debug)]
struct Parts {
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
        Self { events, parts: OnceLock::new() }
    }

    /// Notes that a block is handed out, or taken back.
    #[inline]
    pub(crate) fn note(&self, address: usize, size: usize, align: usize, freed: bool) {
        if INSIDE.replace(true) {
            return;
        }
        let parts = self.parts.get_or_init(|| Parts::new(self.events));
        let block = (address as u64 >> 4) & ((1 << 52) - 1);
        parts.note(Event { block, size, align, thread: thread(), freed });
        INSIDE.set(false);
    }

    /// What was seen up to now.
    #[must_use]
    pub fn recording(&self) -> Recording {
        let before = INSIDE.replace(true);
        let recording = self.parts.get().map_or_else(Recording::default, Parts::recording);
        INSIDE.set(before);
        recording
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::new()
    }
}

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
        Self {
            ring: Ring::new(events.max(MARK)),
            times: (0..events.max(MARK).div_ceil(MARK)).map(|_| AtomicU64::new(0)).collect(),
            started: Instant::now(),
            rate: AtomicU32::new(0),
            unsampled: Sizes::new(),
        }
    }

    #[inline]
    fn note(&self, event: Event) {
        // Relaxed: a rate that was just raised makes one event too many, which whoever reads the ring leaves out.
        while Event::is_sampled(event.block, self.rate.load(Relaxed)) {
            match self.ring.push(event.pack()) {
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

    /// Halves the blocks whose events are kept.
    fn thin(&self) {
        let (mut from, mut to, mut last) = (0, 0, 0);
        self.ring.thin(|| {
            let rate = self.rate.fetch_add(1, Relaxed) + 1;
            move |words| {
                let event = Event::unpack(words);
                if from % MARK == 0 {
                    last = self.times[from / MARK].load(Relaxed);
                }
                from += 1;
                let kept = Event::is_sampled(event.block, rate);
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
        let rate = self.rate.load(Relaxed);
        let events: Vec<_> = self.ring.events().into_iter().map(Event::unpack).collect();
        let micros = |place: usize| self.times[place / MARK].load(Relaxed);
        let marks = (0..events.len()).step_by(MARK).map(micros).collect();
        let unsampled: Vec<SizeCount> = self.unsampled.counts().collect();
        Recording::new(events, marks, rate, unsampled)
    }
}
