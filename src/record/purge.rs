//! Whether it pays that a heap gives free pages back by itself: a walk along the events, as if it did.
#![expect(clippy::cast_possible_truncation, reason = "an average of bytes is no more than the bytes")]

use core::fmt;
use core::time::Duration;

use super::{Recording, class_of};
use crate::config::Purge;

/// The pauses that are tried, shortest first, in microseconds. The first is the default.
const PAUSES: [u64; 3] = [1_000_000, 10_000_000, 60_000_000];
/// What is not worth passes through all buckets: fewer bytes, or less than this part of the most that are live.
const LEAST: u64 = 1 << 20;
const PART: u64 = 8;
/// A recording of fewer microseconds does not show what is free for long.
const SHORT: u64 = 10_000_000;

/// What comes of giving free pages back, by [`Recommendation::purge`](super::Recommendation::purge).
///
/// ```
/// # use smarena::{Global, Purge, SmBox, record::{Goal, Recorder}};
/// let recorder = Recorder::new(Global);
/// let boxes: Vec<_> = (0..100).map(|n| SmBox::new_in([n; 100], recorder.clone())).collect();
/// let tuned = recorder.recording().recommend(&Goal::default());
/// assert_eq!((tuned.purge().purge, tuned.purge().free), (Purge::Never, 0)); // it only grows
/// # drop(boxes);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PurgeForecast {
    /// What the heap should be told.
    pub purge: Purge,
    /// The most bytes that lie free at a time: what its blocks took at its peak, bucket by bucket, beyond those that are live.
    pub free: u64,
    /// The most bytes that would be with the system at a time.
    pub away: u64,
    /// And on the average of the recording.
    pub average: u64,
}

/// What a heap with a certain pause would have had, and given back.
#[derive(Default)]
struct Walk {
    /// The most bytes at a time: live, free, and with the system.
    live: u64,
    free: u64,
    away: u64,
    /// Bytes that went back; those that did so twice are counted twice.
    given_back: u64,
    /// Bytes times the microseconds that they were away.
    byte_micros: f64,
}

/// One bucket's bytes. All that lie below its peak and not in `resident` are with the system.
#[derive(Default, Clone, Copy)]
struct Use {
    live: u64,
    peak: u64,
    /// The most that were live since the last pass: nobody wanted what lies above.
    wanted: u64,
    resident: u64,
}

impl fmt::Display for PurgeForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [free, away, average] = [self.free, self.away, self.average].map(|bytes| bytes / 1024);
        write!(f, "Of blocks that were live before, {free} KiB are free at most: ")?;
        match self.purge {
            Purge::Never => write!(f, "too little, or too soon wanted again, to give it back."),
            _ if away == 0 => write!(f, "the recording is too short to say whether for long."),
            _ => write!(f, "up to {away} KiB go back to the system, {average} KiB on the average of the recording."),
        }
    }
}

impl Recording {
    /// What would go back, and whether it should: by the rule of [`recommend`](Self::recommend).
    pub(super) fn purge(&self, block_sizes: &[usize]) -> PurgeForecast {
        let walks = PAUSES.map(|pause| (pause, self.passes(block_sizes, pause)));
        let (free, least) = (walks[0].1.free, LEAST.max(walks[0].1.live / PART));
        let told = |purge, walk: &Walk| {
            let average = walk.byte_micros / self.micros().max(1) as f64;
            PurgeForecast { purge, free, away: walk.away, average: average as u64 }
        };
        if free >= least && self.micros() < SHORT {
            return told(Purge::DEFAULT, &walks[0].1);
        }
        let pays = |(pause, walk): &&(u64, Walk)| {
            walk.away >= least && walk.byte_micros >= walk.given_back as f64 * *pause as f64
        };
        match walks.iter().find(pays) {
            Some((pause, walk)) => told(Purge::After(Duration::from_micros(*pause)), walk),
            None => told(Purge::Never, &Walk::default()),
        }
    }

