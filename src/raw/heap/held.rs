//! Explicit caches: what a `ThreadCache` and the C interface ask for.

use super::{Cache, RawHeap};
use crate::config::CacheWarmup;
use crate::raw::threads::cache_slot::{CacheSlot, STRIDE};
use crate::raw::threads::thread;
use crate::sync::Ordering::Relaxed;

impl RawHeap {
    /// Gives this thread's cache room for `bytes` bytes of blocks of each bucket, warms it, and keeps it this thread's until
    /// `let_cache_go`. Returns an empty one if this thread cannot have one.
    pub(crate) fn hold_cache(&self, bytes: usize, warmup: CacheWarmup) -> &Cache {
        self.reopen_cache(&|_| bytes, warmup);
        // Also one that was refused memory: the cache of those before it is closed then, and it is not the last to go.
        if let Some(cache_slot) = self.own_slot() {
            cache_slot.guards.fetch_add(1, Relaxed);
        }
        let cache = self.cache();
        if self.is_held(cache) {
            thread::guard();
        }
        cache
    }

    /// Whether `cache` is the one of this thread's slot, which is the thread's as long as guards of it are counted. Not what `hold_cache`
    /// returned to who had no slot, or had another one: its end may have begun, be over, and the thread use heaps again.
    fn is_held(&self, cache: &Cache) -> bool {
        thread::current().is_some_and(|slot| core::ptr::eq(cache, self.cache_at(slot * STRIDE)))
    }

    /// Gives this thread a new cache, the old one's blocks going back first; `room` says for how many bytes of blocks of a given
    /// size. `None` if it cannot have one.
    pub(crate) fn reopen_cache(&self, room: &dyn Fn(usize) -> usize, warmup: CacheWarmup) -> Option<&CacheSlot> {
        let state = self.state();
        let slot = thread::enter()?;
        state.close_cache(slot);
        let cache_slot = state.cache_slot(slot)?;
        state.table().set_forgoes(slot, false);
        state.open_cache(slot, cache_slot, room, warmup)?;
        Some(cache_slot)
    }

    /// Empties and closes this thread's cache, if it has one.
    pub(crate) fn close_cache(&self) {
        if let Some(slot) = thread::current() {
            self.state().close_cache(slot);
        }
    }

    /// As `close_cache`, and this thread gets no other one until it asks for it.
    #[cfg(feature = "capi")]
    pub(crate) fn forgo_cache(&self) {
        if let Some(slot) = thread::enter() {
            self.state().forgo_cache(slot);
        }
    }

    /// Undoes one `hold_cache` of this thread, which returned `cache`. The last one of this heap closes the cache.
    pub(crate) fn let_cache_go(&self, cache: &Cache) {
        if !self.is_held(cache) {
            return;
        }
        if let Some(cache_slot) = self.own_slot().filter(|cache_slot| cache_slot.guards.load(Relaxed) > 0) {
            if cache_slot.guards.fetch_sub(1, Relaxed) == 1 {
                self.close_cache();
            }
        }
        thread::unguard();
    }

    /// What this thread has in this heap, if it can have anything.
    fn own_slot(&self) -> Option<&CacheSlot> {
        thread::current().and_then(|slot| self.state().cache_slot(slot))
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::class::{Linear, SizeClasses};
    use crate::config::Config;

    /// A bucket that another thread grows while a cache is being opened must not get a larger lane than there is memory for.
    #[test]
    fn each_lane_is_planned_once() {
        let heap = RawHeap::new(&Config::new(Linear::<8>::BLOCK_SIZES, 1 << 20)).unwrap();
        let asked = [const { Cell::new(0) }; 8];
        let room = |block_size: usize| {
            let asked = &asked[block_size / 16 - 1];
            asked.set(asked.get() + 1);
            1024
        };
        assert!(heap.reopen_cache(&room, CacheWarmup::Hot).is_some());
        assert_eq!(asked.map(Cell::into_inner), [1; 8]);
    }
}
