//! Trait implementations for other crates, and nothing else.

#[cfg(feature = "serde")]
mod arena_serde;
#[cfg(feature = "serde")]
mod compat_serde;
#[cfg(feature = "generational-arena")]
mod generational_arena;

#[cfg(feature = "generational-arena")]
pub use self::generational_arena::NotRebuilt;
