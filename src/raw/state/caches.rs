//! How a thread gets its caches in a heap, and how they are given up and looked at.

use super::State;
use crate::config::CacheWarmup;
use crate::raw::cache::Cache;
use crate::raw::seat;
use crate::raw::table::Opening;
use crate::raw::thread::{self, REGISTRY};

impl State {
    /// This thread's cache for a call that brought `local` along, or none: opened now if need be, `None` if it has or shall have none.
    pub(crate) fn own_cache<'c>(&'c self, local: Option<&'c Cache>) -> Option<&'c Cache> {
        if let Some(open) = local.filter(|local| local.is_open()) {
            return Some(open);
        }
        let slot = thread::enter()?;
        let cache = match local.filter(|local| self.admits(slot, local)) {
            Some(local) => local,
            None => self.table.seat(slot)?.cache(),
        };
        if !cache.is_open() {
            if !self.config.automatic_cache {
                return None;
            }
            self.open_cache(slot, cache, &|_| self.config.cache_bytes, self.config.warmup)?;
        }
        Some(cache)
    }

    /// Whether `local` is, from now on or before, what the thread with `slot` has in its own memory. Not a second one, of
    /// another type that names the same heap.
    fn admits(&self, slot: usize, local: &Cache) -> bool {
        let Some(seat) = self.table.seat(slot).filter(|_| !thread::is_ending()) else { return false };
        if !seat.has_local() {
            // I12.
            REGISTRY.lock.with(|| self.table.set_local(slot, local));
        }
        seat.is_local(local)
    }

    /// Opens `cache`, of this thread, which has `slot`, and warms it. `None` when the system refuses memory for it.
    /// `room` says for how many bytes of blocks of a given size.
    pub(crate) fn open_cache(
        &self,
        slot: usize,
        cache: &Cache,
        room: &dyn Fn(usize) -> usize,
        warmup: CacheWarmup,
    ) -> Option<()> {
        // What must be done to a freed block is done on the slow path, so every free must get there.
        let fast_free = !self.config.zero_on_free;
        let region = fast_free.then(|| (self.first_span(), self.region.shift));
        self.table.open(slot, cache, &Opening { room, buckets: self.buckets(), region })?;
        for (class, bucket) in self.buckets().iter().enumerate() {
            cache.lane(class).warm(bucket, warmup.halves());
        }
        Some(())
    }

    /// Empties and closes the cache that lies in the table at `slot`, which this thread holds.
    pub(crate) fn close_cache(&self, slot: usize) {
        self.table.close(slot, self.buckets());
    }

    /// Empties this thread's caches into the buckets.
    pub(super) fn drain_own_caches(&self) {
        if let Some(seat) = thread::current().and_then(|slot| self.table.seat(slot)) {
            // SAFETY: I10: the seat is this thread's.
            unsafe { seat.caches() }.for_each(|cache| seat::drain(cache, self.buckets()));
        }
    }

    /// Shows every open cache to `visit`.
    pub(crate) fn each_cache(&self, visit: impl FnMut(&Cache)) {
        // SAFETY: I10: the lock is held.
        REGISTRY.lock.with(|| unsafe { self.table.each_open(visit) });
    }
}
