//! Heaps behind other crates' collections, in both versions of `allocator_api2`.
#![expect(unsafe_code, reason = "the traits' own calls are tested, too")]

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use smarena::{Exhausted, Global, Heap, HeapRef, Linear, Piecewise, StaticHeap};

#[test]
fn collections_of_both_versions_live_in_a_heap() {
    let heap = Heap::<Piecewise<15>>::new(1 << 20).unwrap();
    let mut old = Vec02::new_in(&heap);
    let mut new = Vec04::new_in(&heap);
    for number in 0..5000_u32 {
        old.push(number);
        new.push(number);
    }
    assert!(old.iter().eq(new.iter()));
    assert_eq!(heap.stats().fallback_live, 2, "20,000 bytes are larger than every class");
    old.truncate(10);
    old.shrink_to_fit();
    assert_eq!((heap.stats().fallback_live, heap.stats().buckets()[2].live), (1, 1));
    drop((old, new));
    assert_eq!(heap.stats().live(), 0);
}

#[test]
fn a_hash_map_lives_in_the_global_heap() {
    let mut map = hashbrown::HashMap::with_hasher_in(std::hash::RandomState::new(), Global);
    for number in 0..1000_u64 {
        map.insert(number, number.to_string());
    }
    assert!((0..1000).all(|number| map[&number] == number.to_string()));
}

smarena::static_heap! { struct Named: Piecewise<15> { bucket_bytes: 1 << 20 } }

#[test]
fn collections_live_in_a_heap_that_a_type_names() {
    let (mut old, mut new) = (Vec02::new_in(Named::HEAP), Vec04::new_in(Named::HEAP));
    old.extend(0..10_u64);
    new.extend(0..10_u64);
    assert!(old.iter().eq(new.iter()));
    assert_eq!(Named::HEAP.stats().live(), 2);
    drop((old, new));
    assert_eq!(Named::HEAP.stats().live(), 0);
}

/// A heap that is not hardened, and one that is.
fn heaps() -> [Heap<Piecewise<15>>; 2] {
    [false, true].map(|hardened| Heap::builder().bucket_bytes(1 << 20).hardened(hardened).build().unwrap())
}

