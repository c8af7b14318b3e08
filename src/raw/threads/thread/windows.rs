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
