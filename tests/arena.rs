//! `SmArena` at its edges: panics, leaks, failing heaps, odd types, retired slots, foreign handles.

#![expect(clippy::cast_possible_truncation, reason = "small numbers")]
#![expect(unsafe_code, reason = "implements the heap that arenas are tested on")]

mod common;

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::rc::Rc;

use common::CountingHeap;
use common::tracked::{Census, Tracked};
use smarena::{
    AllocError, DisjointError, GrowError, Handle, HeapRef, InsertAtError, InsertError, ShareCount, SharedArena, SmArena,
};

fn panics(body: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
}

fn filled(census: &Census, heap: &CountingHeap, count: u64, panicking: u64) -> SmArena<Tracked, CountingHeap> {
    let mut arena = SmArena::new_in(heap.clone());
    for content in 0..count {
        arena.insert(if content == panicking { census.panicking(content) } else { census.value(content) });
    }
    arena
}

#[test]
fn addresses_stay_while_the_arena_grows() {
    let mut arena = SmArena::new();
    let handles: Vec<_> = (0..10_000_u64).map(|value| arena.insert(value)).collect();
    let addresses: Vec<_> = handles.iter().map(|&handle| &raw const arena[handle]).collect();
    arena.reserve(100_000);
    for (i, &handle) in handles.iter().enumerate() {
        assert_eq!(&raw const arena[handle], addresses[i]);
        assert_eq!((arena[handle], handle.slot() as usize), (i as u64, i));
    }
}

/// How many of `before` are elsewhere, or not there any more.
fn moved(arena: &SmArena<[usize; 9]>, before: &[(Handle<[usize; 9]>, *const [usize; 9])]) -> usize {
    before.iter().filter(|(handle, address)| arena.get(*handle).map(std::ptr::from_ref) != Some(*address)).count()
}

#[test]
fn no_operation_moves_a_value() {
    let mut arena = SmArena::new();
    for round in 0..400 {
        let before: Vec<_> = arena.iter().map(|(handle, value)| (handle, std::ptr::from_ref(value))).collect();
        let new = arena.insert([round; 9]);
        assert_eq!(moved(&arena, &before), 0, "insertion {round}");
        match round % 8 {
            3 => drop(arena.remove(new)),
            5 => {
                let (gone, _) = before[round / 2];
                assert!(arena.remove(gone).is_some());
                assert_eq!(moved(&arena, &before), 1, "removal {round}: nothing but what was removed");
            }
            7 => {
                arena.reserve(round);
                arena.shrink_to_fit();
                assert_eq!(moved(&arena, &before), 0, "growing and shrinking {round}");
            }
            _ => {}
        }
    }
    assert_eq!(arena.len(), 300);
}

/// Such a walk has slots fetched that it comes to later.
#[test]
fn a_walk_along_few_of_many_values_finds_each() {
    fn check<T: Copy>(value: impl Fn(usize) -> T, number: impl Fn(&T) -> usize) {
        const COUNT: usize = 30_000;
        for step in [1, 2, 3, 7, 30, 100, 5000] {
            let mut arena: SmArena<T> = (0..COUNT).map(&value).collect();
            arena.retain(|handle, _| handle.slot() as usize % step == 0);
            let expected = || (0..COUNT).step_by(step);
            assert!(arena.values().map(&number).eq(expected()), "{step}");
            assert!(arena.values().rev().map(&number).eq(expected().rev()), "{step}");
            assert!(arena.into_iter().map(|(_, value)| number(&value)).eq(expected()), "{step}");
        }
    }
    check(|number| number, |value| *value);
    check(|number| [number; 8], |value| value[0]);
}

#[test]
fn a_removed_slot_is_taken_first_and_its_old_handle_is_stale() {
    let mut arena = SmArena::from_iter(0..100);
    let handles: Vec<_> = arena.keys().collect();
    arena.remove(handles[7]);
    arena.remove(handles[3]);
    let again = [arena.insert(200), arena.insert(201)];
    assert_eq!(again.map(Handle::slot), [3, 7]);
    assert_eq!(arena.get(handles[3]), None);
    assert_eq!(arena.get(again[0]), Some(&200));
    arena.remove(handles[50]);
    assert_eq!(arena.try_insert(202).map(Handle::slot), Ok(50));
    assert_eq!((arena.len(), arena.values().count()), (100, 100));
}

