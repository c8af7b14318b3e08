//! `DenseArena` against a plain vector, and arenas with handle types of their own.
#![allow(missing_docs, reason = "tests")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use smarena::{DenseArena, Handle, TypedArena};

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
