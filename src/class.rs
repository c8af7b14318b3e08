//! Size classes: which block sizes a heap has, and which one serves a layout. Arithmetic only.

use core::alloc::Layout;

/// The most size classes a table can have.
pub const MAX_CLASSES: usize = 64;
/// The largest alignment a heap serves, in bytes.
pub const MAX_ALIGN: usize = 4096;
/// The largest block size a table can have, in bytes.
pub const MAX_BLOCK_SIZE: usize = 2 << 20;

/// A table of block sizes, known when the program is built.
///
/// # Safety
/// `BLOCK_SIZES` passes `check`; `class_of_size(n)` for `n <= LARGEST` is the index of the smallest block size `>= n`.
pub unsafe trait SizeClasses: Copy + Send + Sync + 'static {
    /// Block sizes in bytes, ascending, multiples of 16, 1 to 64 of them.
    const BLOCK_SIZES: &'static [usize];
    /// The largest block size.
    const LARGEST: usize = Self::BLOCK_SIZES[Self::BLOCK_SIZES.len() - 1];
    /// The smallest class whose blocks hold `size` bytes. `size <= LARGEST`. 
    fn class_of_size(size: usize) -> usize;
}

/// The smallest class whose blocks hold `size` bytes at a multiple of `align` (a power of two up to MAX_ALIGN), or None.
#[inline(always)]
pub fn class_for<C: SizeClasses>(size: usize, align: usize) -> Option<usize> {
    if size > C::LARGEST { return None; }
    let mut class = C::class_of_size(size);
    if align <= 16 { return Some(class); }
    while class < C::BLOCK_SIZES.len() {
        if C::BLOCK_SIZES[class] % align == 0 { return Some(class); }
        class += 1;
    }
    None
}

/// Whether some class serves `layout`.
#[must_use]
pub const fn fits(block_sizes: &[usize], layout: Layout) -> bool {
    let mut i = 0;
    while i < block_sizes.len() {
        if block_sizes[i] >= layout.size() && block_sizes[i] % layout.align() == 0 { return true; }
        i += 1;
    }
    false
}

/// 16 to 128 by 16, then four a doubling.
#[derive(Debug, Clone, Copy)]
pub struct Geometric<const N: usize>;
const GEO: [usize; 60] = {
    let mut t = [0; 60];
    let mut i = 0;
    while i < 60 {
        t[i] = if i < 8 { 16 * (i + 1) } else { let d = (i - 8) / 4; let q = (i - 8) % 4 + 1; (128 << d) + q * (32 << d) };
        i += 1;
    }
    t
};
#[expect(unsafe_code, reason = "stub")]
// SAFETY: stub
unsafe impl<const N: usize> SizeClasses for Geometric<N> {
    const BLOCK_SIZES: &'static [usize] = GEO.split_at(N).0;
    #[inline(always)]
    fn class_of_size(size: usize) -> usize {
        let mut c = 0;
        while GEO[c] < size { c += 1; }
        c
    }
}
