//! The form for unix: mappings of our own.
//!
//! Every call may be refused: by the number of mappings a process may have, by limits, by a filter of system calls.

use core::ffi::c_int;
use core::ptr::{self, NonNull};
use std::io;

use super::kept::{Kept, Range};
use super::{Advice, HUGE_PAGE, refusal};
#[cfg(not(shuttle))]
use crate::raw::lock::Lock;

#[cfg(not(any(loom, shuttle)))]
static KEPT: Kept = Kept::new();
#[cfg(any(loom, shuttle))]
crate::sync::lazy_static! {
    static ref KEPT: Kept = Kept::new();
}

/// Memory of nobody else's, which the system does not set aside before it is used, where it can be told so.
const NEW: c_int = libc::MAP_PRIVATE
    | libc::MAP_ANON
    | const {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            libc::MAP_NORESERVE
        }
        #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
        {
            0
        }
    };

/// What the system says of the last call, which it refused.
fn code() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOMEM)
}

/// A lock that a fork must hold as well, the last of all.
#[cfg(not(shuttle))]
pub(crate) fn lock() -> &'static Lock {
    &KEPT.lock
}

pub(super) fn page() -> usize {
    // SAFETY: I10: no precondition.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(super::PAGE)
}

pub(crate) fn most_addresses() -> usize {
    // SAFETY: I10: a valid place.
    limit(|place| unsafe { libc::getrlimit(libc::RLIMIT_AS, place) })
}

pub(crate) fn most_data() -> usize {
    // SAFETY: I10: a valid place.
    limit(|place| unsafe { libc::getrlimit(libc::RLIMIT_DATA, place) })
}

/// A limit of this process; refused, there is none.
fn limit(ask: impl FnOnce(*mut libc::rlimit) -> c_int) -> usize {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    ask(&raw mut limit);
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

pub(super) fn reserve(len: usize) -> Result<NonNull<u8>, i32> {
    reserve_with(&KEPT, len)
}

pub(super) unsafe fn release(start: NonNull<u8>, len: usize) {
    release_with(&KEPT, Range { start, len });
}

fn reserve_with(kept: &Kept, len: usize) -> Result<NonNull<u8>, i32> {
    // Huge pages want aligned addresses; small reservations (a cache's stacks) could not use one.
    let align = if len < HUGE_PAGE { page() } else { HUGE_PAGE };
    let again = || if kept.book() { Ok(kept.take(len, align, make_new)) } else { Err(libc::ENOMEM) };
    if let Some(found) = kept.lock.with(again)? {
        return Ok(found);
    }
    // Outside of the lock: the system may let a thread wait.
    let mapped = map(len, align);
    kept.lock.with(|| match mapped {
        Ok((found, slack)) => {
            kept.keep(slack);
            Ok(found)
        }
        Err(code) => {
            kept.unbook();
            Err(code)
        }
    })
}

fn release_with(kept: &Kept, mut range: Range) {
    // Outside of the lock, as above.
    while unmap(range) {
        // What could not be unmapped before perhaps can now.
        match kept.lock.with(|| kept.exchange()) {
            Some(before) => range = before,
            None => return,
        }
    }
    kept.lock.with(|| kept.push(range));
}

/// New addresses, out of reach, and what could not be cut off at both ends.
fn map(len: usize, align: usize) -> Result<(NonNull<u8>, [Range; 2]), i32> {
    let padded = len.checked_add(align - page()).ok_or(libc::ENOMEM)?;
    // SAFETY: I1: a new anonymous mapping at an address of the system's choice touches nothing that exists.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), padded, libc::PROT_NONE, NEW, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(code());
    }
    let start = NonNull::new(mapped.cast::<u8>()).ok_or(libc::ENOMEM)?;
    lock_by_use(start, padded);
    let (before, found, after) = Range { start, len: padded }.around(len, align).ok_or(libc::ENOMEM)?;
    // What lies before and behind what was wanted goes back: nobody has seen its addresses.
    Ok((
        found,
        [before, after].map(|slack| if slack.len > 0 && unmap(slack) { Range { len: 0, ..slack } } else { slack }),
    ))
}

