//! Every size to 1 MiB at every alignment to 4096, in every table, against a search through the block sizes.

use core::alloc::Layout;

use smarena::class::{MAX_ALIGN, MAX_BLOCK_SIZE, class_for, fits, round_up};
use smarena::{Geometric, Linear, Piecewise, SizeClasses, size_classes};

const MIB: usize = 1 << 20;

size_classes! {
    Packets: [64, 256, 1536, 2048, 9216, 65536];
    Smallest: [16];
    Largest: [MAX_BLOCK_SIZE];
    FarApart: [16, 2064, MAX_BLOCK_SIZE];
    // Many within one doubling, none of them well aligned but the last.
    Crowded: [
        1040, 1056, 1072, 1104, 1136, 1168, 1200, 1232, 1264, 1296, 1328, 1360, 1392, 1424, 1456, 1488,
        1520, 1552, 1584, 1616, 1648, 1680, 1712, 1744, 1776, 1808, 1840, 1872, 1904, 1936, 1968, 4096,
    ];
}

/// The search: walk up with the size instead of starting anew each time, or this would take an hour.
fn check_to<C: SizeClasses>(last_size: usize) {
    for align in (0..=MAX_ALIGN.trailing_zeros()).map(|bits| 1 << bits) {
        let serves = |class: &usize| C::BLOCK_SIZES[*class] % align == 0;
        let mut candidates = (0..C::BLOCK_SIZES.len()).filter(serves).peekable();
        for size in 0..=last_size {
            while candidates.next_if(|&class| C::BLOCK_SIZES[class] < size).is_some() {}
            let expected = candidates.peek().copied();
            let found = class_for::<C>(size, align);
            assert!(
                found == expected,
                "{size} bytes at {align}: class {found:?} instead of {expected:?} of {:?}",
                C::BLOCK_SIZES
            );
        }
    }
}

/// Every size the table serves, and beyond: the answers there are all the same.
fn check<C: SizeClasses>() {
    assert_eq!(C::LARGEST, *C::BLOCK_SIZES.last().unwrap());
    check_to::<C>(C::LARGEST.min(MIB) + 1);
    for align in [1, 16, 32, MAX_ALIGN] {
        for size in [C::LARGEST + 1, 2 * C::LARGEST, MAX_BLOCK_SIZE + 1, isize::MAX as usize, usize::MAX] {
            assert_eq!(class_for::<C>(size, align), None, "{size} bytes at {align}");
        }
    }
}

/// Checks `Table<N>` for each N and that its sizes are the first N of `$sizes`, spelt out by another rule than the table's own.
macro_rules! check_each {
    ($table:ident, $sizes:expr, $($n:literal)*) => {$(
        assert!(<$table<$n>>::BLOCK_SIZES.iter().copied().eq($sizes.take($n)));
        check::<$table<$n>>();
    )*};
}

#[test]
fn linear() {
    check_to::<Linear<64>>(MIB);
    check_each!(Linear, (16..).step_by(16), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
}

#[test]
fn piecewise() {
    check_to::<Piecewise<62>>(MIB);
    let sizes = (16..=128).step_by(16).chain((256..=1024).step_by(128)).chain((1536..).step_by(512));
    check_each!(Piecewise, sizes.clone(), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62);
}

#[test]
fn geometric() {
    let doublings = (7..).flat_map(|power| (1..=4).map(move |quarter| (1 << power) + quarter * (1 << power) / 4));
    let sizes = (16..=128).step_by(16).chain(doublings);
    check_each!(Geometric, sizes.clone(), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
}

/// The last doubling lies above the sizes that are checked one by one.
#[test]
fn geometric_to_the_last_block_size() {
    for (class, pair) in (60..).zip(Geometric::<64>::BLOCK_SIZES[59..].windows(2)) {
        for size in [pair[0] + 1, (pair[0] + pair[1]) / 2, pair[1] - 1, pair[1]] {
            assert_eq!(class_for::<Geometric<64>>(size, MAX_ALIGN), Some(class), "{size} bytes");
        }
    }
}

#[test]
fn own_tables() {
    check_to::<Packets>(MIB);
    check_to::<Crowded>(MIB);
    check::<Packets>();
    check::<Smallest>();
    check::<Largest>();
    check::<FarApart>();
    check::<Crowded>();
}

#[test]
fn alignments_beyond_the_limit_have_no_class() {
    for align in [2 * MAX_ALIGN, MIB, 1 << (usize::BITS - 1)] {
        assert_eq!(class_for::<Largest>(64, align), None);
    }
    assert!(!fits(Largest::BLOCK_SIZES, Layout::from_size_align(64, 2 * MAX_ALIGN).unwrap()));
}

/// Not a layout, but no reason to hand out a block that is too small.
#[test]
fn alignments_that_are_no_power_of_two_have_no_class() {
    for align in [24, 48, 100, 4095, usize::MAX] {
        assert_eq!(class_for::<Geometric<64>>(100, align), None, "alignment {align}");
    }
}

/// The three questions that can be asked of a table have one answer.
#[test]
fn fits_and_round_up_agree_with_class_for() {
    fn check<C: SizeClasses>() {
        for align in (0..=MAX_ALIGN.trailing_zeros()).map(|bits| 1 << bits) {
            for size in 0..=C::LARGEST + 1 {
                let class = class_for::<C>(size, align);
                let layout = Layout::from_size_align(size, align).unwrap();
                assert_eq!(fits(C::BLOCK_SIZES, layout), class.is_some(), "{layout:?}");
                assert_eq!(round_up::<C>(size, align), class.map(|class| C::BLOCK_SIZES[class]), "{layout:?}");
            }
        }
    }
    check::<Linear<64>>();
    check::<Piecewise<20>>();
    check::<Geometric<25>>();
    check::<Crowded>();
}
