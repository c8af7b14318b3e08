//! `SmBox`: one test for each way a box can lose, double or misplace a value or a block.

#![expect(unsafe_code, reason = "takes boxes apart, and implements the heap they are tested on")]

mod child;
mod common;

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use common::{Census, CountingHeap, panic_text};
use smarena::{AllocError, Global, HeapRef, SmBox};

#[test]
fn a_box_gives_its_value_and_its_block_back_once() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let boxed = SmBox::new_in(census.value(5), heap.clone());
    assert_eq!((boxed.number(), heap.live(), census.alive()), (5, 1, 1));
    drop(boxed);
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn the_heap_outlives_the_block_it_is_given_back_to() {
    // The books complain if they are dropped with a block in them.
    let heap = CountingHeap::new();
    let boxed = SmBox::new_in([1u64; 8], heap.clone());
    assert_eq!(heap.references(), 2);
    drop(heap);
    drop(boxed);
}

#[test]
fn zero_sized_values_never_allocate() {
    thread_local!(static DROPS: Cell<u32> = const { Cell::new(0) });
    #[derive(Clone)]
    #[repr(align(4096))]
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
        }
    }

    let heap = CountingHeap::new();
    heap.refuse_after(0);
    let boxed = SmBox::new_in(Nothing, heap.clone());
    assert_eq!((&raw const *boxed).addr() % 4096, 0);
    drop(boxed.clone());
    assert_eq!(DROPS.get(), 1);
    drop(SmBox::into_inner(boxed));
    assert_eq!(DROPS.get(), 2);
    drop(SmBox::<Nothing, _>::new_uninit_in(heap.clone()));
    drop(SmBox::<Nothing, _>::new_zeroed_in(heap.clone()));
    let _nothing = SmBox::leak(SmBox::new_in(Nothing, heap.clone()));
    // SAFETY: the leaked box held one reference that nothing else will ever give back.
    unsafe { heap.forget_one_reference() };
    assert_eq!(DROPS.get(), 2);
    let (ptr, again) = SmBox::into_raw_with_heap(SmBox::new_in(Nothing, heap.clone()));
    // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
    drop(unsafe { SmBox::from_raw_in(ptr as *mut dyn Send, again) });
    assert_eq!(DROPS.get(), 3);
    assert_eq!(heap.asked(), 0);
}

#[test]
fn over_aligned_values_are_aligned() {
    #[repr(align(64))]
    struct Line(u8);
    #[repr(align(4096))]
    struct Page(u8);

    let heap = CountingHeap::new();
    let (line, page) = (SmBox::new_in(Line(1), heap.clone()), SmBox::new_in(Page(2), heap.clone()));
    assert_eq!(((&raw const *line).addr() % 64, line.0), (0, 1));
    assert_eq!(((&raw const *page).addr() % 4096, page.0), (0, 2));
    assert_eq!(heap.last_asked(), std::alloc::Layout::new::<Page>());
    drop((line, page));
    heap.settle();
}

#[test]
fn panic_in_drop_gives_the_block_back() {
    struct Bomb(#[expect(dead_code, reason = "dropped after the panic")] common::Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }

    let (heap, census) = (CountingHeap::new(), Census::new());
    let boxed = SmBox::new_in(Bomb(census.value(1)), heap.clone());
    assert_eq!(panic_text(|| drop(boxed)), "boom");
    assert_eq!((census.alive(), heap.references()), (0, 1));
    heap.settle();
}

#[test]
fn panic_in_clone_leaks_nothing_and_frees_nothing_twice() {
    struct Reluctant(common::Counted);
    impl Clone for Reluctant {
        fn clone(&self) -> Self {
            let _half = self.0.clone();
            panic!("not today");
        }
    }

    let (heap, census) = (CountingHeap::new(), Census::new());
    let boxed = SmBox::new_in(Reluctant(census.value(1)), heap.clone());
    assert_eq!(panic_text(|| drop(boxed.clone())), "not today");
    assert_eq!((census.alive(), heap.live(), heap.references()), (1, 1, 2));
    assert_eq!(boxed.0.number(), 1);
    drop(boxed);
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn a_clone_is_a_value_and_a_block_of_its_own() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let first = SmBox::new_in(census.value(1), heap.clone());
    let mut second = first.clone();
    assert_eq!((second.number(), census.alive(), heap.live()), (1, 2, 2));
    second.clone_from(&SmBox::new_in(census.value(3), heap.clone()));
    assert_eq!((first.number(), second.number(), census.alive()), (1, 3, 2));
    drop((first, second));
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn a_refused_value_comes_back() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    heap.refuse_after(0);
    let Err(error) = SmBox::try_new_in(census.value(9), heap.clone()) else { panic!("it was not refused") };
    let block_size = size_of::<common::Counted>();
    assert_eq!(error.error, AllocError::Exhausted { heap: "books", bucket: 7, block_size, blocks: 1 });
    assert_eq!(error.to_string(), error.error.to_string());
    assert!(format!("{error:?}").contains("Exhausted"));
    let value = error.into_value();
    assert_eq!((value.number(), census.alive(), heap.references()), (9, 1, 1));
    drop(value);
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn a_refused_infallible_call_panics_with_the_heaps_text_and_drops_the_value() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let boxed = SmBox::new_in(census.value(1), heap.clone());
    heap.refuse_after(0);
    let reason = SmBox::<u32, _>::try_new_uninit_in(heap.clone()).unwrap_err();
    assert_eq!(panic_text(|| drop(SmBox::new_in(7u32, heap.clone()))), reason.to_string());
    let text = panic_text(|| drop(SmBox::new_in(census.value(2), heap.clone())));
    assert!(text.contains("exhausted"), "{text}");
    let text = panic_text(|| drop(boxed.clone()));
    assert!(text.contains("exhausted"), "{text}");
    assert_eq!((census.alive(), heap.references()), (1, 2));
    drop(boxed);
    heap.settle();
}

#[test]
fn into_inner_moves_the_value_out_and_drops_it_not() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let value = SmBox::into_inner(SmBox::new_in(census.value(4), heap.clone()));
    assert_eq!((value.number(), census.alive(), heap.live()), (4, 1, 0));
    heap.settle();
}

