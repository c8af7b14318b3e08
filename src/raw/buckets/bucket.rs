//! One size class's shared part: its span, the bits of its free blocks, and the watermark above which nothing was ever used.
//!
//! `withdraw` takes blocks out, free ones first and lowest first, then never-used ones; `deposit` puts them back; `trim` gives
//! the memory of wholly free pages to the system. Never-used blocks have no bits: a new bucket touches no memory.

mod closed;
mod exact;
mod growth;
mod trim;
mod wanted;

use core::ops::Range;
use core::ptr::NonNull;

use crate::raw::buckets::bitmap::{Bitmap, Run, Runs, Start, WORD};
use crate::raw::buckets::region::Span;
use crate::raw::buckets::share::{ShareCount, ShareCounts};
use crate::raw::fault::{self, Misuse, Site, Stranger};
use crate::raw::testing::poison;
use crate::sync::fixed::AtomicUsize as Count;
use crate::sync::{AtomicU64, AtomicUsize, CachePadded, Ordering};
pub(crate) use closed::Closed;
use exact::Changes;
pub(crate) use growth::Ground;
use wanted::Wanted;

/// How many words' blocks a deposit gathers before it puts them: one for each bit of a `u32`.
const GATHERED: usize = u32::BITS as usize;

/// Shared, lock-free.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// The heap's name, for messages.
    heap: &'static str,
    number: usize,
    span: Span,
    free: Bitmap,
    /// One a block.
    shares: ShareCounts,
    /// How far `capacity` can grow, in blocks.
    most: usize,
    /// Blocks it may serve; at most `most`.
    capacity: AtomicUsize,
    /// Blocks in the committed part of the span; at most `capacity`.
    limit: AtomicUsize,
    /// Pages of the span that must be committed again.
    closed: Closed,
    /// What commits more of the span; `None` over memory that is usable as it is.
    ground: Option<Ground>,
    /// The first never-used block; at most `limit`. On a line of its own: every refill of a growing heap writes it.
    watermark: CachePadded<AtomicUsize>,
    /// What happens to the free blocks.
    changes: Changes,
    /// Which free blocks were wanted lately.
    wanted: CachePadded<Wanted>,
    /// Layouts of this class that had to be served elsewhere.
    overflowed: Count,
    /// The most live blocks that a snapshot has seen.
    peak: Count,
    /// Bytes of free pages that were given back to the system.
    purged: Count,
    /// What lanes have counted and told.
    pub(in crate::raw) refills: Count,
    pub(in crate::raw) spills: Count,
}

/// What a bucket is made of.
pub(crate) struct Parts {
    pub(crate) heap: &'static str,
    pub(crate) number: usize,
    pub(crate) span: Span,
    pub(crate) ground: Option<Ground>,
    /// Blocks it may serve from the start.
    pub(crate) blocks: usize,
    /// Blocks it can grow to.
    pub(crate) most: usize,
    /// `Bitmap::words(most)` zero words.
    pub(crate) words: &'static [AtomicU64],
    pub(crate) closed: Closed,
    /// `most` new counts.
    pub(crate) shares: ShareCounts,
    /// Whether somebody asks whether it is exhausted for certain.
    pub(crate) exact: bool,
}

