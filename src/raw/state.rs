//! Everything a heap owns, in one reservation, and the slow half of every call.
//!
//! ```text
//! | guard | span 0 .. guard | span 1 .. guard | … | State | buckets | bitmaps | cache table: slot 0, slot 1, … | share counts |
//! ```
//!
//! Behind the table a hardened heap keeps book of every block (`checks`). Its threads have no caches, and find zero bytes in the table.
//!
//! The state lives in the heap's own memory, so that building one allocates nothing else and a heap can stand behind the
//! global allocator.

mod caches;
mod checks;
mod exhausted;
mod overflow;
mod plan;
mod purge;
mod shown;

use core::cell::Cell;
use core::mem::size_of;
use core::ops::Range;
use core::ptr::NonNull;

use crate::config::{Config, Exhausted};
use crate::error::ConfigError;
use crate::raw::buckets::bucket::{Bucket, Closed, Ground, Parts};
use crate::raw::buckets::region::{Region, Span};
#[cfg(shuttle)]
use crate::raw::buckets::share::ShareCount;
use crate::raw::buckets::share::ShareCounts;
use crate::raw::cache::Cache;
use crate::raw::fallback::Fallback;
use crate::raw::fault::Site;
use crate::raw::hardened::canary::{Canary, secret};
use crate::raw::hardened::ledger::Ledger;
use crate::raw::hardened::quarantine::Quarantine;
use crate::raw::lock::Lock;
use crate::raw::os::{self, Reservation, page};
use crate::raw::testing::poison;
use crate::raw::threads::cache_slot::{CacheSlot, STRIDE};
use crate::raw::threads::cache_table::{CacheTable, TABLE_BYTES};
use crate::raw::threads::registry::{Entry, Links, Member};
use crate::raw::threads::thread::{self, REGISTRY};
use crate::sync::AtomicUsize;
#[cfg(shuttle)]
use crate::sync::{AtomicU32, AtomicU64};
use checks::Watch;
use overflow::Fallbacks;
use plan::{Carver, Plan, bitmap_words, share_bytes};
use purge::Passes;

/// Shared, at a fixed address from `build` to `release`.
pub(crate) struct State {
    links: Links,
    reservation: Reservation,
    region: Region,
    buckets: NonNull<[Bucket]>,
    table: CacheTable,
    fallback: Fallback,
    /// How often the fallback served, and why.
    pub(crate) fallbacks: Fallbacks,
    /// A hardened heap's books, one for each bucket.
    watches: Option<NonNull<[Watch]>>,
    canary: Option<Canary>,
    /// How many `Regions` there are, each of which has shown the spans to somebody outside.
    shown: AtomicUsize,
    passes: Passes,
    pub(crate) config: Config,
}

// SAFETY: I5, I8: shared parts are atomics or belong to a lock; a cache is used by its own thread alone.
unsafe impl Sync for State {}
// SAFETY: as for `Sync`.
unsafe impl Send for State {}

