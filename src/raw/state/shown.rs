//! Giving memory back, and addresses that keep theirs because somebody outside was told of them.

use super::State;
use crate::sync::Ordering::Relaxed;

impl State {
    /// Gives the memory of free pages back to the system; returns how many bytes.
    pub(crate) fn trim(&self) -> usize {
        self.drain_own_cache();
        self.buckets().iter().map(|bucket| bucket.trim(|| self.may_purge())).sum::<usize>() + self.release_ended()
    }

    /// Whether the memory of free pages may go: asked under the bucket's lock, which `show` takes once it has said no.
    pub(super) fn may_purge(&self) -> bool {
        // Relaxed: the lock orders it.
        self.shown.load(Relaxed) == 0
    }

    /// From here on, until as many `hide` as `show` were called, the spans' memory stays what it is.
    pub(crate) fn show(&self) {
        // Relaxed: as in `may_purge`, under the locks that follow.
        self.shown.fetch_add(1, Relaxed);
        // Whoever is giving memory back right now has done so then, and whoever comes next sees the count.
        self.buckets().iter().for_each(|bucket| bucket.lock().with(|| ()));
    }

    pub(crate) fn hide(&self) {
        // Relaxed: a trim that still sees it gives back less.
        self.shown.fetch_sub(1, Relaxed);
    }
}
