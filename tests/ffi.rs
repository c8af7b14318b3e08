//! The C interface against a model: for every number of buckets, which bucket serves a layout, and what becomes of the blocks.
#![expect(unsafe_code, reason = "the C interface is what is tested")]

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
