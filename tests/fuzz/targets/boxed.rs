//! Everything that makes, moves and ends a box.
#![no_main]

#[path = "../../boxed_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = smarena_fuzz::steps(bytes, model::step());
    model::check(&steps);
});
