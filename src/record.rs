//! Recording what a program asks of a heap, to choose its block sizes by (feature `record`).
//!
//! A [`Recorder`] stands before a heap and notes each block that is handed out or given back; a [`Recording`] is what it has seen,
//! and [`Recording::recommend`] makes a table of block sizes and the size of each bucket of it.
//!
//! ```
//! use smarena::record::{Goal, Recorder};
//! use smarena::{Global, SmBox};
//!
//! let recorder = Recorder::new(Global);
//! let boxes: Vec<_> = (0..100_u8).map(|n| SmBox::new_in([n; 40], recorder.clone())).collect();
//! let other = SmBox::new_in([0_u8; 200], recorder.clone());
//!
//! let tuned = recorder.recording().recommend(&Goal::default());
//! assert_eq!(tuned.block_sizes(), [48, 208]);
//! println!("{tuned}"); // a `size_classes!` and a builder's call to paste, and what they would take
//! # drop((boxes, other));
//! ```
//!
//! As a program's global allocator:
//!
//! ```
//! use smarena::record::{Log, Recorder};
//! use std::alloc::System;
//!
//! static LOG: Log = Log::new();
//! #[global_allocator]
//! static ALLOCATOR: Recorder<System, &Log> = Recorder::with_log(System, &LOG);
//!
//! let words: Vec<String> = (0..100).map(|number| number.to_string()).collect();
//! assert!(ALLOCATOR.recording().allocations() >= words.len() as u64);
//! ```
//!
//! # Cost
//! A few nanoseconds an event, 16 MiB for a million events of 16 bytes, and then a sample: when the memory is full, half of the blocks are
//! forgotten with all their events, and so on; how often each size was asked for stays complete. A block is in the sample or not by
//! its address. So where few blocks (256) are left, which are handed out again and again, as caches do, it is no longer blocks that are forgotten but time: the older
//! half of what is over. Then peaks, lifetimes and pictures are of what came since, and `advice` says so.
//!
//! A recorder hears what the owner asks for: of a buffer that was given a capacity, and of a pool's, that. Once they have grown or shrunk (`compact` does
//! so, too), or are aligned to more than 16, buffers ask for whole blocks of the heap's table: a program of such buffers is best recorded over a
//! heap of fine sizes.
//!
//! # Forks
//! A log is its process's. In a child of `fork`, which may have been made while another thread was writing there, the recorders whose log was begun
//! before note nothing, and what such a log has recorded is empty; a log that is begun in the child is the child's. (Of processes that were
//! made by a system call of their own instead, nothing is known.)

mod advice;
mod concurrency;
mod event;
mod first;
mod log;
mod oldness;
#[cfg(feature = "pictures")]
mod pictures;
mod predict;
pub(crate) mod process;
mod purge;
mod recommend;
mod recording;
mod ring;
mod sizes;

use core::alloc::{GlobalAlloc, Layout};
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

use crate::class::Class;
use crate::error::AllocError;
use crate::heap::noted::Noted;
use crate::heap::{HeapRef, IfStatic, ShareCount};
pub use concurrency::{Concurrency, ThreadUse};
pub use event::Event;
pub use log::Log;
pub use predict::{ClassForecast, Forecast};
pub use purge::PurgeForecast;
pub use recommend::{Goal, Recommendation};
pub use recording::{Lifetimes, Recording};
pub use sizes::SizeCount;

use event::mixed;
use first::First;
use log::{MARK, MOST_EVENTS, MOST_RATE};
use predict::class_of;
use recording::{count, histogram};
use ring::{Ring, Words};
use sizes::{Sizes, can_come_to, is_most};

/// A heap reference that notes what is asked of the heap. Clones write to the same log.
///
/// ```
/// # use smarena::{Global, SmBuf, record::Recorder};
/// let recorder = Recorder::new(Global);
/// let mut buf = SmBuf::new_in(recorder.clone());
/// buf.extend_from_slice(&[7; 1000]);
/// drop(buf);
/// assert_eq!(recorder.recording().lifetimes().freed, 1);
/// ```
#[derive(Debug, Clone)]
pub struct Recorder<H, L = Arc<Log>> {
    heap: H,
    log: L,
}

impl<H> Recorder<H> {
    /// A recorder with a log of its own.
    #[must_use]
    pub fn new(heap: H) -> Self {
        Self::with_log(heap, Arc::new(Log::new()))
    }
}

impl<H, L> Recorder<H, L> {
    /// A recorder that writes to `log`: an `Arc`, or a reference to a static.
    #[must_use]
    pub const fn with_log(heap: H, log: L) -> Self {
        Self { heap, log }
    }
}

