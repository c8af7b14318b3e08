//! Tells a checking tool which blocks are free and which have no content yet, as it knows of the system allocator's by itself.
//!
//! With `--cfg smarena_tool="asan"` (AddressSanitizer), `"msan"` (MemorySanitizer) or `"valgrind"` (its memcheck), a use of a free
//! block is reported where it happens. Otherwise these functions are empty, and no instruction is left of them.
//!
//! A block is poisoned on its way into a lane or a bitmap and as long as it stays there; what was never used is not.

/// Whether there is a tool to tell.
pub(crate) const ON: bool = cfg!(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind"));

// What the form of each tool has:
// - `handed_out`: the block is a caller's now, its content undefined;
// - `has_content`: the caller's block has content all the same: what the heap itself left there;
// - `given_back`: nobody may touch these blocks;
// - `released`: these addresses go back to the system, for whatever comes next;
// - `may_point`: from now on what these addresses point to is no leak: a leak checker does not look into mappings by itself;
// - `points_no_more`: undoes `may_point`.
pub(crate) use form::{given_back, handed_out, has_content, may_point, points_no_more, released};

/// A pointer as a leak checker does not know it, for books of what users hold: what they have forgotten is a leak, though it is on the book. Twice,
/// it is the pointer again.
#[inline(always)]
pub(crate) fn on_the_book<T>(pointer: *mut T) -> *mut T {
    if cfg!(smarena_tool = "asan") && !pointer.is_null() { pointer.map_addr(|address| !address) } else { pointer }
}

#[cfg(not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "valgrind")))]
mod form {
    use core::ptr::NonNull;

    #[inline(always)]
    pub(crate) fn handed_out(_: NonNull<u8>, _: usize) {}
    #[inline(always)]
    pub(crate) fn has_content(_: NonNull<u8>, _: usize) {}
    #[inline(always)]
    pub(crate) fn given_back(_: NonNull<u8>, _: usize) {}
    #[inline(always)]
    pub(crate) fn released(_: NonNull<u8>, _: usize) {}
    pub(crate) use released as may_point;
    pub(crate) use released as points_no_more;
}

#[cfg(smarena_tool = "asan")]
mod form {
    use core::ptr::NonNull;

    pub(crate) use __asan_poison_memory_region as given_back;
    pub(crate) use __asan_unpoison_memory_region as handed_out;
    pub(crate) use __asan_unpoison_memory_region as has_content;
    pub(crate) use __asan_unpoison_memory_region as released;
    pub(crate) use __lsan_register_root_region as may_point;
    pub(crate) use __lsan_unregister_root_region as points_no_more;

    // Safe: they look at the address only, and write to the tool's own memory. What was registered is read at the process's end, where it is readable.
    unsafe extern "C" {
        pub(crate) safe fn __asan_poison_memory_region(start: NonNull<u8>, bytes: usize);
        pub(crate) safe fn __asan_unpoison_memory_region(start: NonNull<u8>, bytes: usize);
        pub(crate) safe fn __lsan_register_root_region(start: NonNull<u8>, bytes: usize);
        pub(crate) safe fn __lsan_unregister_root_region(start: NonNull<u8>, bytes: usize);
    }
}

#[cfg(smarena_tool = "msan")]
mod form {
    use core::ptr::NonNull;

    /// As poisoned, and reports say where it was.
    pub(crate) use __msan_allocated_memory as handed_out;
    pub(crate) use __msan_poison as given_back;
    pub(crate) use __msan_unpoison as has_content;
    /// What the system maps there next is zero, and this tool is not told of it.
    pub(crate) use __msan_unpoison as released;

    pub(crate) fn may_point(_: NonNull<u8>, _: usize) {}
    pub(crate) fn points_no_more(_: NonNull<u8>, _: usize) {}

    // Safe: they look at the address only, and write to the tool's own memory.
    unsafe extern "C" {
        pub(crate) safe fn __msan_poison(start: NonNull<u8>, bytes: usize);
        pub(crate) safe fn __msan_allocated_memory(start: NonNull<u8>, bytes: usize);
        pub(crate) safe fn __msan_unpoison(start: NonNull<u8>, bytes: usize);
    }
}

#[cfg(smarena_tool = "valgrind")]
mod form {
    use core::ptr::NonNull;

    /// The first of memcheck's requests: "MC" in the upper half.
    const MAKE_NO_ACCESS: usize = 0x4d43_0000;
    const MAKE_UNDEFINED: usize = MAKE_NO_ACCESS + 1;
    const MAKE_DEFINED: usize = MAKE_NO_ACCESS + 2;

    pub(crate) fn handed_out(start: NonNull<u8>, bytes: usize) {
        request(MAKE_UNDEFINED, start, bytes);
    }

    pub(crate) fn has_content(start: NonNull<u8>, bytes: usize) {
        request(MAKE_DEFINED, start, bytes);
    }

    pub(crate) fn given_back(start: NonNull<u8>, bytes: usize) {
        request(MAKE_NO_ACCESS, start, bytes);
    }

    /// It watches the system's calls by itself.
    pub(crate) fn released(_: NonNull<u8>, _: usize) {}
    pub(crate) use released as may_point;
    pub(crate) use released as points_no_more;

    /// A client request, as valgrind's manual defines it: rotations that come to nothing and an exchange that does nothing, which the
    /// processor runs as such and valgrind takes for a call.
    fn request(what: usize, start: NonNull<u8>, bytes: usize) {
        let arguments: [usize; 6] = [what, start.addr().get(), bytes, 0, 0, 0];
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
