//! Gives the memory of free pages back to the system.
//!
//! Whoever does so takes the blocks first, as if to use them, so nobody else can have one of them meanwhile; never-used ones, too, where a
//! huge page made them resident. Some words' blocks at a time, under the bucket's lock: a fork comes before or afterwards.

use core::ops::Range;

use super::{Bucket, Ground};
use crate::raw::buckets::bitmap::{Run, WORD};
use crate::raw::os::{self, HUGE_PAGE, PAGE, Part, page};

/// Words whose blocks are held at once, at most: so many blocks are a whole number of pages whatever their size.
const MOST_WORDS: usize = 64;
/// Fewer, if these have as many bytes.
const ROUND_BYTES: usize = 2 << 20;

impl Bucket {
    /// Bytes of the span that are backed by memory, if the system says so. Where nothing is ever given back, what was used.
    pub(crate) fn resident(&self) -> Option<usize> {
        let blocks = if os::GIVES_BACK { self.limit() } else { self.watermark() };
        self.part()?.resident(0, blocks * self.block_size())
    }

    /// Gives the memory of free pages back to the system, unless `may_purge`, asked under the bucket's lock, says no; returns the bytes that
    /// were resident.
    pub(crate) fn trim(&self, may_purge: impl Fn() -> bool) -> usize {
        if !os::GIVES_BACK {
            return 0;
        }
        let Some(part) = self.part() else { return 0 };
        // Never-used memory counts as well, there.
        self.use_up(if self.closed.is_off() { self.end_of_tail(part) } else { self.limit() }, &may_purge);
        let bytes = self.trim_with(0..self.words(), self.round(), self.purge(part, may_purge));
        self.count_purged(bytes);
        bytes
    }

    /// The words of which free blocks' memory may go back, since nobody wanted them between the last two calls; with `at_once`, of all that
    /// came back meanwhile.
    pub(crate) fn unwanted(&self, at_once: bool) -> Range<usize> {
        let wanted = &self.wanted;
        let words = if at_once { wanted.unwanted_at_once() } else { wanted.unwanted(|words| self.huge_pages(words)) };
        // Only whole pages can be given back: what lies beside on the same page is looked at as well.
        let together = self.whole_pages(1);
        words.start - words.start % together..words.end.next_multiple_of(together).min(self.words())
    }

    /// As `trim`, of words that `unwanted` has named, of which it takes those off that it has looked at: one round.
    pub(crate) fn trim_unwanted(&self, words: &mut Range<usize>, may_purge: impl Fn() -> bool) -> usize {
        let round = self.round();
        // Rounds begin at the same words as those of `trim`.
        let here = words.start..words.end.min((words.start + 1).next_multiple_of(round));
        words.start = here.end;
        let Some(part) = self.part() else { return 0 };
        if here.end == self.words() {
            self.use_up(self.end_of_tail(part), &may_purge);
            words.end = self.words();
        }
        let (from, end) = (here.start * self.word_bytes(), here.end * self.word_bytes());
        let end = end.min(self.limit() * self.block_size());
        // Where memory is used here and there, most of it has been given back by an earlier pass. What is committed and not resident may lie in a
        // file.
        let is_gone =
            if self.closed.is_off() { part.resident(from, end) == Some(0) } else { self.closed.are_all(from, end) };
        if is_gone {
            return 0;
        }
        let bytes = self.trim_with(here, round, self.purge(part, may_purge));
        self.count_purged(bytes);
        bytes
    }

    /// Words that there are up to the watermark.
    fn words(&self) -> usize {
        self.watermark().div_ceil(WORD)
    }

    pub(crate) fn word_bytes(&self) -> usize {
        WORD * self.block_size()
    }

    /// The words whose blocks lie in the same huge pages as those of these, which are some.
    fn huge_pages(&self, words: Range<usize>) -> Range<usize> {
        let Some(part) = self.part() else { return words };
        let bytes = self.word_bytes();
        let end = part.huge_start(words.end * bytes - 1) + HUGE_PAGE;
        part.huge_start(words.start * bytes) / bytes..end.div_ceil(bytes)
    }

