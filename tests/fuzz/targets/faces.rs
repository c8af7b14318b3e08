//! One heap by all its faces, by two threads in turns or, if the last byte is odd, at once.
#![no_main]

#[path = "../../faces_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let turns = bytes.last().is_none_or(|last| last % 2 == 0);
    let mut bytes = bytes;
    let kinds = smarena_fuzz::take_steps(&mut bytes, 1, model::kind());
    if let Some(kind) = kinds.into_iter().next() {
        model::check(&(kind, smarena_fuzz::steps(bytes, model::step())), turns);
    }
});