#[test]
fn a_panicking_drop_loses_nothing_else() {
    for kind in 0..4 {
        let (census, heap) = (Census::new(), CountingHeap::new());
        let mut arena = filled(&census, &heap, 100, 40);
        match kind {
            0 => panics(|| arena.clear()),
            1 => panics(|| drop(arena.drain())),
            2 => {
                panics(move || drop(arena));
                assert_eq!((census.alive(), heap.live()), (0, 0));
                continue;
            }
            _ => {
                panics(move || drop(arena.into_iter()));
                assert_eq!((census.alive(), heap.live()), (0, 0));
                continue;
            }
        }
        assert_eq!((census.alive(), arena.len()), (0, 0));
        let handle = arena.insert(census.value(1));
        assert_eq!(arena[handle].content, 1);
    }
}

#[test]
fn a_panic_in_retain_keeps_the_rest() {
    let (census, heap) = (Census::new(), CountingHeap::new());
    let mut arena = filled(&census, &heap, 100, u64::MAX);
    panics(|| {
        arena.retain(|_, value| {
            assert!(value.content < 50, "a predicate that panics");
            value.content % 2 == 0
        });
    });
    assert_eq!((census.alive(), arena.len(), arena.iter().count()), (75, 75, 75));
    assert!(arena.values().all(|value| value.content >= 50 || value.content % 2 == 0));
    // The same with the removed value's drop as the one that panics.
    let mut arena = filled(&census, &heap, 10, 4);
    panics(|| arena.retain(|_, _| false));
    assert_eq!(arena.values().map(|value| value.content).collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
}

#[test]
fn a_panic_in_insert_with_changes_nothing() {
    let mut arena = SmArena::from_iter(0..64);
    let removed = arena.keys().nth(9).unwrap();
    arena.remove(removed);
    for _ in 0..2 {
        let before = (arena.len(), arena.capacity());
        panics(|| {
            arena.insert_with(|_| panic!("a closure that panics"));
        });
        assert_eq!((arena.len(), arena.capacity()), before);
        arena.insert(1);
        assert_eq!(arena.len(), arena.iter().count());
        arena.reserve(1);
    }
}

#[test]
fn a_panicking_clone_drops_what_it_cloned() {
    #[derive(Debug)]
    struct Fragile(Tracked, Census);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(self.0.content != 70, "a clone that panics");
            Self(self.1.value(self.0.content), self.1.clone())
        }
    }
    let (census, heap) = (Census::new(), CountingHeap::new());
    let mut arena = SmArena::new_in(heap.clone());
    for content in 0..100 {
        arena.insert(Fragile(census.value(content), census.clone()));
    }
    let blocks = heap.live();
    panics(|| drop(arena.clone()));
    assert_eq!((census.alive(), heap.live()), (100, blocks));
}

#[test]
fn a_failed_growth_gives_the_value_back() {
    let heap = CountingHeap::new();
    heap.refuse_after(0);
    let mut arena = SmArena::<String, _>::new_in(heap.clone());
    let InsertError { value, error } = arena.try_insert("kept".into()).unwrap_err();
    assert_eq!(value, "kept");
    assert!(matches!(error, GrowError::Alloc { .. }));
    heap.refuse_nothing();
    let handle = arena.try_insert(value).unwrap();
    heap.refuse_after(0);
    while arena.len() < arena.capacity() {
        arena.insert("more".into());
    }
    assert_eq!(arena.try_insert("refused".into()).unwrap_err().value, "refused");
    assert!(matches!(arena.try_vacant_entry(), Err(GrowError::Alloc { .. })));
    heap.refuse_after(1);
    assert!(arena.try_reserve(1000).is_err());
    assert_eq!((arena[handle].as_str(), arena.iter().count()), ("kept", arena.len()));
    heap.refuse_after(1);
    let far = Handle::from_bits(handle.to_bits() | 9 << 59).unwrap();
    assert!(
        matches!(arena.insert_at(far, "far".into()), Err(InsertAtError::Grow(InsertError { value, .. })) if value == "far")
    );
    drop(arena);
    assert_eq!(heap.live(), 0);
}

#[test]
fn zero_sized_values_are_counted_and_dropped() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug)]
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut arena = SmArena::new();
    let handles: HashSet<_> = (0..1000).map(|_| arena.insert(Nothing)).collect();
    assert_eq!((handles.len(), arena.iter().count()), (1000, 1000));
    drop(arena.remove(*handles.iter().next().unwrap()));
    assert_eq!(DROPS.load(Ordering::Relaxed), 1);
    drop(arena);
    assert_eq!(DROPS.load(Ordering::Relaxed), 1000);
}

