//! Bugs that crates of this kind have shipped, by the advisories about them: the same situation here, and what must come of it.
//!
//! The panics among them at every single call of user code: `tests/panics.rs`. What must not compile (lifetimes, `Send`, `Sync`): the
//! doctests of the types.
#![expect(unsafe_code, reason = "the raw calls are what is tested")]

mod common;

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::{Arc, Barrier};

use common::{Census, CountingHeap, POISON};
use smarena::{
    AllocError, Batch, BrandedArena, BufPool, Drain, Exhausted, Global, Guard, Handle, Heap, HeapRef, IntoIter, Iter,
    IterMut, Lease, Linear, OccupiedEntry, Piecewise, ShareCount, SharedArena, SizeClasses, SmArena, SmBox, SmBuf,
    SmBytes, SmChain, ThreadCache, VacantEntry,
};

/// An iterator of `count` numbers that claims `claimed` and panics at the number `panics_at`.
struct Numbers {
    next: u64,
    count: u64,
    claimed: usize,
    panics_at: u64,
}

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        assert_ne!(self.next, self.panics_at, "an iterator panics");
        let number = self.next;
        self.next += 1;
        (number < self.count).then_some(number)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.claimed, Some(self.claimed))
    }
}

fn numbers(count: u64, claimed: usize, panics_at: u64) -> Numbers {
    Numbers { next: 0, count, claimed, panics_at }
}

/// smallvec: an iterator that panics while it is being inserted made values be dropped twice.
#[test]
fn rustsec_2018_0003_a_panic_while_inserting_many_drops_no_value_twice() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    for panics_at in 0..20 {
        let mut arena = SmArena::new_in(heap.clone());
        let insert = || arena.extend(numbers(20, 20, panics_at).map(|number| census.value(number)));
        assert!(catch_unwind(AssertUnwindSafe(insert)).is_err());
        assert_eq!((arena.len() as u64, census.alive() as u64), (panics_at, panics_at));
    }
    assert_eq!(census.alive(), 0);
    heap.settle();
}

/// smallvec: a vector showed bytes that were never written.
#[test]
fn rustsec_2018_0018_no_byte_is_shown_that_was_not_written() {
    // The counting heap hands out blocks filled with something else than zero.
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    for len in [1, 17, 100, 5000] {
        buf.resize(len, 0);
        assert!(buf.iter().all(|byte| *byte == 0), "{len}");
    }
    let mut read = SmBuf::with_capacity_in(64, heap.clone());
    std::io::copy(&mut &b"abc"[..], &mut read).unwrap();
    assert_eq!(read, b"abc");
    drop((buf, read));
    heap.settle();
}

/// smallvec: growing to the capacity it had, or to less than its content, freed or cut off what was in use.
#[test]
fn rustsec_2019_0009_and_0012_growing_to_the_same_or_less_keeps_the_content() {
    let heap = CountingHeap::new();
    let mut buf = SmBuf::with_capacity_in(64, heap.clone());
    buf.extend_from_slice(&[7; 40]);
    let asked = heap.asked();
    for additional in [0, 1, 24] {
        buf.reserve(additional);
        assert_eq!((buf.len(), buf.capacity(), heap.asked()), (40, 64, asked));
    }
    buf.shrink_to_fit();
    buf.shrink_to_fit();
    assert_eq!(buf, [7; 40]);
    drop(buf);
    heap.settle();
}

/// bumpalo: a block that was reallocated to a smaller size ended up where it overlapped others.
#[test]
fn rustsec_2020_0006_a_block_made_smaller_overlaps_no_other() {
    let heap = &Heap::<Piecewise<15>>::new(1 << 16).unwrap();
    let layout = |size| Layout::from_size_align(size, 16).unwrap();
    for (from, to) in [(64, 16), (64, 50), (1024, 64), (1024, 1000), (5000, 64), (5000, 4000), (100, 0)] {
        let blocks: Vec<NonNull<u8>> = (0..8).map(|_| HeapRef::allocate(&heap, layout(from)).unwrap()).collect();
        for (fill, block) in (0_u8..).zip(&blocks) {
            // SAFETY: live, `from` bytes.
            unsafe { block.write_bytes(fill, from) };
        }
        let moved: Vec<_> = blocks
            .iter()
            // SAFETY: live, with this layout; the old pointers are used no more.
            .map(|&block| unsafe { HeapRef::reallocate(&heap, block, layout(from), layout(to)) }.unwrap())
            .collect();
        for (fill, block) in (0_u8..).zip(&moved) {
            // SAFETY: live, `to` bytes, copied.
            let content = unsafe { std::slice::from_raw_parts(block.as_ptr(), to) };
            assert!(content.iter().all(|byte| *byte == fill), "{from} -> {to}");
            // SAFETY: live, with this layout.
            unsafe { HeapRef::deallocate(&heap, *block, layout(to)) };
        }
        assert_eq!(heap.stats().live(), 0);
    }
}

