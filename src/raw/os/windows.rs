//! The form for Windows: addresses of our own, of which parts are committed when they are needed.
//!
//! The system counts what is committed, whether it is used or not, and refuses what it could not keep anywhere. So purging gives pages
//! up altogether (I15). What is not committed ends a touch as a guard page does.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use std::io;

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE, VirtualAlloc, VirtualFree,
};
use windows_sys::Win32::System::ProcessStatus::{
    K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_BLOCK, PSAPI_WORKING_SET_EX_INFORMATION,
};
use windows_sys::Win32::System::SystemInformation::{GetSystemInfo, SYSTEM_INFO};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::{Advice, NO_MEMORY};

/// How many pages are asked about at once: what is told of them lies on the stack.
const ASKED: usize = 128;

/// What the system says of the last call, which it refused.
fn code() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(NO_MEMORY)
}

pub(super) fn page() -> usize {
    let mut system = MaybeUninit::<SYSTEM_INFO>::zeroed();
    // SAFETY: I10: a valid place.
    unsafe { GetSystemInfo(system.as_mut_ptr()) };
    // SAFETY: I10: numbers and pointers, of which zero is one.
    let system = unsafe { system.assume_init() };
    system.dwPageSize as usize
}

/// There are no such limits: what runs out is what the system can keep, and that is known when it refuses.
pub(crate) fn most_addresses() -> usize {
    usize::MAX
}

pub(crate) fn most_data() -> usize {
    usize::MAX
}

pub(super) fn reserve(len: usize) -> Result<NonNull<u8>, i32> {
    // SAFETY: I1: new addresses, of the system's choice, touch nothing that exists.
    let start = unsafe { VirtualAlloc(ptr::null(), len, MEM_RESERVE, PAGE_NOACCESS) };
    NonNull::new(start.cast()).ok_or_else(code)
}

pub(super) unsafe fn release(start: NonNull<u8>, _: usize) {
    // SAFETY: I1: `reserve` returned this address; whoever owned the reservation is done with it.
    unsafe { VirtualFree(start.as_ptr().cast(), 0, MEM_RELEASE) };
}

pub(super) unsafe fn commit(start: NonNull<u8>, len: usize) -> Result<(), i32> {
    // SAFETY: I1: pages of our own reservation; of those that are committed the content stays.
    let committed = unsafe { VirtualAlloc(start.as_ptr().cast(), len, MEM_COMMIT, PAGE_READWRITE) };
    if committed.is_null() { Err(code()) } else { Ok(()) }
}

pub(super) unsafe fn purge(start: NonNull<u8>, len: usize) -> bool {
    // SAFETY: I4, I15: the caller owns these pages, and expects nothing of them until they are committed again.
    unsafe { VirtualFree(start.as_ptr().cast(), len, MEM_DECOMMIT) != 0 }
}

/// Large pages are for those who may lock memory, and never go back.
pub(super) fn advise(_: NonNull<u8>, _: usize, _: Advice) {}

/// In the working set, that is. Nothing that is not committed is.
pub(super) fn resident(start: NonNull<u8>, len: usize) -> Option<usize> {
    const UNASKED: PSAPI_WORKING_SET_EX_INFORMATION = PSAPI_WORKING_SET_EX_INFORMATION {
        VirtualAddress: ptr::null_mut(),
        VirtualAttributes: PSAPI_WORKING_SET_EX_BLOCK { Flags: 0 },
    };
    let page = page();
    let mut pages = [UNASKED; ASKED];
    let mut resident = 0;
    for first in (0..len).step_by(ASKED * page) {
        let asked = &mut pages[..(len - first).div_ceil(page).min(ASKED)];
        for (number, about) in asked.iter_mut().enumerate() {
            about.VirtualAddress = start.as_ptr().wrapping_add(first + number * page).cast();
        }
        let bytes = u32::try_from(size_of_val(asked)).ok()?;
        // SAFETY: I10: no precondition.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: I10: so many bytes, in which the system notes what it knows of each address.
        let answer = unsafe { K32QueryWorkingSetEx(process, asked.as_mut_ptr().cast::<c_void>(), bytes) };
        if answer == 0 {
            return None;
        }
        // SAFETY: I10: a number by either name. Its lowest bit says whether the page is there.
        let is_there = |about: &&PSAPI_WORKING_SET_EX_INFORMATION| unsafe { about.VirtualAttributes.Flags } & 1 == 1;
        resident += asked.iter().filter(is_there).count() * page;
    }
    Some(resident)
}
