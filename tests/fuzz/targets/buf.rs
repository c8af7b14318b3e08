//! A buffer against a vector.
#![no_main]

#[path = "../../buf_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = smarena_fuzz::steps(bytes, model::step());
    model::check(&steps);
});
