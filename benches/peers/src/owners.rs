//! The typed layer as the rows `SmBox` and `SmBuf` see it, and the same over any raw calls.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;

use crate::candidate::Calls;
use crate::route;

/// The 64-byte value that is boxed.
pub type Value = [u64; 8];

/// Makes boxes and byte buffers.
pub trait Owners: Copy {
    /// Sole owner of a [`Value`].
    type Boxed;
    /// Growable bytes.
    type Buf;

    /// A box of `value`.
    fn boxed(self, value: Value) -> Self::Boxed;

    /// An empty buffer that holds no block yet.
    fn buf(self) -> Self::Buf;

    /// Appends one byte, growing the buffer as its own policy says.
    fn push(buf: &mut Self::Buf, byte: u8);

    /// Growable bytes as a program has them that has the candidate for a global allocator.
    type Global;

    /// As `buf`; only within `as_global`.
    fn global(self) -> Self::Global;

    /// As `push`; only within `as_global`.
    fn push_global(buf: &mut Self::Global, byte: u8);

    /// Runs `work` with the candidate as this thread's global allocator, if `Global` needs that.
    fn as_global<R>(self, work: impl FnOnce() -> R) -> R;
}

/// `Box` and `Vec<u8>` over raw calls, as under a global allocator: what the peers offer a Rust program.
///
/// The calls are inlined here, where a global allocator's go through one more jump: in the peers' favour. So is this `Vec`, whose
/// parts the compiler keeps in registers in a loop of pushes, as it does not for the standard library's today.
#[derive(Clone, Copy)]
pub struct Standard<C>(pub C);

// SAFETY: blocks come from `Calls`, whose contract gives at least the size asked for, aligned to 16; larger alignments are refused
// below. Copies of the value make the same calls, so any of them frees what another allocated.
unsafe impl<C: Calls> Allocator for Standard<C> {
    #[inline(always)]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.align() > 16 {
            return Err(AllocError);
        }
        slice(self.0.malloc(layout.size()), layout.size())
    }

    #[inline(always)]
    unsafe fn deallocate(&self, block: NonNull<u8>, _: Layout) {
        // SAFETY: the caller passes a live block of this allocator.
        unsafe { self.0.free(block.as_ptr()) };
    }

    #[inline(always)]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller passes a live block of this allocator with its layout; both alignments are at most 16.
        slice(unsafe { self.0.realloc(block.as_ptr(), old.size(), new.size()) }, new.size())
    }
}

#[inline(always)]
fn slice(block: *mut u8, size: usize) -> Result<NonNull<[u8]>, AllocError> {
    match NonNull::new(block) {
        Some(block) => Ok(NonNull::slice_from_raw_parts(block, size)),
        None => Err(AllocError),
    }
}

impl<C: Calls> Owners for Standard<C> {
    type Boxed = Box<Value, Self>;
    type Buf = Vec<u8, Self>;

    #[inline(always)]
    fn boxed(self, value: Value) -> Self::Boxed {
        Box::new_in(value, self)
    }

    #[inline(always)]
    fn buf(self) -> Self::Buf {
        Vec::new_in(self)
    }

    #[inline(always)]
    fn push(buf: &mut Self::Buf, byte: u8) {
        buf.push(byte);
    }

    type Global = std::vec::Vec<u8>;

    #[inline(always)]
    fn global(self) -> Self::Global {
        std::vec::Vec::new()
    }

    #[inline(always)]
    fn push_global(buf: &mut Self::Global, byte: u8) {
        buf.push(byte);
    }

    fn as_global<R>(self, work: impl FnOnce() -> R) -> R {
        route::through(self.0, work)
    }
}
