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
#[path = "child/sandbox.rs"]
mod sandbox;

use std::fs;
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use smarena::{AllocError, BufPool, Exhausted, Global, Heap, HugePages, Linear, Purge, SmBox, StaticHeap};

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

/// The sum of one number that the system tells of each mapping, over those whose first line and flags count.
fn sum_of_mappings(name: &str, counts: impl Fn(&str, &str) -> bool) -> usize {
    let mappings = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut sum, mut head, mut value) = (0, "", 0);
    for line in mappings.lines() {
        let kib = || line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok());
        if line.starts_with(name) {
            value = kib().unwrap() << 10;
        } else if let Some(flags) = line.strip_prefix("VmFlags:") {
            sum += if counts(head, flags) { value } else { 0 };
        } else if line.split(' ').next().is_some_and(|range| range.contains('-')) {
            head = line;
        }
    }
    sum
}

/// One block of each size that `Global` has.
fn use_each_bucket_of_global() {
    for bucket in Global::HEAP.stats().buckets() {
        // SAFETY: live, and at least a byte.
        unsafe { Global.malloc(bucket.block_size, 0).unwrap().write(1) };
    }
}

#[test]
fn a_core_file_has_what_was_used_and_not_what_was_reserved() {
    ends_well("a_core_file_has_what_was_used_and_not_what_was_reserved", || {
        use_each_bucket_of_global();
        // All that may be written, private, and not left out: more than there is memory for.
        let dumped = sum_of_mappings("Size:", |head, flags| head.contains(" rw-p ") && !flags.contains(" dd"));
        assert!((1 << 20..64 << 20).contains(&dumped), "{dumped} bytes");
    });
}