#[test]
fn a_leaked_box_keeps_its_value_and_its_heap() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let value = SmBox::leak(SmBox::new_in(census.value(4), heap.clone()));
    assert_eq!((value.number(), census.alive(), heap.live(), heap.references()), (4, 1, 1, 2));
    // Taken back, so that the leak checker has nothing to say. The forgotten reference to the heap stays.
    // SAFETY: the reference came out of a box of this heap and is not used any more.
    drop(unsafe { SmBox::from_raw_in(value, heap.clone()) });
    heap.settle();
    // SAFETY: the leaked box held one reference that nothing else will ever give back.
    unsafe { heap.forget_one_reference() };
}

#[test]
fn an_unfinished_box_drops_no_value() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    drop(SmBox::<common::Counted, _>::new_uninit_in(heap.clone()));
    let mut half: SmBox<MaybeUninit<common::Counted>, _> = SmBox::<common::Counted, _>::new_uninit_in(heap.clone());
    half.write(census.value(1));
    // SAFETY: written in the line above.
    let whole = unsafe { half.assume_init() };
    assert_eq!((whole.number(), census.alive(), heap.live()), (1, 1, 1));
    drop(whole);
    drop(SmBox::write(SmBox::<common::Counted, _>::try_new_uninit_in(heap.clone()).unwrap(), census.value(2)));
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn zeroed_is_zero_where_the_block_was_not() {
    let heap = CountingHeap::new();
    let boxed = SmBox::<[u8; 100], _>::new_zeroed_in(heap.clone());
    // SAFETY: zero bytes are a hundred zeros.
    assert_eq!(*unsafe { boxed.assume_init() }, [0; 100]);
    #[cfg(feature = "zerocopy")]
    assert_eq!(*SmBox::<[u32; 25], _>::zeroed_in(heap.clone()), [0; 25]);
    heap.settle();
}

#[test]
fn a_box_of_a_trait_or_a_slice_gives_back_what_was_allocated() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let (ptr, reference) = SmBox::into_raw_with_heap(SmBox::new_in([census.value(1), census.value(2)], heap.clone()));
    // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
    let slice: SmBox<[common::Counted], _> = unsafe { SmBox::from_raw_in(ptr as *mut [_], reference) };
    assert_eq!(slice.iter().map(common::Counted::number).sum::<u64>(), 3);
    drop(slice);
    let (ptr, reference) = SmBox::into_raw_with_heap(SmBox::new_in(7u16, heap.clone()));
    // SAFETY: pointer and heap come from `into_raw_with_heap`, and are used once.
    let shown: SmBox<dyn Display, _> = unsafe { SmBox::from_raw_in(ptr as *mut dyn Display, reference) };
    assert_eq!(shown.to_string(), "7");
    drop(shown);
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn a_box_is_freed_by_another_thread() {
    let (heap, census) = (CountingHeap::new(), Census::new());
    let boxed = SmBox::new_in(census.value(1), heap.clone());
    std::thread::spawn(move || drop(boxed)).join().unwrap();
    assert_eq!(census.alive(), 0);
    heap.settle();
}

#[test]
fn a_pinned_value_stays_where_it_is() {
    let heap = CountingHeap::new();
    let mut pinned = SmBox::pin_in(std::future::ready(5), heap.clone());
    let address = &raw const *pinned;
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(pinned.as_mut().poll(&mut context), Poll::Ready(5));
    let moved = [pinned];
    assert_eq!(&raw const *moved[0], address);
    drop(moved);
    let pinned: Pin<SmBox<u8, _>> = SmBox::new_in(1, heap.clone()).into();
    assert_eq!(*pinned, 1);
    drop(pinned);
    heap.settle();
}

