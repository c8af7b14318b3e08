//! The C interface against a model: for every number of buckets, which bucket serves a layout, and what becomes of the blocks.
#![expect(unsafe_code, reason = "the C interface is what is tested")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;

use proptest::prelude::*;
use smarena::ffi::*;

const BUCKET_BYTES: usize = 64 << 10;

/// The bucket that the rules say: the first whose blocks hold the bytes and are a multiple of the alignment.
fn expected(buckets: u32, bytes: usize, alignment: usize) -> Option<u32> {
    let alignment = if alignment == 0 { 16 } else { alignment };
    (0..buckets).find(|bucket| {
        let block_size = 16 * (*bucket as usize + 1);
        block_size >= bytes && block_size % alignment == 0
    })
}

#[derive(Debug, Clone)]
enum Step {
    Malloc { bytes: usize, alignment: usize },
    Realloc { which: usize, bytes: usize, alignment: usize },
    Free { which: usize },
    FreeBatch { first: usize },
    CreateCache { warmup: i32, blocks: usize },
    DestroyCache,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![8 => 0..1200_usize, 1 => Just(usize::MAX), 1 => Just(1_usize << 62)];
    let alignment = prop_oneof![6 => Just(0_usize), 4 => (0..13_u32).prop_map(|bit| 1 << bit), 1 => 0..10_000_usize];
    let step = prop_oneof![
        6 => (bytes.clone(), alignment.clone()).prop_map(|(bytes, alignment)| Step::Malloc { bytes, alignment }),
        3 => (any::<usize>(), bytes, alignment).prop_map(|(which, bytes, alignment)| Step::Realloc { which, bytes, alignment }),
        3 => any::<usize>().prop_map(|which| Step::Free { which }),
        1 => any::<usize>().prop_map(|first| Step::FreeBatch { first }),
        1 => (-1..4, prop_oneof![0..300_usize, Just(usize::MAX)]).prop_map(|(warmup, blocks)| Step::CreateCache { warmup, blocks }),
        1 => Just(Step::DestroyCache),
    ];
    prop::collection::vec(step, 1..120)
}

/// A live block: its address, how many bytes were asked for, and the byte it is filled with.
struct Live {
    memory: *mut c_void,
    bytes: usize,
    fill: u8,
}

impl Live {
    fn new(memory: *mut c_void, bytes: usize, fill: u8) -> Self {
        // SAFETY: a new block of at least so many bytes.
        unsafe { memory.cast::<u8>().write_bytes(fill, bytes) };
        Self { memory, bytes, fill }
    }

    fn check(&self, bytes: usize) {
        // SAFETY: a live block with so many written bytes.
        let content = unsafe { std::slice::from_raw_parts(self.memory.cast::<u8>(), bytes) };
        assert!(content.iter().all(|byte| *byte == self.fill), "a block was written by somebody else");
    }
}

fn is_served(bytes: usize, alignment: usize) -> bool {
    bytes < usize::MAX >> 16 && (alignment == 0 || alignment.is_power_of_two() && alignment <= 4096)
}