#[test]
fn over_aligned_and_huge_values_lie_where_they_must() {
    #[repr(align(4096))]
    struct Page(u8);
    #[repr(align(64))]
    struct Line([u8; 3]);
    let heap = CountingHeap::new();
    let mut pages = SmArena::new_in(heap.clone());
    let mut lines = SmArena::new_in(heap.clone());
    for i in 0..100 {
        let (page, line) = (pages.insert(Page(i)), lines.insert(Line([i; 3])));
        assert!((&raw const pages[page]).is_aligned() && (&raw const lines[line]).is_aligned());
    }
    assert!(
        pages
            .values()
            .zip(lines.values())
            .enumerate()
            .all(|(i, (page, line))| (page.0, line.0) == (i as u8, [i as u8; 3]))
    );
    let mut huge = SmArena::new_in(heap.clone());
    let handles: Vec<_> = (0..5_u8).map(|i| huge.insert([i; 100_000])).collect();
    assert!(handles.iter().enumerate().all(|(i, &handle)| huge[handle] == [i as u8; 100_000]));
    let small: Vec<_> = (0..300).map(|i| lines.insert(Line([i as u8; 3]))).collect();
    assert_eq!(lines[small[299]].0, [43; 3]);
    // A chunk of one slot of 604 bytes, behind which the words begin at the next multiple of 8.
    let mut odd = SmArena::new_in(heap.clone());
    let handle = odd.insert([7_u32; 150]);
    assert_eq!(odd.remove(handle), Some([7; 150]));
    drop((pages, lines, huge, odd));
    assert_eq!(heap.live(), 0);
}

/// A handle whose slot is one removal short of its last generation.
fn last_generation(handle: Handle<u32>) -> Handle<u32> {
    Handle::from_bits((handle.to_bits() | 0xFFFF_FFFF) - 2).unwrap()
}

#[test]
fn a_slot_whose_generations_are_used_up_is_retired() {
    let mut arena = SmArena::from_iter([0, 1]);
    let (first, second) = (arena.keys().next().unwrap(), arena.keys().nth(1).unwrap());
    let capacity = arena.capacity();
    let last = last_generation(first);
    let last_but_one = Handle::from_bits(last.to_bits() - 2).unwrap();
    assert_eq!(arena.insert_at(last_but_one, 9), Ok(Some(0)));
    assert_eq!((arena.remove(last_but_one), arena.capacity()), (Some(9), capacity));
    assert_eq!(arena.insert(10), last);
    assert_eq!((arena.get(first), arena.get(last)), (None, Some(&10)));
    assert_eq!(arena.remove(last), Some(10));
    assert_eq!(arena.capacity(), capacity - 1);
    assert!(arena.insert_at(last, 11).is_err());
    assert_eq!(Handle::<i32>::from_bits(last.to_bits() + 2), None);
    arena.remove(second);
    for value in 0..1000 {
        assert_ne!(arena.insert(value).slot(), first.slot());
    }
    // The chunk of a retired slot is never given back: its generations would begin again.
    arena.clear();
    let copy = arena.clone();
    arena.shrink_to_fit();
    assert_eq!(arena.get(last), None);
    assert!(arena.capacity() > 0 && arena.capacity() < copy.capacity());
    assert!(!arena.clone().insert_with(|handle| handle.slot()).slot().eq(&first.slot()));
}

#[test]
fn stale_handles_stay_stale_when_chunks_were_given_back() {
    let heap = CountingHeap::new();
    let mut arena = SmArena::new_in(heap.clone());
    let mut seen = HashSet::new();
    for _ in 0..5 {
        for value in 0..300 {
            assert!(seen.insert(arena.insert(value)));
        }
        // The last chunk's generations get further than the others'.
        let mut last = arena.keys().next_back().unwrap();
        for value in 0..9 {
            arena.remove(last);
            last = arena.insert(value);
            assert_eq!(last.slot(), 299);
            assert!(seen.insert(last));
        }
        arena.clear();
        arena.shrink_to_fit();
        assert_eq!((arena.capacity(), heap.live()), (0, 0));
        assert!(seen.iter().all(|&handle| arena.get(handle).is_none()));
    }
}

