//! What other crates' traits have to do with this one's types: one file a crate, and nothing else.

#[cfg(feature = "bytes")]
#[expect(unsafe_code, reason = "`BufMut` is an unsafe trait: cites the buffer's invariants U2, U3")]
mod bytes;
#[cfg(feature = "bytes")]
#[expect(unsafe_code, reason = "`BufMut` is an unsafe trait: cites the buffer's invariants U2, U3")]
mod bytes_lease;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "zerocopy")]
#[expect(unsafe_code, reason = "`FromZeros` says that zeroed memory is a value")]
mod zerocopy;
