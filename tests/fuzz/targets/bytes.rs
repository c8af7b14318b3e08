//! Buffers and shared bytes against those of the bytes crate.
#![no_main]

#[path = "../../bytes_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(program) = smarena_fuzz::program(bytes, model::steps()) {
        model::check(&program);
    }
});