/// What the loader of this program adds to its file in zero bytes: `.bss`. A limit on data and a strict count of memory count it, and
/// `mlockall` makes it resident.
#[test]
fn a_program_that_uses_heaps_by_type_and_by_reference_has_few_zero_bytes() {
    unsafe extern "C" fn add_up(object: *mut libc::dl_phdr_info, _: usize, sum: *mut libc::c_void) -> libc::c_int {
        // SAFETY: called with an object that is loaded.
        let object = unsafe { &*object };
        // SAFETY: so many headers are there.
        let headers = unsafe { core::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        // SAFETY: the sum below.
        unsafe { sum.cast::<u64>().write(loaded.map(|header| header.p_memsz - header.p_filesz).sum()) };
        // The first object is the program, and enough.
        1
    }
    smarena::static_heap! { struct Net: Linear<8> { bucket_bytes: 1 << 20 } }
    let boxes = (SmBox::new(1), SmBox::new_in(2, Net), SmBox::new_in(3, Net::HEAP));
    assert_eq!((*boxes.0, *boxes.1, *boxes.2), (1, 2, 3));
    let mut sum = 0_u64;
    // SAFETY: a function as it is wanted, and what it writes to.
    unsafe { libc::dl_iterate_phdr(Some(add_up), (&raw mut sum).cast()) };
    assert!((1..=64 << 10).contains(&sum), "{sum} bytes");
}

#[test]
fn where_all_memory_is_locked_a_heap_locks_what_it_uses() {
    ends_well("where_all_memory_is_locked_a_heap_locks_what_it_uses", || {
        // SAFETY: takes a plain number.
        if unsafe { libc::mlockall(libc::MCL_FUTURE) } != 0 {
            // Not every user may.
            return;
        }
        // Of what is mapped as heaps map it (`MAP_NORESERVE`): not where the system's answer is read to, which comes and goes.
        let locked = || sum_of_mappings("Locked:", |_, flags| flags.contains(" nr"));
        let before = locked();
        let heap = Heap::<Linear<8>>::new(16 << 20).unwrap();
        let boxed = SmBox::new_in([1; 16], &heap);
        let by_one = locked() - before;
        assert!((1..8 << 20).contains(&by_one), "{by_one} bytes for a box");
        use_each_bucket_of_global();
        assert!(locked() < 64 << 20, "{} bytes with Global", locked());
        drop(boxed);
    });
}

#[test]
fn what_is_locked_as_it_stands_is_what_a_heap_has_committed() {
    ends_well("what_is_locked_as_it_stands_is_what_a_heap_has_committed", || {
        let heap = Heap::<Linear<8>>::new(16 << 20).unwrap();
        let boxed = SmBox::new_in([1; 16], &heap);
        let resident = || sum_of_mappings("Rss:", |_, _| true);
        let before = resident();
        // SAFETY: takes a plain number.
        if unsafe { libc::mlockall(libc::MCL_CURRENT) } != 0 {
            // Not every user may.
            return;
        }
        let made = resident() - before;
        assert!(made < 64 << 20, "{made} bytes were made resident");
        // The addresses were locked, too: each step of a span is made as it is opened.
        let before = resident();
        let blocks: Vec<_> = (0..10_000).map(|number| SmBox::new_in([number; 16], &heap)).collect();
        let used = blocks.len() * 128;
        let opened = resident() - before;
        assert!(opened < 3 * used, "{opened} bytes for {used}");
        drop(boxed);
    });
}

#[test]
fn a_heap_takes_two_mappings_and_two_for_each_bucket_in_use() {
    ends_well("a_heap_takes_two_mappings_and_two_for_each_bucket_in_use", || {
        let mappings = || fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let build = || Heap::<Linear<8>>::new(1 << 20).unwrap();
        drop(SmBox::new_in([1; 16], &build()));
        let before = mappings();
        let heaps: Vec<_> = (0..100).map(|_| build()).collect();
        let built = mappings() - before;
        assert!(built <= 210, "{built} mappings for 100 heaps");
        heaps.iter().for_each(|heap| drop((SmBox::new_in([1; 16], heap), SmBox::new_in([1_u8; 100], heap))));
        let used = mappings() - before;
        assert!(used <= 630, "{used} mappings for 100 heaps with two buckets in use");
    });
}

#[test]
fn an_error_for_want_of_mappings_names_them_and_the_setting() {
    ends_well("an_error_for_want_of_mappings_names_them_and_the_setting", || {
        let mut all = AllMappings::new();
        all.take();
        let error = (0..4).find_map(|_| Heap::<Linear<8>>::new(1 << 20).map(std::mem::forget).err());
        drop(all);
        let said = error.unwrap().to_string();
        assert!(said.contains("mappings") && said.contains("vm.max_map_count"), "{said}");
    });
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Runs `body` with a limit of so many bytes; without it afterwards, since a failure that finds no memory to be told of can hang.
fn within<R>(resource: Resource, bytes: usize, body: impl FnOnce() -> R) -> R {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid place.
    assert_eq!(unsafe { libc::getrlimit(resource, &raw mut old) }, 0);
    let set = |limit: libc::rlimit| {
        // SAFETY: a valid limit.
        assert_eq!(unsafe { libc::setrlimit(resource, &raw const limit) }, 0);
    };
    set(libc::rlimit { rlim_cur: bytes as libc::rlim_t, ..old });
    let result = body();
    set(old);
    result
}

#[cfg(feature = "capi")]
#[test]
fn an_allocator_whose_name_cannot_be_copied_is_refused() {
    use smarena::ffi::{SmOptions, sm_allocator_create_with};

    ends_well("an_allocator_whose_name_cannot_be_copied_is_refused", || {
        let long = std::ffi::CString::new(vec![b'a'; 128 << 20]).unwrap();
        let options =
            SmOptions { size: size_of::<SmOptions>(), buckets_count: 1, bucket_size: 1 << 16, ..Default::default() };
        let made = within(libc::RLIMIT_AS, told("VmSize:") + (96 << 20), || {
            // SAFETY: as large as they say, and the name ends.
            [c"short".as_ptr(), long.as_ptr()]
                .map(|name| !unsafe { sm_allocator_create_with(&SmOptions { name, ..options }) }.is_null())
        });
        assert_eq!(made, [true, false]);
    });
}

#[test]
fn a_span_of_huge_pages_is_opened_as_far_as_a_limit_on_data_lets_it() {
    ends_well("a_span_of_huge_pages_is_opened_as_far_as_a_limit_on_data_lets_it", || {
        let heap = Heap::<Linear<1>>::builder().bucket_bytes(256 << 20).huge_pages(HugePages::Always);
        let heap = heap.on_exhausted(Exhausted::Refuse).build().unwrap();
        let blocks = within(libc::RLIMIT_DATA, told("VmData:") + (96 << 20), || {
            std::iter::from_fn(|| heap.malloc(16, 0).ok()).count()
        });
        assert!((1 << 20..96 << 20).contains(&(16 * blocks)), "{blocks} blocks");
    });
}

#[test]
fn an_error_for_want_of_data_names_the_limit() {
    ends_well("an_error_for_want_of_data_names_the_limit", || {
        let error =
            within(libc::RLIMIT_DATA, told("VmData:") + (1 << 20), || Heap::<Linear<8>>::new(1 << 20).err().unwrap());
        let said = error.to_string();
        assert!(said.contains("data"), "{said}");
    });
}

#[test]
fn an_error_for_want_of_locked_memory_names_the_limit() {
    ends_well("an_error_for_want_of_locked_memory_names_the_limit", || {
        // Who may lock whatever they like gives that up. Others may not do this, and need not.
        // SAFETY: takes a plain number.
        unsafe { libc::setuid(65534) };
        let error = within(libc::RLIMIT_MEMLOCK, 4 << 20, || {
            // SAFETY: takes a plain number.
            let all_is_locked = unsafe { libc::mlockall(libc::MCL_FUTURE) } == 0;
            let error = all_is_locked.then(|| Heap::<Linear<8>>::new(16 << 20).err());
            // SAFETY: no precondition.
            unsafe { libc::munlockall() };
            error
        });
        // Not every user may lock anything.
        let Some(error) = error else { return };
        let said = error.expect("more addresses than may be locked").to_string();
        assert!(said.contains("locked") && said.contains("ulimit -l"), "{said}");
    });
}

/// That `Global` took a quarter of a limit at most; and, when it was first used, the C library what it has for itself.
#[track_caller]
fn assert_a_quarter(taken: usize, limit: usize) {
    assert!((limit / 64..limit / 4 + (2 << 20)).contains(&taken), "{taken} of {limit}");
}

/// How many bytes `Global` takes of a limit of so many.
fn of_a_limit_on_addresses(bytes: usize) {
    let taken = within(libc::RLIMIT_AS, bytes, || {
        let before = pages().0;
        drop(SmBox::new([1; 16]));
        (pages().0 - before) * 4096
    });
    assert_a_quarter(taken, bytes);
}

#[test]
fn of_a_large_limit_on_addresses_global_leaves_three_quarters() {
    ends_well("of_a_large_limit_on_addresses_global_leaves_three_quarters", || of_a_limit_on_addresses(4 << 30));
}

#[test]
fn of_a_small_limit_on_addresses_global_leaves_three_quarters() {
    ends_well("of_a_small_limit_on_addresses_global_leaves_three_quarters", || of_a_limit_on_addresses(200 << 20));
}

/// The number of KiB, as bytes, that the system tells of this process.
fn told(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// As `of_a_limit_on_addresses`, of what a process may have to write.
fn of_a_limit_on_data(bytes: usize) {
    let before = told("VmData:");
    within(libc::RLIMIT_DATA, before + bytes, || drop(SmBox::new([1; 16])));
    let taken = told("VmData:") - before;
    assert_a_quarter(taken, bytes);
}

#[cfg(feature = "record")]
#[test]
fn a_program_that_has_little_memory_is_recorded_in_less() {
    use smarena::record::Recorder;
    ends_well("a_program_that_has_little_memory_is_recorded_in_less", || {
        let recorder = Recorder::new(Global);
        drop(SmBox::new(1));
        within(libc::RLIMIT_DATA, told("VmData:") + (4 << 20), || drop(SmBox::new_in([1_u8; 16], recorder.clone())));
        assert_eq!(recorder.recording().events().len(), 2);
    });
}

#[test]
fn of_a_large_limit_on_data_global_leaves_three_quarters() {
    ends_well("of_a_large_limit_on_data_global_leaves_three_quarters", || of_a_limit_on_data(2 << 30));
}

#[test]
fn of_a_small_limit_on_data_global_leaves_three_quarters() {
    ends_well("of_a_small_limit_on_data_global_leaves_three_quarters", || of_a_limit_on_data(64 << 20));
}

/// Counted by the system against what there is: where it counts strictly, what is open of spans and side tables; elsewhere nothing.
#[test]
fn where_memory_is_not_counted_strictly_a_heap_counts_for_nothing() {
    ends_well("where_memory_is_not_counted_strictly_a_heap_counts_for_nothing", || {
        let is_strict = fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap().trim() == "2";
        let counted = || sum_of_mappings("Size:", |_, flags| flags.split(' ').any(|flag| flag == "ac"));
        let before = counted();
        let heap = Heap::<Linear<8>>::new(512 << 20).unwrap();
        let boxes: Vec<_> = (0..100_000_u32).map(|number| SmBox::new_in([number; 32], &heap)).collect();
        let counts = counted() - before;
        // The vector of pointers is the C library's.
        let bound = if is_strict { 512 << 20 } else { 8 << 20 };
        assert!(counts < bound, "{counts} bytes of {}", heap.regions().map(|span| span.len()).sum::<usize>());
        assert!(boxes.iter().zip(0..).all(|(boxed, number)| **boxed == [number; 32]));
    });
}

#[test]
fn a_limit_on_data_counts_what_is_committed_and_refuses_the_rest() {
    ends_well("a_limit_on_data_counts_what_is_committed_and_refuses_the_rest", || {
        // What a bucket may serve, five times the limit; and it refuses rather than takes more than there is.
        let builder = Heap::<Linear<8>>::builder().bucket_bytes(512 << 20).on_exhausted(Exhausted::Refuse);
        let heap = builder.no_thread_cache().build().unwrap();
        let mut count = 0_usize;
        let error = within(libc::RLIMIT_DATA, pages().1 * 4096 + (300 << 20), || {
            loop {
                match heap.malloc(128, 0) {
                    Ok(_) => count += 1,
                    Err(error) => break error,
                }
            }
        });
        assert!(matches!(error, AllocError::OutOfMemory { .. }), "{error}");
        assert!(count * 128 < 300 << 20, "{count} blocks");
    });
}

/// Of a heap whose side table would be long, what is written grows with the blocks that are used: 350 MiB of share counts otherwise.
#[test]
fn share_counts_of_blocks_that_were_never_used_are_no_data() {
    ends_well("share_counts_of_blocks_that_were_never_used_are_no_data", || {
        let before = told("VmData:");
        let heap = Heap::<Linear<8>>::new(512 << 20).unwrap();
        let built = told("VmData:") - before;
        assert!((1 << 20..32 << 20).contains(&built), "{built} bytes");
        // Over some steps of the span, each count written. 16 bytes of it a block, and the vectors.
        let shared = |number: u32| {
            let bytes = smarena::SmBytes::copy_from_slice_in(&number.to_le_bytes(), &heap);
            (bytes.clone(), bytes)
        };
        let all: Vec<_> = (0..300_000).map(shared).collect();
        assert!(
            all.iter().zip(0_u32..).all(|(both, number)| both.0 == number.to_le_bytes()[..] && !both.1.is_unique())
        );
        let used = told("VmData:") - before;
        assert!(used < 96 << 20, "{used} bytes");
    });
}

/// What a program does with heaps, pools and threads, where one system call is refused. `known`: whether the system says what is resident.
fn works_without(call: libc::c_long, known: bool) {
    const BYTES: usize = 64 << 20;
    sandbox::refuse(call);
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
    drop(heap);
    // By itself.
    let heap = Heap::<Linear<8>>::builder()
        .bucket_bytes(BYTES)
        .huge_pages(HugePages::Never)
        .purge(Purge::AtOnce)
        .build()
        .unwrap();
    let boxes: Vec<_> = (0..BYTES / 128).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect();
    let full = pages().1;
    drop(boxes);
    let left = full - pages().1;
    assert!(left * 4096 > BYTES - (4 << 20), "{left} pages went back by themselves");
    heap.trim();
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

/// A worker that asks for nothing more once it has begun, and is forbidden to.
#[test]
fn a_sandbox_that_forbids_all_that_changes_memory_after_the_start() {
    ends_well("a_sandbox_that_forbids_all_that_changes_memory_after_the_start", || {
        let build = |purge| {
            let builder = Heap::<Linear<8>>::builder().bucket_bytes(1 << 20).huge_pages(HugePages::Never);
            builder.purge(purge).on_exhausted(Exhausted::Refuse).no_thread_cache().build().unwrap()
        };
        let heaps = [Purge::AtOnce, Purge::After(Duration::ZERO), Purge::Never].map(build);
        let boxes = |heap| (0..(1 << 20) / 128).map(|_| SmBox::new_in([1_u8; 128], heap)).collect::<Vec<_>>();
        let full = heaps.each_ref().map(boxes);
        [libc::SYS_madvise, libc::SYS_mmap, libc::SYS_mprotect].into_iter().for_each(sandbox::refuse);
        drop(full);
        for heap in &heaps {
            assert_eq!((heap.trim(), heap.purge(), heap.stats().buckets()[7].resident), (0, 0, Some(1 << 20)));
            assert!(boxes(heap).iter().all(|boxed| **boxed == [1; 128]));
            // What was never used gets no memory now.
            assert!(matches!(heap.malloc(100, 0), Err(AllocError::OutOfMemory { .. })));
        }
    });
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

/// What somebody outside was told of keeps its memory: otherwise the kernel goes on with the old pages, and the heap with new ones.
#[test]
fn shown_regions_keep_their_memory_as_long_as_anybody_shows_them() {
    let heap = Heap::<Linear<8>>::builder().huge_pages(HugePages::Never).no_thread_cache().build().unwrap();
    let touch = || drop((0..10_000).map(|_| SmBox::new_in([1_u8; 128], &heap)).collect::<Vec<_>>());
    touch();
    let mut regions = heap.regions();
    let other = heap.regions();
    let last = regions.by_ref().last().unwrap();
    assert_eq!((last.len(), regions.len(), other.len()), (16 << 20, 0, 8));
    assert_eq!(heap.trim(), 0);
    drop(regions);
    assert_eq!(heap.trim(), 0);
    drop(other);
    assert!(heap.trim() > 1 << 20);
    touch();
    assert!(heap.trim() > 1 << 20);
}
