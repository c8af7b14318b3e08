//! What waits for readings to end: values that were removed, and threads that want one.
//!
//! Readings begin in one of two phases. What is set aside waits for a turn, which begins the other phase; there is one only while
//! that phase has no readings. It is freed once the phase before has none any more: these were all that may have seen it. So it waits
//! for the readings of its time, and if there was no turn before they ended, for those that had begun by then: never for all that ever begin.

use core::mem::replace;

use super::book::Book;
use super::chunks::Slot;
use super::slots::{NONE, Slots, head, top_of};
use crate::arena::{Generation, Handle, OnDrop, drop_all};
use crate::heap::HeapRef;
use crate::sync::{Ordering, lock};

/// One thread at a time has it. Lists of slots, as the vacant stack is one.
pub(super) struct Aside {
    /// Values removed since the last turn.
    fresh: u64,
    /// Values removed before.
    ripening: u64,
    turns: u64,
    /// The threads that wait.
    waiting: u32,
}

impl Aside {
    pub(super) const NOTHING: Self = Self { fresh: NONE, ripening: NONE, turns: 0, waiting: 0 };

    /// Goes on as far as readings allow. Returns lists of what nobody reads any more.
    fn go_on(&mut self, book: &Book) -> [u64; 2] {
        let [now, before] = book.readings();
        if before > 0 {
            return [NONE; 2];
        }
        let ripe = replace(&mut self.ripening, NONE);
        let fresh = replace(&mut self.fresh, NONE);
        if now == 0 {
            // Nobody reads, so all readings have ended: the same as two turns.
            self.turns += 2;
            book.set_awaited(self.waiting > 0);
            return [ripe, fresh];
        }
        if fresh != NONE || self.waiting > 0 {
            book.turn();
            self.turns += 1;
            self.ripening = fresh;
        } else {
            book.set_awaited(false);
        }
        [ripe, NONE]
    }
}

impl<T, H: HeapRef> Slots<T, H> {
    /// Gives up the value that `handle` named: drops it, or sets it aside if it is `read`, perhaps.
    ///
    /// # Safety
    /// `slot` is the handle's; the value was removed, is there, and has no guards (G2). Unless it is `read`, no reading has seen it (G5).
    pub(super) unsafe fn give_up(&self, slot: &Slot<T>, handle: Handle<T>, read: bool) {
        if read {
            self.set_aside(slot, handle);
        } else {
            // SAFETY: G2, G5: nobody has the value but the caller.
            drop(unsafe { self.vacate(slot, handle) });
        }
    }

    #[cold]
    #[inline(never)]
    fn set_aside(&self, slot: &Slot<T>, handle: Handle<T>) {
        let mut aside = lock(&self.aside);
        // Relaxed: under the lock.
        slot.link.store(aside.fresh, Ordering::Relaxed);
        aside.fresh = head(handle.place(), handle.generation_of_slot());
        self.book.set_awaited(true);
        drop(aside);
        self.go_on();
    }

    /// Frees what nobody reads any more, and wakes who waits for that. So many ask who do not wait. Says how many turns there have been.
    fn step(&self, asking: u32) -> u64 {
        let mut aside = lock(&self.aside);
        let before = aside.turns;
        aside.waiting += asking;
        let lists = aside.go_on(&self.book);
        aside.waiting -= asking;
        let turns = aside.turns;
        if turns != before {
            self.wake(aside.waiting);
        }
        drop(aside);
        self.drop_values_of(lists);
        turns
    }

    /// Wakes those who wait. Under the lock, so no change of the number is lost.
    fn wake(&self, waiting: u32) {
        if waiting > 0 {
            // Relaxed: read under the lock alone. Release pairs with the load in `wait`.
            self.woken.store(self.woken.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
            self.woken.wake(0);
        }
    }

    /// For who has ended a reading that somebody waits for.
    #[cold]
    #[inline(never)]
    pub(super) fn go_on(&self) {
        self.step(0);
    }

    /// For who has left a removed value to one other.
    #[cold]
    #[inline(never)]
    pub(super) fn wake_all(&self) {
        self.wake(lock(&self.aside).waiting);
    }

    /// How many turns there have been.
    pub(super) fn turns(&self) -> u64 {
        lock(&self.aside).turns
    }

    /// Whether all readings have ended that were under way when there had been so many turns: then there have been two more.
    pub(super) fn have_ended(&self, turns: u64) -> bool {
        self.step(1) >= turns + 2
    }

    /// Sleeps until `is_free`, which what others do with guards and readings may change.
    pub(super) fn wait(&self, mut is_free: impl FnMut() -> bool) {
        let mut aside = lock(&self.aside);
        aside.waiting += 1;
        self.book.set_awaited(true);
        drop(aside);
        let _waiting = OnDrop::new(|| lock(&self.aside).waiting -= 1);
        loop {
            // Acquire pairs with `go_on`: what was done before the number changed is seen below.
            let seen = self.woken.load(Ordering::Acquire);
            if is_free() {
                return;
            }
            self.woken.sleep(seen, 0);
        }
    }

    /// Drops a value and has its slot used again. By itself, as it takes the value's room on the stack, which its caller may not have and not need.
    ///
    /// # Safety
    /// As [`vacate`](Self::vacate).
    #[inline(never)]
    unsafe fn drop_value_of(&self, slot: &Slot<T>, handle: Handle<T>) {
        // SAFETY: G2, G5: the caller's promise.
        drop(unsafe { self.vacate(slot, handle) });
    }

    /// Drops the values in these lists. Goes on with the rest when a drop panics.
    fn drop_values_of(&self, mut lists: [u64; 2]) {
        drop_all(|| {
            for list in &mut lists {
                while let Some(slot) = self.slot(top_of(*list)).filter(|_| *list != NONE) {
                    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
                    let handle = Handle::new(top_of(*list), Generation::new(*list as u32));
                    // Relaxed: written under the lock that the list came from.
                    *list = slot.link.load(Ordering::Relaxed);
                    // SAFETY: G5: what was set aside has its value and no guards, and all readings have ended that may have
                    // seen it. The list has just let go of it.
                    unsafe { self.drop_value_of(slot, handle) };
                }
            }
        });
    }

    /// Frees all that is set aside, for the end of the arena: there is no reading any more but those that were forgotten.
    pub(super) fn free_all_aside(&self) {
        let mut aside = lock(&self.aside);
        let lists = [replace(&mut aside.fresh, NONE), replace(&mut aside.ripening, NONE)];
        drop(aside);
        self.drop_values_of(lists);
    }
}
