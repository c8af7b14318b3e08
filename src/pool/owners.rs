//! Who keeps a pool alive: handles, and the permits that are out. The last of them frees what they share.
//!
//! The same for whatever the permits stand for: `S` is what a pool has beside them.

use crate::derived::dereference;
use core::mem;
use core::ptr::NonNull;

use super::{Permits, SomeAreKept, SomebodyWaits, Taken, WasLast};

/// What all owners of a pool have in common. Shared by all threads.
#[derive(Debug)]
pub(super) struct Shared<S> {
    permits: Permits,
    what: S,
}

impl<S> Shared<S> {
    #[inline]
    pub(super) fn permits(&self) -> &Permits {
        &self.permits
    }
}

dereference! { [S] Shared<S> => S: |shared| &shared.what }

/// One of those who may take permits. A clone is one more.
pub(super) struct Handle<S>(NonNull<Shared<S>>);

// SAFETY: P3: a handle gives other threads `&S`, hence `S: Sync`; as the last owner it drops
// the `S` on its own thread (P2), hence `S: Send`. Everything else in there is atomic, constant or under a lock.
unsafe impl<S: Send + Sync> Send for Handle<S> {}
// SAFETY: as above; `&Handle` gives no more than a clone does.
unsafe impl<S: Send + Sync> Sync for Handle<S> {}

impl<S> Handle<S> {
    /// The first handle of a pool. `permits` are as new.
    pub(super) fn new(permits: Permits, what: S) -> Self {
        // P1: a new semaphore counts one handle, which this is.
        Handle(NonNull::from(Box::leak(Box::new(Shared { permits, what }))))
    }

    /// Takes one permit, if one is free and nobody waits.
    #[inline(always)]
    pub(super) fn take_one(&self) -> Option<Permit<S>> {
        let Taken { count, surplus } = self.permits.take(1);
        if count == 0 {
            return None;
        }
        // P1: it has just been counted. From here on the permit gives itself back, whatever else happens.
        let permit = Permit(self.0);
        if surplus > 0 {
            // SAFETY: P1: they have just been counted, too.
            unsafe { give_slow(self.0, surplus) };
        }
        Some(permit)
    }

    /// Takes `wanted` permits, or as many as there are: none while somebody waits.
    #[inline]
    pub(super) fn take(&self, wanted: u32) -> Several<'_, S> {
        let Taken { count, surplus } = self.permits.take(wanted);
        // P1: they have just been counted.
        let several = Several { handle: self, left: count };
        if surplus > 0 {
            // SAFETY: P1: as above.
            unsafe { give_slow(self.0, surplus) };
        }
        several
    }

    /// The permit that the waiter queue handed over.
    #[cfg(feature = "async")]
    pub(super) fn handed_over(&self) -> Permit<S> {
        // P1: by L3 it is counted, and nobody else's.
        Permit(self.0)
    }
}

dereference! {
    [S] Handle<S> => Shared<S>: |handle|
    // SAFETY: P1: this handle keeps it valid; P3: nobody has it mutably.
    unsafe { handle.0.as_ref() }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        self.permits.semaphore().add_handle();
        // P1: counted in the line above.
        Handle(self.0)
    }
}

impl<S> Drop for Handle<S> {
    fn drop(&mut self) {
        // P5: a local reference, which ends with its last use.
        let permits = &self.permits;
        let last = loop {
            match permits.semaphore().leaving().end() {
                Ok(last) => break last,
                Err(SomeAreKept) => permits.collect(),
            }
        };
        // SAFETY: P2: this is what the semaphore said of us, and nothing here touches it again.
        unsafe { free_if_last(self.0, last) }
    }
}

/// One permit that is out. Dropping it gives it back, or to whoever waits for it.
pub(super) struct Permit<S>(NonNull<Shared<S>>);

// SAFETY: as for `Handle`: a permit is an owner of the same kind.
unsafe impl<S: Send + Sync> Send for Permit<S> {}
// SAFETY: as above.
unsafe impl<S: Send + Sync> Sync for Permit<S> {}

impl<S> Permit<S> {
    /// The permit, as something that does not give itself back.
    pub(super) fn into_raw(self) -> NonNull<Shared<S>> {
        mem::ManuallyDrop::new(self).0
    }

    /// The permit again.
    ///
    /// # Safety
    /// By `into_raw`, once.
    #[inline]
    pub(super) unsafe fn from_raw(shared: NonNull<Shared<S>>) -> Self {
        Permit(shared)
    }
}

dereference! {
    [S] Permit<S> => Shared<S>: |permit|
    // SAFETY: P1: this permit keeps it valid; P3: nobody has it mutably.
    unsafe { permit.0.as_ref() }
}

impl<S> Drop for Permit<S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: P1: it is ours, and goes.
        unsafe { give(self.0, 1) }
    }
}

/// Permits that were taken at once. Dropping them gives back what is left.
pub(super) struct Several<'p, S> {
    handle: &'p Handle<S>,
    /// P1: as many permits are these.
    left: u32,
}

impl<S> Several<'_, S> {
    pub(super) fn len(&self) -> u32 {
        self.left
    }

    /// Takes one out.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Permit<S>> {
        self.left = self.left.checked_sub(1)?;
        // P1: it is counted, and `left` no longer includes it.
        Some(Permit(self.handle.0))
    }
}

impl<S> Drop for Several<'_, S> {
    fn drop(&mut self) {
        if self.left > 0 {
            // SAFETY: P1: they are ours, and go.
            unsafe { give(self.handle.0, self.left) }
        }
    }
}

/// Gives permits back, and frees what the pool's owners share if nobody else is left.
///
/// # Safety
/// The caller has `count` permits of this pool (P1), which it has no more afterwards.
#[inline]
unsafe fn give<S>(shared: NonNull<Shared<S>>, count: u32) {
    // SAFETY: P1: the permits keep it valid. P5: a local reference, which ends with its last use.
    let permits = unsafe { &shared.as_ref().permits };
    match permits.put(count) {
        Some(busy) => busy.end(),
        // SAFETY: P1: as the caller promises.
        None => unsafe { give_slow(shared, count) },
    }
}

/// As `give`, of permits for which this thread's cache is not ready.
///
/// # Safety
/// As for `give`.
#[inline(never)]
unsafe fn give_slow<S>(shared: NonNull<Shared<S>>, count: u32) {
    // SAFETY: P1, P5: as in `give`.
    let permits = unsafe { &shared.as_ref().permits };
    let count = match permits.put_anew(count) {
        Ok(busy) => return busy.end(),
        Err(count) => count,
    };
    match permits.semaphore().giving(count).end() {
        // SAFETY: P2: this is what the semaphore said of us, and nothing here touches it again.
        Ok(last) => unsafe { free_if_last(shared, last) },
        Err(SomebodyWaits(count)) => {
            // Whoever is served may be done with the permit, and be the last owner, before we have left the queue.
            permits.semaphore().add_handle();
            // P1: counted in the line above.
            let handle = Handle(shared);
            handle.permits.serve(count);
        }
    }
}

/// Frees what the owners of a pool shared.
///
/// # Safety
/// `last` is what `shared`'s semaphore told the caller, who does not touch it afterwards.
#[inline]
unsafe fn free_if_last<S>(shared: NonNull<Shared<S>>, last: WasLast) {
    if last.0 {
        // SAFETY: made by `Box::leak` in `Handle::new`; by P2 the caller is its only owner.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}
