//! How a thread gets its cache in a heap, and how it is given up and looked at.

use super::State;
use crate::config::CacheWarmup;
use crate::raw::cache::{Cache, before_buckets};
use crate::raw::threads::cache_slot::CacheSlot;
use crate::raw::threads::cache_table::Opening;
use crate::raw::threads::shortcut::RawShortcut;
use crate::raw::threads::thread::{self, REGISTRY};
use crate::sync::Ordering::Relaxed;

/// How many threads' chunks are kept when they end, until a pass: slots are given out lowest first, so the next threads have these.
const KEPT: usize = 64;

impl State {
    /// This thread's cache, opened now if need be; `None` if it has or shall have none. From then on, `shortcut` leads to it.
    pub(crate) fn own_cache<'c>(&'c self, shortcut: Option<&'c RawShortcut>) -> Option<&'c Cache> {
        if let Some(open) = shortcut.map(RawShortcut::cache).filter(|cache| cache.is_open()) {
            return Some(open);
        }
        let slot = thread::enter()?;
        let cache_slot = self.cache_slot(slot)?;
        let cache = cache_slot.cache();
        if !cache.is_open() {
            // Relaxed: the thread's own.
            if !self.config.automatic_cache || cache_slot.forgoes.load(Relaxed) != 0 {
                return None;
            }
            self.open_cache(slot, cache_slot, &|_| self.config.cache_bytes, self.config.warmup)?;
        }
        if let Some(shortcut) = shortcut {
            thread::lead(shortcut, cache);
        }
        Some(cache)
    }

    /// The cache slot of the thread with `slot`; `None` on a hardened heap, whose threads have no caches.
    pub(crate) fn cache_slot(&self, slot: usize) -> Option<&CacheSlot> {
        (!self.config.hardened).then(|| self.table.cache_slot(slot))
    }

    /// Sees to it that the end of this thread, whose `cache_slot` that is, empties and closes what it has in this heap.
    fn enlist(&self, slot: usize, cache_slot: &CacheSlot) {
        // First: the heap's end looks at used cache slots for their entries.
        self.table.set_used(slot);
        REGISTRY.enlist(slot, &cache_slot.entry, &self.links);
    }

    /// Opens the cache in `cache_slot`, of this thread, which has `slot`, and warms it. `None` when the system refuses memory for it.
    /// `room` says for how many bytes of blocks of a given size.
    pub(crate) fn open_cache(
        &self,
        slot: usize,
        cache_slot: &CacheSlot,
        room: &dyn Fn(usize) -> usize,
        warmup: CacheWarmup,
    ) -> Option<()> {
        self.enlist(slot, cache_slot);
        // What must be done to a freed block is done on the slow path, so every free must get there.
        let fast_free = !self.config.zero_on_free;
        let region = fast_free.then(|| (self.first_span(), self.region.shift));
        self.table.open(cache_slot, &Opening { room, buckets: self.buckets(), region })?;
        if warmup != CacheWarmup::Cold {
            for (class, bucket) in self.buckets().iter().enumerate() {
                cache_slot.cache().lane(class).warm(bucket, warmup.halves());
            }
        }
        Some(())
    }

    /// Empties and closes the cache that lies in the table at `slot`, which this thread holds.
    pub(crate) fn close_cache(&self, slot: usize) {
        self.table.close(slot, self.buckets());
        self.come_by(0..self.buckets().len());
    }

    /// Closes the thread's cache that lies in the table, and lets the thread, which has `slot`, have none until it asks for one.
    #[cfg(feature = "capi")]
    pub(crate) fn forgo_cache(&self, slot: usize) {
        if let Some(cache_slot) = self.cache_slot(slot) {
            self.enlist(slot, cache_slot);
            self.table.set_forgoes(slot, true);
            self.close_cache(slot);
        }
    }

    /// Empties this thread's cache into the buckets.
    pub(crate) fn drain_own_cache(&self) {
        if let Some(slot) = thread::current() {
            self.table.empty(slot, self.buckets());
        }
    }

    /// Shows every open cache to `visit`. What was not parked there any more is seen in its bucket from then on.
    pub(crate) fn each_cache(&self, visit: impl FnMut(&Cache)) {
        self.table.each_open(visit);
        before_buckets();
    }

    /// As a thread ends: what its chunks took stays for the next one, unless there were so many threads that this may take long.
    pub(super) fn keep_or_release(&self, slot: usize) {
        if slot > KEPT {
            self.table.release_chunks(slot);
        }
    }

    /// Gives the memory that threads left when they ended back to the system; returns how many bytes.
    pub(super) fn release_ended(&self) -> usize {
        let of_slot = |slot| {
            // As if by a thread that ends at once: so nobody else has the cache slot meanwhile.
            let bytes = self.table.release_cache_slot(slot, &self.reservation, self.table_offset());
            REGISTRY.release_slot(slot);
            bytes
        };
        REGISTRY.release_absent(thread::current());
        self.table.used_slots().filter(|&slot| REGISTRY.claim(slot)).map(of_slot).sum()
    }

    /// Bytes of memory behind the caches of all threads, those that have ended included; `None` where the system does not say.
    pub(crate) fn resident_caches(&self) -> Option<usize> {
        self.table.resident(&self.reservation, self.table_offset())
    }

    /// Where the table lies in the reservation.
    pub(super) fn table_offset(&self) -> usize {
        self.table.first().addr().get() - self.reservation.base().addr().get()
    }
}
