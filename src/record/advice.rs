//! What a recording means, in words.

use super::{MOST_EVENTS, Recording};
use crate::class::MAX_BLOCK_SIZE;

/// From so many bytes on it is worth a sentence that they are not always needed.
const MUCH: u64 = 1 << 20;

impl Recording {
    /// What a person should know beside the block sizes that [`recommend`](Self::recommend) finds: one sentence each; none if nothing stands out.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::Recorder};
    /// let recorder = Recorder::new(Global);
    /// let boxes: Vec<_> = (0..10).map(|n| SmBox::new_in(n, recorder.clone())).collect();
    /// std::thread::scope(|scope| { scope.spawn(move || drop(boxes)); });
    /// let advice = recorder.recording().advice();
    /// assert!(advice[0].starts_with("100 in 100 blocks are given back by another thread"), "{advice:?}");
    /// ```
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        [
            self.is_a_sample(),
            self.is_a_part(),
            self.is_often_quiet(),
            self.hands_over(),
            self.is_aligned(),
            self.is_too_large(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn is_a_sample(&self) -> Option<String> {
        (self.one_in() > 1).then(|| {
            format!(
                "One block in {} is in the sample, so what is said of peaks and lifetimes is estimated: {}",
                self.one_in(),
                self.what_keeps_all()
            )
        })
    }

    /// Of a complete recording, or a sample of it, there are about as many blocks in the events as were counted.
    fn is_a_part(&self) -> Option<String> {
        let events = self.events().iter().filter(|event| !event.freed).count() as u64;
        let told = events.saturating_mul(self.one_in());
        (told < self.allocations() / 4 * 3).then(|| {
            format!(
                "The events of the last {told} blocks are left, of {}: sizes are those of all, peaks and lifetimes of what came last; {}",
                self.allocations(),
                self.what_keeps_all()
            )
        })
    }

    /// Two events a block.
    fn what_keeps_all(&self) -> String {
        match self.allocations() * 2 {
            events if events <= MOST_EVENTS as u64 => format!("`Log::with_events({events})` would have kept them all."),
            events => format!("{events} events are more than any log keeps."),
        }
    }

    fn is_often_quiet(&self) -> Option<String> {
        let (mut peak, mut quiet) = (0, 0);
        for (_, bytes) in self.live_bytes() {
            peak = peak.max(bytes);
            quiet += usize::from(bytes <= peak / 2);
        }
        let share = quiet * 100 / self.events().len().max(1);
        (peak >= MUCH && share >= 25).then(|| {
            format!(
                "At the most {} KiB are live, and at {share} in 100 events no more than half of what was live before: `recommend` says whether free \
                 pages should go back by themselves; call `trim()` where a peak is over and the heap falls silent.",
                peak / 1024
            )
        })
    }

    fn hands_over(&self) -> Option<String> {
        let lifetimes = self.lifetimes();
        let share = lifetimes.remote * 100 / lifetimes.freed.max(1);
        (share >= 10).then(|| {
            format!(
                "{share} in 100 blocks are given back by another thread than the one that was handed them: they come back through the buckets, so the \
                 caches should not be small (`thread_cache(…)`); a running heap's refills and spills say what it costs."
            )
        })
    }

    fn is_aligned(&self) -> Option<String> {
        let aligned: Vec<_> = self.alignments().into_iter().filter(|&(align, _)| align > 16).collect();
        let (most, _) = aligned.last()?;
        let blocks: u64 = aligned.iter().map(|&(_, blocks)| blocks).sum();
        Some(format!(
            "{blocks} blocks are to be aligned to more than 16 bytes, up to {most}: each takes a block whose size is a multiple of that, which a table \
             should have."
        ))
    }

    fn is_too_large(&self) -> Option<String> {
        let too_large = self.sizes().last().filter(|cell| cell.most > MAX_BLOCK_SIZE)?;
        Some(format!(
            "{} blocks, of {} KiB in all, are larger than any block can be: the system serves them.",
            too_large.count,
            too_large.bytes / 1024
        ))
    }
}