/// Writes the same tests for one version of the trait.
macro_rules! version {
    ($module:ident: $version:ident) => {
        mod $module {
            use super::*;
            use $version::alloc::Allocator;
            use $version::boxed::Box;
            use $version::vec::Vec;

            fn no_bytes(heap: impl Allocator + Copy) {
                drop(Box::new_in((), heap));
                drop(Box::new_in([0_u64; 0], heap));
                drop(Vec::<u32, _>::new_in(heap).into_boxed_slice());
                drop(Vec::<(), _>::with_capacity_in(10, heap).into_boxed_slice());
                let mut full = Vec::with_capacity_in(1000, heap);
                full.push(7_u64);
                full.clear();
                full.shrink_to_fit();
                assert_eq!(full.into_boxed_slice().len(), 0);
                for align in [1, 16, 4096, 1 << 21] {
                    no_bytes_aligned(heap, align);
                }
            }

            fn no_bytes_aligned(heap: impl Allocator + Copy, align: usize) {
                let none = Layout::from_size_align(0, align).unwrap();
                let some = Layout::from_size_align(100, align.min(4096)).unwrap();
                for block in [heap.allocate(none), heap.allocate_zeroed(none)].map(Result::unwrap) {
                    assert_eq!((block.len(), block.cast::<u8>().addr().get() % align), (0, 0));
                    // SAFETY: what was allocated with this layout; and again, since there is no block.
                    unsafe { heap.deallocate(block.cast(), none) };
                    // SAFETY: as above.
                    let grown = unsafe { heap.grow(block.cast(), none, some) }.unwrap();
                    // SAFETY: live, at least 100 bytes.
                    unsafe { grown.cast::<u8>().write_bytes(7, 100) };
                    // SAFETY: live, of this layout.
                    let gone = unsafe { heap.shrink(grown.cast(), some, none) }.unwrap();
                    assert_eq!((gone.len(), gone.cast::<u8>().addr().get() % align), (0, 0));
                    // SAFETY: as above.
                    let grown = unsafe { heap.grow_zeroed(gone.cast(), none, some) }.unwrap();
                    // SAFETY: live, 100 bytes, written by the heap.
                    let content = unsafe { std::slice::from_raw_parts(grown.as_ptr().cast::<u8>(), 100) };
                    assert_eq!(content, [0; 100]);
                    // SAFETY: live, of this layout.
                    unsafe { heap.deallocate(grown.cast(), some) };
                }
            }

            #[test]
            fn what_has_no_bytes_has_no_block() {
                no_bytes(Global);
                no_bytes(Named::HEAP);
                for heap in heaps() {
                    // A made-up pointer may lie anywhere, also in a block.
                    let block = heap.malloc(100, 0).unwrap();
                    // SAFETY: a layout without bytes.
                    unsafe { Allocator::deallocate(&heap, block, Layout::new::<()>()) };
                    assert_eq!(heap.stats().live(), 1);
                    // SAFETY: live, from this heap.
                    unsafe { heap.free(block) };
                    no_bytes(&heap);
                    assert_eq!(heap.stats().live(), 0);
                }
            }

            #[test]
            fn a_collection_has_the_whole_block_and_gives_it_back_with_any_layout_between() {
                for heap in heaps() {
                    let hardened = heap.malloc_zeroed(0, 0).is_ok_and(|_| heap.stats().buckets()[0].cached == 0);
                    for (asked, align) in [(1, 1), (100, 8), (700, 64), (1000, 128), (1025, 16), (20_000, 4096)] {
                        let layout = |size| Layout::from_size_align(size, align).unwrap();
                        let block = Allocator::allocate(&heap, layout(asked)).unwrap();
                        let whole = block.len();
                        // SAFETY: live, of this layout.
                        unsafe { Allocator::deallocate(&heap, block.cast(), layout(asked)) };
                        assert!(
                            if hardened || asked > 1024 { whole == asked } else { whole > asked },
                            "{asked}: {whole}"
                        );
                        for size in [asked, asked.midpoint(whole), whole] {
                            for zeroed in [false, true] {
                                let block = match zeroed {
                                    false => Allocator::allocate(&heap, layout(asked)),
                                    true => Allocator::allocate_zeroed(&heap, layout(asked)),
                                };
                                let block = block.unwrap();
                                assert_eq!(block.len(), whole);
                                if zeroed {
                                    // SAFETY: live, so many bytes, zeroed.
                                    assert!(unsafe { block.as_ref() }.iter().all(|byte| *byte == 0));
                                }
                                // SAFETY: live, so many bytes.
                                unsafe { block.cast::<u8>().write_bytes(7, whole) };
                                let next = layout(whole + 1);
                                // SAFETY: live, and the layout fits it.
                                let grown = unsafe { heap.grow(block.cast(), layout(size), next) }.unwrap();
                                assert!(grown.len() > whole);
                                // SAFETY: live, so many bytes, of which the first `size` are kept.
                                assert!(unsafe { grown.as_ref() }[..size].iter().all(|byte| *byte == 7));
                                let old = layout(grown.len());
                                // SAFETY: live, and the layout fits it.
                                let shrunk = unsafe { heap.shrink(grown.cast(), old, layout(asked)) }.unwrap();
                                assert!((asked..=whole).contains(&shrunk.len()));
                                // SAFETY: live, and the layout fits it.
                                unsafe { Allocator::deallocate(&heap, shrunk.cast(), layout(size.min(shrunk.len()))) };
                            }
                        }
                    }
                    assert_eq!(heap.stats().live(), 1);
                }
            }

            /// A page of the C library's size is not the end of it.
            #[test]
            fn alignments_above_a_page_are_served() {
                for heap in heaps() {
                    for align in [8192, 1 << 16, 2 << 20, 64 << 20] {
                        let [small, large] = [100, 100_000].map(|size| Layout::from_size_align(size, align).unwrap());
                        let block = Allocator::allocate(&heap, small).unwrap().cast::<u8>();
                        // SAFETY: live, 100 bytes.
                        unsafe { block.write_bytes(7, 100) };
                        // SAFETY: live, of this layout.
                        let grown = unsafe { heap.grow(block, small, large) }.unwrap().cast::<u8>();
                        // SAFETY: live, so many bytes, of which these are kept.
                        assert_eq!(unsafe { std::slice::from_raw_parts(grown.as_ptr(), 100) }, [7; 100]);
                        // SAFETY: live, of this layout.
                        let shrunk = unsafe { heap.shrink(grown, large, small) }.unwrap().cast::<u8>();
                        assert!([block, grown, shrunk].iter().all(|block| block.addr().get() % align == 0));
                        // SAFETY: live, of this layout.
                        unsafe { Allocator::deallocate(&heap, shrunk, small) };
                    }
                    assert_eq!(heap.stats().live(), 0);
                }
            }

            #[test]
            fn shrinking_never_fails() {
                for (heap, small) in full_of_small() {
                    let (old, new) = (Layout::array::<u8>(1000).unwrap(), Layout::array::<u8>(10).unwrap());
                    let block = Allocator::allocate(&heap, old).unwrap().cast::<u8>();
                    // SAFETY: live, 1000 bytes.
                    unsafe { block.write_bytes(7, 1000) };
                    // SAFETY: live, of this layout.
                    let shrunk = unsafe { Allocator::shrink(&heap, block, old, new) }.unwrap();
                    assert_eq!(shrunk.cast::<u8>(), block, "there is no smaller one");
                    // SAFETY: live, of this layout.
                    let grown = unsafe { Allocator::grow(&heap, shrunk.cast(), new, old) }.unwrap().cast::<u8>();
                    // SAFETY: live, 1000 bytes, of which the first 10 are kept.
                    assert_eq!(unsafe { std::slice::from_raw_parts(grown.as_ptr(), 10) }, [7; 10]);
                    // SAFETY: live, of this layout.
                    unsafe { Allocator::deallocate(&heap, grown, old) };

                    let mut vector = Vec::with_capacity_in(1000, &heap);
                    vector.extend_from_slice(b"abc");
                    vector.shrink_to_fit();
                    assert_eq!((vector.as_slice(), vector.capacity() < 1000), (&b"abc"[..], true));
                    drop(vector);
                    assert_eq!(heap.stats().live(), small.len());
                }
            }
        }
    };
}
version!(version_02: allocator_api2_02);
version!(version_04: allocator_api2_04);

