//! Arenas in heaps that refuse: what is there is used, down to the last block, and all of it comes back.
#![allow(missing_docs, reason = "tests")]

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use smarena::{
    AllocError, Exhausted, Geometric, GrowError, Handle, Heap, Linear, SharedArena, SizeClasses, SmArena, SmBox,
};

smarena::size_classes! { Sparse: [32, 128, 1024] }
smarena::size_classes! { One: [4096] }

fn heap<C: SizeClasses>(bucket_bytes: usize) -> Heap<C> {
    Heap::builder().bucket_bytes(bucket_bytes).on_exhausted(Exhausted::Refuse).no_thread_cache().build().unwrap()
}

/// How much of the heap's memory is in use, in hundredths: of the buckets whose blocks have room for a slot.
fn used<C: SizeClasses>(heap: &Heap<C>, slot: usize) -> usize {
    let stats = heap.stats();
    let buckets = || stats.buckets().iter().filter(|bucket| bucket.block_size >= slot);
    let all: usize = buckets().map(|bucket| bucket.capacity * bucket.block_size).sum();
    buckets().map(|bucket| bucket.live * bucket.block_size * 100).sum::<usize>() / all
}

fn fills<C: SizeClasses, T: Copy + PartialEq + std::fmt::Debug + Send + Sync>(kib: usize, value: T) {
    let heap = heap::<C>(kib << 10);
    let mut arena = SmArena::new_in(&heap);
    let mut handles = Vec::new();
    let error = loop {
        match arena.try_insert(value) {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
    };
    assert!(used(&heap, size_of::<T>() + 8) >= 95, "{} bytes each: {}", size_of::<T>(), heap.stats());
    assert!(matches!(error.error, GrowError::Alloc { wanted, .. } if wanted == handles.len() + 1), "{}", error.error);
    assert!(says_what_was_refused::<C>(&error.error), "{}", error.error);
    assert!(arena.iter().map(|(handle, _)| handle).eq(handles.iter().copied()));
    assert!(handles.iter().all(|&handle| arena[handle] == value));
    for handle in handles.iter().step_by(3) {
        assert_eq!(arena.remove(*handle), Some(value));
    }
    let left = handles.iter().enumerate().filter(|(i, _)| i % 3 != 0).map(|(_, handle)| *handle);
    assert!(arena.keys().eq(left.clone()));
    assert!(arena.keys().rev().eq(left.rev()));
    // What was emptied is filled again, and then refused again.
    for _ in handles.iter().step_by(3) {
        assert!(arena.try_insert(value).is_ok());
    }
    assert!(arena.try_insert(value).is_err());
    arena.clear();
    arena.shrink_to_fit();
    assert_eq!((arena.capacity(), heap.stats().live()), (0, 0));
    drop(arena);

    let shared = SharedArena::new_in(&heap);
    let handles: Vec<_> = std::iter::from_fn(|| shared.try_insert(value).ok()).collect();
    assert!(used(&heap, size_of::<T>() + 16) >= 95);
    assert!(handles.iter().all(|&handle| *shared.get(handle).unwrap() == value));
    assert_eq!(shared.iter().count(), handles.len());
    drop(shared);
    assert_eq!(heap.stats().live(), 0);
}

/// Who gave it values and a heap is told of these, and not of a block alone that nobody asked for by its bytes.
#[test]
fn a_value_that_no_block_can_hold_is_told_with_its_size() {
    let error = SmArena::<[u8; 500], _>::new_in(&heap::<Linear<8>>(4096)).try_insert([0; 500]).unwrap_err();
    let says = error.to_string();
    assert!(
        says.starts_with("an arena of 500-byte values was to have 1 slots, ") && says.ends_with("the limit is 128"),
        "{says}"
    );
}

#[test]
fn an_arena_fills_a_heap_that_refuses() {
    fills::<Linear<8>, _>(32, 7_u64);
    fills::<Linear<8>, _>(16, ());
    fills::<Linear<8>, _>(32, [7_u8; 100]);
    fills::<Linear<64>, _>(8, [7_u64; 3]);
    fills::<Geometric<40>, _>(64, 7_u64);
    fills::<Geometric<40>, _>(64, [7_u8; 1000]);
    fills::<Sparse, _>(32, 7_u64);
    fills::<One, _>(256, [7_u64; 8]);
}

#[test]
fn a_heap_that_has_not_a_block_for_one_value_says_so() {
    let heap = heap::<Linear<2>>(64 << 10);
    let mut arena = SmArena::new_in(&heap);
    let error = arena.try_reserve(3).unwrap_err();
    assert!(matches!(error, GrowError::Alloc { wanted: 3, .. }), "{error}");
    assert_eq!(arena.try_insert([0_u8; 100]).unwrap_err().value.len(), 100);
    assert_eq!(heap.stats().live(), 0);
}

smarena::size_classes! { Two: [64, 128] }

/// Whether an error says which block was refused: of a size that the bucket serves which is named as exhausted.
fn says_what_was_refused<C: SizeClasses>(error: &GrowError) -> bool {
    let GrowError::Alloc { layout, error, .. } = error else { return false };
    match error {
        AllocError::Exhausted { bucket, block_size, .. } => {
            C::BLOCK_SIZES[*bucket] == *block_size
                && C::BLOCK_SIZES.iter().find(|&&size| size >= layout.size()) == Some(block_size)
        }
        AllocError::NoBucket { size, align, .. } => layout.size() == *size && layout.align() == *align,
        _ => false,
    }
}

/// Whatever blocks are left: of slots, or of what finds them.
#[test]
fn an_error_names_the_block_that_was_refused() {
    for (small, large) in (0..=8).flat_map(|small| (0..=4).map(move |large| (small, large))) {
        let heap = heap::<Two>(512);
        let _small: Vec<_> = (small..8).map(|_| SmBox::new_in([0_u8; 64], &heap)).collect();
        let _large: Vec<_> = (large..4).map(|_| SmBox::new_in([0_u8; 128], &heap)).collect();
        let mut arena = SmArena::new_in(&heap);
        let error = (0_u64..).find_map(|value| arena.try_insert(value).err()).unwrap().error;
        assert!(says_what_was_refused::<Two>(&error), "{small}, {large}: {error}");
        drop(arena);
        let shared = SharedArena::new_in(&heap);
        let error = (0_u64..).find_map(|value| shared.try_insert(value).err()).unwrap().error;
        assert!(says_what_was_refused::<Two>(&error), "{small}, {large}: {error}");
    }
}

#[test]
fn values_in_pieces_are_aligned() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(64))]
    struct Line(u8);
    let heap = heap::<Linear<16>>(64 << 10);
    let mut arena = SmArena::new_in(&heap);
    let handles: Vec<_> = std::iter::from_fn(|| arena.try_insert(Line(1)).ok()).collect();
    assert!(!handles.is_empty() && handles.iter().all(|&handle| (&raw const arena[handle]).is_aligned()));
    // A slot has 128 bytes: one in each of 512 and 341 blocks, two in each of 256; less what the nodes of trees take.
    assert!((1200..=1365).contains(&handles.len()), "{}", handles.len());
}

