//! Where the linker puts a loop of a few instructions. Where it lies across two cache lines it takes up to twice as long, and which candidate's
//! does is chance: it changes with every build. So the tight loops run at every place that a compiler gives them, as long at each.

use crate::candidate::Calls;

/// Places within a cache line: compilers begin loops and functions at multiples of 16 bytes.
const PLACES: usize = 4;

/// Work in a loop so tight that its place matters.
pub trait TightLoop {
    /// Makes `turns` turns, with [`place`] right before the loop that matters.
    fn turns<C: Calls, const PLACE: usize>(&self, calls: C, turns: usize);

    /// Makes `turns` turns, a quarter of them at each place.
    fn everywhere<C: Calls>(&self, calls: C, turns: usize) {
        self.turns::<C, 0>(calls, turns / PLACES);
        self.turns::<C, 1>(calls, turns / PLACES);
        self.turns::<C, 2>(calls, turns / PLACES);
        self.turns::<C, 3>(calls, turns / PLACES);
    }
}

/// The code that follows begins `PLACE` times 16 bytes into a cache line.
#[inline(always)]
pub fn place<const PLACE: usize>() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: instructions that do nothing.
    unsafe {
        core::arch::asm!(".p2align 6", ".skip {bytes}, 0x90", bytes = const PLACE * 16, options(nomem, nostack, preserves_flags));
    }
}