/// Its slot is opened, and with it those below, which had values before.
#[test]
fn a_handle_put_into_an_emptied_arena_brings_no_stale_one_back() {
    let mut arena = SmArena::from_iter([0, 1]);
    let old: Vec<_> = arena.keys().collect();
    arena.clear();
    arena.shrink_to_fit();
    assert_eq!(arena.capacity(), 0);
    let later = Handle::from_bits(old[1].to_bits() + 8).unwrap();
    assert_eq!(arena.insert_at(later, 2), Ok(None));
    let again = arena.insert(3);
    assert_eq!(again.slot(), 0);
    assert!(again.generation() > old[0].generation());
    assert_eq!((arena.get(old[0]), arena.get(old[1])), (None, None));
}

#[test]
fn a_handle_of_the_next_value_does_not_detach_a_vacant_slot() {
    let mut arena = SmArena::from_iter([0]);
    let handle = arena.keys().next().unwrap();
    arena.remove(handle);
    let next = Handle::from_bits(handle.to_bits() + 2).unwrap();
    assert!(arena.reattach(next, 1).is_err() && !arena.release(next));
    assert_eq!((arena.insert(2), arena.len()), (next, 1));
}

#[test]
fn a_value_that_looks_like_the_link_of_a_detached_slot_is_a_value() {
    let mut arena = SmArena::from_iter([u32::MAX - 1]);
    let handle = arena.keys().next().unwrap();
    let later = Handle::from_bits(handle.to_bits() + 2).unwrap();
    assert_eq!(arena.insert_at(later, 1), Ok(Some(u32::MAX - 1)));
}

#[test]
fn shrinking_keeps_what_is_in_use_or_detached() {
    let mut arena = SmArena::from_iter(0..1000_u64);
    let handles: Vec<_> = arena.keys().collect();
    arena.retain(|handle, _| handle.slot() == 70 || handle.slot() == 5);
    assert_eq!(arena.detach(handles[70]), Some(70));
    arena.shrink_to_fit();
    assert!(arena.capacity() < 200);
    assert_eq!(arena.reattach(handles[70], 71), Ok(()));
    assert_eq!((arena[handles[70]], arena[handles[5]]), (71, 5));
    let slots: HashSet<_> = (0..1000).map(|value| arena.insert(value).slot()).collect();
    assert_eq!(slots.len(), 1000);
    assert_eq!(arena.len(), 1002);
}

/// What is vacant in the chunks that stay is found again, in the same order, and nothing else.
#[test]
fn shrinking_takes_slots_out_of_the_middle_and_the_end_of_the_vacant_list() {
    let mut arena = SmArena::from_iter(0..72_u64);
    let handles: Vec<_> = arena.keys().collect();
    let capacity = arena.capacity();
    for slot in (64..72).filter(|slot| *slot != 70).chain([5, 70, 6, 7]) {
        arena.remove(handles[slot]);
    }
    arena.shrink_to_fit();
    assert!(arena.capacity() == 64 && capacity > 64);
    let slots: Vec<_> = (0..9).map(|value| arena.insert(value).slot()).collect();
    assert_eq!(slots, [7, 6, 5, 64, 65, 66, 67, 68, 69]);
    assert_eq!(arena.len(), arena.values().count());
}

#[test]
fn a_detached_slot_is_no_room_until_it_is_released() {
    let mut arena = SmArena::from_iter([0]);
    let (handle, capacity) = (arena.keys().next().unwrap(), arena.capacity());
    arena.detach(handle);
    assert_eq!(arena.capacity(), capacity - 1);
    assert!(arena.release(handle));
    assert_eq!((arena.capacity(), arena.insert(1).slot()), (capacity, 0));
}

#[test]
fn an_emptied_arena_goes_on_where_a_far_generation_ended() {
    let mut arena = SmArena::from_iter([0_u32]);
    let far = last_generation(arena.keys().next().unwrap());
    let far = Handle::from_bits(far.to_bits() - (1 << 20)).unwrap();
    arena.insert_at(far, 1).unwrap();
    arena.remove(far);
    arena.shrink_to_fit();
    assert_eq!((arena.capacity(), arena.insert(2).generation()), (0, far.generation() + 2));
}

#[test]
fn room_that_is_there_is_reserved_already() {
    let heap = CountingHeap::new();
    let mut arena = SmArena::new_in(heap.clone());
    arena.insert(1_u64);
    let room = arena.capacity() - 1;
    arena.reserve(room);
    // The chunk, and the directory.
    assert_eq!((arena.capacity(), heap.live()), (room + 1, 2));
    arena.reserve(room + 1);
    assert_eq!(heap.live(), 3);
}

