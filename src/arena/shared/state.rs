//! The state word of one shared slot: its generation, how many guards there are, and whether the value was removed.
//!
//! ```text
//! bits 63..32  generation: odd while there is a value
//! bit  31      removed: nobody finds the value any more, the last guard drops it
//! bits 30..0   guards
//! ```

use crate::arena::Generation;
use crate::sync::{AtomicU64, Ordering};

const REMOVED: u64 = 1 << 31;
const MOST_GUARDS: u64 = REMOVED - 1;

/// Shared, lock-free.
pub(super) struct State(AtomicU64);

/// What came of an attempt to remove a value.
pub(super) enum Removal {
    /// The value is another one, or was removed before.
    Stale,
    /// There are guards.
    Guarded,
    /// The value and its slot are the caller's alone.
    Ours,
}

/// The word of a slot with this generation, not removed and without guards.
const fn at_rest(generation: Generation) -> u64 {
    (generation.get() as u64) << 32
}

impl State {
    pub(super) fn new(generation: Generation) -> Self {
        Self(AtomicU64::new(at_rest(generation)))
    }

    /// The generation at this moment. It may change right afterwards.
    pub(super) fn generation(&self) -> Generation {
        // Relaxed: who acts on it owns the slot already, or asks again with `guard`.
        Generation::new((self.0.load(Ordering::Relaxed) >> 32) as u32)
    }

    /// Whether there is a value with this generation that was not removed.
    pub(super) fn is_live(&self, generation: Generation) -> bool {
        // Relaxed: nothing is read on the strength of it.
        self.0.load(Ordering::Relaxed).wrapping_sub(at_rest(generation)) < REMOVED
    }

    /// Counts one more guard, if the value with this generation is there.
    #[inline]
    #[track_caller]
    pub(super) fn guard(&self, generation: Generation) -> bool {
        // Acquire pairs with `publish`: the value is there.
        self.count(generation, 0, Ordering::Acquire)
    }

    /// Counts one more guard and sets `also`, if the value with this generation is there.
    #[inline]
    #[track_caller]
    fn count(&self, generation: Generation, also: u64, ordering: Ordering) -> bool {
        // Relaxed: only a first guess, the exchange below decides.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let guards = seen.wrapping_sub(at_rest(generation));
            if guards >= REMOVED {
                return false;
            }
            assert!(guards < MOST_GUARDS, "2,147,483,647 guards of one value: they must have been forgotten");
            // Relaxed when it fails: only the next guess. Else as the caller has it.
            match self.0.compare_exchange_weak(seen, (seen | also) + 1, ordering, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Counts one guard less. How many are left, of a value that was removed: with 0 it is the caller's alone.
    #[inline]
    pub(super) fn unguard(&self) -> Option<u64> {
        // Release: what this guard did to the value comes before its drop. Acquire, for the last one: so does what
        // the others did. The guards' exchanges and subtractions are one release sequence.
        let before = self.0.fetch_sub(1, Ordering::AcqRel);
        (before & REMOVED != 0).then_some((before & MOST_GUARDS) - 1)
    }

    /// Whether the caller's guard is the last of a value that was removed.
    pub(super) fn is_last(&self) -> bool {
        // Acquire pairs with `unguard`: what the others did comes before the value's end.
        self.0.load(Ordering::Acquire) & (REMOVED | MOST_GUARDS) == REMOVED | 1
    }

    /// Whether there is a value with this generation that was not removed, for who then reads it.
    #[inline]
    pub(super) fn is_there(&self, generation: Generation) -> bool {
        // Acquire pairs with `publish`: the value is there.
        self.0.load(Ordering::Acquire).wrapping_sub(at_rest(generation)) < REMOVED
    }

    /// Removes the value with this generation: makes it the caller's, or the last guard's.
    pub(super) fn remove(&self, generation: Generation) -> Removal {
        // Relaxed: only a first guess, the exchange below decides.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let guards = seen.wrapping_sub(at_rest(generation));
            let (next, removal) = match guards {
                0 => (at_rest(generation.next()), Removal::Ours),
                1..REMOVED => (seen | REMOVED, Removal::Guarded),
                _ => return Removal::Stale,
            };
            // Acquire pairs with `publish` and with `unguard`, as there; release, so that what the caller did before
            // comes before the drop by the last guard.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return removal,
                Err(now) => seen = now,
            }
        }
    }

