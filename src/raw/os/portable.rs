//! The form for systems that we do not know: zeroed memory from `std::alloc::System`, which goes back as a whole.

use super::{Advice, NO_MEMORY, NonNull, PAGE};
use std::alloc::{GlobalAlloc, Layout, System};

pub(super) fn page() -> usize {
    PAGE
}

/// Limits are not known here.
pub(crate) fn most_addresses() -> usize {
    usize::MAX
}

pub(crate) fn most_data() -> usize {
    usize::MAX
}

/// What the system is asked for: room to begin at a page, and in front of that for the address it began at.
///
/// Not aligned to a page by the layout: the standard library then writes all the zeros itself, and every page is resident.
fn padded(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.checked_add(2 * PAGE)?, align_of::<*mut u8>()).ok()
}

pub(super) fn reserve(len: usize) -> Result<NonNull<u8>, i32> {
    let layout = padded(len).ok_or(NO_MEMORY)?;
    // SAFETY: I1: the layout is at least two pages.
    let start = NonNull::new(unsafe { System.alloc_zeroed(layout) }).ok_or(NO_MEMORY)?;
    let before = (start.addr().get() + PAGE).next_multiple_of(PAGE) - start.addr().get();
    // SAFETY: I1: `before` is at most two pages, which the layout has beyond `len`.
    let base = unsafe { start.add(before) };
    // SAFETY: I1: at least a page lies between `start` and `base`; `base` is aligned to one.
    let place = unsafe { base.cast::<NonNull<u8>>().sub(1) };
    // SAFETY: I1: as above.
    unsafe { place.write(start) };
    Ok(base)
}

#[expect(clippy::unnecessary_wraps, reason = "the same signature as the other form")]
pub(super) unsafe fn commit(_: NonNull<u8>, _: usize) -> Result<(), i32> {
    Ok(())
}

pub(super) unsafe fn purge(_: NonNull<u8>, _: usize) -> bool {
    false
}

pub(super) fn advise(_: NonNull<u8>, _: usize, _: Advice) {}

pub(super) fn resident(_: NonNull<u8>, len: usize) -> Option<usize> {
    Some(len)
}

pub(super) unsafe fn release(base: NonNull<u8>, len: usize) {
    // SAFETY: I1: in front of it, in the same allocation, `reserve` left room.
    let place = unsafe { base.cast::<NonNull<u8>>().sub(1) };
    // SAFETY: I1: and wrote this there.
    let start = unsafe { place.read() };
    if let Some(layout) = padded(len) {
        // SAFETY: I1: `reserve` allocated it with this very layout.
        unsafe { System.dealloc(start.as_ptr(), layout) }
    }
}
