//! `DenseArena` against a plain vector, and arenas with handle types of their own.
#![allow(missing_docs, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use smarena::{DenseArena, DisjointError, Handle, SecondaryMap, SparseSecondaryMap, TypedArena};

#[derive(Debug, Clone)]
enum Step {
    Insert(u32),
    Remove(usize),
    Bump(usize),
    Retain(u32),
    Clear,
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any::<u32>().prop_map(Step::Insert),
        8 => any::<usize>().prop_map(Step::Remove),
        3 => any::<usize>().prop_map(Step::Bump),
        1 => (2..5_u32).prop_map(Step::Retain),
        1 => Just(Step::Clear),
        1 => Just(Step::Copy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_dense_arena_agrees_with_a_vector(steps in prop::collection::vec(step(), 0..300)) {
        let (mut arena, mut model) = (DenseArena::new(), Vec::<(Handle<u32>, u32)>::new());
        let mut ever = Vec::new();
        for step in steps {
            match step {
                Step::Insert(value) => {
                    let handle = arena.insert(value);
                    prop_assert!(!ever.contains(&handle));
                    ever.push(handle);
                    model.push((handle, value));
                }
                Step::Remove(which) if !ever.is_empty() => {
                    let handle = ever[which % ever.len()];
                    let at = model.iter().position(|(there, _)| *there == handle);
                    prop_assert_eq!(arena.remove(handle), at.map(|at| model.swap_remove(at).1));
                }
                Step::Bump(which) if !ever.is_empty() => {
                    let handle = ever[which % ever.len()];
                    let value = model.iter_mut().find(|(there, _)| *there == handle).map(|(_, value)| value);
                    prop_assert_eq!(arena.get(handle), value.as_deref());
                    if let (Some(mine), Some(value)) = (arena.get_mut(handle), value) {
                        *mine = mine.wrapping_add(1);
                        *value = *mine;
                    }
                }
                Step::Retain(divisor) => {
                    arena.retain(|_, value| *value % divisor != 0);
                    for at in (0..model.len()).rev() {
                        if model[at].1 % divisor == 0 {
                            model.swap_remove(at);
                        }
                    }
                }
                Step::Clear => {
                    arena.clear();
                    model.clear();
                }
                Step::Copy => arena = arena.clone(),
                Step::Remove(_) | Step::Bump(_) => {}
            }
            prop_assert!(arena.iter().map(|(handle, value)| (handle, *value)).eq(model.iter().copied()));
            prop_assert_eq!((arena.len(), arena.values_slice().len(), arena.keys().len()), (model.len(), model.len(), model.len()));
        }
        for handle in ever {
            prop_assert_eq!(arena.contains(handle), model.iter().any(|(there, _)| *there == handle));
        }
    }
}

#[test]
fn a_panic_leaves_a_dense_arena_as_it_was() {
    let mut arena = DenseArena::from_iter(0..10);
    assert!(catch_unwind(AssertUnwindSafe(|| arena.insert_with(|_| panic!("no value")))).is_err());
    assert_eq!(arena.values_slice(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        arena.retain(|_, number| {
            assert!(*number != 5);
            *number % 2 == 1
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(arena.len(), 8);
    assert!(arena.iter().all(|(handle, value)| arena.get(handle) == Some(value)));
    assert!(arena.get(Handle::DANGLING).is_none());
}

#[test]
fn a_drop_that_panics_in_clear_leaves_nothing_behind() {
    struct Loud(bool);
    impl Drop for Loud {
        fn drop(&mut self) {
            assert!(!self.0, "loud");
        }
    }
    let mut arena = DenseArena::from_iter([false, true, false].map(Loud));
    let handles = arena.keys().to_vec();
    assert!(catch_unwind(AssertUnwindSafe(|| arena.clear())).is_err());
    assert!(arena.is_empty() && handles.iter().all(|&handle| !arena.contains(handle)));
    let next = arena.insert(Loud(false));
    assert!(arena.contains(next));
}

#[test]
fn what_is_taken_out_in_a_walk_is_asked_about_once() {
    let mut arena = DenseArena::from_iter(0..10);
    let handles = arena.keys().to_vec();
    let mut asked = Vec::new();
    let taken = arena.extract_if(|handle, number| {
        asked.push((handle, *number));
        *number % 3 == 0
    });
    let taken: Vec<_> = taken.map(|(_, number)| number).collect();
    asked.sort_unstable();
    assert!(asked.into_iter().eq(handles.iter().copied().zip(0..)));
    assert_eq!(taken, [9, 6, 3, 0]);
    assert!((0..10).all(|number| arena.get(handles[number]).copied() == Some(number).filter(|number| number % 3 != 0)));
    // What it has not come to stays.
    assert!(arena.extract_if(|_, _| true).next().is_some());
    assert_eq!(arena.len(), 5);
}

#[test]
fn a_drain_makes_handles_stale_even_if_it_is_leaked() {
    let mut arena = DenseArena::from_iter(0..3);
    let handles = arena.keys().to_vec();
    let mut drain = arena.drain();
    assert_eq!((drain.next(), drain.next_back()), (Some((handles[0], 0)), Some((handles[2], 2))));
    let _ = std::mem::ManuallyDrop::new(drain);
    assert!(arena.is_empty() && handles.iter().all(|&handle| arena.get(handle).is_none()));
    let next = arena.insert(7);
    assert_eq!((arena[next], arena.values_slice(), handles.contains(&next)), (7, &[7][..], false));
}

#[test]
fn values_are_borrowed_side_by_side() {
    let mut arena = DenseArena::from_iter([1, 2, 3, 4]);
    let [a, b, c, d] = *arena.keys() else { panic!("there are four") };
    arena.remove(a);
    let [x, y, z] = arena.get_disjoint_mut([d, b, c]).unwrap();
    assert_eq!((&*x, &*y, &*z), (&4, &2, &3));
    (*x, *y, *z) = (40, 20, 30);
    assert_eq!((arena[b], arena[c], arena[d]), (20, 30, 40));
    assert!(matches!(arena.get_disjoint_mut([b, a]), Err(DisjointError::Stale { position: 1, .. })));
    assert!(arena.get_disjoint_mut([b, c, b]).is_err());
    assert_eq!(arena.get_disjoint_mut([]), Ok([]));
}

#[cfg(feature = "rayon")]
#[test]
fn threads_walk_along_pieces() {
    use rayon::prelude::*;

    let mut arena = DenseArena::from_iter(0..1000_u64);
    let first = arena.keys()[0];
    arena.remove(first);
    arena.par_iter_mut().with_min_len(10).for_each(|(_, value)| *value *= 2);
    let found: Vec<_> = arena.par_iter().map(|(handle, value)| (handle, *value)).collect();
    assert!(found.into_iter().eq(arena.iter().map(|(handle, value)| (handle, *value))));
    assert_eq!(arena.values_slice()[..2], [1998, 2]);
}

#[cfg(feature = "serde")]
mod files {
    use super::*;

    fn read(text: &str) -> serde_json::Result<DenseArena<u8>> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_format_is_this() {
        let mut arena =
            read(r#"{"first_generation":4,"generations":[5,4,7,4294967294],"values":[[2,20],[0,10]],"vacant":[1]}"#)
                .unwrap();
        assert_eq!(arena.values_slice(), [20, 10]);
        assert_eq!(
            arena.keys().iter().map(|handle| (handle.slot(), handle.generation())).collect::<Vec<_>>(),
            [(2, 7), (0, 5)]
        );
        let next = [1, 2].map(|value| arena.insert(value)).map(|handle| (handle.slot(), handle.generation()));
        assert_eq!(next, [(1, 5), (4, 5)]);
        let text = r#"{"first_generation":4,"generations":[5,5,7,4294967294,5],"values":[[2,20],[0,10],[1,1],[4,2]],"vacant":[]}"#;
        assert_eq!(serde_json::to_string(&arena).unwrap(), text);
    }

    #[test]
    fn hostile_input_is_refused() {
        let sound = r#"{"first_generation":0,"generations":[1,2,3],"values":[[2,20],[0,10]],"vacant":[1]}"#;
        assert!(read(sound).is_ok());
        for (part, instead) in [
            ("\"first_generation\":0", "\"first_generation\":1"),
            ("\"first_generation\":0", "\"first_generation\":4294967294"),
            ("[1,2,3]", "[1,2,4294967295]"),
            ("[1,2,3]", "[1,2]"),
            ("[1,2,3]", "[1,1,3]"),
            ("[1,2,3]", "[1,2,2]"),
            ("[1,2,3]", "[1,2,3,2]"),
            ("[1,2,3]", "[1,4294967294,3]"),
            ("[2,20]", "[0,20]"),
            ("[2,20]", "[1,20]"),
            ("[2,20]", "[3,20]"),
            ("[2,20],", ""),
            ("[1]}", "[]}"),
            ("[1]}", "[1,1]}"),
            ("[1]}", "[0]}"),
            ("[1]}", "[9]}"),
        ] {
            assert!(read(&sound.replacen(part, instead, 1)).is_err(), "{part} -> {instead}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_saved_dense_arena_goes_on_alike(steps in prop::collection::vec((any::<bool>(), any::<usize>()), 0..200)) {
            let (mut arena, mut copy) = (DenseArena::<u32>::new(), None);
            for (at, (insert, which)) in steps.iter().enumerate() {
                if at == steps.len() / 2 {
                    copy = Some(serde_json::from_str::<DenseArena<u32>>(&serde_json::to_string(&arena).unwrap()).unwrap());
                }
                let handle = arena.keys().get(which % arena.len().max(1)).copied().filter(|_| !insert);
                let change = |arena: &mut DenseArena<u32>| match handle {
                    Some(handle) => arena.remove(handle).is_some(),
                    None => arena.insert(7).generation() > 0,
                };
                // A copy that was empty begins in a window of its own, in a debug build.
                let same = copy.is_none() || arena.capacity() > 0;
                change(&mut arena);
                if let Some(copy) = copy.as_mut().filter(|_| same) {
                    change(copy);
                    prop_assert!(copy.iter().eq(arena.iter()));
                }
            }
        }

        #[test]
        fn any_parts_are_refused_or_make_a_sound_arena(
            generations in prop::collection::vec(0..6_u32, 0..6),
            values in prop::collection::vec((0..6_u32, any::<u8>()), 0..6),
            vacant in prop::collection::vec(0..6_u32, 0..6),
        ) {
            let text = format!(
                r#"{{"first_generation":0,"generations":{generations:?},"values":{},"vacant":{vacant:?}}}"#,
                serde_json::to_string(&values).unwrap()
            );
            if let Ok(mut arena) = read(&text) {
                prop_assert_eq!(arena.len(), values.len());
                let before = arena.keys().to_vec();
                let new: Vec<_> = (0..8).map(|value| arena.insert(value)).collect();
                prop_assert!(new.iter().all(|handle| !before.contains(handle)));
                prop_assert!(arena.iter().all(|(handle, value)| arena.get(handle) == Some(value)));
                prop_assert!(before.into_iter().chain(new).all(|handle| arena.remove(handle).is_some()));
            }
        }
    }

    #[test]
    fn an_arena_with_handles_of_its_own_is_written_as_the_plain_one() {
        smarena::handle_type! { struct Enemy -> u32; }
        let mut enemies = TypedArena::<Enemy>::new();
        let [wolf, rat] = [1, 2].map(|health| enemies.insert(health));
        enemies.remove(wolf);
        let text = serde_json::to_string(&enemies).unwrap();
        assert_eq!(text, serde_json::to_string(enemies.inner()).unwrap());
        let mut read: TypedArena<Enemy> = serde_json::from_str(&text).unwrap();
        assert_eq!(read.insert(3), enemies.insert(3));
        assert_eq!(read.get(rat), Some(&2));
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_handle_type_is_written_as_a_handle() {
    smarena::handle_type! {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        struct Enemy -> u32;
    }
    let wolf = TypedArena::<Enemy>::new().insert(1);
    let text = serde_json::to_string(&wolf).unwrap();
    assert_eq!(text, serde_json::to_string(&Handle::from(wolf)).unwrap());
    assert_eq!(serde_json::from_str::<Enemy>(&text).unwrap(), wolf);
}

#[test]
fn a_handle_type_is_as_small_as_a_handle_and_goes_to_and_fro() {
    smarena::handle_type! {
        /// An enemy.
        pub struct Enemy -> String;
    }
    assert_eq!((size_of::<Enemy>(), size_of::<Option<Enemy>>()), (8, 8));
    let mut enemies = TypedArena::<Enemy>::new();
    let wolf = enemies.insert("wolf".into());
    let plain = Handle::<String>::from(wolf);
    assert_eq!((Enemy::from(plain), enemies.inner()[plain].as_str()), (wolf, "wolf"));
    assert_eq!(format!("{wolf:?}"), format!("Enemy({}:{})", plain.slot(), plain.generation()));
    assert_eq!(format!("{enemies:?}"), format!("{{{wolf:?}: \"wolf\"}}"));
    let copy = enemies.clone();
    enemies[wolf].push('!');
    assert_eq!((enemies[wolf].as_str(), copy[wolf].as_str()), ("wolf!", "wolf"));
    assert!(Enemy::default() != wolf && !enemies.contains(Enemy::default()));
    assert_eq!(enemies.into_inner().remove(plain).as_deref(), Some("wolf!"));
}

/// What users of slotmap write by their own keys.
#[test]
fn a_typed_arena_is_walked_and_its_handles_go_to_secondary_maps() {
    smarena::handle_type! { struct Enemy -> u32 }
    let mut enemies = TypedArena::<Enemy>::with_capacity(4);
    enemies.extend([1, 2]);
    let [first, second] = enemies.keys().collect::<Vec<Enemy>>()[..] else { panic!("there are two") };
    for (_, health) in &mut enemies {
        *health *= 10;
    }
    let mut names = SecondaryMap::from_iter([(first, "wolf")]);
    let mut rare = SparseSecondaryMap::new();
    names.insert(second, "bear");
    rare.insert(second, 1);
    *rare.get_mut(second).unwrap() += 1;
    assert_eq!((names[first], rare[second], rare.get(first), names.remove(first)), ("wolf", 2, None, Some("wolf")));
    assert_eq!(names.entry(first).unwrap().or_insert("fox"), &"fox");
    let [a, b] = names.get_disjoint_mut([first, second]).unwrap();
    core::mem::swap(a, b);
    assert!((&enemies).into_iter().map(|(handle, health)| (names[handle], *health)).eq([("bear", 10), ("fox", 20)]));
    let missed = catch_unwind(|| enemies[Enemy::default()]).unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*missed, format!("{:?} names no value of this arena", Enemy::default()));
    assert!(enemies.into_iter().eq([(first, 10), (second, 20)]));
}

#[test]
fn a_removal_moves_one_value_at_most_and_an_insertion_none() {
    let mut arena: DenseArena<usize> = (0..300).collect();
    for round in 0..300 {
        let before: Vec<_> = arena.iter().map(|(handle, value)| (handle, *value)).collect();
        let last = before[before.len() - 1].0;
        let (gone, _) = before[round * 7 % before.len()];
        arena.remove(gone);
        // Who is still there and not where it was.
        let moved: Vec<_> =
            arena.iter().zip(&before).filter(|((now, _), (then, _))| now != then).map(|((now, _), _)| now).collect();
        assert_eq!(moved, if gone == last { vec![] } else { vec![last] });
        if round % 3 == 0 {
            let before = arena.keys().to_vec();
            let new = arena.insert(round);
            assert_eq!(arena.keys(), [before, vec![new]].concat());
        }
    }
}