impl State {
    /// Reserves, commits and lists a heap. `release` undoes it.
    pub(crate) fn build(config: &Config) -> Result<NonNull<Self>, ConfigError> {
        let plan = Plan::new(config)?;
        thread::prepare();
        let refused = |bytes| move |code| ConfigError::Refused { bytes, code };
        let side = plan.committed().iter().map(|(from, to)| to - from).sum();
        // A heap that makes do with less leaves most of what a process may have to the rest of it.
        let is_much = || plan.end > os::most_addresses() / 4 || side > os::most_data() / 4;
        if config.can_be_halved() && is_much() {
            return Err(refused(plan.end)(os::NO_MEMORY));
        }
        let reservation = Reservation::reserve(plan.end).map_err(refused(plan.end))?;
        for (from, to) in plan.committed().into_iter().filter(|(from, to)| from < to) {
            reservation.commit(from, to).map_err(refused(side))?;
        }
        if plan.is_long() {
            reservation.leave_out_of_dumps(plan.state, plan.end);
        }

        let buckets = Self::build_buckets(&plan, &reservation, config).map_err(refused(side))?;
        let watches = config.hardened.then(|| Self::build_watches(&plan, &reservation, config));
        let table = CacheTable::new(reservation.at(plan.table).cast::<CacheSlot>());
        let canary = config.canary.then(Canary::new);
        let place = reservation.at(plan.state).cast::<Self>();
        let state = Self {
            links: Links::new(),
            reservation,
            region: plan.region,
            buckets,
            table,
            fallback: Fallback::new(canary, config.zero_on_free),
            fallbacks: Fallbacks::new(),
            watches,
            canary,
            shown: AtomicUsize::new(0),
            passes: Passes::new(),
            config: *config,
        };
        poison::may_point(state.reservation.base(), state.may_point());
        // SAFETY: I1: `Plan` left room for it here; committed and aligned to a page.
        unsafe { place.write(state) };
        // SAFETY: I8: `release` leaves the registry before anything goes.
        if unsafe { REGISTRY.join(place as NonNull<dyn Member>) } {
            return Ok(place);
        }
        // SAFETY: I8: nobody has seen it.
        drop(unsafe { place.read() });
        Err(refused(TABLE_BYTES)(os::NO_MEMORY))
    }

    fn build_buckets(plan: &Plan, reservation: &Reservation, config: &Config) -> Result<NonNull<[Bucket]>, i32> {
        let first = reservation.at(plan.buckets).cast::<Bucket>();
        let mut words = Carver { reservation, at: plan.words };
        let mut closed = Carver { reservation, at: plan.closed };
        let mut shares = plan.shares;
        for number in 0..plan.region.spans {
            let most = config.most_blocks(number);
            #[cfg(shuttle)]
            words.make(bitmap_words(most), || AtomicU64::new(0));
            #[cfg(shuttle)]
            Carver { reservation, at: shares }.make(most, ShareCount::new);
            let offset = plan.region.offset(number);
            let span = Span::new(reservation.at(offset), config.block_sizes[number]);
            let bytes = most * config.block_sizes[number];
            let ground = Ground::Part {
                span: reservation.part(offset, offset + bytes),
                huge_pages: config.huge_pages,
                counts: plan.counts_later().then(|| reservation.part(shares, shares + share_bytes(most))),
                words: os::COUNTED.then(|| reservation.part(plan.words, plan.table)),
            };
            let bucket = Bucket::new(Parts {
                heap: config.name,
                number,
                span,
                ground: Some(ground),
                blocks: config.blocks(number),
                most,
                // SAFETY: I1: as `Plan` has it.
                words: unsafe { words.next(bitmap_words(most)) },
                // SAFETY: I1: as `Plan` has it.
                closed: Closed::new(unsafe { closed.next(Closed::words(bytes)) }, page()),
                shares: ShareCounts::new(reservation.at(shares).cast()),
                exact: config.exhausted != Exhausted::NextBucketThenFallback,
            });
            shares += share_bytes(most);
            // Who looks for free blocks looks at the first words.
            bucket.commit_words(1)?;
            // SAFETY: I1: `Plan` left room for all buckets here.
            let place = unsafe { first.add(number) };
            // SAFETY: I1: committed, aligned, ours.
            unsafe { place.write(bucket) };
        }
        Ok(NonNull::slice_from_raw_parts(first, plan.region.spans))
    }

