//! Who has how much at once: of all blocks, and of each thread's.

use std::collections::BTreeMap;

use super::{Recording, count, histogram};

/// How many blocks live at once, and what each thread does: by [`Recording::concurrency`].
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// let boxes: Vec<_> = (0..3).map(|n| SmBox::new_in(n, recorder.clone())).collect();
/// std::thread::scope(|scope| { scope.spawn(move || drop(boxes)); });
/// let concurrency = recorder.recording().concurrency();
/// assert_eq!(concurrency.live.max(), 3);
/// let [first, second] = &concurrency.threads[..] else { unreachable!() };
/// assert_eq!((first.taken, first.peak, first.given_back), (3, 3, 0));
/// assert_eq!((second.taken, second.peak, second.given_back, second.of_others), (0, 0, 3, 3));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Concurrency {
    /// How many blocks are live, asked whenever one has been handed out; estimated from the sample.
    pub live: hdrhistogram::Histogram<u64>,
    /// The threads, in the order of their numbers.
    pub threads: Vec<ThreadUse>,
}

/// What one thread does, a part of [`Concurrency`]; estimated from the sample.
///
/// ```
/// # use smarena::{Global, SmBox, record::Recorder};
/// let recorder = Recorder::new(Global);
/// drop(SmBox::new_in(7, recorder.clone()));
/// let concurrency = recorder.recording().concurrency();
/// assert_eq!((concurrency.threads.len(), concurrency.threads[0].given_back), (1, 1));
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ThreadUse {
    /// The thread's number ([`Event::thread`](super::Event::thread)).
    pub thread: u16,
    /// Blocks that it was handed out.
    pub taken: u64,
    /// The most of these that were live at once, whoever gave them back.
    pub peak: u64,
    /// Blocks that it gave back.
    pub given_back: u64,
    /// Of these, blocks that another thread had been handed out.
    pub of_others: u64,
}

impl Recording {
    /// How many blocks are live at once, and what each thread does: a walk along the events.
    #[must_use]
    pub fn concurrency(&self) -> Concurrency {
        let mut live = histogram();
        let mut threads = BTreeMap::<u16, (ThreadUse, u64)>::new();
        let (mut all, one_in) = (0_u64, self.one_in());
        for (event, begun) in self.lives() {
            let (of_thread, own) = threads.entry(event.thread).or_default();
            of_thread.thread = event.thread;
            if !event.freed {
                of_thread.taken += one_in;
                *own += one_in;
                of_thread.peak = of_thread.peak.max(*own);
                all += one_in;
                count(&mut live, all);
                continue;
            }
            of_thread.given_back += one_in;
            if let Some((begun, _)) = begun {
                of_thread.of_others += if begun.thread == event.thread { 0 } else { one_in };
                all -= one_in;
                threads.entry(begun.thread).or_default().1 -= one_in;
            }
        }
        Concurrency { live, threads: threads.into_values().map(|(of_thread, _)| of_thread).collect() }
    }

    /// How often each alignment was asked for, smallest first; estimated from the sample.
    ///
    /// ```
    /// # use smarena::{Global, SmBox, record::Recorder};
    /// #[repr(align(64))]
    /// struct Line([u8; 64]);
    /// let recorder = Recorder::new(Global);
    /// drop((SmBox::new_in(1_u32, recorder.clone()), SmBox::new_in(Line([0; 64]), recorder.clone())));
    /// assert_eq!(recorder.recording().alignments(), [(4, 1), (64, 1)]);
    /// ```
    #[must_use]
    pub fn alignments(&self) -> Vec<(usize, u64)> {
        let mut counts = BTreeMap::new();
        for event in self.events().iter().filter(|event| !event.freed) {
            *counts.entry(event.align).or_default() += self.one_in();
        }
        counts.into_iter().collect()
    }
}
