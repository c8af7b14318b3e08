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

/// References to four things: `s` is a shared one, `m` a mutable one.
macro_rules! borrowed {
    (($a:ident, $b:ident, $c:ident, $d:ident) $w:tt $x:tt $y:tt $z:tt) => {
        (borrowed!($w $a), borrowed!($x $b), borrowed!($y $c), borrowed!($z $d))
    };
    (s $map:ident) => { &$map };
    (m $map:ident) => { &mut $map };
}
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A join finds what looking everything up finds, whichever is the smallest of an arena and three maps, and whichever are borrowed
    /// mutably: then all that it gave out is held, and changed, at once.
    #[test]
    fn a_join_is_what_all_have(
        owners in prop::collection::vec(any::<[u8; 4]>(), 0..100),
        shares in any::<[u8; 4]>(),
        elsewhere in 0..70_u32,
    ) {
        let mut arena = SmArena::new();
        let (mut a, mut b, mut c) = (SecondaryMap::new(), SparseSecondaryMap::new(), SparseSecondaryMap::new());
        for (number, owner) in (0_u32..).zip(&owners) {
            let [stays, in_a, in_b, in_c] = [0, 1, 2, 3].map(|map| owner[map] <= shares[map]);
            let handle: Handle<u32> = arena.insert(number);
            if in_a { a.insert(handle, number); }
            if in_b { b.insert(handle, number * 2); }
            // Some slots go on to another value: what `a` and `b` have is of the past. Others are empty.
            let handle = if stays { handle } else {
                arena.remove(handle);
                if owner[0] % 2 == 0 { arena.insert(number) } else { handle }
            };
            if in_c { c.insert(handle, number * 3); }
        }
        // Handles that the arena has never given out.
        let mut other = SmArena::new();
        let beyond: Vec<Handle<u32>> = (0..elsewhere).map(|number| other.insert(number)).collect();
        for &handle in &beyond { a.entry(handle).map(|entry| *entry.or_insert(1)); }

        let two: Vec<_> = a.iter().filter_map(|(handle, x)| Some((handle, (*x, *b.get(handle)?)))).collect();
        let all: Vec<_> = (arena.iter())
            .filter_map(|(handle, w)| Some((handle, (*w, *a.get(handle)?, *b.get(handle)?, *c.get(handle)?))))
            .collect();
        let copied = |(handle, (x, y)): (_, (&u32, &u32))| (handle, (*x, *y));
        prop_assert!(join((&a, &b)).map(copied).eq(two.iter().copied()));
        prop_assert!(join((&b, &a)).map(copied).eq(two.iter().map(|&(handle, (x, y))| (handle, (y, x)))));
        macro_rules! check {
            ($(($($borrow:tt)+)),+) => {$({
                // The tuple's references, all held until the end.
                let found: Vec<_> = join(borrowed!((arena, a, b, c) $($borrow)+)).collect();
                prop_assert!(found.iter().map(|(handle, (w, x, y, z))| (*handle, (**w, **x, **y, **z))).eq(all.iter().copied()));
            })+};
        }
        check!((s s s s), (m s s s), (s m s s), (s s m s), (s s s m), (m m s s), (s s m m), (m s s m), (s m m s), (m m m m));
        for (at, (_, (w, x, y, z))) in (0..).zip(join((&mut arena, &mut a, &mut b, &mut c)).collect::<Vec<_>>()) {
            (*w, *x, *y, *z) = (at, at + 1, at + 2, at + 3);
        }
        for (at, (handle, _)) in (0..).zip(all) {
            prop_assert_eq!((arena[handle], a[handle], b[handle], c[handle]), (at, at + 1, at + 2, at + 3));
        }
    }
}

#[test]
fn a_join_walks_along_the_smallest() {
    let mut arena = SmArena::from_iter(0..1000);
    let handles: Vec<_> = arena.keys().collect();
    let mut high = SecondaryMap::from_iter([(handles[900], 1)]);
    let mut few: SparseSecondaryMap<_, _> = handles.iter().step_by(10).map(|&handle| (handle, 2)).collect();
    let ways = |join: &dyn std::fmt::Debug| format!("{join:?}");
    assert_eq!(ways(&join((&arena, &few))), "Join((Within, Along))");
    assert_eq!(ways(&join((&few, &arena))), "Join((Along, Within))");
    // One value, but a step for each of 901 slots.
    assert_eq!(ways(&join((&high, &arena))), "Join((Along, Within))");
    assert_eq!(ways(&join((&mut high, &mut arena, &mut few))), "Join((Within, Within, Along))");
    few.extend(handles.iter().map(|&handle| (handle, 3)));
    assert_eq!(ways(&join((&mut arena, &few, &few, &mut high))), "Join((Within, Within, Within, Along))");
    // Of equals the first one.
    assert_eq!(ways(&join((&few, &arena))), "Join((Along, Within))");
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
            assert_eq!(map.get_disjoint_mut([Handle::DANGLING; 0]), Ok([]));
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
    fn a_map_in_which_few_of_many_handles_have_a_value_comes_back() {
        let arena = SmArena::from_iter(0..300_000_u32);
        let king: SecondaryMap<u32, String> = arena.keys().skip(299_999).map(|last| (last, "king".into())).collect();
        let text = serde_json::to_string(&king).unwrap();
        assert_eq!(serde_json::from_str::<SecondaryMap<u32, String>>(&text).unwrap(), king);
    }

    #[test]
    fn a_file_does_not_make_a_map_of_gigabytes() {
        let text = r#"{"0v1":1,"200000000v1":2}"#;
        let error = serde_json::from_str::<SecondaryMap<u8, u8>>(text).unwrap_err().to_string();
        assert!(error.contains("2 values, one of slot 200000000"), "{error}");
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
