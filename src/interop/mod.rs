//! What other crates' traits have to do with this one's types: one file a crate, and nothing else.

#[cfg(any(feature = "allocator-api2-02", feature = "allocator-api2-04"))]
#[expect(unsafe_code, reason = "`Allocator` is an unsafe trait: cites the heap's invariant I10")]
mod allocator_api2;
#[cfg(feature = "serde")]
mod arena_serde;
#[cfg(feature = "serde")]
pub use self::arena_serde::ArenaSeed;
#[cfg(feature = "serde")]
mod boxed_serde;
#[cfg(feature = "bytes")]
#[expect(
    unsafe_code,
    reason = "`BufMut` is an unsafe trait, and knows a source's type only without its lifetimes: cites U2, U3, S1"
)]
mod bytes;
#[cfg(feature = "bytes")]
#[expect(unsafe_code, reason = "`BufMut` is an unsafe trait: cites the buffer's invariants U2, U3")]
mod bytes_lease;
#[cfg(feature = "serde")]
mod bytes_serde;
#[cfg(feature = "serde")]
mod compat_serde;
#[cfg(feature = "serde")]
mod dense_serde;
#[cfg(feature = "generational-arena")]
mod generational_arena;
#[cfg(feature = "global-alloc")]
#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait: cites the heap's invariant I10")]
mod global_alloc;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "rayon")]
mod rayon;
#[cfg(feature = "serde")]
mod secondary_serde;
#[cfg(feature = "tokio-util")]
mod tokio_util;
#[cfg(feature = "tokio-util")]
pub use self::tokio_util::{FrameError, LeaseDecoder, LeaseEncoder, LeaseFramed, LengthPrefixed};
#[cfg(feature = "zerocopy")]
#[expect(
    unsafe_code,
    reason = "`FromZeros` and `ByteSlice` are unsafe traits: cites the invariants of boxes, buffers and bytes"
)]
mod zerocopy;
#[cfg(feature = "zeroize")]
mod zeroize;

#[cfg(feature = "zerocopy")]
pub use zerocopy::ParseError;
