//! Snapshots of arenas: `clone_from` in the memory that is there.
#![allow(missing_docs, reason = "tests")]
#![expect(unsafe_code, reason = "implements the heap that arenas are tested on")]

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::CountingHeap;
use common::tracked::{Census, Tracked};
use proptest::prelude::*;
use smarena::{DenseArena, Handle, SecondaryMap, SmArena};

/// A value whose clones and drops count down to a panic.
struct Fragile(Tracked, Census, Rc<Cell<u32>>);

impl Fragile {
    fn new(content: u64, census: &Census, fuse: &Rc<Cell<u32>>) -> Self {
        Self(census.value(content), census.clone(), fuse.clone())
    }

    fn burn(&self) {
        let left = self.2.get();
        self.2.set(left.wrapping_sub(1));
        assert!(left != 0, "the fuse is burnt");
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        self.burn();
        Self::new(self.0.content, &self.1, &self.2)
    }

    fn clone_from(&mut self, source: &Self) {
        self.burn();
        self.0.content = source.0.content;
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.burn();
        }
    }
}

/// Values with these numbers at the slots where there is one.
fn filled(
    slots: &[Option<u64>],
    census: &Census,
    fuse: &Rc<Cell<u32>>,
    heap: &CountingHeap,
) -> SmArena<Fragile, CountingHeap> {
    let mut arena = SmArena::new_in(heap.clone());
    let handles: Vec<_> =
        slots.iter().map(|content| arena.insert(Fragile::new(content.unwrap_or(0), census, fuse))).collect();
    for (handle, content) in handles.into_iter().zip(slots) {
        if content.is_none() {
            arena.remove(handle);
        }
    }
    arena
}