fn run(buckets: u32, steps: Vec<Step>) {
    let allocator = sm_allocator_create(buckets, BUCKET_BYTES);
    assert!(!allocator.is_null());
    let mut live: Vec<Live> = Vec::new();
    let mut fill = 0_u8;
    let placed = |memory: *mut c_void, bytes, alignment: usize| {
        // SAFETY: a live allocator and block.
        let size = unsafe { sm_msize(allocator, memory) };
        // SAFETY: as above.
        let bucket = unsafe { sm_mbucket(allocator, memory) };
        assert_eq!(memory.addr() % alignment.max(1), 0);
        match expected(buckets, bytes, alignment) {
            Some(expected) => assert_eq!((bucket, size), (expected as i32, 16 * (expected as usize + 1))),
            None => assert_eq!((bucket, size), (-1, bytes)),
        }
    };
    for step in steps {
        fill = fill.wrapping_add(1);
        match step {
            Step::Malloc { bytes, alignment } => {
                // SAFETY: a live allocator.
                let memory = unsafe { sm_malloc(allocator, bytes, alignment) };
                assert_eq!(memory.is_null(), !is_served(bytes, alignment), "{bytes} bytes at {alignment}");
                if !memory.is_null() {
                    placed(memory, bytes, alignment);
                    live.push(Live::new(memory, bytes, fill));
                }
            }
            Step::Realloc { which, bytes, alignment } if !live.is_empty() => {
                let which = which % live.len();
                let old = &live[which];
                // SAFETY: a live block.
                let usable = unsafe { sm_msize(allocator, old.memory) };
                // SAFETY: a live block, which is used no more if it has moved or was freed.
                let memory = unsafe { sm_realloc(allocator, old.memory, bytes, alignment) };
                if bytes == 0 {
                    assert!(memory.is_null());
                    live.swap_remove(which);
                } else if !is_served(bytes, alignment) {
                    assert!(memory.is_null());
                    old.check(old.bytes);
                } else {
                    let stays = bytes <= usable && old.memory.addr() % alignment.max(16) == 0;
                    assert!(!stays || memory == old.memory, "a block that fits has moved");
                    if memory != old.memory && usable > old.bytes.max(16) {
                        placed(memory, bytes, alignment);
                    }
                    let moved = Live { memory, bytes: old.bytes, fill: old.fill };
                    moved.check(old.bytes.min(bytes));
                    live[which] = Live::new(memory, bytes, fill);
                }
            }
            Step::Free { which } if !live.is_empty() => {
                let block = live.swap_remove(which % live.len());
                block.check(block.bytes);
                // SAFETY: a live block, used no more.
                unsafe { sm_free(allocator, block.memory) };
            }
            Step::FreeBatch { first } if !live.is_empty() => {
                let rest = live.split_off(first % live.len());
                let mut batch = vec![null_mut()];
                for block in rest {
                    block.check(block.bytes);
                    batch.push(block.memory);
                }
                // SAFETY: live blocks, used no more, and one null.
                unsafe { sm_free_batch(allocator, batch.as_mut_ptr(), batch.len()) };
            }
            Step::CreateCache { warmup, blocks } => {
                // SAFETY: a live allocator.
                unsafe { sm_allocator_thread_cache_create(allocator, warmup, blocks) };
            }
            Step::DestroyCache => {
                // SAFETY: a live allocator.
                unsafe { sm_allocator_thread_cache_destroy(allocator) };
            }
            Step::Realloc { .. } | Step::Free { .. } | Step::FreeBatch { .. } => {}
        }
    }
    live.iter().for_each(|block| block.check(block.bytes));
    // SAFETY: created above; nothing of it is used any more.
    unsafe { sm_allocator_destroy(allocator) };
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_do_what_the_model_says(buckets in 1..=64_u32, steps in steps()) {
        run(buckets, steps);
    }
}

#[test]
fn each_number_of_buckets_serves_each_size_from_the_bucket_of_the_rules() {
    for buckets in 0..=66 {
        let allocator = sm_allocator_create(buckets, BUCKET_BYTES);
        assert_eq!(allocator.is_null(), buckets == 0 || buckets > 64);
        for bytes in (0..=1100).filter(|_| !allocator.is_null()) {
            for alignment in [0, 1, 16, 32, 64, 256, 4096] {
                // SAFETY: a live allocator.
                let memory = unsafe { sm_malloc(allocator, bytes, alignment) };
                // SAFETY: a live block.
                let bucket = unsafe { sm_mbucket(allocator, memory) };
                assert_eq!(bucket, expected(buckets, bytes, alignment).map_or(-1, |bucket| bucket as i32));
                // SAFETY: a live block, asked for like this, used no more.
                unsafe { sm_free_sized(allocator, memory, bytes, alignment) };
            }
        }
        // SAFETY: created above, or null; nothing of it is used any more.
        unsafe { sm_allocator_destroy(allocator) };
    }
}

