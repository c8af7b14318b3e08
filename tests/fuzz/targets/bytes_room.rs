//! What splitting leaves, against the crate `bytes`.
#![no_main]

#[path = "../../bytes_room_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let steps = smarena_fuzz::steps(bytes, model::step());
    model::check(&steps);
});
