//! Programs that must not compile, with the words the compiler says it with, and one that must.

#[cfg_attr(miri, ignore = "starts compilers")]
#[test]
fn what_fits_into_no_block_does_not_compile() {
    let cases = trybuild::TestCases::new();
    // With a program that builds among them all are built, not only checked: the fit is found out when building.
    cases.pass("tests/ui/box_that_fits.rs");
    cases.compile_fail("tests/ui/box_too_large.rs");
    cases.compile_fail("tests/ui/box_aligned_too_much.rs");
}

/// Who gives a heap where a reference to one is wanted is told what to give.
#[cfg_attr(miri, ignore = "starts compilers")]
#[test]
fn what_is_no_heap_reference_and_no_table_is_told_what_is_one() {
    trybuild::TestCases::new().compile_fail("tests/ui/heap_by_value.rs");
}