    fn build_watches(plan: &Plan, reservation: &Reservation, config: &Config) -> NonNull<[Watch]> {
        let first = reservation.at(plan.watches).cast::<Watch>();
        let mut ledgers = Carver { reservation, at: plan.ledgers };
        let mut quarantines = Carver { reservation, at: plan.quarantines };
        for number in 0..plan.region.spans {
            #[cfg(shuttle)]
            ledgers.make(config.most_blocks(number), || AtomicU32::new(0));
            // SAFETY: I1: as `Plan` has it; zero words are an empty book.
            let ledger = Ledger::new(unsafe { ledgers.next(config.most_blocks(number)) });
            // SAFETY: I1: as `Plan` has it; zero cells are empty.
            let cells: &[Cell<u64>] = unsafe { quarantines.next(Quarantine::cells(config.waiting(number))) };
            // SAFETY: I1: `Plan` left room for all watches here.
            let place = unsafe { first.add(number) };
            // SAFETY: I1: committed, aligned, ours.
            unsafe { place.write(Watch { ledger, lock: Lock::new(), quarantine: Quarantine::new(cells, secret()) }) };
        }
        NonNull::slice_from_raw_parts(first, plan.region.spans)
    }

    /// Takes the heap off the registry's list and gives everything back.
    ///
    /// # Safety
    /// `state` comes from `build`, and nobody uses it or any of its blocks any more.
    pub(crate) unsafe fn release(state: NonNull<Self>) {
        // SAFETY: I10: still valid.
        let this = unsafe { state.as_ref() };
        REGISTRY.leave(this);
        this.table.release();
        this.buckets().iter().for_each(Bucket::unpoison);
        poison::points_no_more(this.reservation.base(), this.may_point());
        // SAFETY: I10: moved out once; the place it lay in goes with the reservation inside it, last.
        drop(unsafe { state.read() });
    }

    /// Bytes from the reservation's first in which there may be pointers to what is another allocator's: users' blocks, and the state.
    fn may_point(&self) -> usize {
        self.region.end() + size_of::<Self>()
    }

    pub(crate) fn table(&self) -> &CacheTable {
        &self.table
    }

    #[inline]
    pub(crate) fn buckets(&self) -> &[Bucket] {
        // SAFETY: I1: written by `build`, in place until `release`.
        unsafe { self.buckets.as_ref() }
    }

    pub(crate) fn fallback(&self) -> &Fallback {
        &self.fallback
    }

    /// Whether what no bucket serves is refused.
    pub(crate) fn refuses(&self) -> bool {
        self.config.exhausted == Exhausted::Refuse
    }

    /// The bucket that `block` points into, block or not.
    #[inline]
    pub(crate) fn locate(&self, block: NonNull<u8>) -> Option<usize> {
        self.region.locate(self.first_span(), block)
    }

    /// As `locate`.
    #[inline]
    pub(crate) fn bucket_at(&self, block: NonNull<u8>) -> Option<&Bucket> {
        self.buckets().get(self.region.number(self.first_span(), block))
    }

    /// The heap's own pointer to a live block: a caller's may have the right to a part of it alone (I14).
    pub(crate) fn own(&self, block: NonNull<u8>) -> NonNull<u8> {
        self.measured(block).0
    }

    /// The heap's own pointer to a live block, and how many bytes it has.
    pub(crate) fn measured(&self, block: NonNull<u8>) -> (NonNull<u8>, usize) {
        match self.locate(block) {
            Some(class) => (self.reservation.base().with_addr(block.addr()), self.config.block_sizes[class]),
            None => self.measured_elsewhere(block),
        }
    }

    /// The address of the first span.
    #[inline]
    fn first_span(&self) -> usize {
        self.reservation.base().addr().get() + self.region.offset(0)
    }

    /// A block of exactly this class.
    pub(crate) fn take(&self, cache: Option<&Cache>, class: usize) -> Option<NonNull<u8>> {
        let bucket = &self.buckets()[class];
        let shared = || match cache {
            Some(cache) => cache.lane(class).refill(bucket),
            None => bucket.withdraw_one().or_else(|| self.reuse_early(class)),
        };
        let own = cache.map(|cache| cache.lane(class)).and_then(|lane| lane.pop().or_else(|| lane.refill_from_stack()));
        own.or_else(|| {
            let block = shared();
            self.come_by(class..class + 1);
            block
        })
    }

