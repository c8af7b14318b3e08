//! smarena: a bucket allocator with thread caches, under a memory-safe typed layer.

pub mod class;
mod config;
mod error;
#[expect(unsafe_code, reason = "the raw calls, and the contract that owners rely on (I10)")]
mod heap;
#[expect(unsafe_code, reason = "the kernel: invariants I1 to I10")]
mod raw;
mod stats;
mod sync;

pub use crate::class::{Geometric, Linear, Piecewise, SizeClasses};
pub use crate::config::{CacheWarmup, Exhausted, HugePages};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, Heap, HeapBuilder, HeapRef, OutlivesAll, StaticHeap, ThreadCache};
pub use crate::stats::{BucketStats, HeapStats};
