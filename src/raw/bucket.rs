//! One size class's shared part: its span, the bits of its free blocks, and the watermark above which nothing was ever used.
//!
//! `withdraw` takes blocks out, free ones first and lowest first, then never-used ones; `deposit` puts them back; `trim` gives
//! the memory of wholly free pages to the system. Never-used blocks have no bits: a new bucket touches no memory.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::bitmap::{Bitmap, Run, WORD, first_bits};
use super::fault;
use super::os::Reservation;
use super::region::Span;
use super::share::ShareCount;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// How many words' blocks a deposit gathers before it puts them: one for each bit of a `u32`.
const GATHERED: usize = u32::BITS as usize;
/// How many runs are gathered at once from a fragmented bucket.
const MOST_RUNS: usize = 16;

/// Shared, lock-free.
#[derive(Debug)]
pub(crate) struct Bucket {
    number: usize,
    span: Span,
    free: Bitmap,
    /// One a block.
    shares: &'static [ShareCount],
    /// How far `limit` can grow, in blocks.
    most: usize,
    /// Blocks in the committed part of the span.
    limit: AtomicUsize,
    /// The first never-used block; at most `limit`. On a line of its own: every refill of a growing heap writes it.
    watermark: CachePadded<AtomicUsize>,
    /// Layouts of this class that had to be served elsewhere.
    overflowed: AtomicUsize,
}

/// What a bucket is made of.
pub(crate) struct Parts {
    pub(crate) number: usize,
    pub(crate) span: Span,
    /// Blocks committed from the start.
    pub(crate) blocks: usize,
    /// Blocks it can grow to.
    pub(crate) most: usize,
    /// `Bitmap::words(most)` zero words.
    pub(crate) words: &'static [AtomicU64],
    /// `most` new counts.
    pub(crate) shares: &'static [ShareCount],
}