#[test]
fn the_words_behind_an_odd_number_of_slots_are_aligned() {
    // One slot in the first chunk, of a size that is no multiple of 8.
    assert_eq!((size_of::<[u32; 300]>() + 4) % 8, 4);
    let mut arena = SmArena::new();
    let handles: Vec<_> = (0..10).map(|number| arena.insert([number; 300])).collect();
    for handle in handles.iter().step_by(2) {
        arena.remove(*handle);
    }
    assert_eq!(arena.values().map(|value| value[299]).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
}

/// Where `call` says that it panicked, without the noise of a panic.
fn place_of_panic(call: impl FnOnce()) -> String {
    use std::sync::Mutex;
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    thread_local! { static PLACE: Cell<Option<(String, u32)>> = const { Cell::new(None) }; }
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        PLACE.set(info.location().map(|place| (place.file().to_owned(), place.line())));
    }));
    let panicked = catch_unwind(AssertUnwindSafe(call));
    std::panic::set_hook(before);
    assert!(panicked.is_err());
    PLACE.take().unwrap().0
}

/// An arena's panics point to the call that was wrong, not into this crate.
#[test]
fn panics_name_the_callers_file() {
    let heap = CountingHeap::new();
    let mut arena = SmArena::new_in(heap.clone());
    let handle = arena.insert(1_u64);
    arena.remove(handle);
    let full = {
        let mut full = SmArena::new_in(heap.clone());
        full.insert(1_u64);
        full.reserve(full.capacity() - 1);
        while full.len() < full.capacity() {
            full.insert(2);
        }
        full
    };
    heap.refuse_after(0);
    let mut shared = SharedArena::new_in(heap.clone());
    let mut compat = smarena::compat::Arena::new();
    let gone = compat.insert(1_u64);
    compat.remove(gone);
    let calls: [(&str, &dyn Fn()); 6] = [
        ("index", &|| assert_eq!(arena[handle], 1)),
        ("clone", &|| drop(full.clone())),
        ("with_capacity_in", &|| drop(SmArena::<u64, _>::with_capacity_in(1, heap.clone()))),
        ("compat index", &|| assert_eq!(compat[gone], 1)),
        ("compat with_capacity", &|| drop(smarena::compat::Arena::<u64>::with_capacity(usize::MAX))),
        ("shared insert", &|| assert!(shared.contains(shared.insert(1)))),
    ];
    for (name, call) in calls {
        assert_eq!(place_of_panic(call), file!(), "{name}");
    }
    let mut full = full;
    type Call = fn(&mut SmArena<u64, CountingHeap>);
    let calls: [(&str, Call); 6] = [
        ("insert", |full| assert_eq!(full.insert(1), Handle::DANGLING)),
        ("insert_with", |full| assert_eq!(full.insert_with(|_| 1), Handle::DANGLING)),
        ("vacant_entry", |full| assert_eq!(full.vacant_entry().handle(), Handle::DANGLING)),
        ("reserve", |full| full.reserve(1)),
        ("extend", |full| full.extend([1])),
        ("index_mut", |full| full[Handle::DANGLING] = 1),
    ];
    for (name, call) in calls {
        assert_eq!(place_of_panic(|| call(&mut full)), file!(), "{name}");
    }
    assert_eq!(place_of_panic(|| full.branded(|mut full| assert_eq!(full.insert(1).unbranded().slot(), 0))), file!());
    assert_eq!(place_of_panic(|| compat[gone] = 1), file!());
    assert_eq!(place_of_panic(|| compat.reserve(usize::MAX)), file!());
    assert!(shared.get_mut(handle).is_none());
}

#[test]
fn a_clone_has_the_room_and_the_detached_slots_of_its_original() {
    let mut arena = SmArena::from_iter(0..70_u64);
    let handles: Vec<_> = arena.keys().collect();
    arena.reserve(500);
    arena.remove(handles[3]);
    arena.remove(handles[60]);
    assert_eq!(arena.detach(handles[20]), Some(20));
    let mut copy = arena.clone();
    assert_eq!(copy.capacity(), arena.capacity());
    assert_eq!((copy.insert(0).slot(), copy.insert(0).slot(), copy.insert(0).slot()), (60, 3, 70));
    assert_eq!(copy.reattach(handles[20], 21), Ok(()));
    assert_eq!((copy[handles[20]], copy.len(), copy.values().count()), (21, 71, 71));
}

