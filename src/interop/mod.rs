//! What other crates' traits have to do with this one's types: one file a crate, and nothing else.

#[cfg(feature = "serde")]
mod arena_serde;
#[cfg(feature = "bytes")]
#[expect(unsafe_code, reason = "`BufMut` is an unsafe trait: cites the buffer's invariants U2, U3")]
mod bytes;
#[cfg(feature = "serde")]
mod compat_serde;
#[cfg(feature = "generational-arena")]
mod generational_arena;
#[cfg(feature = "zerocopy")]
#[expect(unsafe_code, reason = "`FromZeros` says that zeroed memory is a value")]
mod zerocopy;