    /// Removes the value with this generation, if there are no guards, and counts one.
    pub(super) fn take(&self, generation: Generation) -> bool {
        let now = at_rest(generation);
        // As in `remove`.
        self.0.compare_exchange(now, now | REMOVED | 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Removes the value with this generation, if it is there, and counts one more guard.
    #[track_caller]
    pub(super) fn withdraw(&self, generation: Generation) -> bool {
        // As in `remove`.
        self.count(generation, REMOVED, Ordering::AcqRel)
    }

    /// For the owner of a slot with a new value, which has so many guards.
    pub(super) fn publish(&self, generation: Generation, guards: u32) {
        // Release pairs with the acquire of whoever finds the generation: it finds the value.
        self.0.store(at_rest(generation) | u64::from(guards), Ordering::Release);
    }

    /// For the owner of a slot whose value was moved out.
    pub(super) fn vacate(&self, generation: Generation) {
        // Relaxed: the slot's next owner learns of it through the vacant list. Nobody else changes the word meanwhile:
        // whoever still looks for the removed value does not find it.
        self.0.store(at_rest(generation), Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Generation, MOST_GUARDS, REMOVED, Removal, State, at_rest};
    use crate::sync::Ordering;

    #[test]
    fn guards_do_not_run_into_the_removed_bit() {
        let state = State::new(Generation::new(3));
        state.0.store(at_rest(Generation::new(3)) | (MOST_GUARDS - 1), Ordering::Relaxed);
        assert!(state.guard(Generation::new(3)));
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.guard(Generation::new(3))));
        assert!(refused.is_err());
        assert!(!state.take(Generation::new(3)));
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.withdraw(Generation::new(3))));
        assert!(refused.is_err());
        assert!(matches!(state.remove(Generation::new(3)), Removal::Guarded));
        assert!(matches!(state.remove(Generation::new(3)), Removal::Stale));
        assert!(!state.guard(Generation::new(3)));
    }

    #[test]
    fn only_the_last_guard_of_a_removed_value_has_it() {
        let generation = Generation::new(3);
        for guards in 0..5 {
            let state = State::new(generation);
            state.0.store(at_rest(generation) | REMOVED | guards, Ordering::Relaxed);
            assert!(!state.is_live(generation) && !state.guard(generation));
            assert!(matches!(state.remove(generation), Removal::Stale));
            assert!(!state.take(generation) && !state.withdraw(generation) && !state.is_there(generation));
            assert_eq!(state.is_last(), guards == 1);
            assert!(guards == 0 || state.unguard() == Some(guards - 1));
        }
        let state = State::new(generation);
        assert!(state.guard(generation) && !state.is_last() && state.unguard().is_none());
    }

    #[test]
    fn what_was_taken_is_stale_before_its_slot_is_vacant() {
        let generation = Generation::new(3);
        let state = State::new(generation);
        assert!(matches!(state.remove(generation), Removal::Ours));
        assert_eq!(state.generation(), generation.next());
        for take in [State::take, State::withdraw] {
            let state = State::new(generation);
            assert!(take(&state, generation) && state.is_last());
            assert!(!state.is_live(generation) && !state.is_there(generation) && !state.guard(generation));
            assert!(!take(&state, generation) && matches!(state.remove(generation), Removal::Stale));
            assert_eq!(state.unguard(), Some(0));
        }
    }

    #[test]
    fn neighbouring_generations_are_not_taken_for_each_other() {
        let state = State::new(Generation::new(5));
        for other in [3, 4, 6, 7, u32::MAX] {
            assert!(!state.guard(Generation::new(other)));
            assert!(!state.is_live(Generation::new(other)));
            assert!(matches!(state.remove(Generation::new(other)), Removal::Stale));
            assert!(!state.take(Generation::new(other)) && !state.withdraw(Generation::new(other)));
            assert!(!state.is_there(Generation::new(other)));
        }
        assert!(state.is_live(Generation::new(5)));
    }
}