    /// As `take`, past the cache, so that it is known whether the block was never used, and so reads as zero.
    pub(crate) fn take_told(&self, class: usize) -> Option<(NonNull<u8>, bool)> {
        let told = self.buckets()[class].withdraw_one_told();
        self.come_by(class..class + 1);
        told
    }

    /// Takes a block back that lies in the span of `class`.
    pub(crate) fn give(&self, cache: Option<&Cache>, class: usize, block: NonNull<u8>) {
        let bucket = &self.buckets()[class];
        let block = self.own(block);
        if let Some(watch) = self.watch(class) {
            self.take_back(watch, bucket, block);
            return self.come_by(class..class + 1);
        }
        if self.config.zero_on_free {
            // SAFETY: I4, I10: the caller gives up the block, and nobody else has it yet.
            unsafe { block.write_bytes(0, bucket.block_size()) };
        }
        match cache {
            Some(cache) => {
                let lane = cache.lane(class);
                if lane.push(block) || lane.spill_to_stack(block) {
                    return;
                }
                lane.spill(bucket, block);
            }
            None => bucket.deposit_one(block),
        }
        self.come_by(class..class + 1);
    }

    /// Bytes of bucket `number`'s span that are backed by memory, if the system says so.
    pub(crate) fn resident(&self, number: usize) -> Option<usize> {
        self.buckets()[number].resident()
    }
}

impl Member for State {
    fn links(&self) -> &Links {
        &self.links
    }

    fn drain(&self, slot: usize) {
        self.close_cache(slot);
        self.table.forget(slot);
        self.keep_or_release(slot);
    }

    fn drain_kept(&self, slot: usize) {
        self.table.empty(slot, self.buckets());
    }

    fn each_entry(&self, visit: &mut dyn FnMut(usize, &Entry)) {
        self.table.each_entry(visit);
    }

    fn forked(&self, slot: Option<usize>) {
        self.table.abandon_but(slot);
    }

    fn each_lock(&self, visit: &dyn Fn(&Lock)) {
        visit(&self.passes.lock);
        visit(&self.table.lock);
        // SAFETY: I1: written by `build`, in place until `release`.
        let watches = self.watches.map(|watches| unsafe { watches.as_ref() });
        watches.into_iter().flatten().for_each(|watch| visit(&watch.lock));
        self.buckets().iter().for_each(|bucket| visit(bucket.lock()));
        self.fallback.locks().for_each(visit);
    }

    fn commit_slots(&self, slots: Range<usize>) -> bool {
        let [from, to] = [slots.start, slots.end].map(|slot| self.table_offset() + slot * STRIDE);
        !os::COUNTED || self.reservation.commit(from, to).is_ok()
    }

    fn site_of(&self, address: NonNull<u8>) -> Option<Site> {
        Some(self.buckets()[self.locate(address)?].site_of(address))
    }
}

#[cfg(all(test, not(loom), not(shuttle)))]
mod tests {
    use crate::class::Linear;
    use crate::config::Exhausted;
    use crate::heap::Heap;

    /// Uses up bucket 7, half gives block 70 back, as another thread may have been stopped in it, and finds it.
    #[track_caller]
    fn finds_what_is_being_put(heap: &Heap<Linear<8>>) {
        let of_bucket = || heap.malloc(128, 0).is_ok_and(|block| heap.bucket_of(block) == Some(7));
        assert_eq!((0..101).filter(|_| of_bucket()).count(), 100);
        let state = heap.raw().state();
        state.watch(7).map(|watch| watch.ledger.strike(70));
        state.buckets()[7].begin_put(70);
        assert!(of_bucket());
        assert!(!of_bucket());
    }

    #[test]
    fn a_bucket_is_not_exhausted_while_a_block_comes_back() {
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(128 * 100);
        finds_what_is_being_put(&builder.on_exhausted(Exhausted::Refuse).no_thread_cache().build().unwrap());
        finds_what_is_being_put(&builder.hardened(true).build().unwrap());
    }
}