impl Bucket {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            number: parts.number,
            span: parts.span,
            free: Bitmap::new(parts.words, parts.most),
            shares: parts.shares,
            most: parts.most,
            limit: AtomicUsize::new(parts.blocks),
            watermark: CachePadded::new(AtomicUsize::new(0)),
            overflowed: AtomicUsize::new(0),
        }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn block_size(&self) -> usize {
        self.span.block_size()
    }

    /// Blocks it can serve as it is now.
    pub(crate) fn limit(&self) -> usize {
        // Acquire pairs with `grow`: whoever sees the blocks sees them committed.
        self.limit.load(Ordering::Acquire)
    }

    /// Bytes of the part of the span that blocks can come from, now or after growing.
    pub(crate) fn most_bytes(&self) -> usize {
        self.most * self.block_size()
    }

    pub(crate) fn watermark(&self) -> usize {
        // Relaxed: a snapshot.
        self.watermark.load(Ordering::Relaxed)
    }

    pub(crate) fn free_blocks(&self) -> usize {
        self.free.count(self.watermark())
    }

    pub(crate) fn overflowed(&self) -> usize {
        // Relaxed: a count for people.
        self.overflowed.load(Ordering::Relaxed)
    }

    pub(crate) fn count_overflow(&self) {
        // Relaxed: a count for people.
        self.overflowed.fetch_add(1, Ordering::Relaxed);
    }

    /// The pointer to a block that a run of this bucket names.
    #[inline]
    pub(crate) fn block(&self, index: usize) -> NonNull<u8> {
        debug_assert!(index < self.limit());
        // SAFETY: I2, I3: runs come from `withdraw`, which hands out blocks below the limit alone.
        unsafe { self.span.block(index) }
    }

    /// Takes up to `max` neighbouring blocks, 64 at most; the caller now holds them claimed (I3).
    pub(crate) fn withdraw(&self, max: usize) -> Option<Run> {
        self.free.claim(max).or_else(|| self.fresh(max))
    }

    /// Takes up to `most` blocks, fewer if they lie far apart, and writes them down highest first: what is parked last is popped
    /// first, and low addresses shall be. Returns how many.
    pub(crate) fn withdraw_many(&self, places: &mut [MaybeUninit<NonNull<u8>>]) -> usize {
        let most = places.len();
        let mut runs = [Run { first: 0, bits: 0 }; MOST_RUNS];
        let (mut count, mut got) = (0, 0);
        while count < MOST_RUNS && got * 2 < most {
            let Some(run) = self.withdraw(most - got) else { break };
            runs[count] = run;
            count += 1;
            got += run.len();
        }
        let mut places = places.iter_mut();
        for run in runs[..count].iter().rev() {
            for (top, len) in run.stretches() {
                for (index, place) in (0..=top).rev().take(len).zip(&mut places) {
                    place.write(self.block(index));
                }
            }
        }
        got
    }

    /// As `withdraw`, but certain: `None` only if at some moment of the call no block was free.
    pub(crate) fn withdraw_exact(&self, max: usize) -> Option<Run> {
        self.free.claim_exact(self.watermark(), max).or_else(|| self.fresh(max))
    }

    /// Takes never-used blocks.
    fn fresh(&self, max: usize) -> Option<Run> {
        let limit = self.limit();
        let mut first = self.watermark.load(Ordering::Relaxed);
        loop {
            // A run belongs to one word, so that it can be put back as it is.
            let count = max.min(WORD - first % WORD).min(limit - first.min(limit));
            if count == 0 {
                return None;
            }
            // Relaxed: a claim of numbers; nobody else ever wrote these blocks.
            match self.watermark.compare_exchange_weak(first, first + count, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(Run { first, bits: first_bits(count) }),
                Err(now) => first = now,
            }
        }
    }

    /// Takes one block.
    pub(crate) fn withdraw_one(&self) -> Option<NonNull<u8>> {
        Some(self.block(self.withdraw(1)?.first_block()))
    }

    /// Puts a block back that the caller holds claimed.
    pub(crate) fn deposit_one(&self, block: NonNull<u8>) {
        let index = self.index(block);
        self.put(Run { first: index - index % WORD, bits: 1 << (index % WORD) });
    }

    /// Puts blocks back that the caller holds claimed.
    ///
    /// Blocks of the same word are gathered, also if others come between them: one atomic for all of them, and the word comes back
    /// as whole as it can. Put back in pieces, another thread's refill would take the pieces as they come, and words would crumble.
    pub(crate) fn deposit(&self, blocks: impl IntoIterator<Item = NonNull<u8>>) {
        let watermark = self.watermark();
        let mut gathered = Gathered::default();
        let (mut index, mut neighbour) = (0, 0);
        // The stretch of neighbours being read, while they belong to one word.
        let mut run = Run { first: 0, bits: 0 };
        for block in blocks {
            // Blocks come back as they were handed out more often than not: in the order of their addresses.
            index =
                if block.addr().get() == neighbour && index + 1 < watermark { index + 1 } else { self.index(block) };
            neighbour = block.addr().get() + self.block_size();
            let (first, bit) = (index - index % WORD, 1 << (index % WORD));
            if run.first != first || run.bits & bit != 0 {
                gathered.add(run, |run| self.put(run));
                run = Run { first, bits: 0 };
            }
            run.bits |= bit;
        }
        gathered.add(run, |run| self.put(run));
        gathered.runs().for_each(|run| self.put(run));
    }

    /// Puts a run back as it was withdrawn, or a part of it.
    pub(crate) fn put(&self, run: Run) {
        if run.bits == 0 {
            return;
        }
        if let Err(twice) = self.free.put(run) {
            fault::double_free(self.number, run.first + twice.trailing_zeros() as usize);
        }
    }

    /// The number of a block that was handed out before.
    pub(crate) fn index(&self, block: NonNull<u8>) -> usize {
        match self.span.index(block) {
            Ok(index) if index < self.watermark() => index,
            Ok(index) => fault::not_a_block(self.number, index * self.block_size(), self.block_size()),
            Err(offset) => fault::not_a_block(self.number, offset, self.block_size()),
        }
    }

    /// The count of a live block's owners (I11).
    #[inline]
    pub(crate) fn share_count(&self, block: NonNull<u8>) -> &ShareCount {
        match self.span.index(block) {
            Ok(index) => &self.shares[index],
            Err(offset) => fault::not_a_block(self.number, offset, self.block_size()),
        }
    }

    /// Whether a block of this bucket that was handed out before starts at `block`.
    pub(crate) fn is_block(&self, block: NonNull<u8>) -> bool {
        self.span.index(block).is_ok_and(|index| index < self.watermark())
    }

    /// All addresses that blocks can come from.
    pub(crate) fn addresses(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.span.base(), self.most_bytes())
    }

    /// Whether block `index` lies in the bitmap, free.
    pub(crate) fn is_free(&self, index: usize) -> bool {
        self.free.is_free(index)
    }

    /// Commits `step` more blocks, within the span's reserve. False when there is no more, or the system refuses.
    pub(crate) fn grow(&self, reservation: &Reservation, span_offset: usize, step: usize) -> bool {
        let limit = self.limit();
        let next = self.most.min(limit.saturating_add(step.max(1)));
        if next == limit {
            return false;
        }
        let from = limit * self.block_size();
        if reservation.commit(span_offset + from, next * self.block_size() - from).is_err() {
            return false;
        }
        // Release pairs with `limit`. If another thread grew the bucket meanwhile, that serves as well:
        // committing twice changes nothing.
        let _ = self.limit.compare_exchange(limit, next, Ordering::AcqRel, Ordering::Relaxed);
        true
    }

    /// Gives the memory of free pages back to the system; returns the bytes that were resident.
    ///
    /// Claims the free blocks of 64 words at a time, so that others miss few of them and only for a moment; 4096 blocks are a
    /// whole number of pages, so no page is overlooked between two rounds.
    pub(crate) fn trim(&self, reservation: &Reservation, span_offset: usize) -> usize {
        const ROUND: usize = 64;
        let words = self.watermark().div_ceil(WORD);
        let mut given_back = 0;
        for start in (0..words).step_by(ROUND) {
            let mut claimed = [0_u64; ROUND];
            let round = start..words.min(start + ROUND);
            for word in round.clone() {
                claimed[word - start] = self.free.claim_in(word, WORD).map_or(0, |run| run.bits);
            }
            let is_ours = |block: usize| claimed[block / WORD] & (1 << (block % WORD)) != 0;
            let end = round.len() * WORD;
            let mut block = 0;
            while block < end {
                let from = block;
                while block < end && is_ours(block) {
                    block += 1;
                }
                if block > from {
                    let at = span_offset + (start * WORD + from) * self.block_size();
                    // SAFETY: I3, I4: all these blocks are claimed by us, from the first byte to the last.
                    given_back += unsafe { reservation.purge(at, (block - from) * self.block_size()) };
                }
                block += 1;
            }
            for word in round {
                self.put(Run { first: word * WORD, bits: claimed[word - start] });
            }
        }
        given_back
    }
}

/// Runs on their way back, at most one a word; two words that want the same place are not kept together.
#[derive(Default)]
struct Gathered {
    places: [Run; GATHERED],
    /// Which places are taken.
    taken: u32,
}

impl Gathered {
    /// Adds `run`, and hands to `put` what had its place or, where a block is in both, must be seen to be there twice.
    fn add(&mut self, run: Run, put: impl FnOnce(Run)) {
        let number = run.first / WORD % GATHERED;
        let place = &mut self.places[number];
        if place.first == run.first && place.bits & run.bits == 0 {
            place.bits |= run.bits;
        } else {
            put(core::mem::replace(place, run));
        }
        self.taken |= 1 << number;
    }

    fn runs(&self) -> impl Iterator<Item = Run> {
        let mut taken = self.taken;
        core::iter::from_fn(move || {
            let number = taken.checked_ilog2()?;
            taken &= !(1 << number);
            Some(self.places[number as usize])
        })
    }
}

impl Run {
    /// The lowest block.
    pub(crate) fn first_block(self) -> usize {
        self.first + self.bits.trailing_zeros() as usize
    }
}
