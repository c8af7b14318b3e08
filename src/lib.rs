//! smarena: skeleton.

#![expect(unsafe_code, reason = "skeleton")]

pub mod class;
mod error;
mod heap;

pub use crate::class::{Geometric, Linear, Piecewise, SizeClasses};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, HeapRef, StaticHeapRef};
