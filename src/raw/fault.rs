//! What happens when memory was misused: a message that names the block, then an abort.
//!
//! Nothing here allocates or unwinds, so that it can be called from any state of the heap.

use core::fmt;
use std::io::Write;

/// Prints one line on standard error and ends the process.
#[cold]
#[inline(never)]
pub(crate) fn abort(message: fmt::Arguments<'_>) -> ! {
    // Standard error is unbuffered; if even it fails there is nobody left to tell.
    let told = writeln!(std::io::stderr(), "smarena: {message}");
    drop(told);
    std::process::abort()
}

/// A block was given back that was already free.
#[cold]
#[inline(never)]
pub(crate) fn double_free(bucket: usize, index: usize) -> ! {
    abort(format_args!("double free of block {index} of bucket {bucket}"))
}

/// A block was to be moved or measured that is free.
#[cold]
#[inline(never)]
pub(crate) fn use_after_free(bucket: usize, index: usize) -> ! {
    abort(format_args!("use of block {index} of bucket {bucket}, which is free"))
}

/// A pointer was given that points into the middle of a block, or past the last block ever handed out.
#[cold]
#[inline(never)]
pub(crate) fn not_a_block(bucket: usize, offset: usize, block_size: usize) -> ! {
    abort(format_args!(
        "a pointer that is not a block was given: offset {offset} in the span of bucket {bucket}, whose blocks have {block_size} bytes"
    ))
}

/// A pointer was given that this heap never handed out.
#[cold]
#[inline(never)]
pub(crate) fn foreign(address: usize) -> ! {
    abort(format_args!("{address:#x} was given, which is not a block of this heap"))
}