impl Bucket {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            heap: parts.heap,
            number: parts.number,
            span: parts.span,
            free: Bitmap::new(parts.words, parts.most),
            shares: parts.shares,
            most: parts.most,
            capacity: AtomicUsize::new(parts.blocks),
            limit: AtomicUsize::new(if parts.ground.is_some() { 0 } else { parts.blocks }),
            closed: parts.closed,
            ground: parts.ground,
            watermark: CachePadded(AtomicUsize::new(0)),
            changes: Changes::new(parts.exact),
            wanted: CachePadded(Wanted::new()),
            overflowed: Count::new(0),
            peak: Count::new(0),
            purged: Count::new(0),
            refills: Count::new(0),
            spills: Count::new(0),
        }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn block_size(&self) -> usize {
        self.span.block_size()
    }

    pub(crate) fn watermark(&self) -> usize {
        // Relaxed: a snapshot.
        self.watermark.load(Ordering::Relaxed)
    }

    pub(crate) fn overflowed(&self) -> usize {
        // Relaxed: a count for people.
        self.overflowed.load(Ordering::Relaxed)
    }

    /// The refills and spills that lanes have told of.
    pub(crate) fn crossings(&self) -> [usize; 2] {
        // Acquire pairs with the lanes' `tell`.
        [&self.refills, &self.spills].map(|count| count.load(Ordering::Acquire))
    }

    /// Counts a layout that was served elsewhere. Says whether it was the first.
    pub(crate) fn count_overflow(&self) -> bool {
        // Relaxed: a count for people.
        self.overflowed.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Notes that a snapshot has seen so many live blocks; returns the most that any has seen.
    pub(crate) fn note_live(&self, live: usize) -> usize {
        // Relaxed: a count for people.
        self.peak.fetch_max(live, Ordering::Relaxed).max(live)
    }

    /// Bytes of free pages that were given back to the system until now.
    pub(crate) fn purged(&self) -> usize {
        // Relaxed: a count for people.
        self.purged.load(Ordering::Relaxed)
    }

    pub(crate) fn count_purged(&self, bytes: usize) {
        // Relaxed: a count for people.
        self.purged.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The pointer to a block that a run of this bucket names.
    #[inline]
    pub(crate) fn block(&self, index: usize) -> NonNull<u8> {
        debug_assert!(index < self.limit());
        // SAFETY: I2, I3: runs come from `withdraw`, which hands out blocks below the limit alone.
        unsafe { self.span.block(index) }
    }

    /// The pointers to the blocks of a stretch of a run of this bucket, the highest first: each is made from the one before it, by no multiplication.
    #[inline]
    pub(crate) fn descending(&self, stretch: Range<usize>) -> impl Iterator<Item = NonNull<u8>> + use<> {
        debug_assert!(stretch.end <= self.limit());
        let (len, size) = (stretch.len(), self.block_size());
        // SAFETY: I2: as in `block`, or the end of the last one, which is inside the same mapping or at its end.
        let mut block = unsafe { self.span.block(stretch.end) };
        (0..len).map(move |_| {
            // SAFETY: I2, I3: as in `block`: the stretch has as many blocks below its end.
            block = unsafe { block.sub(size) };
            block
        })
    }

    /// Takes up to `max` neighbouring blocks, 64 at most, free ones from `start` on if there are any; the caller now holds them claimed (I3).
    pub(crate) fn withdraw(&self, max: usize, start: &Start) -> Option<Run> {
        self.changes.give_way();
        let run = self.used(max, start).or_else(|| self.fresh(max))?;
        self.wanted.taken(run);
        Some(run)
    }

    /// Takes free blocks, whose memory is there.
    fn used(&self, max: usize, start: &Start) -> Option<Run> {
        self.free.claim(max, start).and_then(|run| self.opened(run))
    }

    /// Takes up to `most` blocks, fewer if they lie far apart; the caller now holds them claimed (I3).
    pub(crate) fn withdraw_many(&self, most: usize, start: &Start) -> Runs {
        Runs::gather(most, |max| self.withdraw(max, start))
    }

    /// Takes never-used blocks.
    fn fresh(&self, max: usize) -> Option<Run> {
        // Acquire: who finds no never-used block comes after all that was before they were taken (`Changes`).
        let mut first = self.watermark.load(Ordering::Acquire);
        loop {
            let limit = self.limit();
            if first >= limit && !self.extend(limit) {
                return None;
            }
            match self.advance(first, self.limit().min(first.saturating_add(max))) {
                Ok(run) => return Some(run),
                Err(now) => first = now,
            }
        }
    }

    /// Takes never-used blocks from `first`, where the watermark is expected, up to `end`: those of one word. The error is where the watermark
    /// is. `end` is at most the limit.
    fn advance(&self, first: usize, end: usize) -> Result<Run, usize> {
        // A run belongs to one word, so that it can be put back as it is.
        let count = (WORD - first % WORD).min(end - first);
        // Nobody else ever wrote these blocks. Release and acquire: as in `fresh`.
        self.watermark.compare_exchange_weak(first, first + count, Ordering::AcqRel, Ordering::Acquire)?;
        let run = Run::of(first, count);
        self.poison(run);
        Ok(run)
    }

    /// Takes one block.
    pub(crate) fn withdraw_one(&self) -> Option<NonNull<u8>> {
        self.withdraw(1, &Start::lowest()).map(|run| self.only_block(run))
    }

    /// As `withdraw_one`; and whether the block was never used, and so reads as zero (I1).
    pub(crate) fn withdraw_one_told(&self) -> Option<(NonNull<u8>, bool)> {
        self.changes.give_way();
        let used = self.used(1, &Start::lowest());
        let fresh = used.is_none();
        let run = used.or_else(|| self.fresh(1))?;
        self.wanted.taken(run);
        Some((self.only_block(run), fresh))
    }

    /// As `withdraw_one`, but certain. The error is the limit that the bucket had at a moment of the call when no block of it was free.
    pub(crate) fn withdraw_one_exact(&self) -> Result<NonNull<u8>, usize> {
        self.claim_exact().map(|run| self.only_block(run))
    }

    fn only_block(&self, run: Run) -> NonNull<u8> {
        let block = self.block(run.first_block());
        poison::handed_out(block, self.block_size());
        block
    }

    /// Puts a block back that the caller holds claimed.
    pub(crate) fn deposit_one(&self, block: NonNull<u8>) {
        self.deposit_index(self.index(block));
    }

    /// Puts block `index` back, which the caller holds claimed.
    pub(crate) fn deposit_index(&self, index: usize) {
        self.put(Run::of(index, 1));
        self.changes.deposited();
    }

    /// Puts blocks back that the caller holds claimed.
    ///
    /// Blocks of the same word are gathered, also if others come between them: one atomic for all of them, and the word comes back
    /// as whole as it can. Put back in pieces, another thread's refill would take the pieces as they come, and words would crumble.
    pub(crate) fn deposit<'c>(&self, chunks: impl IntoIterator<Item = &'c [NonNull<u8>]>) {
        let mut gathered = Gathered::default();
        for mut blocks in chunks {
            while let [block, rest @ ..] = blocks {
                let len = self.neighbours(blocks);
                if len == 1 {
                    // Freed in no order: most of a program that drops what it has built comes like this.
                    gathered.add(Run::of(self.index(*block), 1), |run| self.put(run));
                    blocks = rest;
                    continue;
                }
                let (neighbours, behind) = blocks.split_at(len);
                let ends = [neighbours[0], neighbours[neighbours.len() - 1]].map(|block| self.index(block));
                let (mut index, end) = (ends[0].min(ends[1]), ends[0].max(ends[1]) + 1);
                while index < end {
                    let len = (end - index).min(WORD - index % WORD);
                    gathered.add(Run::of(index, len), |run| self.put(run));
                    index += len;
                }
                blocks = behind;
            }
        }
        gathered.runs().for_each(|run| self.put(run));
        self.changes.deposited();
    }

    /// How many at the head of `blocks` follow each other, in the order of their addresses or against it. Blocks come back as they were handed out more
    /// often than not, and those that were not handed out as they were fetched.
    fn neighbours(&self, blocks: &[NonNull<u8>]) -> usize {
        let distance = |pair: &[NonNull<u8>]| pair[1].addr().get().wrapping_sub(pair[0].addr().get());
        let pairs = || blocks.windows(2);
        let step = pairs().next().map_or(0, distance);
        if step != self.block_size() && step != self.block_size().wrapping_neg() {
            return 1;
        }
        1 + pairs().take_while(|pair| distance(pair) == step).count()
    }

    /// Puts a run back as it was withdrawn, or a part of it.
    #[inline]
    pub(crate) fn put(&self, run: Run) {
        if run.bits > 0 {
            self.put_back(run);
            self.wanted.put(run);
        }
    }

    /// As `put`, for blocks that were held for a moment only, and so were never anybody's.
    #[inline]
    fn put_back(&self, run: Run) {
        // Poisoned before they are put back, since afterwards they may be somebody's.
        self.poison(run);
        if let Err(twice) = self.free.put(run) {
            fault::misuse(self.site(run.first + twice.trailing_zeros() as usize), Misuse::FreedTwice);
        }
    }

    /// As `Bitmap::begin_put`.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn begin_put(&self, index: usize) {
        self.free.begin_put(index);
    }

    /// Puts the blocks of a run, which the caller holds claimed, out of reach.
    fn poison(&self, run: Run) {
        if poison::ON {
            run.stretches().for_each(|stretch| {
                poison::given_back(self.block(stretch.start), stretch.len() * self.block_size());
            });
        }
    }

    /// Lets the tool forget what it was told, since the heap ends and others get the memory.
    pub(crate) fn unpoison(&self) {
        poison::released(self.span.base(), self.watermark() * self.block_size());
    }

    /// The number of a block that was handed out before.
    #[inline]
    pub(crate) fn index(&self, block: NonNull<u8>) -> usize {
        match self.span.index(block) {
            Ok(index) if index < self.watermark() => index,
            _ => self.not_a_block(block),
        }
    }

    /// Ends the process over a pointer that no block handed out before starts at.
    #[cold]
    fn not_a_block(&self, block: NonNull<u8>) -> ! {
        match self.misuse_of(block) {
            Some((site, misuse)) => fault::misuse(site, misuse),
            // Whoever brought it here was led to the wrong bucket: memory of the heap's own was overwritten.
            None => fault::foreign(self.heap, block.addr().get(), Stranger::Unknown),
        }
    }

    /// What is wrong with a pointer that no block handed out before starts at, if it does not lie in front of the span.
    fn misuse_of(&self, block: NonNull<u8>) -> Option<(Site, Misuse)> {
        let offset = block.addr().get().checked_sub(self.span.start())?;
        let site = self.site(offset / self.block_size());
        match offset % self.block_size() {
            bytes if bytes > 0 && site.block < self.watermark() => Some((site, Misuse::PointedInto(bytes))),
            _ => Some((site, Misuse::NeverHandedOut)),
        }
    }

    /// Block `index` as messages name it.
    #[cold]
    pub(crate) fn site(&self, index: usize) -> Site {
        let (block_size, start) = (self.block_size(), self.span.start());
        Site { heap: self.heap, bucket: self.number, block: index, block_size, address: start + index * block_size }
    }

    /// The block that `address`, which lies in the span, points into.
    #[cold]
    pub(crate) fn site_of(&self, address: NonNull<u8>) -> Site {
        self.site((address.addr().get() - self.span.start()) / self.block_size())
    }

    /// The count of a live block's owners (I11).
    #[inline]
    pub(crate) fn share_count(&self, block: NonNull<u8>) -> &ShareCount {
        match self.span.index(block) {
            // SAFETY: I2: below the limit.
            Ok(index) if index < self.limit() => unsafe { self.shares.of(index) },
            _ => self.not_a_block(block),
        }
    }

    /// Whether a block of this bucket that was handed out before starts at `block`.
    pub(crate) fn is_block(&self, block: NonNull<u8>) -> bool {
        self.span.index(block).is_ok_and(|index| index < self.watermark())
    }
}