/// What leads a [`Recorder`] to its log: an `Arc`, a reference to a static, or a type of yours.
///
/// # Safety
/// `deref` does not unwind: a recorder calls it when blocks change hands, where a heap must not either.
///
/// So a type that nobody vouches for does not do:
///
/// ```compile_fail,E0277
/// use smarena::{Global, SmBuf, record::{Log, Recorder}};
///
/// static LOG: Log = Log::new();
/// #[derive(Clone)]
/// struct Unsure;
/// impl core::ops::Deref for Unsure {
///     type Target = Log;
///     fn deref(&self) -> &Log {
///         if LOG.recording().allocations() > 1 { panic!("between two blocks") }
///         &LOG
///     }
/// }
/// SmBuf::new_in(Recorder::with_log(Global, Unsure)).extend_from_slice(&[7; 1000]);
/// ```
pub unsafe trait LogRef: Deref<Target = Log> {}

// SAFETY: I10: a pointer is followed.
unsafe impl LogRef for &Log {}
// SAFETY: I10: as above.
unsafe impl LogRef for Arc<Log> {}

impl<H, L: LogRef> Recorder<H, L> {
    /// What was seen up to now. Copies it; other threads wait meanwhile if the log is full.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.log.recording()
    }

    #[inline]
    fn note(&self, block: NonNull<u8>, layout: Layout, noted: Noted) {
        // A layout without bytes has no block.
        if layout.size() > 0 {
            self.log.note(block.addr().get(), layout.size(), layout.align(), noted);
        }
    }
}

// SAFETY: I10: all that is promised is promised and kept by `heap`; clones of the recorder have clones of it; a log does not unwind, nor what leads to it.
unsafe impl<H: HeapRef, L: LogRef + Clone + Send + Sync + 'static> HeapRef for Recorder<H, L> {
    type Classes = H::Classes;

    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap.allocate(layout).inspect(|&block| self.note(block, layout, Noted::HandedOut))
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.heap.allocate_zeroed(layout).inspect(|&block| self.note(block, layout, Noted::HandedOut))
    }

    #[inline]
    fn allocate_class_for(&self, class: Class<H::Classes>, bytes: usize) -> Result<NonNull<u8>, AllocError> {
        let layout = Layout::from_size_align(bytes, class.layout().align()).unwrap_or(class.layout());
        self.heap.allocate_class_for(class, bytes).inspect(|&block| self.note(block, layout, Noted::HandedOut))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.note(block, layout, Noted::TakenBack);
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.heap.deallocate(block, layout) }
    }

    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.heap.share_count(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        self.note(block, old, Noted::TakenBack);
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.heap.reallocate(block, old, new) };
        match moved {
            Ok(moved) => self.note(moved, new, Noted::HandedOut),
            Err(_) => self.note(block, old, Noted::Kept),
        }
        moved
    }

    fn if_static<W: IfStatic<Self>>(work: W) -> Result<W::Output, W> {
        H::if_static(OfRecorder(work, PhantomData::<L>)).map_err(|OfRecorder(work, _)| work)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.heap.is_same(&other.heap)
    }
}

/// Work for a recorder, to be done if the recorder's heap is such a one: what is recorded is to be what would be done without.
struct OfRecorder<W, L>(W, PhantomData<L>);

impl<H: HeapRef, L: Send + Sync + 'static, W: IfStatic<Recorder<H, L>>> IfStatic<H> for OfRecorder<W, L> {
    type Output = W::Output;

    fn run(self) -> W::Output
    where
        H: Send + Sync + 'static,
    {
        self.0.run()
    }
}

// SAFETY: I10: `heap` keeps what a global allocator promises; the log's own memory may come from it, which the log does not record.
// Nothing unwinds, as above.
unsafe impl<H: GlobalAlloc, L: LogRef> GlobalAlloc for Recorder<H, L> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: I10: the caller's contract is the same.
        let block = unsafe { self.heap.alloc(layout) };
        if let Some(block) = NonNull::new(block) {
            self.note(block, layout, Noted::HandedOut);
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: I10: the caller's contract is the same.
        let block = unsafe { self.heap.alloc_zeroed(layout) };
        if let Some(block) = NonNull::new(block) {
            self.note(block, layout, Noted::HandedOut);
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            self.note(block, layout, Noted::TakenBack);
        }
        // SAFETY: I10: the caller's contract is the same.
        unsafe { self.heap.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(old) = NonNull::new(block) else { return core::ptr::null_mut() };
        self.note(old, layout, Noted::TakenBack);
        // SAFETY: I10: the caller's contract is the same.
        let moved = unsafe { self.heap.realloc(block, layout, size) };
        match (NonNull::new(moved), Layout::from_size_align(size, layout.align())) {
            (Some(moved), Ok(new)) => self.note(moved, new, Noted::HandedOut),
            _ => self.note(old, layout, Noted::Kept),
        }
        moved
    }
}
