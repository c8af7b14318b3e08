//! Makes a fuzzer's bytes the choices by which a strategy of the tests puts a random program together.
//!
//! So each target is a model test of the folder above, and a program that fails here fails there.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The program that `bytes` choose; where they end, the rest is zeros. `None` if they choose none.
pub fn program<S: Strategy>(bytes: &[u8], programs: S) -> Option<S::Value> {
    let choices = TestRng::from_seed(RngAlgorithm::PassThrough, bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), choices);
    programs.new_tree(&mut runner).ok().map(|tree| tree.current())
}
