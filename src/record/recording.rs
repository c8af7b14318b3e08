//! A copy of what a recorder has seen: questions, and files.

use crate::derived::default;
use std::collections::HashMap;
use std::io::{self, BufReader, BufWriter, Read, Write};

use hdrhistogram::Histogram;

use super::{Event, MARK, MOST_RATE, SizeCount, Words, can_come_to, is_most};

/// What a [`Recorder`](super::Recorder) has seen up to a moment: all sizes, and the events of all blocks or of a sample of them.
///
/// ```
/// use smarena::record::{Recorder, Recording};
/// use smarena::{Global, SmBox};
///
/// let recorder = Recorder::new(Global);
/// let point = SmBox::new_in([0_u8; 100], recorder.clone());
/// let recording = recorder.recording();
/// assert_eq!((recording.allocations(), recording.peak_bytes()), (1, 100));
///
/// let mut file = Vec::new();
/// recording.save(&mut file)?;
/// assert_eq!(Recording::load(&file[..])?, recording);
/// # drop(point);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    events: Vec<Event>,
    /// Microseconds since the first event, one for each `MARK` of events.
    marks: Vec<u64>,
    rate: u32,
    sizes: Vec<SizeCount>,
}

/// How long blocks live, and who gives them back: by [`Recording::lifetimes`].
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// let boxed = SmBox::new_in(1, recorder.clone());
/// std::thread::scope(|scope| { scope.spawn(move || drop(boxed)); });
/// let lifetimes = recorder.recording().lifetimes();
/// assert_eq!((lifetimes.freed, lifetimes.remote), (1, 1));
/// assert_eq!(lifetimes.in_events.max(), 1);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Lifetimes {
    /// Events of the sample between a block's two.
    pub in_events: Histogram<u64>,
    /// Microseconds between a block's two events, as exact as the time is noted: once in 256 events.
    pub in_micros: Histogram<u64>,
    /// Blocks of the sample that were given back.
    pub freed: u64,
    /// Of these, by another thread than the one that got them.
    pub remote: u64,
}

default! { [] Lifetimes: Self { in_events: histogram(), in_micros: histogram(), freed: 0, remote: 0 } }

/// Of two digits, and without a bound: such a histogram cannot be refused.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new(2).expect("two digits are allowed")
}

/// Notes a number, whatever it is. (`saturating_record` would take a larger one than all before for the largest of these.)
pub(super) fn count(histogram: &mut Histogram<u64>, number: u64) {
    histogram.record(number).expect("a histogram without a bound grows");
}

const MAGIC: &[u8; 8] = b"smarec01";
/// Cells of sizes there are at most, in a file too, and how often each can have been counted, so that sums stay in range.
const MOST_SIZES: u64 = 1 << 13;
const MOST_COUNT: u64 = 1 << 48;

impl Recording {
    pub(super) fn new(events: Vec<Event>, marks: Vec<u64>, rate: u32, mut sizes: Vec<SizeCount>) -> Self {
        let counts = super::sizes::Sizes::new();
        events.iter().filter(|event| !event.freed).for_each(|event| counts.count(event.size));
        sizes.extend(counts.counts());
        sizes.sort_by_key(|cell| cell.most);
        sizes.dedup_by(|next, cell| {
            let same = next.most == cell.most;
            if same {
                cell.count += next.count;
                cell.bytes += next.bytes;
            }
            same
        });
        Self { events, marks, rate, sizes }
    }

    /// The events of the sample, in the order in which they happened.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// One block in so many has its events recorded: 1 as long as all fit, then a power of two.
    #[must_use]
    pub fn one_in(&self) -> u64 {
        1 << self.rate
    }

    /// How often each size was asked for, smallest first. Complete, whatever the sample is.
    #[must_use]
    pub fn sizes(&self) -> &[SizeCount] {
        &self.sizes
    }

