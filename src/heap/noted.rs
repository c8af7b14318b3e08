//! What is noted of a block, by a recorder or by the C interface.

#[cfg(feature = "capi")]
use core::ptr::NonNull;

/// Told of each block that is handed out or about to be given back, with the bytes, 0 if a free does not say, and the alignment.
#[cfg(feature = "capi")]
pub(crate) type Note = fn(block: NonNull<u8>, size: usize, align: usize, noted: Noted);

/// What has happened to a block, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    HandedOut,
    /// Noted before it happens: afterwards the block may be another thread's.
    TakenBack,
    /// That it was not taken back after all: a reallocation was refused.
    Kept,
}
