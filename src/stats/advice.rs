//! What a heap's numbers mean, in words.

use core::fmt::Write;

use super::{BucketStats, HeapStats};

/// From here on a share of the memory is worth a sentence.
const MUCH: usize = 1 << 20;

impl HeapStats {
    /// What the numbers say that a person should do: one sentence each, the most urgent first; none if all is well.
    ///
    /// ```
    /// use smarena::{Heap, SmBox};
    ///
    /// smarena::size_classes! { Small: [64, 256] }
    ///
    /// let heap = Heap::<Small>::builder().bucket_bytes_of(64, 640).build()?;
    /// let boxes: Vec<_> = (0..15).map(|n| SmBox::new_in([n; 8], &heap)).collect();
    /// let advice = heap.stats().advice();
    /// assert!(advice[0].starts_with("The bucket of 64 bytes has 10 blocks and was exhausted 5 times"), "{advice:?}");
    /// # drop(boxes);
    /// # Ok::<(), smarena::ConfigError>(())
    /// ```
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let mut advice: Vec<String> = self.buckets().iter().filter_map(exhausted).collect();
        if self.fallback_bytes >= MUCH {
            advice.push(format!(
                "{} blocks of {} KiB in all come from the system, which has served {} times for a size above the largest block, {} for an \
                 alignment that no bucket has, and {} because buckets were exhausted.",
                self.fallback_live,
                self.fallback_bytes / 1024,
                self.fallbacks.size,
                self.fallbacks.alignment,
                self.fallbacks.exhausted
            ));
        }
        let super::HeapTotal { live, cached, .. } = self.total();
        let free = super::sum(self.buckets().iter().map(taken_by_free));
        if free >= MUCH && free > live {
            advice.push(format!(
                "Free blocks take {} KiB, live ones {}: `trim()` gives what it can back.",
                free / 1024,
                live / 1024
            ));
        }
        if cached >= MUCH && cached > live {
            advice.push(format!(
                "{} threads keep {} KiB ready for themselves, and {} KiB are live: smaller caches, `thread_cache(…)`, would do.",
                self.caches,
                cached / 1024,
                live / 1024
            ));
        }
        let unused = self.buckets().iter().filter(|bucket| bucket.watermark == 0).map(|bucket| bucket.block_size);
        let unused: Vec<_> = unused.collect();
        if !unused.is_empty() && unused.len() < self.buckets().len() {
            let mut sentence = format!("{} of {} block sizes were never used:", unused.len(), self.buckets().len());
            for size in &unused {
                // Writing to a string does not fail.
                let _ = write!(sentence, " {size}");
            }
            sentence.push_str("; `size_classes!` makes a table of those that are.");
            advice.push(sentence);
        }
        advice
    }
}

/// What free blocks take, at most: of those whose pages went back to the system, nothing.
fn taken_by_free(bucket: &BucketStats) -> usize {
    let others = bucket.bytes(bucket.live.saturating_add(bucket.cached));
    bucket.bytes(bucket.free).min(bucket.resident.map_or(usize::MAX, |resident| resident.saturating_sub(others)))
}

fn exhausted(bucket: &BucketStats) -> Option<String> {
    let BucketStats { block_size, capacity, overflowed, .. } = *bucket;
    (overflowed > 0).then(|| {
        let often = if overflowed == 1 { "once".to_owned() } else { format!("{overflowed} times") };
        let bytes = bucket.bytes(capacity.saturating_mul(2));
        format!(
            "The bucket of {block_size} bytes has {capacity} blocks and was exhausted {often}: twice as many are \
             `.bucket_bytes_of({block_size}, {bytes})`, `Exhausted::Grow` gives it what it needs, and a recording says how many that is."
        )
    })
}
