//! An arena against a map.
#![no_main]

#[path = "../../arena_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(program) = smarena_fuzz::program(bytes, model::ops()) {
        model::check(program);
    }
});