    /// How many words' blocks are a whole number of pages, and so many bytes; no more than can be held at once.
    fn whole_pages(&self, bytes: usize) -> usize {
        let is_enough = |words: usize| words * self.word_bytes() % page() == 0 && words * self.word_bytes() >= bytes;
        (0..).map(|power| 1 << power).find(|&words| words == MOST_WORDS || is_enough(words)).unwrap_or(MOST_WORDS)
    }

    /// Words to be held at once: whole pages, so that none is overlooked between two rounds, and not many, so that others miss few blocks, and
    /// for a moment.
    fn round(&self) -> usize {
        self.whole_pages(ROUND_BYTES)
    }

    /// What gives the memory of blocks back that are held: the first, and how many.
    fn purge<'b>(&'b self, part: &'b Part, may_purge: impl Fn() -> bool + 'b) -> impl Fn(usize, usize) -> usize + 'b {
        let size = self.block_size();
        move |first, count| {
            let (from, to) = (first * size, (first + count) * size);
            // No whole page is inside, as with most stretches of small blocks.
            if to - from < PAGE || !may_purge() {
                return 0;
            }
            self.closed.close(from, to);
            // SAFETY: I3, I4, I15: `trim_with` holds all these blocks claimed, from the first byte to the last.
            unsafe { part.purge(from, to) }
        }
    }

    fn part(&self) -> Option<&Part> {
        match self.ground.as_ref()? {
            Ground::Part { span, .. } => Some(span),
            #[cfg(all(test, loom))]
            Ground::Model(..) => None,
        }
    }

    /// The first block behind all memory that never-used blocks have: the rest of the page that the used ones end in, and of the huge page
    /// if it is one, or where the system does not say; and more, where somebody outside wrote there.
    fn end_of_tail(&self, part: &Part) -> usize {
        let size = self.block_size();
        let used = (self.watermark() * size).next_multiple_of(page());
        let mut end = self.limit() * size;
        while end > used {
            let start = used.max(part.huge_start(end - 1));
            if part.resident(start, end).unwrap_or(usize::from(start == used)) > 0 {
                return end.div_ceil(size);
            }
            end = start;
        }
        used.div_ceil(size).min(self.limit())
    }

    /// Makes never-used blocks, as far as `end`, free ones, which can be held.
    pub(super) fn use_up(&self, end: usize, may_purge: impl Fn() -> bool) {
        self.changes.hold(|| {
            let mut first = self.watermark();
            while first < end && may_purge() {
                match self.advance(first, end) {
                    Ok(run) => {
                        first += run.len();
                        self.put_back(run);
                    }
                    Err(now) => first = now,
                }
            }
        });
    }

    /// As `trim`, of some words, `round` of them at a time; `purge` is given the first of some neighbouring blocks and how many they are, all held.
    pub(super) fn trim_with(&self, words: Range<usize>, round: usize, purge: impl Fn(usize, usize) -> usize) -> usize {
        let rounds = words.clone().step_by(round).map(|start| start..words.end.min(start + round));
        rounds.map(|words| self.changes.hold(|| self.trim_words(words, &purge))).sum()
    }

    fn trim_words(&self, words: Range<usize>, purge: impl Fn(usize, usize) -> usize) -> usize {
        let mut held = [0_u64; MOST_WORDS];
        for word in words.clone() {
            held[word - words.start] = self.free.claim_in(word, WORD).map_or(0, |run| run.bits);
        }
        let is_held = |block: usize| held[block / WORD] & (1 << (block % WORD)) != 0;
        let (mut block, end) = (0, words.len() * WORD);
        let mut given_back = 0;
        while block < end {
            let from = block;
            while block < end && is_held(block) {
                block += 1;
            }
            if block > from {
                given_back += purge(words.start * WORD + from, block - from);
            }
            block += 1;
        }
        for word in words.clone() {
            let bits = held[word - words.start];
            if bits > 0 {
                self.put_back(Run { first: word * WORD, bits });
            }
        }
        given_back
    }
}