#[test]
fn an_arena_is_small() {
    assert!(size_of::<SmArena<u8>>() <= 128);
    assert!(size_of::<SmArena<[u64; 100], &Heap<Linear<8>>>>() <= 128);
}

#[derive(Debug, Clone)]
enum Step {
    Insert,
    Remove(usize),
    InsertAt(u8),
    Detach(usize),
    Shrink,
    Clear,
    Clone,
    Save,
    RollBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => Just(Step::Insert),
        8 => any::<usize>().prop_map(Step::Remove),
        1 => any::<u8>().prop_map(Step::InsertAt),
        1 => any::<usize>().prop_map(Step::Detach),
        1 => Just(Step::Shrink),
        1 => Just(Step::Clear),
        1 => Just(Step::Clone),
        1 => Just(Step::Save),
        1 => Just(Step::RollBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// An arena in a heap of small blocks does what a map does, but for refusals.
    #[test]
    fn an_arena_in_pieces_agrees_with_a_map(steps in prop::collection::vec(step(), 0..400)) {
        let (heap, other) = (heap::<Linear<8>>(2 << 10), heap::<Sparse>(8 << 10));
        // Has chunks where the arena has pieces.
        let roomy = self::heap::<Linear<8>>(64 << 10);
        let mut arena = SmArena::new_in(&heap);
        let mut map: HashMap<Handle<u64>, u64> = HashMap::new();
        let mut gone = Vec::new();
        let mut saved = (SmArena::new_in(&roomy), map.clone(), gone.clone());
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Insert => match arena.try_insert(number) {
                    Ok(handle) => prop_assert!(map.insert(handle, number).is_none() && !gone.contains(&handle)),
                    Err(error) => {
                        prop_assert_eq!(error.value, number);
                        prop_assert!(says_what_was_refused::<Linear<8>>(&error.error), "{}", error.error);
                    }
                },
                Step::Remove(which) if !map.is_empty() => {
                    let handle = *map.keys().nth(which % map.len()).unwrap();
                    prop_assert_eq!(arena.remove(handle), map.remove(&handle));
                    gone.push(handle);
                }
                Step::Detach(which) if !map.is_empty() => {
                    let handle = *map.keys().nth(which % map.len()).unwrap();
                    let value = arena.detach(handle).unwrap();
                    prop_assert!(!arena.contains(handle) && arena.reattach(handle, value).is_ok());
                }
                Step::InsertAt(slot) => {
                    let generation = arena.get_unknown_gen(u32::from(slot)).map(|(handle, _)| handle);
                    if let Some(handle) = generation {
                        prop_assert_eq!(arena.insert_at(handle, number).ok().flatten(), map.insert(handle, number));
                    }
                }
                Step::Shrink => arena.shrink_to_fit(),
                Step::Clear => {
                    arena.clear();
                    gone.extend(map.drain().map(|(handle, _)| handle));
                }
                Step::Clone => {
                    let mut copy = SmArena::new_in(&other);
                    for (handle, value) in &arena {
                        if copy.insert_at(handle, *value).is_err() {
                            break;
                        }
                    }
                    prop_assert!(copy.iter().all(|(handle, value)| map[&handle] == *value));
                }
                Step::Save => {
                    saved.0.clone_from(&arena);
                    (saved.1, saved.2) = (map.clone(), gone.clone());
                    prop_assert!(saved.0.iter().eq(arena.iter()) && saved.0.iter().rev().eq(arena.iter().rev()));
                }
                // Refused only if the arena was shrunk meanwhile; then it is as it was.
                Step::RollBack => if catch_unwind(AssertUnwindSafe(|| arena.clone_from(&saved.0))).is_ok() {
                    (map, gone) = (saved.1.clone(), saved.2.clone());
                    prop_assert!(arena.iter().eq(saved.0.iter()));
                },
                Step::Remove(_) | Step::Detach(_) => {}
            }
            prop_assert_eq!(arena.len(), map.len());
        }
        prop_assert!(arena.iter().all(|(handle, value)| map[&handle] == *value));
        prop_assert_eq!(arena.iter().rev().count(), map.len());
        prop_assert!(gone.iter().all(|&handle| !arena.contains(handle)));
        drop(arena);
        prop_assert_eq!(heap.stats().live(), 0);
    }
}
