//! One thread's cache of free blocks in one heap: a lane for each bucket, and what a free needs to find the right one.
//!
//! A cache of zero bytes needs no check: no address lies in any of its spans, and every lane's cursors are null, which
//! reads as empty and as full (I6). That is what threads without a cache look at.

mod back;
mod cold;
mod lane;
mod register;

use core::cell::Cell;
use core::mem::{offset_of, size_of};
use core::ptr::{self, NonNull};

pub(super) use back::before_buckets;
pub(crate) use lane::{Lane, LanePlan};
use register::in_one_register;

use crate::class::MAX_CLASSES;
use crate::sync::Ordering::Relaxed;
use crate::sync::fixed::AtomicUsize;

/// One thread's; others may peek for statistics. What they peek at is atomic, but only ever loaded and stored
/// (relaxed): plain moves, and no peek is a race.
#[repr(C, align(64))]
pub(crate) struct Cache {
    /// What `free` needs of the heap: where the spans lie. Zero: no address is inside.
    base: Cell<usize>,
    shift: Cell<usize>,
    spans: Cell<usize>,
    /// Whether a thread uses this cache.
    open: AtomicUsize,
    /// Last, so that a heap of few buckets touches one page of a cache slot and not two.
    lanes: [Lane; MAX_CLASSES],
}

// SAFETY: I5, I6: the cells are their thread's own; of a cache that several threads look at, nobody writes any.
unsafe impl Sync for Cache {}

// A lane is one line of the processor's cache, and one line is before them.
const _: () = assert!(size_of::<Lane>() == 64 && offset_of!(Cache, lanes) == 64);

/// The base of a cache whose frees all take the slow path: its 64 spans of one byte are where no pointer points that a heap is given. Systems keep
/// the first pages out of reach, and who makes up a pointer for a layout without bytes makes it up from an alignment, a power of two.
const NOWHERE: usize = 3 * 4096 + 1;

/// Where one lane's blocks lie and how many it may keep.
pub(crate) struct LaneSetup {
    pub(crate) base: NonNull<u8>,
    pub(crate) bytes: usize,
    pub(crate) block_size: u32,
    pub(crate) plan: LanePlan,
}

impl Cache {
    /// A cache of zero bytes.
    pub(crate) const fn empty() -> Self {
        Self {
            base: Cell::new(0),
            shift: Cell::new(0),
            spans: Cell::new(0),
            open: AtomicUsize::new(0),
            lanes: [const { Lane::empty() }; MAX_CLASSES],
        }
    }

    /// The lane of `class`, a number below `MAX_CLASSES`, as every class of a table is. The remainder says so to the compiler, which would
    /// otherwise compare and provide for a panic.
    #[inline(always)]
    pub(crate) fn lane(&self, class: usize) -> &Lane {
        debug_assert!(class < MAX_CLASSES);
        self.nth(class % MAX_CLASSES)
    }

    /// The lane of this number, below `MAX_CLASSES`.
    #[inline(always)]
    fn nth(&self, number: usize) -> &Lane {
        // So many lines from the beginning is the line before the lane; the way from there is a constant that instructions have room for, as
        // long as it is not hidden: then each call adds it up.
        let line = in_one_register(ptr::from_ref(self).cast::<Lane>().wrapping_add(number));
        // SAFETY: I5: below `MAX_CLASSES`: a lane of this cache, which lies one line further on.
        unsafe { &*line.wrapping_add(1) }
    }

    /// The number of the span that `block` lies in; at least `spans` if it lies in none.
    #[inline(always)]
    fn span_of(&self, block: NonNull<u8>) -> usize {
        block.addr().get().wrapping_sub(self.base.get()) >> (self.shift.get() & 63)
    }

    /// The lane of the bucket that `block` came from, if it came from one.
    #[inline]
    pub(crate) fn lane_of(&self, block: NonNull<u8>) -> Option<&Lane> {
        let span = self.span_of(block);
        if span < self.spans.get() { self.lanes.get(span) } else { None }
    }

    /// Parks `block`, which the caller owns, if it came from one of the buckets and that lane has room.
    #[inline(always)]
    pub(crate) fn push(&self, block: NonNull<u8>) -> bool {
        // Not `lane_of`: lanes beyond the last span are zero, which reads as full, so a constant bounds the span as well.
        let span = self.span_of(block);
        span < MAX_CLASSES && self.nth(span).push(block)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Relaxed) != 0
    }

    /// Turns a zero cache into an empty one with room.
    ///
    /// `region` is the first span's address and the shift that leads to the others; without it no address is inside, so that
    /// every free takes the slow path. `memory` has room for the chunks of all `lanes` (`LanePlan::bytes`).
    pub(crate) fn open(
        &self,
        region: Option<(usize, u32)>,
        memory: NonNull<u8>,
        lanes: impl ExactSizeIterator<Item = LaneSetup>,
    ) {
        debug_assert!(!self.is_open());
        let (base, shift) = region.unwrap_or((NOWHERE, 0));
        self.base.set(base);
        self.shift.set(shift as usize);
        self.spans.set(if region.is_some() { lanes.len() } else { 0 });
        let mut memory = memory.as_ptr();
        for (lane, setup) in self.lanes.iter().zip(lanes) {
            let bytes = if region.is_some() { setup.bytes } else { 0 };
            lane.open(setup.base, bytes, setup.block_size, memory, setup.plan);
            memory = memory.wrapping_add(setup.plan.bytes());
        }
        self.open.store(1, Relaxed);
    }

    /// Turns an open cache, already drained, into a zero one again.
    pub(crate) fn close(&self) {
        self.open.store(0, Relaxed);
        self.base.set(0);
        self.shift.set(0);
        self.spans.set(0);
        // Those behind were never opened, and perhaps never touched.
        self.lanes.iter().take_while(|lane| lane.block_size() > 0).for_each(Lane::close);
    }
}
