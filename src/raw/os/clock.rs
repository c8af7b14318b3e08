//! What time it is, roughly: for what is done about once in a while.

/// Milliseconds since some moment, to within a few, or the system's tick.
#[cfg(all(target_os = "linux", not(any(test, loom, shuttle, miri))))]
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // No system call: the kernel leaves this time where every process can read it.
    // SAFETY: I10: a valid place. Refused, it stays as it is, and no time passes.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time) };
    #[expect(clippy::cast_sign_loss, reason = "the system counts from its start")]
    let [seconds, nanoseconds] = [time.tv_sec as u64, time.tv_nsec as u64];
    seconds * 1000 + nanoseconds / 1_000_000
}

/// The time of the system's last tick, which every process can read as well.
#[cfg(all(windows, not(any(test, loom, shuttle, miri))))]
pub(crate) fn now() -> u64 {
    // SAFETY: I10: no precondition.
    unsafe { windows_sys::Win32::System::SystemInformation::GetTickCount64() }
}

/// Where nothing is ever given back nobody asks.
#[cfg(not(any(target_os = "linux", windows, test, loom, shuttle, miri)))]
pub(crate) fn now() -> u64 {
    0
}

/// In tests and models time stands still until it is told to pass.
#[cfg(any(test, loom, shuttle, miri))]
pub(crate) fn now() -> u64 {
    NOW.get()
}

#[cfg(any(test, loom, shuttle, miri))]
std::thread_local! {
    /// This thread's time.
    static NOW: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
}

/// Lets time pass for this thread.
#[cfg(all(test, any(target_os = "linux", windows), not(any(loom, shuttle, smarena_portable, miri))))]
pub(crate) fn pass(milliseconds: u64) {
    NOW.set(NOW.get() + milliseconds);
}
