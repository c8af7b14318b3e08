//! Raw heap calls of several threads on several heaps.
#![no_main]

#[path = "../../heap_model.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes;
    let heaps = smarena_fuzz::take_steps(&mut bytes, 3, model::setting());
    let threads = (0..4).map(|_| smarena_fuzz::take_steps(&mut bytes, 60, model::step()));
    let threads = threads.filter(|steps| !steps.is_empty()).collect();
    if let Some(program) = model::Program::of(heaps, threads) {
        model::check(&program);
    }
});
