//! Secondary maps and joins against plain maps, with handles of every age, and with files that lie.
#![allow(missing_docs, reason = "tests")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use smarena::{Handle, SecondaryEntry, SecondaryMap, SmArena, SparseSecondaryMap, join};

#[derive(Debug, Clone)]
enum Step {
    Spawn,
    Despawn(usize),
    Insert(usize, u32),
    Remove(usize),
    Bump(usize),
    Entry(usize, u32),
    Sweep,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Spawn),
        2 => any::<usize>().prop_map(Step::Despawn),
        8 => (any::<usize>(), any::<u32>()).prop_map(|(which, value)| Step::Insert(which, value)),
        3 => any::<usize>().prop_map(Step::Remove),
        3 => any::<usize>().prop_map(Step::Bump),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(which, value)| Step::Entry(which, value)),
        1 => Just(Step::Sweep),
        1 => Just(Step::Clear),
    ]
}

/// By slot: the handle and its value. What a secondary map is, said in the plainest way.
type Model = BTreeMap<u32, (Handle<u8>, u32)>;

fn put(model: &mut Model, handle: Handle<u8>, value: u32) -> Option<u32> {
    match model.get_mut(&handle.slot()) {
        Some((there, old)) if *there == handle => Some(std::mem::replace(old, value)),
        Some((there, _)) if there.generation() > handle.generation() => None,
        _ => {
            model.insert(handle.slot(), (handle, value));
            None
        }
    }
}

fn found(model: &Model, handle: Handle<u8>) -> Option<&u32> {
    model.get(&handle.slot()).filter(|(there, _)| *there == handle).map(|(_, value)| value)
}

macro_rules! agrees {
    ($name:ident, $Map:ident) => {
        proptest! {
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn $name(steps in prop::collection::vec(step(), 0..200)) {
                let mut arena = SmArena::from_iter([0, 1, 2]);
                let mut handles: Vec<_> = arena.keys().collect();
                let (mut map, mut model) = ($Map::new(), Model::new());
                for step in steps {
                    match step {
                        Step::Spawn => handles.push(arena.insert(0)),
                        Step::Despawn(which) => drop(arena.remove(handles[which % handles.len()])),
                        Step::Insert(which, value) => {
                            let handle = handles[which % handles.len()];
                            prop_assert_eq!(map.insert(handle, value), put(&mut model, handle, value));
                        }
                        Step::Remove(which) => {
                            let handle = handles[which % handles.len()];
                            let there = found(&model, handle).copied();
                            if there.is_some() {
                                model.remove(&handle.slot());
                            }
                            prop_assert_eq!(map.remove(handle), there);
                        }
                        Step::Bump(which) => {
                            let handle = handles[which % handles.len()];
                            if let Some(value) = map.get_mut(handle) {
                                *value = value.wrapping_add(1);
                            }
                            if found(&model, handle).is_some() {
                                let (_, value) = model.get_mut(&handle.slot()).unwrap();
                                *value = value.wrapping_add(1);
                            }
                        }
                        Step::Entry(which, value) => {
                            let handle = handles[which % handles.len()];
                            match map.entry(handle) {
                                Some(SecondaryEntry::Occupied(mut entry)) => {
                                    prop_assert_eq!(Some(entry.get()), found(&model, handle));
                                    prop_assert_eq!(Some(entry.insert(value)), put(&mut model, handle, value));
                                }
                                Some(SecondaryEntry::Vacant(entry)) => {
                                    prop_assert_eq!(*entry.insert(value), value);
                                    prop_assert_eq!(put(&mut model, handle, value), None);
                                }
                                None => prop_assert!(model[&handle.slot()].0.generation() > handle.generation()),
                            }
                        }
                        Step::Sweep => {
                            map.retain(|handle, _| arena.contains(handle));
                            model.retain(|_, (handle, _)| arena.contains(*handle));
                        }
                        Step::Clear => {
                            let drained: Vec<_> = map.drain().collect();
                            prop_assert!(drained.iter().eq(model.values()));
                            model.clear();
                        }
                    }
                    prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
                    prop_assert!(handles.iter().all(|&handle| map.get(handle) == found(&model, handle)));
                }
                prop_assert!(map.iter().map(|(handle, value)| (handle, *value)).eq(model.values().copied()));
                prop_assert_eq!(map.iter().len(), model.len());
                prop_assert!(map.iter_mut().map(|(handle, value)| (handle, *value)).eq(model.values().copied()));
                prop_assert!(map.clone().into_iter().eq(model.values().copied()));
                prop_assert_eq!(&map.iter().map(|(handle, value)| (handle, *value)).collect::<$Map<_, _>>(), &map);
            }
        }
    };
}