/// Runs on their way back, at most one a word; two words that want the same place are not kept together. One thread's.
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::raw::buckets::bitmap::MOST_RUNS;

    const SIZE: usize = 16;

    /// A bucket of `blocks` blocks over memory that is leaked.
    fn leaked(blocks: usize) -> Bucket {
        let memory = Box::leak(vec![0_u128; blocks].into_boxed_slice());
        let words = (0..Bitmap::words(blocks)).map(|_| AtomicU64::new(0)).collect();
        let span = Span::new(NonNull::from(memory).cast(), SIZE);
        let parts = Parts {
            heap: "test",
            number: 0,
            span,
            blocks,
            most: blocks,
            words: Vec::leak(words),
            closed: Closed::new(&[], 1),
            shares: ShareCounts::new(NonNull::dangling()),
            exact: true,
            ground: None,
        };
        Bucket::new(parts)
    }

    #[test]
    fn a_run_of_never_used_blocks_can_be_put_back_as_it_is() {
        let bucket = leaked(3 * WORD + 3);
        let mut runs = Vec::new();
        // Any length, so that many a run would go on in the next word.
        while let Some(run) = bucket.withdraw(5, &Start::lowest()) {
            assert_eq!(run.first % WORD, 0);
            runs.push(run);
        }
        let taken: Vec<usize> = runs.iter().flat_map(|run| run.descending()).collect();
        assert!((0..3 * WORD + 3).all(|block| taken.contains(&block)) && taken.len() == 3 * WORD + 3);
        runs.into_iter().for_each(|run| bucket.put(run));
        assert_eq!(bucket.free_of_used().0, 3 * WORD + 3);
    }

    #[test]
    fn what_is_wrong_with_a_pointer_is_said_also_of_one_in_front_of_the_span() {
        let bucket = leaked(4);
        while bucket.withdraw(1, &Start::lowest()).is_some() {}
        let told = |byte: isize| {
            let pointer = NonNull::new(bucket.span().base().as_ptr().wrapping_offset(byte)).unwrap();
            bucket.misuse_of(pointer).map(|(site, misuse)| (site.block, matches!(misuse, Misuse::PointedInto(_))))
        };
        assert_eq!([1, 16, 63].map(told), [Some((0, true)), Some((1, false)), Some((3, true))]);
        assert_eq!([64, 4095].map(told), [Some((4, false)), Some((255, false))]);
        assert_eq!([-1, -16, -4096].map(told), [None; 3]);
        assert!(
            (1..100)
                .all(|byte| !bucket.is_block(NonNull::new(bucket.span().base().as_ptr().wrapping_sub(byte)).unwrap()))
        );
    }

    #[test]
    fn a_block_whose_summary_bit_is_still_on_its_way_is_found_before_a_refusal() {
        let bucket = leaked(2 * WORD);
        while bucket.withdraw(WORD, &Start::lowest()).is_some() {}
        bucket.begin_put(WORD + 1);
        assert_eq!(bucket.withdraw_one(), None);
        assert_eq!(bucket.withdraw_one_exact(), Ok(bucket.block(WORD + 1)));
        assert_eq!(bucket.withdraw_one_exact(), Err(2 * WORD));
    }

    #[test]
    fn a_bucket_that_is_told_to_grow_by_nothing_grows_by_one_block() {
        let mut bucket = leaked(3);
        (bucket.capacity, bucket.limit) = (AtomicUsize::new(1), AtomicUsize::new(1));
        assert!(bucket.can_grow() && bucket.grow(1, 0));
        assert_eq!((bucket.capacity(), bucket.limit(), bucket.is_refused()), (2, 1, true));
        assert!(!bucket.grow(2, 1), "what it may have is not committed");
    }

    #[test]
    fn of_a_fragmented_bucket_only_some_runs_are_gathered() {
        let words = 2 * MOST_RUNS;
        let bucket = leaked(words * WORD);
        while bucket.withdraw(WORD, &Start::lowest()).is_some() {}
        (0..words).for_each(|word| bucket.deposit_index(word * WORD));
        assert_eq!(bucket.withdraw_many(200, &Start::lowest()).len(), MOST_RUNS);
        assert_eq!(bucket.free_of_used().0, words - MOST_RUNS);
    }
}

