//! What the system may refuse a whole process: calls that a sandbox does not know, mappings when there are too many.
#![cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    not(any(
        smarena_portable,
        miri,
        smarena_tool = "asan",
        smarena_tool = "msan",
        smarena_tool = "tsan",
        smarena_tool = "valgrind"
    ))
))]
#![expect(unsafe_code, reason = "system calls, and the raw calls of heaps")]

mod child;

use std::fs;
use std::ptr::{NonNull, null_mut};

use smarena::{BufPool, Heap, HugePages, Linear, SmBox};

/// Runs `body` in a child process, which must end well.
fn ends_well(test: &str, body: impl FnOnce()) {
    let output = child::in_child(test, body);
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// Pages of this process, as the system counts them: addresses, and memory.
fn pages() -> (usize, usize) {
    let counts = fs::read_to_string("/proc/self/statm").unwrap();
    let mut counts = counts.split(' ').map(|count| count.parse().unwrap());
    (counts.next().unwrap(), counts.next().unwrap())
}

/// From now on the system refuses one of its calls to this process, as sandboxes do.
fn refuse(call: libc::c_long) {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    // The call's number; is it that one? An error, or else it is allowed.
    let mut program = [
        step(0x20, 0, 0, 0),
        step(0x15, 0, 1, u32::try_from(call).unwrap()),
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs()),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: takes plain numbers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: a valid filter of four steps.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) }, 0);
}

/// What a program does with heaps, pools and threads, where one system call is refused. `known`: whether the system says what is resident.
fn works_without(call: libc::c_long, known: bool) {
    const BYTES: usize = 64 << 20;
    refuse(call);
    let heap = Heap::<Linear<8>>::builder().bucket_bytes(BYTES).huge_pages(HugePages::Never).build().unwrap();
    let blocks: Vec<NonNull<u8>> = (0..BYTES / 128)
        .map(|_| {
            let block = heap.malloc(128, 0).unwrap();
            // SAFETY: live, 128 bytes.
            unsafe { block.write_bytes(1, 128) };
            block
        })
        .collect();
    let full = pages().1;
    let bucket = heap.stats().buckets()[7];
    assert_eq!(bucket.resident.is_some(), known);
    assert!(heap.stats().resident() >= BYTES, "a bound is not below what there is");
    assert_eq!(heap.stats().to_string().contains("not known"), !known);
    // SAFETY: all live, from this heap.
    unsafe { heap.free_batch(&blocks) };
    let given_back = heap.trim();
    assert!((BYTES - (1 << 20)..=BYTES).contains(&given_back), "{given_back} of {BYTES}");
    let left = full - pages().1;
    assert!(left * 4096 > BYTES - (2 << 20), "{left} pages went back");
    // What was given back is there again, and zero.
    let block = heap.malloc(128, 0).unwrap();
    // SAFETY: live, 128 bytes; the pages of its place were given back.
    assert!(unsafe { core::slice::from_raw_parts(block.as_ptr(), 128) }.iter().all(|byte| *byte == 0));
    // SAFETY: live, from this heap.
    unsafe { heap.free(block) };

    let pool = BufPool::builder().buf_size(1000).limit(64).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..200_u8 {
                    let mut lease = pool.try_acquire().unwrap();
                    lease.extend_from_slice(&[number; 1000]);
                    drop(SmBox::new([number; 100]));
                    assert_eq!(lease[..], [number; 1000]);
                }
            });
        }
    });
    let all: Vec<_> = (0..64).map(|_| pool.try_acquire().unwrap()).collect();
    assert!(pool.try_acquire().is_err());
    drop(all);
    assert_eq!((pool.in_flight(), heap.stats().live()), (0, 0));
}

#[test]
fn a_sandbox_without_mincore() {
    ends_well("a_sandbox_without_mincore", || works_without(libc::SYS_mincore, false));
}

#[test]
fn a_sandbox_without_madvise() {
    ends_well("a_sandbox_without_madvise", || works_without(libc::SYS_madvise, true));
}

#[test]
fn a_sandbox_without_membarrier() {
    ends_well("a_sandbox_without_membarrier", || works_without(libc::SYS_membarrier, true));
}

#[test]
fn a_sandbox_without_prctl() {
    ends_well("a_sandbox_without_prctl", || works_without(libc::SYS_prctl, true));
}

/// As many mappings as it takes until a process may have no more.
struct AllMappings {
    start: *mut libc::c_void,
    /// The first page that is not yet a mapping of its own.
    next: usize,
}

impl AllMappings {
    const PAGES: usize = 1 << 17;

    fn new() -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: new memory, at an address of the system's choice.
        let start = unsafe { libc::mmap(null_mut(), Self::PAGES * 4096, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        Self { start, next: 1 }
    }

    /// Takes all that there are now.
    fn take(&mut self) {
        let protect = |page, rights| {
            // SAFETY: a page of ours, which nobody uses.
            unsafe { libc::mprotect(self.start.wrapping_byte_add(page * 4096), 4096, rights) == 0 }
        };
        // One in the middle makes two more, the last one makes one.
        for rights in [libc::PROT_NONE, libc::PROT_READ] {
            protect(Self::PAGES - 1, rights);
            while protect(self.next, libc::PROT_READ) {
                self.next += 2;
                assert!(self.next < Self::PAGES, "a process may have more than {} mappings here", Self::PAGES);
            }
        }
    }
}

impl Drop for AllMappings {
    fn drop(&mut self) {
        // SAFETY: mapped by `take`, used by nobody.
        unsafe { libc::munmap(self.start, Self::PAGES * 4096) };
    }
}

#[test]
fn what_cannot_be_unmapped_for_want_of_mappings_is_used_again_and_unmapped_later() {
    ends_well("what_cannot_be_unmapped_for_want_of_mappings_is_used_again_and_unmapped_later", || {
        let build = || Heap::<Linear<8>>::new(1 << 20);
        // The first one's traces stay.
        drop(SmBox::new_in([0; 16], &build().unwrap()));
        let before = pages().0;
        let mut heaps: Vec<_> = (0..8).map(|_| build().unwrap()).collect();
        // Caches after heaps, so that their memory is one mapping, of which each is a part.
        heaps.iter().for_each(|heap| drop(SmBox::new_in([0; 16], heap)));
        let mut all = AllMappings::new();
        // From within, each time there are no more.
        for number in (1..7).rev() {
            all.take();
            drop(heaps.remove(number));
        }
        all.take();
        // Heaps may be had or not; what they are made of is not lost.
        drop([build(), build()]);
        drop(all);
        drop(heaps);
        let after = pages().0;
        assert!(after <= before + 16, "{before} pages before, {after} after");
    });
}
