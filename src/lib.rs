//! smarena: a bucket allocator with thread caches, under a memory-safe typed layer.
//!
//! For programs that make and drop millions of small blocks of sizes they know, on many threads: packets, messages, entities, nodes. A
//! [`Heap`] has a bucket of equal blocks for each size; each thread has a cache in front of it; owners give blocks back.
//!
//! ```
//! use smarena::{Heap, Linear, SmBox, SmBuf};
//!
//! let number = SmBox::new(5); // in `Global`, the heap of the whole process
//! let heap = Heap::<Linear<8>>::new(1 << 20)?; // one of our own: blocks of 16, 32, ... 128 bytes
//! let point = SmBox::new_in((1.0, 2.0), &heap);
//! let packet = SmBuf::from(b"ping");
//! assert_eq!((*number, point.1, packet.len()), (5, 2.0, 4));
//! # Ok::<(), smarena::ConfigError>(())
//! ```
//!
//! ```text
//!  SmBox<T>   SmBuf, SmBytes   BufPool, Lease   own their blocks: safe
//!      \            |           /
//!   HeapRef: &Heap, Arc<Heap>, Global, a static_heap!
//!                 |
//!   Heap<C>, ThreadCache                        raw calls; C is a table of block sizes
//!                 |
//!   the kernel: caches, buckets, fallback       untyped
//! ```
//!
//! | to | begin with |
//! |---|---|
//! | put one value into a block | [`SmBox`] |
//! | hold bytes, or share them | [`SmBuf`], [`SmBytes`] |
//! | bound the buffers of a server | [`BufPool`], [`Lease`] |
//! | lend values that are costly to make | [`ObjectPool`], [`Loan`] |
//! | let the kernel fill a pool's buffers (io_uring) | `Uring` (feature `io-uring`, Linux, 64 bits) |
//! | keep values under handles | [`SmArena`], [`SharedArena`], [`compat`] |
//! | have a heap of your own | [`Heap`], [`HeapBuilder`], [`static_heap!`] |
//! | choose block sizes | [`Linear`], [`Piecewise`], [`Geometric`], [`size_classes!`], [`class`] |
//! | decide what happens when memory is short | [`Exhausted`] |
//! | see what a heap is doing | [`HeapStats`] |
//! | find misuse of raw calls | [`HeapBuilder::hardened`] |
//! | come from smmalloc for .NET, or from C | [`seed`], `ffi` (feature `capi`) |
//!
//! In the repository: the README with a tour and a table of examples, `docs/DESIGN.md` on how it works, `docs/DECISIONS.md` on why so, `docs/SAFETY.md` on what is promised and how it
//! is tested, and the example `packet_pool`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `std` | yes | threads and address space from the system; always needed today |
//! | `async` | yes | waiting for a pool's buffer as a task, on any executor: [`BufPool::acquire`] |
//! | `bytes` | yes | the traits of the crate `bytes` for [`SmBuf`], [`SmBytes`], [`Lease`] and [`SmChain`] |
//! | `zerocopy` | yes | typed views of buffers, zeroed boxes of typed values |
//! | `tokio-util` | | `LeaseFramed`: frames over tokio's streams, in leases |
//! | `io-uring` | | `Uring`: buffers that the kernel fills (Linux, 64 bits) |
//! | `serde` | | statistics, arenas, handles, boxes and bytes in files |
//! | `metrics`, `tracing` | | statistics for the crate `metrics`, an event of the crate `tracing` |
//! | `record`, `pictures` | | recording what a program asks for, and showing it |
//! | `rayon` | | dense arenas walked by several threads |
//! | `zeroize` | | overwriting what owners hold |
//! | `generational-arena` | | conversions from and to its arenas, beside [`compat`] |
//! | `capi` | | the C interface |
//! | `global-alloc` | | [`Global`] as the program's `#[global_allocator]` |
//! | `allocator-api2-02` | | heaps as allocators of collections that use allocator-api2 0.2: those of hashbrown, bumpalo |
//! | `allocator-api2-04` | | the same for 0.4: blink-alloc's |
//!
//! # Sizes
//!
//! In bytes, with 64-bit addresses and the process's heap, which takes none: [`SmBox`] 8, [`SmBuf`] and [`SmBytes`] 24, [`Handle`] 8.
//!
//! ```
//! use smarena::{Handle, SmBox, SmBuf, SmBytes};
//!
//! # #[cfg(target_pointer_width = "64")]
//! assert_eq!((size_of::<SmBox<[u8; 64]>>(), size_of::<SmBuf>(), size_of::<SmBytes>()), (8, 24, 24));
//! assert_eq!((size_of::<Handle<u8>>(), size_of::<Option<Handle<u8>>>()), (8, 8));
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg_attr(
    all(any(target_os = "linux", target_os = "android", all(windows, not(miri))), not(any(loom, shuttle))),
    expect(unsafe_code, reason = "a few system calls that the standard library does not offer: I10")
)]
mod sync;