#[test]
#[expect(clippy::multiple_unsafe_ops_per_block, reason = "each call stands for itself")]
fn nothing_and_nobody_are_told_so() {
    let allocator = sm_allocator_create(4, BUCKET_BYTES);
    let mut one = [null_mut()];
    for allocator in [null_mut(), allocator] {
        // SAFETY: null is ignored.
        unsafe {
            sm_free(allocator, null_mut());
            sm_free_sized(allocator, null_mut(), 5, 0);
            sm_free_batch(allocator, null_mut(), 5);
            sm_free_batch(allocator, one.as_mut_ptr(), -1_isize as usize);
            sm_free_batch(allocator, one.as_mut_ptr(), -1_i32 as u32 as usize);
            assert_eq!((sm_msize(allocator, null_mut()), sm_mbucket(allocator, null_mut())), (0, -1));
            sm_allocator_thread_cache_create(allocator, 2, usize::MAX);
            sm_allocator_thread_cache_destroy(allocator);
            sm_allocator_thread_cache_destroy(allocator);
        }
    }
    // SAFETY: null is told nothing; created above.
    unsafe {
        assert!(sm_malloc(null_mut(), 16, 0).is_null());
        assert!(sm_realloc(null_mut(), null_mut(), 16, 0).is_null());
        sm_allocator_destroy(null_mut());
        sm_allocator_destroy(allocator);
    }
}

/// The blocks of bucket `bucket` that can be had now, all of which are taken and given back.
fn can_be_had(allocator: *mut c_void, bucket: i32) -> usize {
    let mut taken = Vec::new();
    loop {
        // SAFETY: a live allocator.
        let memory = unsafe { sm_malloc(allocator, (bucket as usize + 1) * 16, 0) };
        taken.push(memory);
        // SAFETY: a live block.
        if unsafe { sm_mbucket(allocator, memory) } != bucket {
            break;
        }
    }
    // SAFETY: live blocks, used no more.
    unsafe { sm_free_batch(allocator, taken.as_mut_ptr(), taken.len()) };
    taken.len() - 1
}

/// As in the original: who destroyed its cache has none until it creates one, so that all blocks can be had by any thread.
#[test]
fn a_thread_that_destroyed_its_cache_keeps_nothing() {
    const LARGE: usize = 16 << 20;
    let allocator = sm_allocator_create(8, LARGE);
    let address = allocator.expose_provenance();
    // SAFETY: a live allocator.
    unsafe { sm_allocator_thread_cache_destroy(allocator) };
    let blocks = LARGE / 128;
    for _ in 0..2 {
        assert_eq!(can_be_had(allocator, 7), blocks);
        // Another thread finds them all, and gives them all back again.
        let there = std::thread::spawn(move || {
            let allocator = std::ptr::with_exposed_provenance_mut(address);
            // SAFETY: a live allocator.
            unsafe { sm_allocator_thread_cache_create(allocator, 2, 64) };
            // SAFETY: a live allocator.
            unsafe { sm_allocator_thread_cache_destroy(allocator) };
            can_be_had(allocator, 7)
        });
        assert_eq!(there.join().unwrap(), blocks);
    }
    // A new thread in the same slot is none that destroyed a cache, and one that creates its cache has it again.
    let keeps = std::thread::spawn(move || {
        let allocator = std::ptr::with_exposed_provenance_mut(address);
        can_be_had(allocator, 7);
        address
    });
    assert_eq!(keeps.join().unwrap(), address);
    // SAFETY: a live allocator.
    unsafe { sm_allocator_thread_cache_create(allocator, 0, 1000) };
    assert_eq!(can_be_had(allocator, 7), blocks);
    let others = std::thread::spawn(move || {
        let allocator = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: a live allocator.
        unsafe { sm_allocator_thread_cache_destroy(allocator) };
        can_be_had(allocator, 7)
    });
    let others = others.join().unwrap();
    assert!((blocks - 1000..blocks).contains(&others), "{others} of {blocks}");
    // SAFETY: created above; nothing of it is used any more.
    unsafe { sm_allocator_destroy(allocator) };
}

fn options() -> SmOptions {
    SmOptions { size: size_of::<SmOptions>(), buckets_count: 4, bucket_size: 1 << 20, ..Default::default() }
}

