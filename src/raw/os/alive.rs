//! Who is still there: a thread, by the system's number for it, for those whose end nobody was told; and all others, when the process ends.

#[cfg(all(target_os = "linux", not(any(smarena_portable, miri, loom, shuttle))))]
mod form {
    /// The caller's number; 0 where the system does not say.
    pub(crate) fn this_thread() -> i32 {
        // SAFETY: I10: no precondition.
        unsafe { libc::gettid() }.max(0)
    }

    /// Whether there is no thread with this number, of whichever process.
    pub(crate) fn is_gone(thread: i32) -> bool {
        // SAFETY: I10: no signal is sent, it is only asked whether one could be.
        let refused = unsafe { libc::syscall(libc::SYS_tkill, thread, 0) } != 0;
        // A sandbox that forbids the call answers with another error, which says nothing of the thread.
        refused && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
    }
}

/// Elsewhere it is not known.
#[cfg(not(all(target_os = "linux", not(any(smarena_portable, miri, loom, shuttle)))))]
mod form {
    pub(crate) fn this_thread() -> i32 {
        0
    }

    pub(crate) fn is_gone(_: i32) -> bool {
        false
    }
}

pub(crate) use form::{is_gone, this_thread};

/// Whether this is the last thread of a process that is ending. Windows ends all others first, in the midst of whatever they do, and then has the last
/// one's thread-locals destroyed.
#[cfg(all(windows, not(any(loom, shuttle, miri))))]
pub(crate) fn is_last() -> bool {
    #[link(name = "ntdll", kind = "raw-dylib")]
    unsafe extern "system" {
        fn RtlDllShutdownInProgress() -> u8;
    }
    // SAFETY: I10: no precondition.
    unsafe { RtlDllShutdownInProgress() != 0 }
}

/// Elsewhere nobody who comes by is.
#[cfg(not(all(windows, not(any(loom, shuttle, miri)))))]
pub(crate) fn is_last() -> bool {
    false
}
