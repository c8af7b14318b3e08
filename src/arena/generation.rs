//! Generations: how often a slot changed hands. Odd while it is occupied, even while it is not. Arithmetic only.

/// A debug build's arenas begin this many bits of generations apart.
const WINDOW_BITS: u32 = 16;
#[cfg(debug_assertions)]
const WINDOWS: u32 = (1 << (32 - WINDOW_BITS)) - 1;

/// A slot's generation.
///
/// A slot starts even, becomes odd with each value that moves in and even again when it moves out, so the one
/// comparison "slot's generation == handle's generation" says both that the slot is occupied and that it is
/// still occupied by the handle's value: a handle's generation is always odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct Generation(u32);

impl Generation {
    /// A slot that was never occupied.
    pub(crate) const FRESH: Self = Self(0);
    /// A slot whose generations are used up. It is even, so no handle equals it, and nothing follows it.
    pub(crate) const RETIRED: Self = Self(u32::MAX - 1);
    /// An odd generation that no slot ever has: `RETIRED` comes before it.
    pub(crate) const NEVER: Self = Self(u32::MAX);

    #[inline]
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) const fn is_occupied(self) -> bool {
        self.0 % 2 == 1
    }

    /// Whether a handle can have it that names a value, or did.
    #[inline]
    pub(crate) const fn is_of_a_value(self) -> bool {
        self.is_occupied() && self.0 != Self::NEVER.0
    }

    /// The generation after this one: occupied after vacant, vacant after occupied. The slot is not retired, so
    /// there is one.
    #[inline]
    pub(crate) const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The generation before this one. The slot is or was occupied, so there is one.
    #[inline]
    pub(crate) const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// Where the generations of a new arena begin.
    ///
    /// In a debug build every arena has a window of its own (65,535 windows, each for 32,768 values a slot), so
    /// that a handle of another arena is almost always refused. In a release build all begin at the same place.
    pub(crate) fn first_of_arena() -> Self {
        #[cfg(debug_assertions)]
        {
            use core::sync::atomic::{AtomicU32, Ordering};
            static ARENAS: AtomicU32 = AtomicU32::new(0);
            // Relaxed: the number only has to differ from other arenas', nothing is published with it.
            Self::first_of_window(ARENAS.fetch_add(1, Ordering::Relaxed))
        }
        #[cfg(not(debug_assertions))]
        Self::FRESH
    }

    /// Windows are used in turn. Window 0 is left to release builds.
    #[cfg(debug_assertions)]
    const fn first_of_window(number: u32) -> Self {
        Self((1 + number % WINDOWS) << WINDOW_BITS)
    }

    /// Where the generations of the arena begin, most likely, that counted up to this one.
    pub(crate) fn first_of_family(self) -> Self {
        if cfg!(debug_assertions) { Self(self.0 >> WINDOW_BITS << WINDOW_BITS) } else { Self::FRESH }
    }
}

#[cfg(test)]
mod tests {
    use super::Generation;

    #[test]
    fn occupied_and_vacant_alternate_up_to_retirement() {
        let mut generation = Generation::RETIRED.previous().previous();
        assert!(!generation.is_occupied());
        generation = generation.next();
        assert!(generation.is_occupied());
        assert_eq!(generation.next(), Generation::RETIRED);
        assert!(!Generation::RETIRED.is_occupied());
        assert!(Generation::NEVER.is_occupied());
        assert!(Generation::NEVER > Generation::RETIRED);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn windows_lie_apart_and_come_in_turn() {
        let first = |number| Generation::first_of_window(number);
        for number in [0, 1, 2, 40_000, 65_533] {
            // 32,768 values a slot, each two generations.
            assert_eq!(first(number + 1).get() - first(number).get(), 1 << 16);
            let mut later = first(number);
            for _ in 0..9 {
                assert_eq!(later.first_of_family(), first(number));
                later = later.next();
            }
            let last = Generation::new(first(number).get() + 0xFFFF);
            assert_eq!((last.first_of_family(), last.next().first_of_family()), (first(number), last.next()));
        }
        assert_eq!(first(0).get(), 1 << 16);
        assert_eq!(first(65_535), first(0));
        assert!(first(65_534) < Generation::RETIRED);
    }

    #[test]
    fn the_window_of_an_arena_is_vacant_and_not_retired() {
        for _ in 0..3 {
            let first = Generation::first_of_arena();
            assert!(!first.is_occupied());
            assert!(first < Generation::RETIRED);
        }
    }
}