fn statistics(allocator: *mut c_void, bucket: i32) -> SmStatistics {
    let mut statistics = SmStatistics { size: size_of::<SmStatistics>(), ..Default::default() };
    // SAFETY: a live allocator, and a struct as large as it says.
    assert_eq!(unsafe { sm_allocator_statistics(allocator, bucket, &raw mut statistics) }, 1);
    statistics
}

/// Blocks of so many bytes until there are no more of the bucket `own`, `most` at most.
fn blocks(allocator: *mut c_void, bytes: usize, own: i32, most: usize) -> Vec<*mut c_void> {
    // SAFETY: a live allocator.
    let next = || Some(unsafe { sm_malloc(allocator, bytes, 0) }).filter(|block| !block.is_null());
    // SAFETY: as above.
    std::iter::from_fn(next).take(most).take_while(|&block| unsafe { sm_mbucket(allocator, block) } == own).collect()
}

#[test]
fn an_allocator_is_what_its_options_say() {
    let with = |change: fn(&mut SmOptions)| {
        let mut options = options();
        change(&mut options);
        // SAFETY: as large as it says, and what it leads to is there.
        let allocator = unsafe { sm_allocator_create_with(&raw const options) };
        assert!(!allocator.is_null());
        allocator
    };
    static SIZES: [usize; 4] = [64, 0, 480, 0];
    let ends = |allocator| {
        // SAFETY: not used any more, its blocks neither.
        unsafe { sm_allocator_destroy(allocator) }
    };

    let sized = with(|options| (options.bucket_sizes, options.on_exhausted) = (SIZES.as_ptr(), SM_REFUSE));
    assert_eq!([10, 40].map(|bytes| blocks(sized, bytes, i32::from(bytes > 16) * 2, 100).len()), [4, 10]);
    // SAFETY: a live allocator.
    assert!(unsafe { sm_malloc(sized, 65, 0) }.is_null(), "larger than any block");
    assert_eq!(statistics(sized, 1).capacity_bytes, 1 << 20);
    ends(sized);

    let growing = with(|options| (options.bucket_size, options.on_exhausted, options.reserve) = (64, SM_GROW, 160));
    assert_eq!(blocks(growing, 16, 0, 100).len(), 10);
    ends(growing);

    let plain = with(|options| options.flags = SM_NO_THREAD_CACHE | SM_ZERO_ON_FREE);
    let block = blocks(plain, 16, 0, 1)[0];
    // SAFETY: a live block of 16 bytes.
    unsafe { block.cast::<u128>().write(u128::MAX) };
    // SAFETY: not used any more, but read to see what was done to it: nobody else has it.
    unsafe { sm_free(plain, block) };
    let again = blocks(plain, 16, 0, 1)[0];
    // SAFETY: live again, and written when it was freed.
    assert_eq!((again, unsafe { again.cast::<u128>().read() }), (block, 0));
    assert_eq!(statistics(plain, -1).caches, 0);
    ends(plain);

    let cached = with(|options| options.cache_bytes = 1 << 10);
    // SAFETY: live blocks, not used any more.
    blocks(cached, 16, 0, 64).into_iter().for_each(|block| unsafe { sm_free(cached, block) });
    let before = statistics(cached, -1);
    assert!(before.caches == 1 && before.cached_bytes > 0 && before.cached_bytes <= 3 << 10);
    // SAFETY: a live allocator.
    unsafe { sm_allocator_thread_cache_reset(cached) };
    let after = statistics(cached, -1);
    assert_eq!((after.caches, after.cached_bytes, after.free_bytes), (1, 0, after.used_bytes));
    ends(cached);
}