/// Models: blocks whose content is a loom cell, behind a bucket whose span nobody looks into.
#[cfg(all(test, loom))]
pub(in crate::raw) mod models {
    use super::*;
    use crate::sync::{Arc, AtomicBool, UnsafeCell, model, thread};

    const SIZE: usize = 16;

    pub(in crate::raw) struct Blocks {
        pub(in crate::raw) bucket: Bucket,
        content: Vec<UnsafeCell<usize>>,
    }

    impl Blocks {
        /// A bucket of `blocks` blocks that can grow to `most`.
        pub(in crate::raw) fn new(blocks: usize, most: usize) -> Arc<Self> {
            Self::with_marks(blocks, most, 0)
        }

        /// One whose memory counts, in pages of two blocks, for which there are so many words.
        pub(super) fn with_marks(blocks: usize, most: usize, marks: usize) -> Arc<Self> {
            let words = (0..Bitmap::words(most)).map(|_| AtomicU64::new(0)).collect();
            let base = NonNull::new(core::ptr::without_provenance_mut(SIZE)).unwrap();
            let span = Span::new(base, SIZE);
            let parts = Parts {
                heap: "model",
                number: 0,
                span,
                blocks,
                most,
                words: Vec::leak(words),
                closed: Closed::new(Vec::leak((0..marks).map(|_| AtomicU64::new(0)).collect()), 2 * SIZE),
                shares: ShareCounts::new(NonNull::dangling()),
                exact: true,
                ground: Some(Ground::Model((0..most).map(|_| AtomicBool::new(false)).collect(), SIZE)),
            };
            Arc::new(Self { bucket: Bucket::new(parts), content: (0..most).map(|_| UnsafeCell::new(0)).collect() })
        }

