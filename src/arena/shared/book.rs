//! How many values and readings a shared arena has, in one word.
//!
//! ```text
//! bits 31..0   values that were not removed
//! bits 46..32  readings that began in phase 0
//! bits 61..47  readings that began in phase 1
//! bit  62      the phase in which readings begin now
//! bit  63      somebody waits for readings to end
//! ```
//!
//! It is changed by read-modify-writes alone, so its changes have one order, and each finds what came before all earlier ones. Who
//! removes a value changes the value's slot and then books it; who reads books the beginning and then looks at slots. So either the removal
//! finds the reading in the book, or the reading finds the slot without the value (G5).

use crate::sync::{AtomicU64, Ordering, const_but_for_models};

/// One reading, in either phase.
const READING: [u64; 2] = [1 << 32, 1 << 47];
const MOST_READINGS: u64 = (1 << 15) - 1;
const PHASE: u64 = 1 << 62;
const AWAITED: u64 = 1 << 63;

/// Shared, lock-free.
pub(super) struct Book(AtomicU64);

const fn readings(word: u64, phase: usize) -> u64 {
    (word / READING[phase]) & MOST_READINGS
}

const fn phase(word: u64) -> usize {
    (word & PHASE != 0) as usize
}

const fn is_read(word: u64) -> bool {
    readings(word, 0) + readings(word, 1) > 0
}

impl Book {
    const_but_for_models! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    pub(super) fn len(&self) -> usize {
        // Relaxed: a count that others change meanwhile is stale anyway.
        let word = self.0.load(Ordering::Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "that half is meant")]
        let len = word as u32;
        len as usize
    }

    /// Whether there are readings now.
    pub(super) fn is_read(&self) -> bool {
        // Relaxed: only a first guess.
        is_read(self.0.load(Ordering::Relaxed))
    }

    /// Books a value that is about to be there. It comes first, so that there are never fewer than removals.
    pub(super) fn came(&self) {
        // Relaxed: only a count.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Books a value as removed. Whether there are readings, which may have seen it.
    pub(super) fn went(&self) -> bool {
        // Release pairs with `begin`: a reading that begins later sees that the value was removed. Acquire pairs with `end`.
        is_read(self.0.fetch_sub(1, Ordering::AcqRel))
    }

    /// Whether there are readings, which may have seen a value that was removed before.
    pub(super) fn ask(&self) -> bool {
        // Orderings as in `went`. It is a read-modify-write, since a plain load could miss a reading that has missed the removal.
        is_read(self.0.fetch_add(0, Ordering::AcqRel))
    }

    /// Begins a reading. Says in which phase.
    #[track_caller]
    pub(super) fn begin(&self) -> usize {
        // Relaxed: only a first guess, the exchange below decides.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let phase = phase(seen);
            assert!(readings(seen, phase) < MOST_READINGS, "32,767 readings at once: they must have been forgotten");
            // Acquire pairs with `went` and `ask`; release, so that these find the reading in turn.
            match self.0.compare_exchange_weak(seen, seen + READING[phase], Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return phase,
                Err(now) => seen = now,
            }
        }
    }

    /// Ends a reading. Whether it was the last of its phase, and somebody waits for that.
    pub(super) fn end(&self, phase: usize) -> bool {
        // Release pairs with `readings`: what was read was read before the value goes.
        let before = self.0.fetch_sub(READING[phase], Ordering::Release);
        before & AWAITED != 0 && readings(before, phase) == 1
    }

    /// The readings of this phase, and of the one before. For who holds the lock of what waits.
    pub(super) fn readings(&self) -> [u64; 2] {
        // Acquire pairs with `end`.
        let word = self.0.load(Ordering::Acquire);
        [readings(word, phase(word)), readings(word, 1 - phase(word))]
    }

    /// Begins the other phase, in which there are no readings.
    pub(super) fn turn(&self) {
        // Relaxed: readings learn of it by the exchange that they begin with.
        self.0.fetch_xor(PHASE, Ordering::Relaxed);
    }

    /// Says that somebody waits, or nobody any more.
    pub(super) fn set_awaited(&self, awaited: bool) {
        // Relaxed: `end` reads it by a read-modify-write, and whoever waits looks at the readings afterwards, in the same word.
        match awaited {
            true => self.0.fetch_or(AWAITED, Ordering::Relaxed),
            false => self.0.fetch_and(!AWAITED, Ordering::Relaxed),
        };
    }
}
