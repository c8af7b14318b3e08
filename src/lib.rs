//! smarena: skeleton.

#![expect(unsafe_code, reason = "skeleton")]

pub mod class;
mod error;
mod heap;

#[expect(unsafe_code, reason = "owns a block by raw pointer: invariants U1.. at its top")]
mod buf;
mod interop;

pub use crate::buf::SmBuf;
pub use crate::class::{Geometric, SizeClasses};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, HeapRef, StaticHeapRef};
