//! The allocators linked into this program, under names that replace nobody's `malloc`.

use core::convert::Infallible;

use crate::candidate::{Calls, Candidate, Job};
use crate::owners::Standard;

/// Declares a candidate of a library whose `malloc`, `free` and `realloc` have the usual meaning, and perhaps a `free` that is told the size.
macro_rules! linked {
    (
        $(#[$doc:meta])* $name:ident, $malloc:path, $free:path, $realloc:path,
        $(sized: $free_sized:path,)? trim: $trim:expr, thread: $thread:expr $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        // SAFETY: a `malloc` gives null or a block of the size, aligned for any standard type of that size, which is 16 here.
        unsafe impl Calls for $name {
            type Owners = Standard<Self>;

            #[inline(always)]
            fn malloc(self, size: usize) -> *mut u8 {
                // SAFETY: `malloc` has no precondition once the thread was entered.
                unsafe { $malloc(size) }.cast()
            }

            #[inline(always)]
            unsafe fn free(self, block: *mut u8) {
                // SAFETY: the caller's block is live and of this library.
                unsafe { $free(block.cast()) };
            }

            $(
                #[inline(always)]
                unsafe fn free_sized(self, block: *mut u8, size: usize) {
                    // SAFETY: the caller's block is live, of this library and of this size.
                    unsafe { $free_sized(block.cast(), size) };
                }
            )?

            #[inline(always)]
            unsafe fn realloc(self, block: *mut u8, _: usize, new: usize) -> *mut u8 {
                // SAFETY: the caller's block is live and of this library.
                unsafe { $realloc(block.cast(), new) }.cast()
            }

            fn trim(self) {
                $trim();
            }

            fn owners(self) -> Self::Owners {
                Standard(self)
            }
        }

        impl Candidate for $name {
            type Heap = Infallible;

            fn enter<J: Job>(&self, job: J) {
                let _thread = $thread;
                job.run(*self);
            }
        }
    };
}

linked! {
    /// The system's malloc.
    System, libc::malloc, libc::free, libc::realloc, trim: trim_system, thread: (),
}

fn trim_system() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no precondition.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(feature = "mimalloc")]
linked! {
    /// mimalloc 3.
    Mimalloc, libmimalloc_sys::mi_malloc, libmimalloc_sys::mi_free, libmimalloc_sys::mi_realloc,
    trim: || {
        // SAFETY: no precondition.
        unsafe { libmimalloc_sys::mi_collect(true) }
    },
    thread: (),
}

#[cfg(feature = "snmalloc")]
linked! {
    /// snmalloc; it has no call that returns memory.
    Snmalloc, snmalloc_sys::sn_malloc, snmalloc_sys::sn_free, snmalloc_sys::sn_realloc, trim: || (), thread: (),
}

#[cfg(feature = "jemalloc")]
linked! {
    /// jemalloc 5.3.
    Jemalloc, tikv_jemalloc_sys::malloc, tikv_jemalloc_sys::free, tikv_jemalloc_sys::realloc,
    sized: free_jemalloc, trim: trim_jemalloc, thread: (),
}

/// # Safety
/// As [`Calls::free_sized`].
#[cfg(feature = "jemalloc")]
#[inline(always)]
unsafe fn free_jemalloc(block: *mut core::ffi::c_void, size: usize) {
    // SAFETY: the caller's promise; no flags, as the block was asked for without.
    unsafe { tikv_jemalloc_sys::sdallocx(block, size, 0) };
}

#[cfg(feature = "jemalloc")]
fn trim_jemalloc() {
    use core::ptr::null_mut;
    // 4096 is jemalloc's name for "all arenas".
    for command in [c"thread.tcache.flush", c"arena.4096.purge"] {
        // SAFETY: the name is a C string, and these commands take and return no value.
        unsafe { tikv_jemalloc_sys::mallctl(command.as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
    }
}

#[cfg(feature = "rpmalloc")]
linked! {
    /// rpmalloc 1.4, which wants to be told of every thread.
    Rpmalloc, rpmalloc_sys::rpmalloc, rpmalloc_sys::rpfree, rpmalloc_sys::rprealloc,
    trim: || {
        // SAFETY: the calling thread was entered.
        unsafe { rpmalloc_sys::rpmalloc_thread_collect() }
    },
    thread: RpmallocThread::new(),
}

#[cfg(feature = "rusty_alloc")]
linked! {
    /// rusty_alloc 2, which is mimalloc's design in Rust: its calls are inlined, as ours are, and as its `GlobalAlloc` has them.
    RustyAlloc, rusty_malloc, rusty_alloc::alloc::free_inline_flags_first, rusty_alloc::alloc::realloc,
    trim: || rusty_alloc::alloc::collect(true), thread: (),
}

/// # Safety
/// None is needed.
#[cfg(feature = "rusty_alloc")]
#[inline(always)]
unsafe fn rusty_malloc(size: usize) -> *mut u8 {
    rusty_alloc::alloc::malloc(size)
}

/// A thread's registration with rpmalloc.
#[cfg(feature = "rpmalloc")]
struct RpmallocThread;

#[cfg(feature = "rpmalloc")]
impl RpmallocThread {
    fn new() -> Self {
        static PROCESS: std::sync::Once = std::sync::Once::new();
        PROCESS.call_once(|| {
            // SAFETY: called once, before any other call of the library.
            unsafe { rpmalloc_sys::rpmalloc_initialize() };
        });
        // SAFETY: the process was initialised above.
        unsafe { rpmalloc_sys::rpmalloc_thread_initialize() };
        Self
    }
}

#[cfg(feature = "rpmalloc")]
impl Drop for RpmallocThread {
    fn drop(&mut self) {
        // SAFETY: this thread was initialised by `new`, and its job is over.
        unsafe { rpmalloc_sys::rpmalloc_thread_finalize() };
    }
}