        /// Owns a block for a moment: loom reports a race if somebody else does too.
        fn write(&self, block: usize) {
            let Some(Ground::Model(committed, _)) = &self.bucket.ground else { panic!("a model's") };
            assert!(committed[block].load(Ordering::Relaxed), "block {block} is out of reach");
            // SAFETY: I4: the block is claimed; that nobody else has it is what the model checks.
            self.content[block].with_mut(|content| unsafe { *content += 1 });
        }

        /// Takes one block and uses it.
        pub(in crate::raw) fn take(&self) -> Option<usize> {
            let block = self.bucket.withdraw(1, &Start::lowest())?.first_block();
            self.write(block);
            Some(block)
        }

        pub(super) fn give(&self, block: usize) {
            self.write(block);
            self.bucket.deposit_index(block);
        }

        /// As a heap whose buckets grow by `step` blocks takes one.
        pub(super) fn take_or_grow(&self, step: usize) -> Option<usize> {
            while self.bucket.can_grow() {
                match self.take_exact() {
                    Ok(block) => return Some(block),
                    Err(capacity) => assert!(self.bucket.grow(capacity, step), "nothing is refused here"),
                }
                if let Some(block) = self.take() {
                    return Some(block);
                }
            }
            self.take()
        }

        pub(super) fn take_exact(&self) -> Result<usize, usize> {
            let block = self.bucket.claim_exact()?.first_block();
            self.write(block);
            Ok(block)
        }

