//! The program's global allocator: the system's, or for a while and one thread, that of a candidate.
//!
//! So `std::vec::Vec` can be measured under each candidate as it is under a program's `#[global_allocator]`. A call takes a look at a
//! thread-local and an indirect jump more than there.

use core::cell::Cell;
use core::ptr::null;
use std::alloc::{GlobalAlloc, Layout, System};

use crate::candidate::Calls;

#[global_allocator]
static ROUTER: Router = Router;

struct Router;

/// One candidate's calls, without its type.
struct Route {
    calls: *const (),
    malloc: unsafe fn(*const (), usize) -> *mut u8,
    free: unsafe fn(*const (), *mut u8),
    realloc: unsafe fn(*const (), *mut u8, usize, usize) -> *mut u8,
}

thread_local! {
    static ROUTE: Cell<*const Route> = const { Cell::new(null()) };
}

/// Runs `work` with all of this thread's allocations made by `calls`: it must free what it allocates, and nothing else.
pub fn through<C: Calls, R>(calls: C, work: impl FnOnce() -> R) -> R {
    /// # Safety
    /// `calls` points at a `C`.
    unsafe fn malloc<C: Calls>(calls: *const (), size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { *calls.cast::<C>() }.malloc(size)
    }

    /// # Safety
    /// As `malloc`, and as [`Calls::free`].
    unsafe fn free<C: Calls>(calls: *const (), block: *mut u8) {
        // SAFETY: the caller's promise.
        let calls = unsafe { *calls.cast::<C>() };
        // SAFETY: the caller's promise.
        unsafe { calls.free(block) }
    }

    /// # Safety
    /// As `malloc`, and as [`Calls::realloc`].
    unsafe fn realloc<C: Calls>(calls: *const (), block: *mut u8, old: usize, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let calls = unsafe { *calls.cast::<C>() };
        // SAFETY: the caller's promise.
        unsafe { calls.realloc(block, old, new) }
    }

    /// Also if `work` unwinds.
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            ROUTE.set(null());
        }
    }

    let route = Route { calls: (&raw const calls).cast(), malloc: malloc::<C>, free: free::<C>, realloc: realloc::<C> };
    ROUTE.set(&raw const route);
    let _back = Back;
    work()
}

/// This thread's route, if it has one.
#[inline(always)]
fn route<'r>() -> Option<&'r Route> {
    // SAFETY: null, or what `through` set, which outlives what it runs.
    unsafe { ROUTE.get().as_ref() }
}

// SAFETY: the system's blocks, or those of a candidate, which are at least as large as asked for and aligned to 16; more is asked of
// the system. Whoever frees a block within `through` allocated it there.
unsafe impl GlobalAlloc for Router {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match route() {
            // SAFETY: `calls` is what `through` stored beside the function.
            Some(route) if layout.align() <= 16 => unsafe { (route.malloc)(route.calls, layout.size()) },
            // SAFETY: the caller's promise.
            _ => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match route() {
            // SAFETY: as above; the block is one of this route's.
            Some(route) if layout.align() <= 16 => unsafe { (route.free)(route.calls, block) },
            // SAFETY: the caller's promise.
            _ => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match route() {
            // SAFETY: as above.
            Some(route) if layout.align() <= 16 => unsafe { (route.realloc)(route.calls, block, layout.size(), size) },
            // SAFETY: the caller's promise.
            _ => unsafe { System.realloc(block, layout, size) },
        }
    }
}