/// Large blocks are pretended: nobody may touch them. How many there were is counted.
#[derive(Clone, Default)]
struct Boundless(CountingHeap, Rc<Cell<u32>>);

impl Boundless {
    const LARGE: usize = 4096;
}

// SAFETY: none for large blocks, whose slots the test never opens; the others are those of a counting heap.
unsafe impl HeapRef for Boundless {
    type Classes = <CountingHeap as HeapRef>::Classes;

    fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() < Self::LARGE {
            return self.0.allocate(layout);
        }
        self.1.set(self.1.get() + 1);
        Ok(NonNull::new(std::ptr::without_provenance_mut(layout.align())).unwrap())
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() < Self::LARGE {
            // SAFETY: the caller's contract is the same.
            unsafe { self.0.deallocate(block, layout) };
        }
    }

    unsafe fn share_count(&self, _: NonNull<u8>, _: Layout) -> NonNull<ShareCount> {
        unreachable!("arenas share no blocks")
    }

    unsafe fn reallocate(&self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
        unreachable!("arenas move no blocks")
    }
}

#[test]
fn an_arena_has_no_more_slots_than_handles_can_name() {
    let heap = Boundless::default();
    let mut arena = SmArena::<(), _>::new_in(heap.clone());
    let Err(GrowError::Full { limit, .. }) = arena.try_reserve(usize::MAX) else { panic!("there is an end") };
    let beyond =
        |error| matches!(error, Err(GrowError::Full { wanted, limit: named, .. }) if wanted > named && named == limit);
    assert!(beyond(arena.try_reserve(limit + 1)));
    assert_eq!((arena.capacity(), heap.1.get()), (0, 0), "what cannot be had was begun");
    assert_eq!(arena.try_reserve(limit).map(|()| arena.capacity()), Ok(limit));
    // With a slot withheld one is missing, and no chunk can be added.
    let handle = arena.insert(());
    arena.detach(handle);
    assert!(beyond(arena.try_reserve(limit)));
    assert_eq!(arena.capacity(), limit - 1);
}

#[test]
fn what_is_not_walked_to_and_what_stays_is_not_extracted() {
    let mut arena = SmArena::from_iter(0..200);
    let handles: Vec<_> = arena.keys().collect();
    let mut asked = 0;
    let taken: Vec<_> = arena
        .extract_if(|handle, value| {
            asked += 1;
            assert_eq!(handles[*value], handle);
            *value % 3 == 0
        })
        .take(10)
        .map(|(_, value)| value)
        .collect();
    assert_eq!((taken, asked), ((0..10).map(|i| i * 3).collect(), 28));
    assert_eq!((arena.len(), arena.contains(handles[27]), arena.contains(handles[30])), (190, false, true));
    let panicked =
        catch_unwind(AssertUnwindSafe(|| arena.extract_if(|_, value| *value < 20 || panic!("enough")).count()));
    assert!(panicked.is_err());
    assert_eq!((arena.len(), arena.iter().count()), (177, 177));
}

#[test]
fn shrinking_after_the_last_removal_counts_right() {
    let mut arena = SmArena::from_iter(0..1000);
    let handles: Vec<_> = arena.keys().collect();
    handles[1..].iter().for_each(|&handle| assert!(arena.remove(handle).is_some()));
    arena.shrink_to_fit();
    assert!(arena.capacity() < 1000);
    assert_eq!((arena.len(), arena.values().collect::<Vec<_>>()), (1, vec![&0]));
    arena.extend(1..1000);
    assert_eq!((arena.len(), arena.values().count()), (1000, 1000));
}

#[test]
fn a_mutable_walk_comes_to_each_value_once_from_either_end() {
    let mut arena = SmArena::from_iter(0..300);
    arena.retain(|_, value| *value % 3 != 0);
    let handles: Vec<_> = arena.keys().collect();
    let (mut walk, mut seen) = (arena.iter_mut(), Vec::new());
    while let Some((handle, value)) = if walk.len() % 2 == 0 { walk.next() } else { walk.next_back() } {
        seen.push(handle);
        *value += 1000;
    }
    seen.sort();
    assert_eq!(seen, handles);
    assert!(arena.values().all(|value| (1000..1300).contains(value)));
}

