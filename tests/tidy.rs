//! The house rules a machine can check, by reading the sources. A failure says where, and what to do.
//!
//! Here are the tables the rules go by, and one test a rule. The rules themselves lie in the folder beside,
//! each with the proof that it can fail.
#![cfg(not(miri))]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/form.rs"]
mod form;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/safety.rs"]
mod safety;
#[path = "tidy/source.rs"]
mod source;

use layers::Layers;
use source::{File, repository};

/// Which module may name which, from the lowest layer up: a name on the right must already stand above its line, and its end will do where
/// no other ends so. Everybody may name L0. `L3` stands for all modules of that layer so far. A file below a module's folder belongs to it.
/// lib.rs and raw/mod.rs are contents pages and name what they list.
const LAYERS: &str = "
    L0  derived text            -> nothing
    L0  error class sync look   -> nothing
    L0  config                  -> nothing

    L1  raw::fault raw::lock raw::testing::poison raw::testing::refusal raw::os::alive raw::os::clock   -> nothing
    L1  raw::buckets::bitmap raw::hardened::canary raw::hardened::ledger raw::hardened::quarantine      -> nothing
    L1  raw::buckets raw::threads raw::hardened raw::testing    -> nothing
    L1  raw::os                     -> refusal fault lock
    L1  raw::published              -> lock
    L1  raw::buckets::region        -> raw::os
    L1  raw::buckets::share         -> fault
    L1  raw::buckets::bucket        -> share bitmap region raw::os lock poison fault
    L1  raw::cache                  -> bucket bitmap poison
    L1  raw::threads::registry      -> lock fault raw::os alive
    L1  raw::threads::cache_slot    -> cache bucket raw::os registry lock
    L1  raw::threads::shortcut      -> cache
    L1  raw::threads::thread        -> registry cache_slot shortcut cache raw::os refusal
    L1  raw::threads::cache_table   -> cache_slot cache bucket registry lock raw::os
    L1  raw::fallback               -> lock share canary refusal poison
    L1  raw::state      -> bucket bitmap region share cache registry cache_slot cache_table shortcut thread
                           fallback canary ledger quarantine poison raw::os clock lock fault
    L1  raw::heap       -> state published cache share cache_slot shortcut thread fallback raw::os poison fault

    L2  heap                -> raw::heap

    L3  content             -> nothing
    L3  boxed               -> L2
    L3  buf                 -> L2 content
    L3  bytes               -> L2 boxed buf content
    L3  chain               -> L2 bytes buf content

    L4  arena pool          -> L2 L3
    L4  stats               -> L2 L3 raw::heap
    L4  compat              -> L2 arena
    L4  record              -> L2
    L4  purger              -> nothing

    L5  uring               -> L2 L3 arena pool
    L5  interop ffi         -> L2 L3 L4
    L5  seed                -> nothing

    L6  schedules           -> thread L2 L3 L4
    L6  raw::crowds         -> thread lock L2
";

/// Words that have a better one (docs/DESIGN.md, section 3), as far as they have no other meaning in a source file.
const WORDS: &[(&str, &str, Where)] = &[
    ("magazine", "chunk", Where::Sources),
    ("slab", "span", Where::Sources),
    ("page run", "span", Where::Sources),
    ("frontier", "watermark", Where::Sources),
    ("bump", "watermark", Where::Sources),
    ("free list", "bitmap or chunk", Where::Sources),
    ("freelist", "bitmap or chunk", Where::Sources),
    ("bin", "size class", Where::Sources),
    ("tls", "thread cache, or thread-local", Where::Sources),
    ("local heap", "thread cache", Where::Sources),
    // Packets come in segments too, and writers flush.
    ("segment", "region", Where::Kernel),
    ("flush", "refill, spill or drain", Where::Kernel),
];

#[derive(Clone, Copy, PartialEq)]
enum Where {
    /// src/
    Sources,
    /// src/raw/ and src/heap
    Kernel,
}

/// A file with more lines before its tests is two files.
const MOST_LINES: usize = 450;

const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "docs",
    "findings",
    "src",
    "tests",
];

#[test]
fn imports_point_down() {
    let layers = Layers::parse(LAYERS);
    check(|file| layers.complaints(file));
}

#[test]
fn files_are_short() {
    check(form::files_are_short);
}

#[test]
fn files_begin_with_a_sentence() {
    check(form::files_begin_with_a_sentence);
}

#[test]
fn unsafe_code_cites_an_invariant() {
    let files = repository();
    let (invariants, mut complaints) = safety::invariants_of(&files);
    complaints.extend(files.iter().flat_map(|file| safety::unsafe_code_cites_an_invariant(file, &invariants)));
    assert_none(complaints);
}

#[test]
fn hidden_items_are_listed_with_their_reason() {
    assert_none(safety::hidden_items_are_listed(&repository()));
}

#[test]
fn panics_name_the_line_of_the_call() {
    check(form::panics_name_the_line_of_the_call);
}

#[test]
fn only_sync_names_loom_and_shuttle() {
    check(form::only_sync_names_loom_and_shuttle);
}

#[test]
fn nothing_is_left_undone() {
    check(form::nothing_is_left_undone);
}

#[test]
fn nothing_is_of_one_machine() {
    check(form::nothing_is_of_one_machine);
}

#[test]
fn words_have_one_meaning() {
    check(form::words_have_one_meaning);
}

#[test]
fn documents_name_what_there_is() {
    let files = repository();
    let walks = ["docs/DESIGN.md", "docs/DECISIONS.md", "docs/CONTRIBUTING.md"];
    let walks: Vec<_> = files.iter().filter(|file| walks.contains(&&*file.path)).collect();
    assert_none(documents::names_of_what_is_gone(&walks, &files));
}

#[test]
fn tables_leave_nothing_out() {
    let files = repository();
    let file = |path| files.iter().find(|file| file.path == path);
    // What is published has no .ci, and its manifest is another.
    let (Some(manifest), Some(script)) = (file("Cargo.toml"), file(".ci/run")) else { return };
    let mut complaints = Vec::new();
    for document in ["README.md", "src/lib.rs"].map(|path| file(path).unwrap()) {
        complaints.extend(documents::left_out(document, "feature", &documents::features(&manifest.text)));
        complaints.extend(documents::wrong_lengths(document, &files));
    }
    complaints.extend(documents::left_out(
        file("docs/CONTRIBUTING.md").unwrap(),
        "step",
        &documents::steps(&script.text),
    ));
    assert_none(complaints);
}

#[test]
fn top_level_is_agreed() {
    let tops = source::tracked().into_iter().map(|path| path.split('/').next().unwrap_or_default().to_owned());
    assert_none(form::strangers(tops));
}

/// Runs a rule over the repository and fails with all its complaints.
fn check(rule: impl Fn(&File) -> Vec<String>) {
    assert_none(repository().iter().flat_map(rule).collect());
}

#[track_caller]
fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n"));
}
