//! `RawShortcut`: where a thread finds its cache of a heap that a type names, without asking that heap.

use core::cell::Cell;
use core::ptr::NonNull;

use crate::raw::cache::Cache;

/// What shortcuts lead to before their thread has a cache, and when its end is over: empty and full (I6).
static EMPTY: Cache = Cache::empty();

/// One thread's, in its own memory (I12).
pub(crate) struct RawShortcut {
    /// Here first: a call reads nothing else.
    cache: Cell<NonNull<Cache>>,
    /// The next one on the list of this thread's that lead to caches.
    next: Cell<Option<NonNull<Self>>>,
}

impl RawShortcut {
    pub(crate) const fn new() -> Self {
        Self { cache: Cell::new(empty()), next: Cell::new(None) }
    }

    /// The cache that it leads to.
    #[inline(always)]
    pub(crate) fn cache(&self) -> &Cache {
        // SAFETY: I12: this thread's cache, in place as long as its heap, which is for ever; or the empty one.
        unsafe { self.cache.get().as_ref() }
    }
}

const fn empty() -> NonNull<Cache> {
    // SAFETY: I6: a static's address is not null.
    unsafe { NonNull::new_unchecked((&raw const EMPTY).cast_mut()) }
}

/// One thread's shortcuts that lead to caches.
pub(crate) struct Shortcuts {
    first: Cell<Option<NonNull<RawShortcut>>>,
}

impl Shortcuts {
    pub(crate) const fn none() -> Self {
        Self { first: Cell::new(None) }
    }

    /// From now on, `shortcut` leads to `cache`. Both are this thread's, and the cache's heap is never dropped.
    pub(crate) fn lead(&self, shortcut: &RawShortcut, cache: &Cache) {
        if shortcut.cache.replace(NonNull::from(cache)) == empty() {
            shortcut.next.set(self.first.replace(Some(NonNull::from(shortcut))));
        }
    }

    /// From now on, none of them leads anywhere: the thread gives up its slot.
    pub(crate) fn forget(&self) {
        let mut next = self.first.take();
        while let Some(shortcut) = next {
            // SAFETY: I12: a thread-local of this thread, without a destructor, so in place as long as the thread runs.
            let shortcut = unsafe { shortcut.as_ref() };
            shortcut.cache.set(empty());
            next = shortcut.next.take();
        }
    }
}
