//! DLLs, which can be unloaded before the threads that used them end.

use core::ptr::null_mut;
use core::sync::atomic::Ordering;

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

use crate::sync::fixed::AtomicUsize;

/// Keeps the DLL that this code lies in, if it does, mapped for ever, as elsewhere: threads that used it end later, and what they had cached goes
/// back then.
pub(super) fn pin() {
    static PINNED: AtomicUsize = AtomicUsize::new(0);
    // Relaxed: to do it twice is as good as once.
    if PINNED.swap(1, Ordering::Relaxed) == 0 {
        let mut module = null_mut();
        let how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let here = (&raw const PINNED).cast();
        // SAFETY: I10: with this flag the name is an address, any; a valid place. Refused, it does nothing.
        unsafe { GetModuleHandleExW(how, here, &raw mut module) };
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, exit};
    use std::sync::mpsc;
    use std::{env, thread};

    use crate::config::Config;
    use crate::raw::heap::RawHeap;
    use crate::raw::threads::thread::{REGISTRY, enter};

    /// Such a process did not end: the last thread waited for the lock, to give up its slot and to drop its heap.
    #[test]
    fn a_process_ends_though_a_thread_that_it_ended_held_a_lock() {
        const CHILD: &str = "SMARENA_TEST_LAST_THREAD";
        if env::var_os(CHILD).is_some() {
            thread_local!(static HEAP: RawHeap = RawHeap::new(&Config::new(&[16], 4096)).unwrap());
            HEAP.with(|_| enter().unwrap());
            let (held, is_held) = mpsc::channel();
            thread::spawn(move || {
                REGISTRY.lock.with(|| {
                    held.send(()).unwrap();
                    loop {
                        thread::park();
                    }
                })
            });
            is_held.recv().unwrap();
            exit(7);
        }
        let test = "raw::threads::thread::windows::tests::a_process_ends_though_a_thread_that_it_ended_held_a_lock";
        let status = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, "")
            .status();
        assert_eq!(status.unwrap().code(), Some(7));
    }
}
