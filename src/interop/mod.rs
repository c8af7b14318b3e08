//! Impls of other crates' traits, one file a crate, and nothing else.

#[cfg(feature = "bytes")]
#[expect(unsafe_code, reason = "`BufMut` is an unsafe trait: cites the buffer's invariants U2, U3")]
mod bytes;
