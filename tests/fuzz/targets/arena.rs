//! An arena against a map.
#![no_main]

#[path = "../../arena_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = smarena_fuzz::steps(bytes, model::op());
    model::check(&steps);
});