/// Heaps that refuse what their buckets do not have, and whose smallest bucket has nothing left.
fn full_of_small() -> impl Iterator<Item = (Heap<Piecewise<15>>, Vec<NonNull<u8>>)> {
    let settings = [(false, false), (true, false), (true, true)];
    settings.into_iter().map(|(hardened, canary)| {
        let builder = Heap::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse).hardened(hardened);
        let heap = if canary { builder.canary(true) } else { builder }.build().unwrap();
        let small = std::iter::from_fn(|| heap.malloc(10, 0).ok()).collect();
        (heap, small)
    })
}

#[test]
fn a_heap_reference_shrinks_without_fail_and_knows_that_nothing_has_no_block() {
    for (heap, small) in full_of_small() {
        let heap = &heap;
        let [old, new, none] = [1000, 10, 0].map(|size| Layout::from_size_align(size, 16).unwrap());
        let block = HeapRef::allocate(&heap, old).unwrap();
        // SAFETY: live, of this layout.
        let shrunk = unsafe { HeapRef::reallocate(&heap, block, old, new) }.unwrap();
        assert_eq!(shrunk, block);
        // SAFETY: live, of this layout.
        unsafe { HeapRef::deallocate(&heap, shrunk, new) };
        for made_up in [1, 16, 4096].map(|align| NonNull::new(std::ptr::without_provenance_mut(align)).unwrap()) {
            // SAFETY: a layout without bytes; whoever made the pointer up knows of no block.
            unsafe { HeapRef::deallocate(&heap, made_up, none) };
            // SAFETY: as above.
            let grown = unsafe { HeapRef::reallocate(&heap, made_up, none, old) }.unwrap();
            // SAFETY: live, of this layout.
            unsafe { HeapRef::deallocate(&heap, grown, old) };
        }
        assert_eq!(heap.stats().live(), small.len());
        // SAFETY: live, from this heap; its owner says that it has no bytes.
        unsafe { heap.free_batch(&small) };
        let empty = HeapRef::allocate(&heap, none).unwrap();
        // SAFETY: live, of this layout.
        unsafe { HeapRef::deallocate(&heap, empty, none) };
        assert_eq!(heap.stats().live(), 0);
    }
}

