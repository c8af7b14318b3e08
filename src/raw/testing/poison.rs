//! Tells a checking tool which blocks are free and which have no content yet, as it knows of the system allocator's by itself.
//!
//! With `--cfg smarena_tool="asan"` (AddressSanitizer), `"msan"` (MemorySanitizer) or `"valgrind"` (its memcheck), a use of a free
//! block is reported where it happens. Otherwise these functions are empty, and no instruction is left of them.
//!
//! A block is poisoned on its way into a lane or a bitmap and as long as it stays there; what was never used is not.

use core::ptr::NonNull;

/// Whether there is a tool to tell.
pub(crate) const ON: bool = cfg!(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind"));

/// The block is a caller's now, its content undefined.
#[inline(always)]
pub(crate) fn handed_out(block: NonNull<u8>, bytes: usize) {
    form::handed_out(block.as_ptr(), bytes);
}

/// The caller's block has content all the same: what the heap itself left there.
#[inline(always)]
pub(crate) fn has_content(block: NonNull<u8>, bytes: usize) {
    form::has_content(block.as_ptr(), bytes);
}

/// Nobody may touch these blocks.
#[inline(always)]
pub(crate) fn given_back(blocks: NonNull<u8>, bytes: usize) {
    form::given_back(blocks.as_ptr(), bytes);
}

/// These addresses go back to the system, for whatever comes next.
#[inline(always)]
pub(crate) fn released(addresses: NonNull<u8>, bytes: usize) {
    form::released(addresses.as_ptr(), bytes);
}

/// From now on what these addresses point to is no leak: a leak checker does not look into mappings by itself.
#[inline(always)]
pub(crate) fn may_point(addresses: NonNull<u8>, bytes: usize) {
    form::may_point(addresses.as_ptr(), bytes);
}

/// Undoes `may_point`.
#[inline(always)]
pub(crate) fn points_no_more(addresses: NonNull<u8>, bytes: usize) {
    form::points_no_more(addresses.as_ptr(), bytes);
}

/// A pointer as a leak checker does not know it, for books of what users hold: what they have forgotten is a leak, though it is on the book. Twice,
/// it is the pointer again.
#[inline(always)]
pub(crate) fn on_the_book<T>(pointer: *mut T) -> *mut T {
    if cfg!(smarena_tool = "asan") && !pointer.is_null() { pointer.map_addr(|address| !address) } else { pointer }
}

#[cfg(not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind")))]
mod form {
    #[inline(always)]
    pub(super) fn handed_out(_: *mut u8, _: usize) {}
    #[inline(always)]
    pub(super) fn has_content(_: *mut u8, _: usize) {}
    #[inline(always)]
    pub(super) fn given_back(_: *mut u8, _: usize) {}
    #[inline(always)]
    pub(super) fn released(_: *mut u8, _: usize) {}
    pub(super) use released as may_point;
    pub(super) use released as points_no_more;
}

#[cfg(smarena_tool = "asan")]
mod form {
    pub(super) use __asan_poison_memory_region as given_back;
    pub(super) use __asan_unpoison_memory_region as handed_out;
    pub(super) use __asan_unpoison_memory_region as has_content;
    pub(super) use __asan_unpoison_memory_region as released;
    pub(super) use __lsan_register_root_region as may_point;
    pub(super) use __lsan_unregister_root_region as points_no_more;

    // Safe: they look at the address only, and write to the tool's own memory. What was registered is read at the process's end, where it is readable.
    unsafe extern "C" {
        pub(super) safe fn __asan_poison_memory_region(start: *mut u8, bytes: usize);
        pub(super) safe fn __asan_unpoison_memory_region(start: *mut u8, bytes: usize);
        pub(super) safe fn __lsan_register_root_region(start: *mut u8, bytes: usize);
        pub(super) safe fn __lsan_unregister_root_region(start: *mut u8, bytes: usize);
    }
}

#[cfg(smarena_tool = "msan")]
mod form {
    /// As poisoned, and reports say where it was.
    pub(super) use __msan_allocated_memory as handed_out;
    pub(super) use __msan_poison as given_back;
    pub(super) use __msan_unpoison as has_content;
    /// What the system maps there next is zero, and this tool is not told of it.
    pub(super) use __msan_unpoison as released;

    pub(super) fn may_point(_: *mut u8, _: usize) {}
    pub(super) fn points_no_more(_: *mut u8, _: usize) {}

    // Safe: they look at the address only, and write to the tool's own memory.
    unsafe extern "C" {
        pub(super) safe fn __msan_poison(start: *mut u8, bytes: usize);
        pub(super) safe fn __msan_allocated_memory(start: *mut u8, bytes: usize);
        pub(super) safe fn __msan_unpoison(start: *mut u8, bytes: usize);
    }
}

#[cfg(smarena_tool = "valgrind")]
mod form {
    /// The first of memcheck's requests: "MC" in the upper half.
    const MAKE_NO_ACCESS: usize = 0x4d43_0000;
    const MAKE_UNDEFINED: usize = MAKE_NO_ACCESS + 1;
    const MAKE_DEFINED: usize = MAKE_NO_ACCESS + 2;

    pub(super) fn handed_out(start: *mut u8, bytes: usize) {
        request(MAKE_UNDEFINED, start, bytes);
    }

    pub(super) fn has_content(start: *mut u8, bytes: usize) {
        request(MAKE_DEFINED, start, bytes);
    }

    pub(super) fn given_back(start: *mut u8, bytes: usize) {
        request(MAKE_NO_ACCESS, start, bytes);
    }

    /// It watches the system's calls by itself.
    pub(super) fn released(_: *mut u8, _: usize) {}
    pub(super) use released as may_point;
    pub(super) use released as points_no_more;

    /// A client request, as valgrind's manual defines it: rotations that come to nothing and an exchange that does nothing, which the
    /// processor runs as such and valgrind takes for a call.
    fn request(what: usize, start: *mut u8, bytes: usize) {
        let arguments: [usize; 6] = [what, start.addr(), bytes, 0, 0, 0];
        // SAFETY: I4: without valgrind this changes no register and no memory; valgrind reads `arguments` and writes to its own.
        unsafe {
            core::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                inout("rdx") 0_usize => _,
                in("rax") &raw const arguments,
                out("rdi") _,
                options(nostack),
            );
        }
    }
}