agrees!(a_secondary_map_agrees_with_a_plain_one, SecondaryMap);
agrees!(a_sparse_secondary_map_agrees_with_a_plain_one, SparseSecondaryMap);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A join finds what looking everything up finds.
    #[test]
    fn a_join_is_what_all_have(owners in prop::collection::vec(any::<[bool; 4]>(), 0..100)) {
        let mut arena = SmArena::new();
        let (mut a, mut b, mut c) = (SecondaryMap::new(), SparseSecondaryMap::new(), SecondaryMap::new());
        for (number, [stale, in_a, in_b, in_c]) in (0..).zip(owners) {
            let handle: Handle<u32> = arena.insert(number);
            if in_a { a.insert(handle, number); }
            if in_b { b.insert(handle, number * 2); }
            if stale {
                // The slot goes on to another value: what `a` and `b` have is of the past.
                arena.remove(handle);
                let next = arena.insert(number);
                if in_c { c.insert(next, number); }
            } else if in_c {
                c.insert(handle, number);
            }
        }
        let both: Vec<_> = join((&a, &b)).collect();
        let naive: Vec<_> = a.iter().filter_map(|(handle, x)| Some((handle, (x, b.get(handle)?)))).collect();
        prop_assert_eq!(both, naive);
        let all: Vec<_> = join((&arena, &a, &b, &c)).map(|(handle, (number, ..))| (handle, *number)).collect();
        let naive: Vec<_> = arena
            .iter()
            .filter(|&(handle, _)| a.contains(handle) && b.contains(handle) && c.contains(handle))
            .map(|(handle, number)| (handle, *number))
            .collect();
        prop_assert_eq!(all, naive);
        let sum: u32 = a.values().chain(c.values()).sum();
        for (_, (x, y)) in join((&mut a, &mut c)) {
            std::mem::swap(x, y);
        }
        prop_assert_eq!(a.values().chain(c.values()).sum::<u32>(), sum);
    }
}

#[test]
fn a_dangling_handle_has_no_value() {
    let (mut dense, mut sparse) = (SecondaryMap::<u8, _>::new(), SparseSecondaryMap::<u8, _>::new());
    assert_eq!((dense.insert(Handle::DANGLING, 1), sparse.insert(Handle::DANGLING, 1)), (None, None));
    assert!(dense.is_empty() && sparse.is_empty() && dense.entry(Handle::DANGLING).is_none());
    assert_eq!((dense.remove(Handle::DANGLING), dense.contains(Handle::DANGLING), dense.capacity()), (None, false, 0));
}

#[test]
fn a_panic_in_retain_or_in_a_drop_leaves_the_count_right() {
    let arena = SmArena::from_iter(0..10);
    let mut map: SecondaryMap<_, _> = arena.iter().map(|(handle, number)| (handle, *number)).collect();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        map.retain(|_, number| {
            assert!(*number != 5);
            *number % 2 == 1
        });
    }));
    assert!(panicked.is_err());
    assert_eq!((map.len(), map.iter().count()), (7, 7));
    struct Loud(bool);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(!std::mem::take(&mut self.0), "loud");
        }
    }
    let mut map: SecondaryMap<_, _> = arena.iter().map(|(handle, number)| (handle, Loud(*number == 3))).collect();
    assert!(catch_unwind(AssertUnwindSafe(|| map.retain(|_, _| false))).is_err());
    assert_eq!(map.len(), map.iter().count());
}

