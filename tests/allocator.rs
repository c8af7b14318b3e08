//! Heaps behind other crates' collections, in both versions of `allocator_api2`.

use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use smarena::{Global, Heap, Piecewise, StaticHeap};

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