#[test]
fn disjoint_borrows_are_told_apart() {
    let mut arena = SmArena::from_iter(0..3);
    let [a, b, c] = [0, 1, 2].map(|slot| arena.get_unknown_gen(slot).unwrap().0);
    let [x, y, z] = arena.get_disjoint_mut([c, a, b]).unwrap();
    (*x, *y, *z) = (*y, *z, *x);
    assert_eq!((arena[a], arena[b], arena[c]), (1, 2, 0));
    assert_eq!(arena.get_disjoint_mut([a, b, a]), Err(DisjointError::Repeated { first: 0, again: 2, slot: a.slot() }));
    arena.remove(b);
    assert_eq!(
        arena.get_disjoint_mut([a, b]),
        Err(DisjointError::Stale { position: 1, slot: b.slot(), generation: b.generation() })
    );
}

#[test]
fn made_up_handles_find_nothing() {
    let mut arena = SmArena::<u64>::from_iter(0..100);
    let first = arena.keys().next().unwrap();
    arena.remove(first);
    for bits in (0..4096_u64).map(|i| i << 52 | 1).chain([u64::MAX, u64::MAX >> 1, 1 << 63 | 1]) {
        // Most name a place that no arena of this type has: they are no handles at all.
        let Some(handle) = Handle::from_bits(bits) else { continue };
        if !arena.keys().any(|key| key == handle) {
            assert!(!arena.contains(handle) && arena.remove(handle).is_none() && arena.detach(handle).is_none());
            assert!(!arena.release(handle) && arena.reattach(handle, 1).is_err());
        }
    }
    assert!(arena.get_unknown_gen(u32::MAX).is_none() && arena.get_unknown_gen(0).is_none());
    let of_none = arena.insert_at(Handle::DANGLING, 1).unwrap_err().to_string();
    assert_eq!(of_none, "the handle is `Handle::DANGLING`, which is of no slot");
}

#[test]
fn a_slot_is_emptied_by_its_number() {
    let mut arena = SmArena::from_iter(["a", "b"]);
    let [a, b] = [0, 1].map(|slot| arena.get_unknown_gen(slot).unwrap().0);
    assert_eq!(arena.remove_unknown_gen(1), Some((b, "b")));
    assert!(arena.contains(a) && !arena.contains(b));
    assert_eq!((arena.remove_unknown_gen(1), arena.remove_unknown_gen(u32::MAX)), (None, None));
}

#[test]
fn an_entry_that_is_given_up_changes_nothing() {
    let mut arena = SmArena::new();
    let first = arena.try_vacant_entry().unwrap().handle();
    assert!(arena.is_empty() && !arena.contains(first));
    arena.try_vacant_entry().unwrap().insert(5);
    assert_eq!(arena.get(first), Some(&5));
}

#[test]
fn an_entry_given_up_at_the_start_of_a_chunk_is_not_walked_over() {
    let mut arena = SmArena::new();
    arena.insert(0);
    let first_chunk = arena.capacity();
    arena.reserve(first_chunk);
    arena.extend(1..first_chunk);
    // An entry in a chunk of which no slot is opened yet.
    let given_up = arena.vacant_entry().handle();
    assert!(!arena.contains(given_up));
    assert!(arena.values().copied().eq(0..first_chunk));
    assert!(arena.values().rev().copied().eq((0..first_chunk).rev()));
}

/// Larger than the stack on which it is dropped.
struct Vast([u8; 1 << 20]);

impl Drop for Vast {
    fn drop(&mut self) {
        assert_eq!(self.0[1 << 19], 7);
    }
}

fn with_stack<R: Send + 'static>(bytes: usize, body: impl FnOnce() -> R + Send + 'static) -> R {
    std::thread::Builder::new().stack_size(bytes).spawn(body).unwrap().join().unwrap()
}

#[test]
fn values_are_dropped_where_they_lie() {
    let (mut arena, shared) = with_stack(64 << 20, || {
        let (arena, shared) = (SmArena::from_iter((0..5).map(|_| Vast([7; 1 << 20]))), SharedArena::new());
        shared.insert(Vast([7; 1 << 20]));
        (arena, shared)
    });
    with_stack(512 << 10, move || {
        drop(shared);
        arena.retain(|handle, _| handle.slot() > 0);
        let copy = arena.get_unknown_gen(1).unwrap().0;
        arena.clear();
        assert!(arena.is_empty() && !arena.contains(copy));
        drop(SmArena::<Vast>::new());
    });
}

