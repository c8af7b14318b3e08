//! Makes a fuzzer's bytes a random program of the tests.
//!
//! Every four bytes are a seed, from which a strategy draws one step: the same seed the same step. So what the fuzzer does to its
//! bytes (cutting, doubling, splicing) it does to the program, and keeps the programs that get somewhere new. Drawing from the bytes
//! themselves is what proptest's pass-through source is for, but a choice among strategies halves what is left of them.

use std::panic;
use std::sync::Once;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const SEED: usize = 4;

/// libFuzzer's hook ends the run at any panic; some programs catch theirs. One that escapes is still the end, but says why only if
/// `FUZZ_LOUD` is set.
fn let_panics_be_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = std::env::var_os("FUZZ_LOUD").is_some();
        panic::set_hook(Box::new(move |panic| {
            if loud {
                eprintln!("{panic}");
            }
        }));
    });
}

/// The steps that `bytes` stand for.
pub fn steps<S: Strategy>(bytes: &[u8], step: S) -> Vec<S::Value> {
    let_panics_be_caught();
    bytes.chunks_exact(SEED).filter_map(|seed| draw(seed, &step)).collect()
}

/// Takes as many steps off the front of `bytes` as its first byte says, `most` at most.
pub fn take_steps<S: Strategy>(bytes: &mut &[u8], most: usize, step: S) -> Vec<S::Value> {
    let Some((&count, rest)) = bytes.split_first() else { return Vec::new() };
    let (front, rest) = rest.split_at(rest.len().min(SEED * (usize::from(count) % (most + 1))));
    *bytes = rest;
    steps(front, step)
}

fn draw<S: Strategy>(seed: &[u8], step: &S) -> Option<S::Value> {
    let mut whole = [0; 32];
    whole[..SEED].copy_from_slice(seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &whole));
    step.new_tree(&mut runner).ok().map(|tree| tree.current())
}