/// If this process has all its memory locked (`mlockall`), lets new pages be locked when they are used rather than made resident at once.
fn lock_by_use(start: NonNull<u8>, len: usize) {
    #[cfg(target_os = "linux")]
    {
        // This is what says whether pages are locked; to pages of our own it does nothing. (valgrind takes it for a read of them.)
        // SAFETY: I1: a new mapping, which has no content.
        let is_locked = cfg!(not(smarena_tool = "valgrind"))
            && unsafe { libc::msync(start.as_ptr().cast(), len, libc::MS_INVALIDATE) } != 0
            && code() == libc::EBUSY;
        if is_locked {
            // SAFETY: I1: as above. Refused, it costs memory.
            unsafe { libc::mlock2(start.as_ptr().cast(), len, libc::MLOCK_ONFAULT) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, len);
}

/// Gives whole pages of our own mappings back, which nobody uses any more. False if the system refuses: then their memory is its own
/// again, as far as it takes it, and the addresses are still ours.
fn unmap(range: Range) -> bool {
    let unmap = || {
        // SAFETY: I1: the caller's pages, which nobody uses any more.
        !refusal::due() && unsafe { libc::munmap(range.start.as_ptr().cast(), range.len) } == 0
    };
    // What lies inside of a larger mapping takes one more to be cut out. Once ours is all out of reach it is fewer.
    unmap() || {
        make_new(range);
        unmap()
    }
}

/// Makes our own pages as they were when they were mapped: out of reach, and to be read as zero. False if the system refuses one of the two.
fn make_new(range: Range) -> bool {
    // SAFETY: I1: whole pages of our own mappings that nobody uses.
    let protect = || unsafe { libc::mprotect(range.start.as_ptr().cast(), range.len, libc::PROT_NONE) };
    let is_closed = !refusal::due() && protect() == 0;
    discard(range) && is_closed
}

/// Tells the system that the content of our own pages is not needed.
fn discard(range: Range) -> bool {
    // SAFETY: I4: the callers' pages, whose content nobody expects anything of.
    #[cfg(target_os = "linux")]
    return !refusal::due()
        && unsafe { libc::madvise(range.start.as_ptr().cast(), range.len, libc::MADV_DONTNEED) } == 0;
    // The others may keep what was there, so such pages are not used again.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = range;
        false
    }
}

pub(super) unsafe fn commit(start: NonNull<u8>, len: usize) -> Result<(), i32> {
    // SAFETY: I1: whole pages of our own mapping, made more accessible.
    let answer = unsafe { libc::mprotect(start.as_ptr().cast(), len, libc::PROT_READ | libc::PROT_WRITE) };
    if answer == 0 { Ok(()) } else { Err(code()) }
}

pub(super) unsafe fn purge(start: NonNull<u8>, len: usize) -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: I4: the caller owns these pages and expects nothing of their content.
    return match unsafe { libc::madvise(start.as_ptr().cast(), len, libc::MADV_DONTNEED) } {
        0 => true,
        _ => is_filtered() && replace(start, len),
    };
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (start, len);
        false
    }
}

/// Whether the call that just failed was refused by a filter of system calls, before it did anything.
#[cfg(target_os = "linux")]
fn is_filtered() -> bool {
    matches!(code(), libc::EPERM | libc::EACCES | libc::ENOSYS)
}

