//! Programs that must not compile, with the words the compiler says it with, and some that must.
#![cfg_attr(feature = "record", expect(unsafe_code, reason = "a log's place is vouched for"))]

#[cfg(feature = "record")]
#[path = "common/programs.rs"]
mod programs;

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

#[cfg_attr(miri, ignore = "starts compilers")]
#[test]
fn what_cannot_be_joined_is_told_what_can() {
    trybuild::TestCases::new().compile_fail("tests/ui/join_of_others.rs");
}

/// Who names what a feature would add is told which.
#[cfg(not(any(feature = "record", feature = "tokio-util", feature = "capi")))]
#[cfg_attr(miri, ignore = "starts compilers")]
#[test]
fn what_takes_a_feature_names_it() {
    trybuild::TestCases::new().compile_fail("tests/ui/missing_feature.rs");
}

/// What `recommend` prints is pasted into a program, which replays on the heap it makes what was recorded: the forecast comes true.
#[cfg(feature = "record")]
#[cfg_attr(miri, ignore = "starts compilers")]
#[test]
fn what_is_recommended_can_be_pasted_and_does_what_was_foretold() {
    use programs::{KEPT_ASIDE, TRIED, recordings, tables};
    use std::path::Path;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let replay = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/replay.rs");
    let mut program = format!("#[path = {replay:?}]\nmod replay;\n\n");
    let mut main = String::new();
    let test = "what_is_recommended_can_be_pasted_and_does_what_was_foretold";
    for (which, recording) in recordings(test, &[&TRIED[..], &KEPT_ASIDE].concat()) {
        let (_, tuned) = tables(&recording);
        let file = folder.join(format!("recording_{which}.bin"));
        recording.save(std::fs::File::create(&file).unwrap()).unwrap();
        let (table, heap) =
            tuned.to_string().split_once("let heap").map(|(table, heap)| (table.to_owned(), heap.to_owned())).unwrap();
        let (peak, waste) = (tuned.forecast().peak_bytes, tuned.forecast().waste);
        program += &format!(
            "mod program_{which} {{\n{table}\npub fn check() -> Result<(), Box<dyn std::error::Error>> {{\nlet heap{heap}\
             let recording = smarena::record::Recording::load(std::fs::File::open({file:?})?)?;\n\
             crate::replay::comes_true::<Tuned>(&recording);\n\
             crate::replay::is_as_foretold(&recording, &heap, {waste:?}, {peak});\nOk(())\n}}\n}}\n\n"
        );
        main += &format!("    program_{which}::check().unwrap();\n");
    }
    let source = folder.join("pasted.rs");
    std::fs::write(&source, program + "fn main() {\n" + &main + "}\n").unwrap();
    trybuild::TestCases::new().pass(source);
}