#[test]
fn the_default_handle_is_no_ones() {
    let arena = SmArena::from_iter(0..100);
    assert_eq!(Handle::<i32>::default(), Handle::DANGLING);
    assert!(!arena.contains(Handle::default()));
}

#[test]
#[cfg(debug_assertions)]
fn a_debug_build_refuses_handles_of_another_arena() {
    let (mut a, mut b) = (SmArena::from_iter([1]), SmArena::from_iter([1]));
    let (of_a, of_b) = (a.keys().next().unwrap(), b.keys().next().unwrap());
    assert_eq!((a.get(of_b), b.get_mut(of_a)), (None, None));
    assert_eq!(b.remove(of_a), None);
    assert_eq!(a.clone().get(of_a), Some(&1));
    assert_eq!(a.remove(of_b), None);
}

#[test]
fn an_empty_arena_takes_over_the_handles_of_another() {
    let original: SmArena<u64> = (0..500).collect();
    let mut rebuilt = SmArena::<u64>::new();
    for (handle, value) in original.iter().rev() {
        assert_eq!(rebuilt.insert_at(handle, *value), Ok(None));
    }
    assert!(original.iter().eq(rebuilt.iter()));
    rebuilt.insert(1);
    assert_eq!(rebuilt.iter().count(), 501);
    // Its other slots begin where those of the other arena did.
    let mut of_last = SmArena::<u64>::new();
    let last_of_window = Handle::from_bits(1 << 32 | 0x5_FFFF).unwrap();
    assert_eq!(of_last.insert_at(last_of_window, 1), Ok(None));
    assert_eq!(of_last.insert(2).generation(), if cfg!(debug_assertions) { 0x5_0001 } else { 1 });
}

#[test]
fn an_arena_with_room_takes_over_the_handles_of_another() {
    let original: SmArena<u64> = (0..500).collect();
    let reserved = SmArena::<u64>::with_capacity(original.len());
    let mut emptied = SmArena::from_iter(0..100);
    emptied.clone_from(&SmArena::new());
    for mut rebuilt in [reserved.clone(), reserved, emptied] {
        for (handle, value) in &original {
            assert_eq!(rebuilt.insert_at(handle, *value), Ok(None));
        }
        assert!(original.iter().eq(rebuilt.iter()));
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_handle_that_was_told_is_of_its_arena_also_when_that_was_made_new() {
    let mut arena = SmArena::<u8>::new();
    let told = arena.vacant_entry().handle();
    arena.clone_from(&SmArena::new());
    let inserted = arena.insert(1);
    assert!(inserted != told && inserted.generation() > 1);
}

#[test]
fn handles_and_arenas_cross_threads_as_their_values_allow() {
    fn send_and_sync<T: Send + Sync>() {}
    fn send<T: Send>() {}
    send_and_sync::<Handle<Rc<u8>>>();
    send_and_sync::<SmArena<u8>>();
    send_and_sync::<smarena::Iter<'_, u8>>();
    send_and_sync::<smarena::IterMut<'_, u8>>();
    send_and_sync::<smarena::Drain<'_, u8, smarena::Global>>();
    send_and_sync::<smarena::IntoIter<u8, smarena::Global>>();
    send::<SmArena<Cell<u8>>>();
    let mut arena = SmArena::from_iter(["a".to_owned()]);
    let handle = arena.keys().next().unwrap();
    let arena = std::thread::spawn(move || {
        arena[handle].push('b');
        arena
    });
    assert_eq!(arena.join().unwrap()[handle], "ab");
}

/// What a lying iterator says of its length is not believed.
#[test]
fn a_wrong_size_hint_is_harmless() {
    struct Liar(u32);
    impl Iterator for Liar {
        type Item = u32;
        fn next(&mut self) -> Option<u32> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX, None)
        }
    }
    assert_eq!(SmArena::from_iter(Liar(100)).len(), 100);
}

/// The sizes in the table of `SmArena`'s page.
#[test]
fn the_comparison_table_is_true() {
    fn sizes<H>() -> (usize, usize) {
        (size_of::<H>(), size_of::<Option<H>>())
    }
    assert_eq!(sizes::<Handle<String>>(), (8, 8));
    assert_eq!(sizes::<slotmap::DefaultKey>(), (8, 8));
    assert_eq!(sizes::<thunderdome::Index>(), (8, 8));
    if cfg!(target_pointer_width = "64") {
        assert_eq!(sizes::<generational_arena::Index>(), (16, 24));
        assert_eq!(sizes::<usize>(), (8, 16));
    }
}