/// Where a filter of system calls refuses all advice: new pages in the place of the old ones, whose owner is the caller.
#[cfg(target_os = "linux")]
fn replace(start: NonNull<u8>, len: usize) -> bool {
    let (at, access) = (start.as_ptr().cast(), libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: I1, I4: pages of our own mapping, readable and writable as before; nobody expects anything of their content.
    let is_replaced = unsafe { libc::mmap(at, len, access, NEW | libc::MAP_FIXED, -1, 0) } != libc::MAP_FAILED;
    // SAFETY: I1: as in `commit`. It fails where nothing is mapped.
    if !is_replaced && !is_filtered() && unsafe { commit(start, len) }.is_err() {
        // Anybody's memory could come to lie in the hole.
        crate::raw::fault::abort(format_args!("the system took {len} bytes at {at:p} and gave none for them"));
    }
    is_replaced
}

pub(super) fn advise(start: NonNull<u8>, len: usize, advice: Advice) {
    #[cfg(target_os = "linux")]
    {
        let advice = match advice {
            Advice::HugePages => libc::MADV_HUGEPAGE,
            Advice::SmallPages => libc::MADV_NOHUGEPAGE,
            Advice::LeaveOutOfDumps => libc::MADV_DONTDUMP,
        };
        // SAFETY: I1: advice about our own pages; none of it changes content. A refusal costs speed alone, or longer dumps.
        unsafe { libc::madvise(start.as_ptr().cast(), len, advice) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, len, advice);
}

pub(super) fn resident(start: NonNull<u8>, len: usize) -> Option<usize> {
    let mut pages = [0_u8; 1024];
    let page = page();
    let mut resident = 0;
    let mut offset = 0;
    while offset < len {
        let step = (len - offset).min(pages.len() * page);
        // SAFETY: I1: `offset < len`, inside our mapping.
        let at = unsafe { start.add(offset) };
        // SAFETY: `pages` has a byte for each page of the step; the range is mapped (I1).
        let answer = unsafe { libc::mincore(at.as_ptr().cast(), step, pages.as_mut_ptr().cast()) };
        if answer != 0 {
            return None;
        }
        resident += pages[..step.div_ceil(page)].iter().filter(|byte| **byte & 1 == 1).count() * page;
        offset += step;
    }
    Some(resident)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// Releases `reservation` while the system refuses to unmap anything.
    fn keep(kept: &Kept, start: NonNull<u8>, len: usize) {
        refusal::refuse_after(Some(0));
        release_with(kept, Range { start, len });
        refusal::refuse_after(None);
    }

    #[test]
    fn what_cannot_be_unmapped_is_used_again_as_new() {
        let (kept, len) = (Kept::new(), 64 * page());
        let start = reserve_with(&kept, len).unwrap();
        // SAFETY: I1: reserved just now.
        unsafe { commit(start, len) }.unwrap();
        // SAFETY: I1: committed just now.
        unsafe { start.write_bytes(7, len) };
        keep(&kept, start, len);
        assert_eq!(kept.bytes(), len);
        // In parts, and out of reach again: a page that is not cannot be asked for what it is not.
        let parts = [reserve_with(&kept, len / 4).unwrap(), reserve_with(&kept, len / 4).unwrap()];
        assert!(
            parts
                .iter()
                .all(|part| (start.addr()..).contains(&part.addr()) && part.addr().get() < start.addr().get() + len)
        );
        assert_eq!(kept.bytes(), len / 2);
        for part in parts {
            // SAFETY: I1: reserved just now.
            unsafe { commit(part, len / 4) }.unwrap();
            // SAFETY: I1: committed just now.
            let content = unsafe { core::slice::from_raw_parts(part.as_ptr(), len / 4) };
            assert!(content.iter().all(|byte| *byte == 0), "content of its last owner");
            release_with(&kept, Range { start: part, len: len / 4 });
        }
        assert_eq!((kept.bytes(), kept.booked()), (0, 0), "what could be unmapped was not");
    }

    #[test]
    fn whatever_is_refused_from_any_call_on_is_kept_whole() {
        for granted in 0..20 {
            let kept = Kept::new();
            let len = 3 * HUGE_PAGE;
            refusal::refuse_after(Some(granted));
            let reserved = reserve_with(&kept, len);
            let slack = kept.bytes();
            let start = reserved.expect("the mapping itself is not asked for here");
            assert!(slack < HUGE_PAGE && start.addr().get() % HUGE_PAGE == 0);
            assert_eq!(kept.booked(), 1);
            release_with(&kept, Range { start, len });
            refusal::refuse_after(None);
            assert!(kept.bytes() <= slack || kept.bytes() == slack + len, "{} of {len}", kept.bytes());
            // Another one, once the system grants everything again, takes all of it away.
            let start = reserve_with(&kept, page()).unwrap();
            release_with(&kept, Range { start, len: page() });
            assert_eq!((kept.bytes(), kept.booked()), (0, 0));
        }
    }
}
