//! smarena: skeleton.

#![expect(unsafe_code, reason = "skeleton")]

pub mod class;
mod error;
mod heap;
mod sync;

#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants B1.. at its top")]
mod boxed;
#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants U1.. at its top")]
mod buf;
mod interop;
#[expect(unsafe_code, reason = "shares one counted allocation: invariants P1.. at its top")]
mod pool;

pub use crate::boxed::{SmBox, TryNewError};
pub use crate::buf::SmBuf;
pub use crate::class::{Geometric, SizeClasses};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, HeapRef, StaticHeapRef};
pub use crate::pool::{BufPool, BufPoolBuilder, Lease, PoolError};