/// smallvec: room was made for as many as an iterator claimed, and more were written.
#[test]
fn rustsec_2021_0003_an_iterator_that_claims_too_few_writes_past_nothing() {
    let heap = CountingHeap::new();
    for claimed in [0, 1, 15, 16, 17, 100_000] {
        let mut buf = SmBuf::new_in(heap.clone());
        buf.extend(numbers(200, claimed, u64::MAX).map(|number| u8::try_from(number).unwrap()));
        assert!(buf.iter().copied().eq(0..200));
        let mut arena = SmArena::new_in(heap.clone());
        arena.extend(numbers(200, claimed.min(1000), u64::MAX));
        assert!(arena.values().copied().eq(0..200));
    }
    heap.settle();
}

/// slice-deque: a predicate that panics in the middle of a removal left values in two places.
#[test]
fn rustsec_2021_0047_a_panic_in_retain_or_drain_drops_no_value_twice() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    for panics_at in 0..10 {
        let mut arena = SmArena::new_in(heap.clone());
        arena.extend((0..10).map(|number| census.value(number)));
        let retain = || {
            arena.retain(|_, value| {
                assert_ne!(value.number(), panics_at, "a predicate panics");
                value.number() % 2 == 0
            });
        };
        assert!(catch_unwind(AssertUnwindSafe(retain)).is_err());
        assert!(arena.values().all(|value| value.number() % 2 == 0 || value.number() >= panics_at));
        assert_eq!(census.alive(), arena.len());
        let drain = || arena.drain().for_each(|(_, value)| assert_ne!(value.number(), 8, "a consumer panics"));
        assert!(catch_unwind(AssertUnwindSafe(drain)).is_err());
        assert_eq!((census.alive(), arena.len()), (0, 0));
    }
    heap.settle();
}

/// lru: an iterator gave out the same value twice, or one that was gone.
#[test]
fn rustsec_2021_0130_and_2026_0002_an_iterator_gives_each_value_out_once() {
    let mut arena: SmArena<u64> = (0..100).collect();
    let gone: Vec<_> = arena.keys().step_by(3).collect();
    gone.iter().for_each(|&handle| _ = arena.remove(handle));
    let mut places = std::collections::HashSet::new();
    let mut values = arena.iter_mut();
    while let Some((handle, value)) = values.next() {
        assert!(places.insert(std::ptr::from_mut(value)) && !gone.contains(&handle));
        if let Some((_, value)) = values.next_back() {
            assert!(places.insert(std::ptr::from_mut(value)));
        }
    }
    assert_eq!(places.len(), arena.len());
}

/// The mimalloc crate: blocks were less aligned than their layout asked.
#[test]
fn rustsec_2022_0094_every_layout_gets_its_alignment() {
    fn all<C: SizeClasses>() {
        let heap = &Heap::<C>::new(64 << 10).unwrap();
        for size in [0, 1, 15, 16, 17, 100, 1024, 5000] {
            for align in (0..=12).map(|power| 1 << power) {
                let layout = Layout::from_size_align(size, align).unwrap();
                let blocks: Vec<_> = (0..20).map(|_| HeapRef::allocate(&heap, layout).unwrap()).collect();
                for block in blocks {
                    assert_eq!(block.addr().get() % align, 0, "{layout:?}");
                    // SAFETY: live, with this layout.
                    unsafe { HeapRef::deallocate(&heap, block, layout) };
                }
            }
        }
    }
    all::<Linear<8>>();
    all::<Piecewise<15>>();
    let value = SmBox::new([0_u8; 3]);
    assert_eq!(std::ptr::from_ref(&*value).addr() % 16, 0);
}