#[test]
fn a_box_does_what_its_value_does() {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut state = DefaultHasher::new();
        value(&mut state);
        state.finish()
    };
    let (one, two) = (SmBox::new(1), SmBox::new(2));
    assert!(one < two && one != two && one == SmBox::new(1) && one.cmp(&two).is_lt());
    assert_eq!(format!("{0} {0:?} {0:>4}", SmBox::new(3)), "3 3    3");
    assert_eq!(hash(&|state| SmBox::new("a").hash(state)), hash(&|state| "a".hash(state)));
    assert_eq!(SmBox::<u32>::default(), SmBox::from(0));
    let mut boxed = SmBox::new([1, 2]);
    *AsMut::<[i32; 2]>::as_mut(&mut boxed) = [3, 4];
    assert_eq!(AsRef::<[i32; 2]>::as_ref(&boxed), &[3, 4]);
    assert_eq!(format!("{boxed:p}"), format!("{:p}", &raw const *boxed));

    let mut numbers = SmBox::new([1, 2, 3, 4, 5, 6].into_iter());
    assert_eq!((numbers.len(), numbers.size_hint()), (6, (6, Some(6))));
    assert_eq!(
        (numbers.next(), numbers.next_back(), numbers.nth(1), numbers.nth_back(0)),
        (Some(1), Some(6), Some(3), Some(5))
    );

    #[derive(Debug)]
    struct Wrapped(fmt::Error);
    impl Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let error: &dyn Error = &SmBox::new(Wrapped(fmt::Error));
    assert!(error.to_string() == "wrapped" && error.source().is_some_and(|source| source.is::<fmt::Error>()));

    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(Pin::new(&mut SmBox::new(std::future::ready(5))).poll(&mut context), Poll::Ready(5));
}

#[test]
fn bounds_are_those_of_the_value_and_the_heap() {
    fn crosses<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    crosses::<SmBox<u64>>();
    crosses::<SmBox<[u64]>>();
    // A value that may only be sent: its box may be, too.
    fn moves<T: Send + Unpin + UnwindSafe>() {}
    moves::<SmBox<Cell<u64>>>();
    fn stays_put<T: Unpin>() {}
    stays_put::<SmBox<std::marker::PhantomPinned>>();
    assert_eq!(size_of::<SmBox<dyn Send, Global>>(), 2 * size_of::<usize>());
    fn covariant<'a, H: HeapRef>(boxed: SmBox<&'static str, H>) -> SmBox<&'a str, H> {
        boxed
    }
    assert_eq!(*covariant(SmBox::new("a")), "a");
    assert!(catch_unwind(AssertUnwindSafe(|| drop(SmBox::new(1)))).is_ok());
}

/// A chain of boxes, each of which owns the next.
struct Node {
    next: Option<SmBox<Node>>,
}

fn a_million_nodes() -> Option<SmBox<Node>> {
    let nodes = if cfg!(miri) { 1_000 } else { 1_000_000 };
    (0..nodes).fold(None, |next, _| Some(SmBox::new(Node { next })))
}

/// Under a sanitizer the tool has its own last words.
#[cfg(all(unix, not(any(smarena_tool = "asan", smarena_tool = "msan", smarena_tool = "tsan"))))]
#[cfg_attr(miri, ignore = "starts a process")]
#[test]
fn a_long_chain_of_boxes_dropped_as_it_stands_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;

    let output =
        child::in_child("a_long_chain_of_boxes_dropped_as_it_stands_ends_the_process", || drop(a_million_nodes()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.signal().is_some() && said.contains("overflowed its stack"), "{}: {said}", output.status);
}

#[test]
fn a_long_chain_of_boxes_is_taken_apart_in_a_loop() {
    let mut next = a_million_nodes();
    let mut nodes = 0;
    while let Some(mut node) = next {
        next = node.next.take();
        nodes += 1;
    }
    assert_eq!(nodes, 1_000_000);
}

#[test]
fn a_boxed_hasher_is_told_what_its_value_is_told() {
    /// Remembers each call.
    #[derive(Default)]
    struct Calls(Vec<&'static str>);
    macro_rules! notes {
        ($($name:ident $number:ty),+) => {
            impl Hasher for Calls {
                fn finish(&self) -> u64 {
                    self.0.len() as u64
                }

                fn write(&mut self, _: &[u8]) {
                    self.0.push("write");
                }

                $(fn $name(&mut self, _: $number) {
                    self.0.push(stringify!($name));
                })+
            }

            let mut boxed = SmBox::new(Calls::default());
            fn tell(hasher: &mut impl Hasher) -> u64 {
                hasher.write(b"a");
                $(hasher.$name(1);)+
                hasher.finish()
            }
            assert_eq!(tell(&mut boxed), 13);
            assert_eq!(boxed.0, ["write", $(stringify!($name)),+]);
        };
    }
    notes! {
        write_u8 u8, write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128, write_usize usize,
        write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128, write_isize isize
    }
}