/// A smaller layout that is more aligned may be of a class with larger blocks, or of none. A block that stays for it because its address
/// happens to be right is no larger for that.
#[test]
fn a_block_that_happens_to_be_aligned_is_no_larger_than_it_was() {
    let heap = &Heap::<Linear<8>>::builder().bucket_bytes(4096).on_exhausted(Exhausted::Refuse).build().unwrap();
    let of = |size, align| Layout::from_size_align(size, align).unwrap();
    let small: Vec<_> = std::iter::from_fn(|| HeapRef::allocate(&heap, of(30, 16)).ok()).collect();
    let large = std::iter::from_fn(|| HeapRef::allocate(&heap, of(64, 64)).ok()).count();
    let aligned = |align| move |block: &&NonNull<u8>| block.addr().get() % align == 0;
    for align in [64, 4096] {
        let block = *small.iter().find(aligned(align)).unwrap();
        let more_aligned = of(20, align);
        // SAFETY: live, of this layout.
        let stayed = unsafe { HeapRef::reallocate(&heap, block, of(30, 16), more_aligned) };
        assert_eq!(stayed, Ok(block), "what is smaller is never refused");
        // SAFETY: live, of this layout.
        let grown = unsafe { HeapRef::reallocate(&heap, block, more_aligned, of(60, align)) };
        assert!(grown.is_err(), "{grown:?} has 32 bytes");
    }
    assert_eq!(heap.stats().live(), small.len() + large);
}

#[test]
fn collections_of_values_without_bytes_live_in_a_heap() {
    for heap in heaps() {
        let hasher = std::hash::RandomState::new;
        let mut set = hashbrown::HashSet::with_hasher_in(hasher(), &heap);
        assert!(set.insert(()) && !set.insert(()));
        let map = hashbrown::HashMap::<(), (), _, _>::with_hasher_in(hasher(), &heap);
        let mut boxes: hashbrown::HashMap<u32, allocator_api2_02::boxed::Box<(), _>, _, _> =
            hashbrown::HashMap::with_hasher_in(hasher(), &heap);
        boxes.extend((0..100).map(|key| (key, allocator_api2_02::boxed::Box::new_in((), &heap))));
        boxes.shrink_to_fit();
        assert_eq!(boxes.drain().count(), 100);
        drop((set, map, boxes));

        let mut blink = blink_alloc::Blink::new_in(blink_alloc::BlinkAlloc::new_in(&heap));
        assert_eq!(*blink.put([(); 3]), [(); 3]);
        assert_eq!(*blink.put(7_u64), 7);
        assert_eq!(blink.emplace().from_iter(std::iter::repeat_n((), 100)).len(), 100);
        blink.reset();
        drop(blink);
        assert_eq!(heap.stats().live(), 0);
    }
}
