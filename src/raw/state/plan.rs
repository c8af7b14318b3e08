//! Where everything that a heap owns lies in its reservation, and what of it is committed from the start.

use core::mem::{align_of, size_of};

use super::State;
use super::checks::Watch;
use crate::config::Config;
use crate::error::ConfigError;
use crate::raw::buckets::bitmap::Bitmap;
use crate::raw::buckets::bucket::{Bucket, Closed};
use crate::raw::buckets::region::Region;
use crate::raw::buckets::share::ShareCount;
use crate::raw::hardened::quarantine::Quarantine;
use crate::raw::os::{self, Reservation, page};
use crate::raw::threads::cache_table::TABLE_BYTES;
use crate::sync::{AtomicU32, AtomicU64};

/// Side tables from so many bytes on are mostly room for blocks that were never used: they are left out of core files, and share counts, which are most of them, are
/// opened with the blocks.
const LONG_SIDE: usize = 16 << 20;

/// Where the parts lie, in bytes from the reservation's first.
pub(super) struct Plan {
    pub(super) region: Region,
    pub(super) state: usize,
    pub(super) buckets: usize,
    pub(super) words: usize,
    pub(super) closed: usize,
    pub(super) table: usize,
    /// A hardened heap's watches, ledgers and quarantines.
    pub(super) watches: usize,
    pub(super) ledgers: usize,
    pub(super) quarantines: usize,
    pub(super) shares: usize,
    pub(super) end: usize,
}

impl Plan {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        config.check()?;
        let count = config.block_sizes.len();
        let span_bytes = |bucket| config.most_blocks(bucket) * config.block_sizes[bucket];
        let longest = (0..count).map(span_bytes).max().unwrap_or(0);
        let Some(region) = Region::new(count, longest) else {
            return Err(ConfigError::AddressSpace {
                buckets: count,
                stride: longest.saturating_add(page()),
                limit: Region::ADDRESS_SPACE,
            });
        };
        let blocks = || (0..count).map(|bucket| config.most_blocks(bucket));
        let state = region.end();
        let buckets = (state + size_of::<State>()).next_multiple_of(align_of::<Bucket>());
        let words = (buckets + count * size_of::<Bucket>()).next_multiple_of(64);
        let closed = words + blocks().map(bitmap_words).sum::<usize>() * size_of::<AtomicU64>();
        let marks = (0..count).map(span_bytes).map(Closed::words).sum::<usize>() * size_of::<AtomicU64>();
        let table = (closed + marks).next_multiple_of(page());
        let watches = table + TABLE_BYTES;
        let quarantines = (watches + count * size_of::<Watch>()).next_multiple_of(64);
        let cells: usize = (0..count).map(|bucket| Quarantine::cells(config.waiting(bucket))).sum();
        let ledgers = quarantines + cells * size_of::<u64>();
        let rest = if config.hardened { ledgers + blocks().sum::<usize>() * size_of::<AtomicU32>() } else { watches };
        let shares = rest.next_multiple_of(page());
        let end = shares + blocks().map(share_bytes).sum::<usize>();
        Ok(Self { region, state, buckets, words, closed, table, watches, ledgers, quarantines, shares, end })
    }

    pub(super) fn is_long(&self) -> bool {
        self.end - self.state >= LONG_SIDE
    }

    /// Whether share counts are committed with the blocks they are for.
    pub(super) fn counts_later(&self) -> bool {
        os::COUNTED || self.is_long()
    }

    /// What is committed from the start of the side table: unless that counts, all but the share counts of long ones. Where it does, what blocks and
    /// threads have is committed when they come, and the book of a hardened heap now.
    pub(super) fn committed(&self) -> [(usize, usize); 2] {
        match () {
            () if os::COUNTED => [(self.state, self.words), (self.watches, self.shares)],
            () if self.is_long() => [(self.state, self.shares), (0, 0)],
            () => [(self.state, self.end), (0, 0)],
        }
    }
}

/// Words of a bucket's bitmap, in whole lines of the processor's cache.
pub(super) fn bitmap_words(blocks: usize) -> usize {
    Bitmap::words(blocks).next_multiple_of(8)
}

/// Bytes of a bucket's share counts, in whole pages.
pub(super) fn share_bytes(blocks: usize) -> usize {
    (blocks * size_of::<ShareCount>()).next_multiple_of(page())
}

/// Hands out the side table, part by part.
pub(super) struct Carver<'r> {
    pub(super) reservation: &'r Reservation,
    pub(super) at: usize,
}

impl Carver<'_> {
    /// The next `count` values of a type that zero bytes are a value of.
    ///
    /// # Safety
    /// `Plan` left room for them here, aligned, for nobody else; they are not used once the heap is released.
    pub(super) unsafe fn next<T>(&mut self, count: usize) -> &'static [T] {
        let first = self.reservation.at(self.at).cast::<T>();
        self.at += count * size_of::<T>();
        // SAFETY: I1, I10: committed, zero, aligned, and nobody else's until the heap is released.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), count) }
    }

    /// Writes what `next` will hand out: zero bytes are an atomic, but none of a schedule.
    #[cfg(shuttle)]
    pub(super) fn make<T>(&self, count: usize, new: fn() -> T) {
        let first = self.reservation.at(self.at).cast::<T>();
        for index in 0..count {
            // SAFETY: I1: `Plan` left room for as many.
            let place = unsafe { first.add(index) };
            // SAFETY: I1: committed, aligned, nobody else's yet.
            unsafe { place.write(new()) };
        }
    }
}
