//! smarena: a bucket allocator with thread caches, under a memory-safe typed layer.

mod sync;

pub mod class;
mod config;
mod error;

#[expect(unsafe_code, reason = "the kernel: invariants I1 to I10 in raw/mod.rs")]
mod raw;

#[expect(unsafe_code, reason = "the raw calls and the contract that owners rely on: I10")]
mod heap;

#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants B1.. at its top")]
mod boxed;
#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants U1.. at its top")]
mod buf;

#[expect(unsafe_code, reason = "values in heap blocks: invariants A1.. at its top")]
mod arena;
pub mod compat;
#[expect(unsafe_code, reason = "shares one counted allocation: invariants P1.. at its top")]
mod pool;
mod stats;

mod interop;

pub use crate::arena::{
    BrandedArena, BrandedHandle, DisjointError, Drain, GrowError, Guard, Handle, InsertAtError, InsertError, IntoIter,
    Iter, IterMut, OccupiedEntry, SharedArena, SmArena, VacantEntry,
};
pub use crate::boxed::{SmBox, TryNewError};
pub use crate::buf::SmBuf;
pub use crate::class::{Geometric, Linear, Piecewise, SizeClasses};
pub use crate::config::{CacheWarmup, Exhausted, HugePages};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, Heap, HeapBuilder, HeapRef, StaticHeap, ThreadCache};
pub use crate::pool::{BufPool, BufPoolBuilder, Lease, PoolError};
pub use crate::stats::{BucketStats, HeapStats};
