//! What happens when memory was misused: one line that names heap, bucket, block and address, then an abort.
//!
//! Nothing here allocates or unwinds, so that it can be called from any state of the heap.

use core::fmt;
use std::io::Write;

use crate::derived::says;

/// The block of a bucket that a message is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site {
    pub(crate) heap: &'static str,
    pub(crate) bucket: usize,
    pub(crate) block: usize,
    pub(crate) block_size: usize,
    /// The block's first address.
    pub(crate) address: usize,
}

/// What was done to a block of a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Misuse {
    /// It was given back and was free already.
    FreedTwice,
    /// It was to be moved or measured, and is free.
    UsedWhileFree,
    /// The pointer given lies so many bytes into it.
    PointedInto(usize),
    /// It was never handed out; perhaps there is no such block.
    NeverHandedOut,
    /// It was given back or moved with another size than it was asked for with.
    WrongSize { asked: usize, told: usize },
    /// It was written behind the bytes that were asked for.
    Overrun { asked: usize, byte: usize },
    /// It was written between its free and its next use.
    WrittenWhileFree { byte: usize },
    /// It was given back by one of several owners.
    Shared,
}

/// What a pointer that is not a live block's leads to instead.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stranger {
    /// Nothing of any heap's; or a block from the system that was given back.
    Unknown,
    /// Another heap's block.
    OtherHeaps(Site),
    /// The inside of a block from the system.
    IntoSystems { bytes: usize, size: usize },
}

says! {
    [] Site:
    Self { bucket, block, block_size, address, .. } =>
        "block {block} of bucket {bucket} ({block_size}-byte blocks) at {address:#x}";
}

says! {
    [] Stranger:
    Self::Unknown => "is no live block of this heap: from elsewhere, or given back before";
    Self::OtherHeaps(site) => "belongs to heap {:?}: {site}", site.heap;
    Self::IntoSystems { bytes, size } => "lies {bytes} bytes into a block of {size} bytes from the system";
}

/// What was done to which block.
struct Told<'b>(&'b dyn fmt::Display, Misuse);

says! {
    [] Told<'_>:
    Self(block, Misuse::FreedTwice) => "double free of {block}";
    Self(block, Misuse::UsedWhileFree) => "use of {block}, which is free";
    Self(block, Misuse::PointedInto(bytes)) => "a pointer was given that lies {bytes} bytes into {block}";
    Self(block, Misuse::NeverHandedOut) => "{block} was given, which was never handed out";
    Self(block, Misuse::WrongSize { asked, told }) =>
        "{block} was given back as one of {told} bytes; it was asked for with {asked}";
    Self(block, Misuse::Overrun { asked, byte }) => "{block} was written at byte {byte}, behind the {asked} asked for";
    Self(block, Misuse::WrittenWhileFree { byte }) => "{block} was written at byte {byte} while it was free";
    Self(block, Misuse::Shared) => "{block} was given back while others own it, too";
}

/// Prints one line on standard error and ends the process.
#[cold]
#[inline(never)]
pub(crate) fn abort(message: fmt::Arguments<'_>) -> ! {
    // Standard error is unbuffered; if even it fails there is nobody left to tell.
    let told = writeln!(std::io::stderr(), "smarena: {message}");
    drop(told);
    std::process::abort()
}

/// A block of a bucket was misused.
#[cold]
#[inline(never)]
pub(crate) fn misuse(site: Site, misuse: Misuse) -> ! {
    abort(format_args!("heap {:?}: {}", site.heap, Told(&site, misuse)))
}

/// A block from the system was misused, as a bucket's can be.
#[cold]
#[inline(never)]
pub(crate) fn misuse_of_systems(heap: &str, address: usize, misuse: Misuse) -> ! {
    let block = format_args!("the block from the system at {address:#x}");
    abort(format_args!("heap {heap:?}: {}", Told(&block, misuse)))
}

/// A pointer was given that is no live block of this heap.
#[cold]
#[inline(never)]
pub(crate) fn foreign(heap: &str, address: usize, stranger: Stranger) -> ! {
    abort(format_args!("heap {heap:?}: {address:#x} was given, which {stranger}"))
}

/// A block got more owners than are counted.
#[cold]
#[inline(never)]
pub(crate) fn too_many_owners() -> ! {
    abort(format_args!("a block has 2^31 owners, or was forgotten by as many"))
}