    /// A heap whose passes come `pause` microseconds after each other: each gives back, of every bucket, what lies above all that was live since
    /// the one before.
    fn passes(&self, block_sizes: &[usize], pause: u64) -> Walk {
        let mut uses = vec![Use::default(); block_sizes.len()];
        let (mut walk, mut live, mut free, mut away) = (Walk::default(), 0, 0, 0);
        let (mut before, mut due) = (0, pause);
        for (place, (event, begun)) in self.lives().enumerate() {
            let now = self.time(place);
            walk.byte_micros += away as f64 * now.saturating_sub(before) as f64;
            before = now;
            if now >= due {
                for bucket in &mut uses {
                    let given_back = bucket.resident - bucket.wanted;
                    bucket.resident = bucket.wanted;
                    bucket.wanted = bucket.live;
                    walk.given_back = walk.given_back.saturating_add(given_back);
                    away += given_back;
                }
                walk.away = walk.away.max(away);
                due = now.saturating_add(pause);
            }
            // A block that was handed out before the recording began is not counted when it comes back.
            let Some(asked) = begun.map_or((!event.freed).then_some(event), |(begun, _)| Some(begun)) else { continue };
            let Some(class) = class_of(block_sizes, asked.size, asked.align) else { continue };
            let (bytes, bucket) = (block_sizes[class] as u64 * self.one_in(), &mut uses[class]);
            (live, free, away) =
                (live - bucket.live, free - (bucket.peak - bucket.live), away - (bucket.peak - bucket.resident));
            bucket.live = if event.freed { bucket.live - bytes } else { bucket.live + bytes };
            for most in [&mut bucket.peak, &mut bucket.wanted, &mut bucket.resident] {
                *most = bucket.live.max(*most);
            }
            (live, free, away) =
                (live + bucket.live, free + (bucket.peak - bucket.live), away + (bucket.peak - bucket.resident));
            (walk.live, walk.free) = (walk.live.max(live), walk.free.max(free));
        }
        walk
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use super::super::event::Event;
    use super::super::log::MARK;
    use super::*;

    const SIZE: usize = 64 << 10;

    /// A recording in which so many blocks of 64 KiB are live from each of these times on, in milliseconds.
    fn recording(levels: &[(u64, u64)]) -> Recording {
        let (mut events, mut marks, mut live) = (Vec::new(), Vec::new(), 0_u64);
        let event = |block, freed| Event { block, size: SIZE, align: 16, thread: 1, freed };
        for &(millis, level) in levels {
            events.extend((live..level).map(|block| event(block, false)));
            events.extend((level..live).map(|block| event(block, true)));
            // To the next note of the time; this block was never handed out.
            events.resize((events.len() + 1).next_multiple_of(MARK), event(1 << 50, true));
            marks.resize(events.len() / MARK, millis * 1000);
            live = level;
        }
        Recording::new(events, marks, 0, Vec::new())
    }

    fn told(levels: &[(u64, u64)]) -> (Purge, [u64; 3]) {
        let PurgeForecast { purge, free, away, average } = recording(levels).purge(&[SIZE]);
        (purge, [free, away, average].map(|bytes| bytes / SIZE as u64))
    }

    /// Four hundred blocks, and forty in between: for 2.5 seconds of each seven, so often.
    fn often(times: u64) -> Vec<(u64, u64)> {
        (0..times * 14).map(|half| (half * 500, if half % 14 < 5 { 40 } else { 400 })).collect()
    }

    #[test]
    fn what_never_falls_or_by_little_is_never_given_back() {
        assert_eq!(told(&[]), (Purge::Never, [0, 0, 0]));
        assert_eq!(told(&[(0, 100), (5_000, 200), (20_000, 300)]), (Purge::Never, [0, 0, 0]));
        // A tenth of the peak; then all, but less than a MiB.
        assert_eq!(
            told(&[(0, 400), (2_000, 360), (4_000, 360), (6_000, 360), (40_000, 360)]),
            (Purge::Never, [40, 0, 0])
        );
        assert_eq!(told(&[(0, 15), (2_000, 0), (4_000, 0), (6_000, 0), (40_000, 0)]), (Purge::Never, [15, 0, 0]));
    }

    #[test]
    fn what_is_free_for_long_goes_back_after_a_second() {
        // The pass at 2 s has seen it all in use, that at 4 s its end; from 6 s on it is away.
        let falls = [(0, 400), (2_000, 40), (4_000, 40), (6_000, 40), (40_000, 40)];
        assert_eq!(told(&falls), (Purge::After(Duration::from_secs(1)), [360, 360, 360 * 34 / 40]));
    }

    #[test]
    fn what_is_wanted_again_at_once_is_kept_and_what_is_free_for_longer_beside_it_goes_back_later() {
        // Within a second, so that no pass finds anything.
        let flutter: Vec<_> = (0..200).map(|tenth| (tenth * 100, if tenth % 10 < 5 { 400 } else { 40 })).collect();
        assert_eq!(told(&flutter), (Purge::Never, [360, 0, 0]));
        // It would be away for half a second each time.
        assert_eq!(told(&often(10)), (Purge::Never, [360, 0, 0]));
        let mut once_for_long = often(100);
        once_for_long.extend((0..80).map(|half| (700_000 + half * 500, 40)));
        let (purge, [free, away, average]) = told(&once_for_long);
        assert_eq!((purge, free, away), (Purge::After(Duration::from_secs(10)), 360, 360));
        assert!((360 * 20 / 740..360 * 30 / 740).contains(&average), "{average}");
    }

    #[test]
    fn a_recording_that_is_too_short_or_ends_with_all_given_back_changes_nothing() {
        assert_eq!(told(&[(0, 400), (2_000, 40), (9_000, 40)]), (Purge::default(), [360, 0, 0]));
        assert_eq!(told(&[(0, 400), (30_000, 0)]), (Purge::Never, [400, 0, 0]));
    }
}