/// crossbeam: memory was freed twice, or too early, when the last owners went at the same moment.
#[test]
fn rustsec_2022_0029_and_2025_0024_owners_that_go_at_once_free_once() {
    let heap =
        Arc::new(Heap::<Linear<8>>::builder().bucket_bytes(4096).hardened(true).zero_on_free(true).build().unwrap());
    for round in 0..300_u32 {
        let mut buf = SmBuf::new_in(Arc::clone(&heap));
        buf.extend_from_slice(&round.to_le_bytes());
        let bytes = buf.freeze();
        let pool = BufPool::builder().buf_size(64).limit(3).build_in(Arc::clone(&heap)).unwrap();
        let barrier = Barrier::new(3);
        let owners = [0; 3].map(|_| (bytes.clone(), pool.clone(), pool.try_acquire().unwrap()));
        drop((bytes, pool));
        std::thread::scope(|scope| {
            let threads = owners.map(|(bytes, pool, lease)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    assert_eq!(bytes, round.to_le_bytes());
                    drop(pool);
                    drop(bytes);
                    drop(lease);
                })
            });
            // The scope alone does not wait until they have given back what they had cached.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!((heap.stats().live(), Arc::strong_count(&heap)), (0, 1), "round {round}");
    }
}

/// slab: many values were borrowed at once with a key outside the table, or of an empty slot.
#[test]
fn rustsec_2025_0047_many_are_borrowed_at_once_only_if_all_are_there() {
    let mut arena: SmArena<u64> = (0..4).collect();
    let handles: Vec<_> = arena.keys().collect();
    let mut larger: SmArena<u64> = (0..1000).collect();
    let outside = larger.keys().last().unwrap();
    assert_eq!(larger.len(), 1000);
    arena.remove(handles[1]);
    assert!(arena.get_disjoint_mut([handles[0], handles[1]]).is_err(), "an empty slot");
    assert!(arena.get_disjoint_mut([handles[0], handles[0]]).is_err(), "the same twice");
    // Another arena's handle is told apart in debug builds, by a panic; what is asked here is the slot that is not there.
    let asked = catch_unwind(AssertUnwindSafe(|| arena.get_disjoint_mut([handles[0], outside]).is_err()));
    assert!(asked.unwrap_or(true), "a slot that is not there");
    assert!(larger.get_disjoint_mut([outside]).is_ok());
}

/// bytes: the sum of length and reserve overflowed where overflow is not checked, and the buffer was taken for large enough.
#[test]
fn rustsec_2026_0007_a_reserve_that_overflows_is_refused() {
    let mut buf = SmBuf::from(b"abc");
    for additional in [usize::MAX, usize::MAX - 2, usize::MAX - 3, isize::MAX as usize, SmBuf::MAX_CAPACITY] {
        assert!(buf.try_reserve(additional).is_err(), "{additional}");
        assert!(catch_unwind(AssertUnwindSafe(|| buf.reserve(additional))).is_err(), "{additional}");
        assert_eq!((&buf[..], buf.capacity()), (&b"abc"[..], 16));
    }
    let bytes = SmBytes::from(buf);
    assert!(catch_unwind(|| bytes.slice(2..usize::MAX)).is_err());
    let small = &Heap::<Linear<8>>::builder().on_exhausted(Exhausted::Refuse).build().unwrap();
    assert!(small.malloc(usize::MAX, 16).is_err());
    // SAFETY: live, from this heap; nothing can be as large.
    assert!(unsafe { small.realloc(small.malloc(1, 0).unwrap(), usize::MAX - 8, 16) }.is_err());
}

/// cdr: a reader that anybody may write was given memory that was never written.
#[test]
fn rustsec_2021_0012_a_reader_is_given_no_unwritten_byte() {
    struct Curious;
    impl std::io::Read for Curious {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            assert!(!target.contains(&POISON), "a block's old content was given away");
            target.fill(1);
            Ok(target.len())
        }
    }
    let heap = CountingHeap::new();
    let mut buf = SmBuf::new_in(heap.clone());
    std::io::copy(&mut std::io::Read::take(Curious, 10_000), &mut buf).unwrap();
    assert!(buf.len() == 10_000 && buf.iter().all(|byte| *byte == 1));
    drop(buf);
    heap.settle();
}