        /// Takes a block of one word, as one does that has missed those of the words below.
        pub(super) fn take_of_word(&self, word: usize) -> Option<usize> {
            let block = self.bucket.free.claim_in(word, 1)?.first_block();
            self.write(block);
            Some(block)
        }

        pub(super) fn take_fresh(&self) -> Option<usize> {
            let block = self.bucket.fresh(1)?.first_block();
            self.write(block);
            Some(block)
        }

        /// As purging does: the content of all these blocks is lost, and of never-used ones as far as `tail`.
        pub(super) fn trim(&self, tail: usize) -> usize {
            self.bucket.use_up(tail, || true);
            self.bucket.trim_with(0..self.bucket.watermark().div_ceil(WORD), 1, |first, count| {
                (first..first + count).for_each(|block| self.write(block));
                count
            })
        }

        /// As purging does where committed memory is counted: of all blocks in pages that are wholly free. Says how many.
        pub(super) fn give_up(&self) -> usize {
            let Some(Ground::Model(committed, _)) = &self.bucket.ground else { panic!("a model's") };
            self.bucket.trim_with(0..self.bucket.watermark().div_ceil(WORD), 1, |first, count| {
                let bytes = self.bucket.closed.close(first * SIZE, (first + count) * SIZE);
                let blocks = &committed[bytes.start / SIZE..bytes.end.max(bytes.start) / SIZE];
                blocks.iter().for_each(|block| block.store(false, Ordering::Relaxed));
                blocks.len()
            })
        }

        pub(super) fn left(&self) -> usize {
            core::iter::from_fn(|| self.take()).count()
        }
    }

    #[test]
    fn loom_never_used_blocks_go_to_one_owner_each() {
        model(|| {
            let blocks = Blocks::new(3, 3);
            let other = Arc::clone(&blocks);
            let thread = thread::spawn(move || [other.take(), other.take()].into_iter().flatten().count());
            let mine = [blocks.take(), blocks.take()].into_iter().flatten().count();
            assert_eq!(mine + thread.join().unwrap(), 3, "there are three");
            assert_eq!(blocks.left(), 0);
        });
    }

    #[test]
    fn loom_a_block_beyond_the_limit_is_used_after_it_is_committed() {
        model(|| {
            let blocks = Blocks::new(0, 2);
            let other = Arc::clone(&blocks);
            // Grows the bucket by one block at a time until there is a block to be had, as a heap does.
            let thread = thread::spawn(move || other.take_or_grow(1));
            blocks.take_or_grow(1);
            thread.join().unwrap();
            assert!(blocks.bucket.limit() <= 2 && blocks.bucket.watermark() <= blocks.bucket.limit());
        });
    }
}