mod text;

pub mod class;
mod config;
mod derived;
mod error;

#[cfg_attr(any(not(unix), smarena_portable, miri), allow(dead_code, reason = "what a fork needs"))]
#[expect(unsafe_code, reason = "the kernel: invariants I1 to I11 in raw/mod.rs")]
mod raw;

#[expect(unsafe_code, reason = "the raw calls and the contract that owners rely on: I10")]
mod heap;

mod content;

#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants B1.. at its top")]
mod boxed;
#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants U1.. at its top")]
mod buf;
#[expect(unsafe_code, reason = "shares a block by raw pointer: invariants S1.. at its top")]
mod bytes;
mod chain;

#[expect(unsafe_code, reason = "values in heap blocks: invariants A1.. at its top")]
mod arena;
pub mod compat;
#[cfg(feature = "pictures")]
mod look;
#[expect(unsafe_code, reason = "shares one counted allocation: invariants P1.. at its top")]
mod pool;
mod purger;
#[cfg(feature = "record")]
#[expect(unsafe_code, reason = "a heap reference and a global allocator by another one: I10")]
pub mod record;
mod stats;
#[cfg(all(feature = "io-uring", target_os = "linux", target_pointer_width = "64", not(any(loom, shuttle, miri))))]
#[expect(unsafe_code, reason = "lends memory to the kernel: invariants R1.. at its top")]
mod uring;

#[cfg(feature = "capi")]
#[expect(unsafe_code, reason = "speaks C: invariants F1, F2 at its top")]
pub mod ffi;
mod interop;
pub mod seed;

#[cfg(all(test, shuttle))]
#[expect(unsafe_code, reason = "raw calls, under I10")]
mod schedules;

pub use crate::arena::{
    BrandedArena, BrandedHandle, DenseArena, DisjointError, Drain, GrowError, Guard, Handle, HandleType, InsertAtError,
    InsertError, IntoIter, Iter, IterMut, Join, Joined, OccupiedEntry, Reading, SecondaryEntry, SecondaryIntoIter,
    SecondaryIter, SecondaryIterMut, SecondaryMap, SecondaryOccupied, SecondaryVacant, SharedArena, SmArena,
    SparseSecondaryMap, TypedArena, VacantEntry, Withdrawn, join,
};
pub use crate::boxed::{SmBox, TryNewError};
pub use crate::buf::SmBuf;
pub use crate::bytes::SmBytes;
pub use crate::chain::SmChain;
pub use crate::class::{Geometric, Linear, Piecewise, SizeClasses};
pub use crate::config::{CacheWarmup, Exhausted, HugePages, Purge};
pub use crate::content::IntoBytes;
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{
    Global, Heap, HeapBuilder, HeapRef, IfStatic, LazyHeap, Regions, ShareCount, StaticHeap, ThreadCache,
};
#[doc(hidden)]
pub use crate::heap::{Settings, Shortcut};
#[cfg(feature = "serde")]
pub use crate::interop::ArenaSeed;
#[cfg(feature = "zerocopy")]
pub use crate::interop::ParseError;
#[cfg(feature = "tokio-util")]
pub use crate::interop::{FrameError, LeaseDecoder, LeaseEncoder, LeaseFramed, LengthPrefixed};
#[cfg(feature = "async")]
pub use crate::pool::{Acquire, AcquireObject};
pub use crate::pool::{
    Batch, BufPool, BufPoolBuilder, Lease, Loan, NoneFree, ObjectBatch, ObjectPool, ObjectPoolBuilder, ObjectPoolStats,
    PoolError, PoolHeap, PoolStats,
};
pub use crate::purger::Purger;
pub use crate::stats::{
    BucketChange, BucketMap, BucketStats, Fallbacks, HeapChange, HeapMap, HeapStats, HeapTotal, Patch,
};
#[cfg(all(feature = "io-uring", target_os = "linux", target_pointer_width = "64", not(any(loom, shuttle, miri))))]
pub use crate::uring::{Event, Operation, Payload, Socket, Uring, UringBuilder, UringError, UringStats};

/// The README's examples, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The guide's examples, run as tests.
#[cfg(all(doctest, feature = "record"))]
#[doc = include_str!("../docs/GUIDE.md")]
pub struct Guide;