/// arc-swap: a reference to what an owner held was left behind when the owner was moved.
#[test]
fn rustsec_2020_0091_what_is_owned_stays_in_place_when_its_owner_moves() {
    let boxed = SmBox::new([7_u8; 100]);
    let mut buf = SmBuf::from(&[8; 100]);
    let (of_box, of_buf) = (boxed.as_ptr(), buf.as_ptr());
    let mut arena = SmArena::new();
    let first = arena.insert(9_u8);
    let of_arena = std::ptr::from_ref(&arena[first]);
    // Moved to another place, and others come beside them.
    let moved = Box::new((boxed, buf.split_to(50).freeze(), buf));
    arena.extend(0..=255);
    let moved_arena = Box::new(arena);
    let (boxed, bytes, rest) = &*moved;
    assert!(std::ptr::eq(of_box, boxed.as_ptr()) && boxed[99] == 7);
    assert!(std::ptr::eq(of_buf, bytes.as_ptr()) && bytes[49] == 8);
    assert!(std::ptr::eq(of_buf.wrapping_add(50), rest.as_ptr()) && rest[49] == 8);
    assert!(std::ptr::eq(of_arena, &raw const moved_arena[first]) && moved_arena[first] == 9);
}

/// A heap's handle that must stay on its thread.
#[derive(Clone)]
struct Tied(PhantomData<Rc<()>>);

// SAFETY: another name for `Global`, whose every call this passes on.
unsafe impl HeapRef for Tied {
    type Classes = <Global as HeapRef>::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        Global.allocate(layout)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on.
        unsafe { Global.deallocate(block, layout) }
    }

    unsafe fn share_count(&self, block: NonNull<u8>, layout: Layout) -> NonNull<ShareCount> {
        // SAFETY: passed on.
        unsafe { Global.share_count(block, layout) }
    }

    unsafe fn reallocate(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: passed on.
        unsafe { Global.reallocate(block, old, new) }
    }
}

/// thex and beef: `Send` or `Sync` were promised for whatever an owner holds. Most of this is seen by the compiler: a type that has the
/// trait has two functions of that name here, and the line does not compile.
#[test]
fn rustsec_2020_0090_and_2020_0122_no_owner_crosses_threads_with_what_must_not() {
    macro_rules! none {
        ($bound:ident: $($owner:ty),* $(,)?) => {{
            trait Ambiguous<Which> { const COUNTED: usize = 1; }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<u8> for T {}
            [$(<$owner as Ambiguous<_>>::COUNTED),*].len()
        }};
    }
    type OfRc = Rc<u8>;
    type OfCell = Cell<u8>;
    let of_values = none!(Send: SmBox<OfRc>, SmArena<OfRc>, smarena::compat::Arena<OfRc>, SharedArena<OfRc>, BrandedArena<'_, '_, OfRc, Global>, IntoIter<OfRc, Global>,
            Drain<'_, OfRc, Global>, Iter<'_, OfCell>, IterMut<'_, OfRc>, VacantEntry<'_, OfRc, Global>, OccupiedEntry<'_, OfRc, Global>)
        + none!(Sync: SmBox<OfCell>, SmArena<OfCell>, SharedArena<OfCell>, SharedArena<OfRc>, Guard<'_, OfCell>, Iter<'_, OfCell>,
            IterMut<'_, OfCell>, IntoIter<OfCell, Global>, Drain<'_, OfCell, Global>);
    let of_heaps = none!(Send: SmBox<u8, Tied>, SmBuf<Tied>, SmBytes<Tied>, SmChain<Tied>, SmArena<u8, Tied>, SharedArena<u8, Tied>,
            BufPool<Tied>, Lease<Tied>, Batch<'_, Tied>, ThreadCache<'_, Linear<8>>)
        + none!(Sync: SmBox<u8, Tied>, SmBuf<Tied>, SmBytes<Tied>, SmChain<Tied>, SmArena<u8, Tied>, SharedArena<u8, Tied>,
            BufPool<Tied>, Lease<Tied>, ThreadCache<'_, Linear<8>>);
    assert_eq!((of_values, of_heaps), (20, 19));
    // A handle holds nothing.
    fn crosses<T: Send + Sync>() {}
    crosses::<Handle<OfRc>>();
}

/// Several queues: values without a block, or without `Send`, were handled as if they had one.
#[test]
fn values_of_no_size_have_aligned_places_and_are_dropped_once() {
    #[repr(align(64))]
    struct Nothing([u8; 0]);
    let (heap, count) = (CountingHeap::new(), Rc::new(()));
    let boxed = SmBox::new_in(Nothing([]), heap.clone());
    assert_eq!(std::ptr::from_ref(&*boxed).addr() % 64, 0);
    let mut arena = SmArena::new_in(heap.clone());
    for _ in 0..1000 {
        arena.insert(Rc::clone(&count));
    }
    assert_eq!(Rc::strong_count(&count), 1001);
    arena.retain(|_, _| false);
    assert_eq!(Rc::strong_count(&count), 1);
    drop((boxed, arena));
    heap.settle();
}
