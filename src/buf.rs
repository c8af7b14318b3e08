//! `SmBuf`: the sole owner of a growable run of bytes, held in one block of a heap.
//!
//! ```text
//!  first byte of the block    start
//!  |                          |
//!  |<--------- head --------->|<------ len ------>|<---- spare ---->|
//!  |      read already        |   the content     | uninitialised   |
//!  |                          |<--------------- cap --------------->|
//!  |<--------------------------- block ---------------------------->|
//! ```
//!
//! `start` points at the content, not at the block, and `cap` counts from there, so that reading and
//! appending look at nothing else; the block is found again by `head` and `block`, which only growing and
//! dropping need. The counts are `u32`: with a zero-sized heap a buffer is 24 bytes, as a
//! `Vec` is. The price is a limit of 4 GiB a buffer.
//!
//! A buffer can be split in two, which then own apart what was one's: only their `cap` bytes each. What lies in front
//! of `start` or behind `cap` may be another's, until this one is found to be the last. One that was left not a byte is an owner of the block all the
//! same: it has them all when the others are gone, and knows how large a block to ask for if they are not.
//!
//! # Invariants
//!
//! * **U1** If `block.exists()`, this buffer is an owner (I11) of a live block of `heap`, allocated or last
//!   reallocated with `block.layout()`, whose first byte is `start - head`, and `head + cap` is at most its size. If it is marked
//!   as split, the `cap` bytes from `start` are this buffer's alone, and nothing else of it. If not, this is the only owner,
//!   and `head + cap` is the block's size. Without a block, `start` is any address, and `head` and `cap` are 0.
//! * **U2** `len <= cap`.
//! * **U3** The `len` bytes from `start` are initialised. The spare bytes behind them need not be,
//!   and reach safe code only as `MaybeUninit`.
//! * **U4** The memory of U1 stays valid for as long as `heap` or a clone of it exists, on every
//!   thread (promised by `HeapRef`); `heap` is dropped after the block was given back.
//! * **U5** The bytes of a `BlockSize` are a multiple of its alignment, which is a power of two from 16 to 4096, and at most
//!   `MAX_CAPACITY`.

// Declared before the others: what it has comes first on the page of the type.
mod basics;

mod aligned;
mod block;
mod block_size;
mod convert;
mod edit;
mod front;
mod inside;
mod read;
mod split;

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::derived::dereference;
use crate::error::AllocError;
use crate::heap::{Global, HeapRef};

pub(crate) use block::{Parts, give_block_back, share_count};
pub(crate) use block_size::{BlockSize, DANGLING, MAX_CAPACITY, narrow};

/// Owned, growable bytes in one block of a heap.
///
/// It behaves as a `Vec<u8>` does and, beyond that, can be read from the front: what
/// [`std::io::Read`], [`std::io::BufRead`] and `bytes::Buf` consume leaves the buffer without
/// moving the rest. A new block is aligned to 16 bytes and is used up to its last byte: the
/// [`capacity`](SmBuf::capacity) is the block's size, not what was asked for.
///
/// A buffer holds at most [`SmBuf::MAX_CAPACITY`] bytes. With a zero-sized heap such as [`Global`]
/// it is 24 bytes large, and so is an `Option` of it.
///
/// ```
/// use smarena::SmBuf;
///
/// let mut packet = SmBuf::with_capacity(1400);
/// assert!(packet.capacity() >= 1400);
/// packet.extend_from_slice(b"ping");
/// packet.push(b'!');
/// assert_eq!(packet, b"ping!");
/// ```
///
/// A buffer goes to another thread only with a heap that may:
///
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBuf};
/// fn is_send<T: Send>() {}
/// fn with<H: HeapRef>() { is_send::<SmBuf<H>>() }
/// ```
/// ```compile_fail,E0277
/// # use smarena::{HeapRef, SmBuf};
/// fn is_sync<T: Sync>() {}
/// fn with<H: HeapRef>() { is_sync::<SmBuf<H>>() }
/// ```
pub struct SmBuf<H: HeapRef = Global> {
    start: NonNull<u8>,
    head: u32,
    len: u32,
    cap: u32,
    block: BlockSize,
    heap: H,
}

const _: () = assert!(size_of::<SmBuf>() <= 24);
const _: () = assert!(size_of::<Option<SmBuf>>() == size_of::<SmBuf>());

// SAFETY: the buffer alone owns its bytes, the share count is an atomic (U1), and any thread may give a block back (U4); the
// heap reference is the only other part, and it is `Send`.
unsafe impl<H: HeapRef + Send> Send for SmBuf<H> {}
// SAFETY: U3: through `&SmBuf` only plain bytes and the heap reference are read, and that is `Sync`.
unsafe impl<H: HeapRef + Sync> Sync for SmBuf<H> {}

impl<H: HeapRef> Drop for SmBuf<H> {
    #[inline(always)]
    fn drop(&mut self) {
        self.release_block();
    }
}

dereference! { [H: HeapRef] SmBuf<H> => [u8]: |buf| buf.as_slice(), mut buf.as_mut_slice() }

crate::content::compares_by_content!(SmBuf);
crate::content::shows_content!(SmBuf);
crate::content::reads_from_the_front!(SmBuf);
crate::content::writes_to_the_end!(SmBuf);

/// Ends an infallible call that needed a block for `bytes`: out of memory as the standard library reports it, everything else as a panic.
#[cold]
#[inline(never)]
#[track_caller]
fn refused(error: AllocError, bytes: usize) -> ! {
    if let AllocError::OutOfMemory { .. } = error {
        // Such a size was a layout when the system was asked.
        error.fail(Layout::from_size_align(bytes, 16).unwrap_or(Layout::new::<u8>()));
    }
    panic!("no room for {bytes} bytes in a buffer: {error}")
}