fn contents<H: smarena::HeapRef>(arena: &SmArena<Fragile, H>) -> Vec<(Handle<Fragile>, u64)> {
    arena.iter().map(|(handle, value)| (handle, value.0.content)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whichever clone or drop panics, each slot is as it was or as in the source, and the arena goes on.
    #[test]
    fn a_panic_leaves_an_arena_that_can_be_used(
        mine in prop::collection::vec(prop::option::of(any::<u64>()), 0..150),
        theirs in prop::collection::vec(prop::option::of(any::<u64>()), 0..150),
        fuse_length in 0..200_u32,
    ) {
        let (census, fuse, heap) = (Census::new(), Rc::new(Cell::new(u32::MAX)), CountingHeap::new());
        let mut arena = filled(&mine, &census, &fuse, &heap);
        let source = filled(&theirs, &census, &fuse, &heap);
        let (before, wanted) = (contents(&arena), contents(&source));
        fuse.set(fuse_length);
        let panicked = catch_unwind(AssertUnwindSafe(|| arena.clone_from(&source))).is_err();
        fuse.set(u32::MAX);
        let after = contents(&arena);
        prop_assert_eq!(arena.len(), after.len());
        if panicked {
            prop_assert!(after.iter().all(|value| before.contains(value) || wanted.contains(value)));
        } else {
            prop_assert_eq!(&after, &wanted);
        }
        prop_assert!(after.iter().rev().copied().eq(arena.iter().rev().map(|(handle, value)| (handle, value.0.content))));
        prop_assert_eq!(census.alive(), after.len() + source.len());
        // It takes values for all its room, each in a slot of its own.
        let room = arena.capacity();
        while arena.len() < room {
            let handle = arena.insert(Fragile::new(7, &census, &fuse));
            prop_assert_eq!(arena[handle].0.content, 7);
        }
        prop_assert_eq!((arena.capacity(), arena.iter().count()), (room, room));
        prop_assert!(after.iter().all(|&(handle, content)| arena[handle].0.content == content));
        prop_assert_eq!(&contents(&source), &wanted);
        drop((arena, source));
        prop_assert_eq!(census.alive(), 0);
        heap.settle();
    }
}

#[test]
fn the_second_snapshot_and_the_way_back_allocate_nothing() {
    let heap = CountingHeap::new();
    let mut world = SmArena::new_in(heap.clone());
    let handles: Vec<_> = (0..1000_u64).map(|number| world.insert([number; 8])).collect();
    let mut snapshot = SmArena::new_in(heap.clone());
    snapshot.clone_from(&world);
    let asked = heap.asked();
    for (round, handle) in (0..).zip(handles.into_iter().take(10)) {
        world.remove(handle);
        world.insert([7; 8]);
        world.retain(|_, value| value[0] % 10 != round);
        snapshot.clone_from(&world);
        world.clear();
        world.clone_from(&snapshot);
        assert!(world.iter().eq(snapshot.iter()));
    }
    assert_eq!(heap.asked(), asked);
}

#[test]
fn values_are_copied_by_their_own_clone_from() {
    let mut world = SmArena::from_iter(["a long enough text".to_owned()]);
    let snapshot = world.clone();
    let (handle, address) = world.iter_mut().map(|(handle, text)| (handle, text.as_ptr())).next().unwrap();
    world[handle].clear();
    world.clone_from(&snapshot);
    assert_eq!((world[handle].as_str(), world[handle].as_ptr()), ("a long enough text", address));
}

#[test]
fn a_refused_copy_changes_nothing() {
    let heap = CountingHeap::new();
    let mut small = SmArena::new_in(heap.clone());
    let handle = small.insert(7_u64);
    let large = (0..1000).fold(SmArena::new_in(CountingHeap::new()), |mut large, number| {
        large.insert(number);
        large
    });
    heap.refuse_after(1);
    assert!(catch_unwind(AssertUnwindSafe(|| small.clone_from(&large))).is_err());
    assert!(small.iter().eq([(handle, &7)]) && small.capacity() < 1000);
    heap.refuse_nothing();
    small.clone_from(&large);
    assert!(small.iter().eq(large.iter()));
}

#[test]
fn a_copy_of_an_unused_arena_is_as_good_as_a_new_one() {
    let mut arena = SmArena::from_iter(0..100);
    let room = arena.capacity();
    let stale = arena.keys().next().unwrap();
    arena.clone_from(&SmArena::new());
    assert_eq!((arena.len(), arena.capacity(), arena.get(stale)), (0, room, None));
    // In a debug build handles tell which arena they are of, a new one being another.
    assert!(!cfg!(debug_assertions) || arena.insert(1) != stale);
}

#[test]
fn a_panic_leaves_other_tables_empty_and_they_can_be_used() {
    let (census, fuse) = (Census::new(), Rc::new(Cell::new(u32::MAX)));
    let value = |content| Fragile::new(content, &census, &fuse);
    let source = DenseArena::from_iter((0..10).map(value));
    let mut dense = DenseArena::from_iter((0..5).map(value));
    let stale = dense.keys().to_vec();
    let mut map: SecondaryMap<_, _> = source.iter().map(|(handle, _)| (handle, value(1))).collect();
    let other = map.clone();
    for panic_at in [0, 3, 7] {
        fuse.set(panic_at);
        assert!(catch_unwind(AssertUnwindSafe(|| dense.clone_from(&source))).is_err());
        fuse.set(panic_at);
        assert!(catch_unwind(AssertUnwindSafe(|| map.clone_from(&other))).is_err());
        fuse.set(u32::MAX);
        assert!(dense.is_empty() && stale.iter().all(|&handle| !dense.contains(handle)) && map.is_empty());
        let handle = dense.insert(value(7));
        map.insert(handle, value(8));
        assert_eq!((dense[handle].0.content, map[handle].0.content, map.len()), (7, 8, 1));
    }
    dense.clone_from(&source);
    map.clone_from(&other);
    assert!(dense.keys() == source.keys() && map.len() == 10);
    let next = source.clone().insert(value(1));
    assert_eq!(dense.insert(value(1)), next);
}
