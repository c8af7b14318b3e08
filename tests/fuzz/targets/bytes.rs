//! Buffers and shared bytes against those of the bytes crate.
#![no_main]

#[path = "../../bytes_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = smarena_fuzz::steps(bytes, model::numbered_step());
    model::check(&steps);
});
