//! A pool against a count.
#![no_main]

#[path = "../../pool_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(program) = smarena_fuzz::program(bytes, model::steps()) {
        model::check(&program);
    }
});
