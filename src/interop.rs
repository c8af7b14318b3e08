//! Trait implementations for other crates, and nothing else.

#[cfg(feature = "serde")]
mod arena_serde;
