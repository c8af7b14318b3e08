//! smarena: a bucket allocator with thread caches, under a memory-safe typed layer.

mod sync;

pub mod class;
mod config;
mod error;

#[expect(unsafe_code, reason = "the kernel: invariants I1 to I11 in raw/mod.rs")]
mod raw;

#[expect(unsafe_code, reason = "the raw calls and the contract that owners rely on: I10")]
mod heap;

mod compare;

#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants B1.. at its top")]
mod boxed;
#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants U1.. at its top")]
mod buf;
#[expect(unsafe_code, reason = "shares a block by raw pointer: invariants S1.. at its top")]
mod bytes;

#[expect(unsafe_code, reason = "shares one counted allocation: invariants P1.. at its top")]
mod pool;
mod stats;

mod interop;

pub use crate::boxed::{SmBox, TryNewError};
pub use crate::buf::SmBuf;
pub use crate::bytes::SmBytes;
pub use crate::class::{Geometric, Linear, Piecewise, SizeClasses};
pub use crate::config::{CacheWarmup, Exhausted, HugePages};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, Heap, HeapBuilder, HeapRef, ShareCount, StaticHeap, ThreadCache};
#[cfg(feature = "async")]
pub use crate::pool::Acquire;
pub use crate::pool::{Batch, BufPool, BufPoolBuilder, Lease, PoolError, PoolHeap, PoolStats};
pub use crate::stats::{BucketStats, HeapStats};