    /// Blocks that were asked for.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.sizes.iter().map(|cell| cell.count).sum()
    }

    /// The time from the first to the last event, in microseconds, as exact as it is noted: once in 256 events.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.marks.last().copied().unwrap_or(0)
    }

    /// The most bytes that were asked for and live at a time, estimated from the sample.
    #[must_use]
    pub fn peak_bytes(&self) -> u64 {
        self.live_bytes().map(|(_, bytes)| bytes).max().unwrap_or(0)
    }

    /// When an event happened, in microseconds, as exact as it is noted.
    pub(super) fn time(&self, place: usize) -> u64 {
        self.marks.get(place / MARK).copied().unwrap_or(0)
    }

    /// For each event its time in microseconds and the bytes live then, estimated from the sample.
    pub fn live_bytes(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut bytes = 0_u64;
        self.lives().enumerate().map(move |(place, (event, begun))| {
            match (event.freed, begun) {
                (false, _) => bytes = bytes.saturating_add(event.size as u64),
                (true, Some((begun, _))) => bytes = bytes.saturating_sub(begun.size as u64),
                (true, None) => {}
            }
            (self.time(place), bytes.saturating_mul(self.one_in()))
        })
    }

    /// How long the blocks of the sample live, and how many are given back by another thread.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        let mut lifetimes = Lifetimes::default();
        for (place, (event, begun)) in self.lives().enumerate() {
            if let (true, Some((begun, from))) = (event.freed, begun) {
                lifetimes.freed += 1;
                lifetimes.remote += u64::from(begun.thread != event.thread);
                count(&mut lifetimes.in_events, (place - from) as u64);
                count(&mut lifetimes.in_micros, self.time(place).saturating_sub(self.time(from)));
            }
        }
        lifetimes
    }

    /// Each event; and for a block that is given back, its first event and where that stands, if it was recorded.
    pub(super) fn lives(&self) -> impl Iterator<Item = (Event, Option<(Event, usize)>)> {
        let mut live = HashMap::new();
        self.events.iter().enumerate().map(move |(place, &event)| match event.freed {
            true => (event, live.remove(&event.block)),
            false => {
                live.insert(event.block, (event, place));
                (event, None)
            }
        })
    }

    /// Writes a file: 16 bytes an event, gathered before `to` is given them.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn save(&self, to: impl Write) -> io::Result<()> {
        let mut to = BufWriter::new(to);
        to.write_all(MAGIC)?;
        let mut word = |word: u64| to.write_all(&word.to_le_bytes());
        for number in [u64::from(self.rate), self.sizes.len() as u64, self.marks.len() as u64, self.events.len() as u64]
        {
            word(number)?;
        }
        for cell in &self.sizes {
            [cell.most as u64, cell.count, cell.bytes].into_iter().try_for_each(&mut word)?;
        }
        self.marks.iter().copied().try_for_each(&mut word)?;
        self.events.iter().flat_map(|event| event.pack()).try_for_each(&mut word)?;
        to.flush()
    }

    /// Reads what [`save`](Self::save) wrote, and nothing behind it.
    ///
    /// # Errors
    /// Those of `from`; `InvalidData` for what is no such file, and `UnexpectedEof` for a part of one. A false length in it allocates nothing beyond
    /// what is there.
    pub fn load(mut from: impl Read) -> io::Result<Self> {
        let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut head = Vec::new();
        from.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head)?;
        if head != MAGIC {
            let what = format!("not a recording: it begins with {head:02x?}, a recording with {MAGIC:02x?}");
            return Err(if head.len() < MAGIC.len() && MAGIC.starts_with(&head) { cut_off() } else { wrong(what) });
        }
        let [rate, sizes, marks, events] = [word(&mut from)?, word(&mut from)?, word(&mut from)?, word(&mut from)?];
        if rate > u64::from(MOST_RATE) || sizes > MOST_SIZES || marks != events.div_ceil(MARK as u64) {
            return Err(wrong(format!(
                "a recording of rate {rate} (at most {MOST_RATE}), {sizes} sizes (at most {MOST_SIZES}), {marks} marks for {events} events"
            )));
        }
        let words = events.saturating_mul(2).saturating_add(marks).saturating_add(3 * sizes);
        let mut from = BufReader::new(from.take(words.saturating_mul(8)));
        let mut word = || word(&mut from);
        let mut cell = || -> io::Result<_> { Ok((word()?, word()?, word()?)) };
        let mut before = 0;
        let sizes = (0..sizes).map(|_| {
            let (most, count, bytes) = cell()?;
            let size = usize::try_from(most).unwrap_or(usize::MAX);
            // Whoever chooses block sizes chooses among these.
            if core::mem::replace(&mut before, size) >= size || !is_most(size) {
                return Err(wrong(format!("sizes up to {most} are not counted by themselves, or not here")));
            }
            if count > MOST_COUNT {
                return Err(wrong(format!("sizes up to {most} were counted {count} times, at most {MOST_COUNT}")));
            }
            if !can_come_to(size, count, bytes) {
                return Err(wrong(format!("{count} sizes, each up to {most}, do not come to {bytes} bytes")));
            }
            Ok(SizeCount { most: size, count, bytes })
        });
        let sizes: Vec<_> = sizes.collect::<io::Result<_>>()?;
        let marks = (0..marks).map(|_| word()).collect::<io::Result<_>>()?;
        let events = (0..events).map(|_| -> io::Result<Words> { Ok([word()?, word()?]) });
        let events = events.map(|words| words.map(Event::unpack)).collect::<io::Result<_>>()?;
        Ok(Self { events, marks, rate: u32::try_from(rate).unwrap_or(MOST_RATE), sizes })
    }
}

/// The next number of a file.
fn word(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    let read = from.read_exact(&mut bytes).map(|()| u64::from_le_bytes(bytes));
    read.map_err(|error| if error.kind() == io::ErrorKind::UnexpectedEof { cut_off() } else { error })
}

fn cut_off() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "a recording that was cut off: it was not written to its end, or not all of it was copied",
    )
}