/// Twelve buckets for 16 to 4096 bytes, the largest of 2 MiB: which serves what, by which look-up, with a cache and without.
#[test]
fn an_allocator_has_the_block_sizes_that_it_is_told() {
    let mut sizes = [16, 32, 48, 64, 128, 256, 512, 1024, 1536, 2048, 4096, 2 << 20];
    for flags in [0, SM_NO_THREAD_CACHE, SM_HARDENED] {
        let options =
            SmOptions { buckets_count: 12, bucket_size: 4 << 20, block_sizes: sizes.as_ptr(), flags, ..options() };
        // SAFETY: as large as it says, and the list is there.
        let allocator = unsafe { sm_allocator_create_with(&raw const options) };
        assert!(!allocator.is_null());
        let told = sizes;
        sizes.fill(0); // they were copied
        let around = told.into_iter().flat_map(|size| [size - 1, size, size + 1]).chain([0, 1025, 40_000]);
        for (bytes, alignment) in around.flat_map(|bytes| [0, 1, 32, 1024, 4096].map(|alignment| (bytes, alignment))) {
            let fits = |size: usize| size >= bytes && size % alignment.max(16) == 0;
            let expected = told.iter().position(|&size| fits(size));
            for _ in 0..3 {
                // SAFETY: a live allocator.
                let memory = unsafe { sm_malloc(allocator, bytes, alignment) };
                assert!(!memory.is_null() && memory.addr() % alignment.max(1) == 0);
                // SAFETY: a live block.
                let bucket = unsafe { sm_mbucket(allocator, memory) };
                assert_eq!(usize::try_from(bucket).ok(), expected, "{bytes} bytes at {alignment}");
                // SAFETY: a live block, and so large.
                unsafe { memory.cast::<u8>().write_bytes(7, bytes) };
                // SAFETY: a live block, asked for like this.
                unsafe { sm_free_sized(allocator, memory, bytes, alignment) };
            }
        }
        assert_eq!((0..12).map(|bucket| statistics(allocator, bucket).block_size).collect::<Vec<_>>(), told);
        assert_eq!(statistics(allocator, -1).live_blocks, 0);
        // SAFETY: not used any more, its blocks neither.
        unsafe { sm_allocator_destroy(allocator) };
        sizes = told;
    }
}

#[test]
fn options_that_there_are_none_of_are_refused() {
    #[repr(C)]
    struct Later(SmOptions, u64);
    // SAFETY: as large as they say, and what they lead to is there.
    let create = |later: Later| unsafe { sm_allocator_create_with((&raw const later).cast()) };
    let size = size_of::<Later>();
    let no_tables = [[16, 32, 64, 64], [16, 32, 64, 65], [0, 16, 32, 48], [16, 32, 64, (2 << 20) + 16]];
    let listed = |list: &[usize; 4]| Later(SmOptions { size, block_sizes: list.as_ptr(), ..options() }, 0);
    assert!(no_tables.iter().all(|list| create(listed(list)).is_null()));
    let refused = [
        Later(SmOptions { size, ..options() }, 1),
        Later(SmOptions { size: 12, ..options() }, 0),
        Later(SmOptions { size: 0, ..options() }, 0),
        // Forgotten, and so whatever was there.
        Later(SmOptions { size: usize::MAX, ..options() }, 0),
        Later(SmOptions { size: 4097, ..options() }, 0),
        Later(SmOptions { flags: 8, ..options() }, 0),
        Later(SmOptions { on_exhausted: 3, ..options() }, 0),
        Later(SmOptions { buckets_count: 0, ..options() }, 0),
        Later(SmOptions { buckets_count: 65, ..options() }, 0),
        Later(SmOptions { bucket_size: 10, ..options() }, 0),
    ];
    assert!(refused.into_iter().all(|options| create(options).is_null()));
    // SAFETY: null.
    assert!(unsafe { sm_allocator_create_with(std::ptr::null()) }.is_null());
    // Of a library that knows more, and of one that knew less: its flags are not read.
    let shorter = std::mem::offset_of!(SmOptions, reserve);
    for known in
        [Later(SmOptions { size, ..options() }, 0), Later(SmOptions { size: shorter, flags: 8, ..options() }, 1)]
    {
        let allocator = create(known);
        assert!(!allocator.is_null());
        // SAFETY: not used any more.
        unsafe { sm_allocator_destroy(allocator) };
    }
}