#[test]
fn values_of_both_kinds_are_borrowed_side_by_side() {
    let mut names = SmArena::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| names.insert(name));
    names.remove(b);
    let newer = names.insert("e");
    macro_rules! check {
        ($Map:ident) => {
            let mut map = $Map::from_iter([(a, 1), (newer, 2), (d, 4)]);
            let [x, y, z] = map.get_disjoint_mut([d, a, newer]).unwrap();
            assert_eq!((&*x, &*y, &*z), (&4, &1, &2));
            (*x, *y, *z) = (40, 10, 20);
            assert_eq!((map[a], map[newer], map[d]), (10, 20, 40));
            for handles in [[a, b], [a, c], [a, a], [a, Handle::DANGLING]] {
                assert!(map.get_disjoint_mut(handles).is_err(), "{handles:?}");
            }
            assert_eq!(map.get_disjoint_mut([]), Ok([]));
        };
    }
    check!(SecondaryMap);
    check!(SparseSecondaryMap);
}

#[cfg(feature = "serde")]
mod files {
    use super::*;

    #[test]
    fn maps_come_back() {
        let arena = SmArena::from_iter(0..100_u8);
        let dense: SecondaryMap<_, _> = arena.iter().step_by(7).map(|(handle, number)| (handle, *number)).collect();
        let sparse: SparseSecondaryMap<_, _> = dense.clone().into_iter().collect();
        let text = serde_json::to_string(&dense).unwrap();
        assert_eq!(text, serde_json::to_string(&sparse).unwrap());
        assert_eq!(serde_json::from_str::<SecondaryMap<u8, u8>>(&text).unwrap(), dense);
        assert_eq!(serde_json::from_str::<SparseSecondaryMap<u8, u8>>(&text).unwrap(), sparse);
    }

    #[test]
    fn a_file_does_not_make_a_map_of_gigabytes() {
        let text = r#"{"0v1":1,"2000000v1":2}"#;
        let error = serde_json::from_str::<SecondaryMap<u8, u8>>(text).unwrap_err().to_string();
        assert!(error.contains("2 values, one of slot 2000000"), "{error}");
        let sparse = serde_json::from_str::<SparseSecondaryMap<u8, u8>>(text).unwrap();
        assert_eq!(sparse.values().sum::<u8>(), 3);
    }

    #[test]
    fn a_file_does_not_make_a_map_of_gigabytes_of_large_values_either() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(from = "u8")]
        struct Large([u8; 1 << 16]);
        impl From<u8> for Large {
            fn from(byte: u8) -> Self {
                Large([byte; 1 << 16])
            }
        }
        let error =
            serde_json::from_str::<SecondaryMap<u8, Large>>(r#"{"66000v1":1}"#).map(drop).unwrap_err().to_string();
        assert!(error.contains("1 values, one of slot 66000: that is beyond slot 1039"), "{error}");
        let map = serde_json::from_str::<SecondaryMap<u8, Large>>(r#"{"1000v1":1}"#).unwrap();
        assert!(map.values().all(|large| large.0 == [1; 1 << 16]));
        // Side by side there may be any number of them.
        let text: Vec<_> = (0..70).map(|slot| format!(r#""{slot}v1":1"#)).collect();
        assert_eq!(
            serde_json::from_str::<SecondaryMap<u8, Large>>(&format!("{{{}}}", text.join(","))).unwrap().len(),
            70
        );
    }

    #[test]
    fn hostile_input_is_refused() {
        for text in [r#"{"dangling":1}"#, r#"{"0v2":1}"#, r#"{"4294967295v1":1}"#, r#"{"0v1":1,"0v1"}"#, "[]", "1"] {
            assert!(serde_json::from_str::<SecondaryMap<u8, u8>>(text).is_err(), "{text}");
            assert!(serde_json::from_str::<SparseSecondaryMap<u8, u8>>(text).is_err(), "{text}");
        }
        // Of two values for one slot the newer handle's stays, whatever the order.
        let map = serde_json::from_str::<SecondaryMap<u8, u8>>(r#"{"0v5":5,"0v3":3,"0v5":6}"#).unwrap();
        assert!(map.values().eq([&6]));
    }
}
