//! smarena: skeleton.

#![expect(unsafe_code, reason = "skeleton")]

#[expect(unsafe_code, reason = "values in heap blocks: addresses of slots become references")]
mod arena;
pub mod class;
pub mod compat;
mod error;
mod heap;
mod interop;

pub use crate::arena::{
    BrandedArena, BrandedHandle, DisjointError, Drain, GrowError, Handle, InsertAtError,
    InsertError, IntoIter, Iter, IterMut, OccupiedEntry, SmArena, VacantEntry,
};
pub use crate::class::{Geometric, SizeClasses};
pub use crate::error::{AllocError, ConfigError};
pub use crate::heap::{Global, HeapRef, StaticHeapRef};