#[test]
fn statistics_are_told_as_far_as_there_is_room_and_memory_goes_back() {
    let options = SmOptions { flags: SM_NO_THREAD_CACHE, purge_after: SM_PURGE_NEVER, ..options() };
    // SAFETY: as large as it says.
    let allocator = unsafe { sm_allocator_create_with(&raw const options) };
    let mut all = blocks(allocator, 64, 3, 1000);
    // SAFETY: a live allocator.
    all.push(unsafe { sm_malloc(allocator, 500, 0) });
    let told = statistics(allocator, -1);
    assert_eq!((told.live_blocks, told.live_bytes, told.capacity_bytes), (1000, 64_000, (4 << 20) - 16));
    assert_eq!((told.system_blocks, told.system_bytes), (1, 500));
    let of_bucket = statistics(allocator, 3);
    assert_eq!((of_bucket.block_size, of_bucket.live_blocks, of_bucket.system_blocks), (64, 1000, 0));

    let short = std::mem::offset_of!(SmStatistics, live_bytes);
    let mut statistics = SmStatistics { size: short, live_bytes: 7, ..Default::default() };
    // SAFETY: a live allocator, and a struct larger than it says.
    let mut ask = |allocator, bucket| unsafe { sm_allocator_statistics(allocator, bucket, &raw mut statistics) };
    assert_eq!([ask(allocator, -1), ask(allocator, 4), ask(allocator, -2), ask(null_mut(), -1)], [1, 0, 0, 0]);
    assert_eq!((statistics.size, statistics.live_blocks, statistics.live_bytes), (short, 1000, 7));
    // SAFETY: a live allocator, and nothing.
    assert_eq!(unsafe { sm_allocator_statistics(allocator, -1, null_mut()) }, 0);

    // SAFETY: live blocks of as many bytes.
    all.iter().for_each(|block| unsafe { block.cast::<u8>().write_bytes(1, 64) });
    // SAFETY: live blocks, not used any more.
    unsafe { sm_free_batch(allocator, all.as_mut_ptr(), all.len()) };
    // SAFETY: a live allocator.
    let given_back = unsafe { sm_allocator_trim(allocator) };
    if cfg!(all(any(target_os = "linux", windows), not(any(smarena_portable, miri)))) {
        assert!(given_back >= 60_000, "{given_back} bytes");
    }
    // SAFETY: not used any more.
    unsafe { sm_allocator_destroy(allocator) };
}

/// The process's own allocator, which refuses a thread that says so whatever it asks for.
struct Refusing;

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

thread_local!(static REFUSED: Cell<bool> = const { Cell::new(false) });

// SAFETY: every call is the system allocator's, unchanged, or null.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if REFUSED.get() {
            return null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[test]
fn a_process_without_memory_is_told_so_and_goes_on() {
    let allocator = sm_allocator_create(4, 1 << 20);
    let mut told = SmStatistics { size: size_of::<SmStatistics>(), ..Default::default() };
    let options = SmOptions { name: c"without".as_ptr(), ..options() };
    REFUSED.set(true);
    // SAFETY: a live allocator; a struct as large as it says.
    let answers = [-1, 0].map(|bucket| unsafe { sm_allocator_statistics(allocator, bucket, &raw mut told) });
    // SAFETY: as large as it says, and what it leads to is there.
    let created = [sm_allocator_create(4, 1 << 20), unsafe { sm_allocator_create_with(&raw const options) }];
    // SAFETY: a live allocator.
    unsafe { sm_allocator_thread_cache_create(allocator, 2, 100) };
    // SAFETY: a live allocator, whose blocks do not come from the process's own.
    let block = unsafe { sm_malloc(allocator, 16, 8) };
    // SAFETY: as above, and its only block.
    let block = unsafe { sm_realloc(allocator, block, 64, 0) };
    // SAFETY: a live allocator.
    unsafe { sm_allocator_trim(allocator) };
    REFUSED.set(false);
    assert_eq!((answers, told.live_blocks, created), ([0; 2], 0, [null_mut(); 2]));
    assert!(!block.is_null());
    assert_eq!(statistics(allocator, -1).live_blocks, 1);
    // SAFETY: created above; nothing of it is used any more.
    unsafe { sm_allocator_destroy(allocator) };
}
