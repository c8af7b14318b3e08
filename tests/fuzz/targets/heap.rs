//! Raw heap calls of several threads on several heaps.
#![no_main]

#[path = "../../heap_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(program) = smarena_fuzz::program(bytes, model::programs()) {
        model::check(&program);
    }
});
